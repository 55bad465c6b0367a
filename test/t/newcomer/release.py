"""What has to agree before a release."""

import json
import re

from newcomer.harness import ROOT, check, check_equal


def test_metadata():
    meta = json.loads((ROOT / "META.json").read_text("utf-8"))
    control = (ROOT / "customer_import.control").read_text("utf-8")
    version = re.search(r"^default_version *= *'(.+)'", control, re.MULTILINE)[1]
    required = ["name", "version", "abstract", "maintainer", "license", "provides", "meta-spec"]
    check(all(key in meta for key in required), "META.json has all required keys")
    check_equal(meta["version"], version, "META.json and the control file agree on the version")
    for name, provided in meta["provides"].items():
        check_equal(provided["version"], version, f"META.json gives {name} the same version")
        for key in ["file", "docfile"]:
            check((ROOT / provided[key]).is_file(), f"META.json: the {key} of {name} exists", provided[key])
    check("## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text("utf-8"), "CHANGELOG.md has a part Unreleased")
