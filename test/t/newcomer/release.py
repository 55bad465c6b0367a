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

    packaged = re.match(r"customer-import \((.+)\) ", (ROOT / "debian/changelog").read_text("utf-8"))[1]
    check_equal(packaged, version, "debian/changelog has the same version")
    source = re.search(r"^Maintainer: (.+)$", (ROOT / "debian/control.in").read_text("utf-8"), re.MULTILINE)[1]
    check_equal(source, meta["maintainer"], "debian/control.in and META.json have the same maintainer")
    control = (ROOT / "debian/control").read_text("utf-8")
    server = re.search(r"^Package: postgresql-(\d+)-", control, re.MULTILINE)[1]
    check_equal(control, (ROOT / "debian/control.in").read_text("utf-8").replace("PGVERSION", server), "debian/control is made from control.in")
    words = " ".join((ROOT / "LICENSE").read_text("utf-8").split("Permission to use", 1)[1].split())
    copied = " ".join(word for word in (ROOT / "debian/copyright").read_text("utf-8").split() if word != ".")
    check(words in copied, "debian/copyright has the text of LICENSE")
    servers = (ROOT / "debian/pgversions").read_text("utf-8").strip()
    check_equal(servers, f"{meta['prereqs']['runtime']['requires']['PostgreSQL'].split('.')[0]}+", "and the packages are for the same servers")


def test_build_packages():
    """What the packages are built with is what scripts/lib.sh installs, but for the server, of which they take all that there are."""
    installed = run(["bash", "-c", f"source {ROOT}/scripts/lib.sh && echo \"${{build_packages[@]}}\""]).stdout.split()
    here = {name for name in installed if not name.startswith("postgresql-")} - {"g++", "make"}
    control = (ROOT / "debian/control.in").read_text("utf-8")
    wanted = re.search(r"^Build-Depends:\n((?: .*\n)+)", control, re.MULTILINE)[1]
    packaged = set(re.findall(r"^ ([a-z0-9-]+)", wanted, re.MULTILINE))
    packaged -= {"debhelper-compat", "postgresql-all", "postgresql-server-dev-all"}
    check_equal("\n".join(sorted(packaged)), "\n".join(sorted(here)), "debian/control.in is built with what scripts/lib.sh installs")
