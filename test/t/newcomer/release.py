"""What has to agree before a release."""

import json
import re

from newcomer.harness import ROOT, check, check_equal, run
from newcomer.meta_spec import OPTIONAL, REQUIRED


def test_exports():
    """The library gives the server its functions, and no template of the C++ library that another one might meet."""
    names = run(["nm", "--dynamic", "--defined-only", "--format=just-symbols", ROOT / "customer_import.so"]).stdout.split()
    strange = [name for name in names if not re.fullmatch(r"(pg_finfo_)?ci_\w+|_PG_init|Pg_magic_func", name)]
    check(len(names) > 100 and not strange, "the library exports the functions of the extension alone", strange[:10])


def test_metadata():
    meta = json.loads((ROOT / "META.json").read_text("utf-8"))
    control = (ROOT / "customer_import.control").read_text("utf-8")
    version = re.search(r"^default_version *= *'(.+)'", control, re.MULTILINE)[1]
    for key, valid in REQUIRED.items():
        check(valid(meta.get(key)), f"META.json: {key} is there and as the specification wants it", meta.get(key))
    for key, valid in OPTIONAL.items():
        check(key not in meta or valid(meta[key]), f"META.json: {key} is as the specification wants it", meta.get(key))
    strange = [key for key in meta.keys() - REQUIRED.keys() - OPTIONAL.keys() if not key.lower().startswith("x_")]
    check(not strange, "META.json has no keys beside", strange)
    check_equal(meta["version"], version, "META.json and the control file agree on the version")
    for name, provided in meta["provides"].items():
        check_equal(provided["version"], version, f"META.json gives {name} the same version")
        for key in ["file", "docfile"]:
            check((ROOT / provided[key]).is_file(), f"META.json: the {key} of {name} exists", provided[key])
    check("## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text("utf-8"), "CHANGELOG.md has a part Unreleased")
