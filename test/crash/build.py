"""A test build of the tree, and a PostgreSQL of our own that has it. The tree itself and what is installed stay as they are."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TREE = ROOT / "build" / "crash_tree"
COPIED = ("Makefile", "customer_import.control", "META.json", "src", "doc", "scripts")
LIBRARY = "customer_import.so"


def files_of(folder, names):
    for name in names:
        top = folder / name
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and path.suffix not in (".o", ".d", ".so", ".bc"):
                yield path.relative_to(folder)


def copy_tree():
    """Makes TREE a copy of the sources; what did not change keeps its time, so that it is not built again."""
    wanted = set(files_of(ROOT, COPIED))
    for path in files_of(TREE, COPIED) if TREE.exists() else ():
        if path not in wanted:
            (TREE / path).unlink()
    for path in wanted:
        content = (ROOT / path).read_bytes()
        copy = TREE / path
        if not copy.exists() or copy.read_bytes() != content:
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)


def pg_config_of(place):
    made = subprocess.run([ROOT / "test" / "private_install", place], check=True, stdout=subprocess.PIPE, text=True)
    return made.stdout.strip()


def directory(pg_config, option):
    return Path(subprocess.run([pg_config, option], check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


def install_test_build(place):
    """Builds TREE with test points and puts it into a new PostgreSQL in `place`. Returns its pg_config."""
    own = pg_config_of(place)
    TREE.mkdir(parents=True, exist_ok=True)
    with open(TREE.with_suffix(".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several suites use it
        copy_tree()
        log = TREE / "build.log"
        with open(log, "w", encoding="utf-8") as output:
            for target in ("all", "install"):
                made = subprocess.run(["make", "-C", TREE, f"-j{os.cpu_count()}", target, "TEST_POINTS=1", f"PG_CONFIG={own}"],
                                      stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False)
                if made.returncode != 0:
                    raise RuntimeError("the test build failed:\n" + "\n".join(log.read_text().splitlines()[-30:]))
    return own


def normal_libraries(folder):
    """The libraries of normal builds, in the tree and installed, as copies that the server can read."""
    installed = directory(os.environ.get("PG_CONFIG", "pg_config"), "--pkglibdir")
    copies = []
    for number, place in enumerate((ROOT, installed)):
        if (place / LIBRARY).exists():
            copy = folder / f"normal_{number}.so"
            shutil.copyfile(place / LIBRARY, copy)
            copy.chmod(0o755)
            copies.append(copy)
    return copies
