"""scripts/check and test/cluster."""

import os
import re
import shutil
import tempfile
from pathlib import Path

from newcomer.harness import ROOT, check, check_equal, run


def test_packages():
    def listed(name):
        pattern = r"apt-get install --no-install-recommends \\\n(.*)\n"
        return " ".join(re.findall(pattern, (ROOT / name).read_text("utf-8"))).split()

    # The README is written for the server of Debian 12.
    installed = run(["bash", "-c", f"source {ROOT}/scripts/lib.sh && echo \"${{build_packages[@]//-$pg_version/-15}}\""]).stdout.split()
    check_equal("\n".join(sorted(listed("README.md") + listed("doc/email.md"))), "\n".join(sorted(installed)),
                "README.md, with what doc/email.md adds, and scripts/demo install the same packages to build with")
    check_equal(" ".join(listed("doc/installation.md")), " ".join(listed("README.md")), "and so does doc/installation.md")


def test_check_script():
    """Runs scripts/check in a copy of the project whose suites are made up."""
    suites = {
        "good": (2, "echo '2 passed, 0 failed'", (2, 0)),
        "fewer": (3, "echo '2 passed, 0 failed'", (2, 1)),
        "faulty": (1, "echo '5 passed, 3 failed'; exit 1", (5, 3)),
        "ended": (1, "echo '5 passed, 0 failed'; exit 4", (5, 1)),
        "mute": (1, "echo 'all is well'", (0, 1)),
        "server": (1, "psql -XAtc 'SHOW fsync' && echo '1 passed, 0 failed'", (1, 0)),
        "slow": (1, "sleep ${HANGS:-0}; echo '1 passed, 0 failed'", (1, 0)),
    }
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "scripts", Path(folder, "scripts"))
        Path(folder, "Makefile").write_text("all:\ninstall:\n")
        Path(folder, "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.25)\nproject(none NONE)\n"
                                                  "add_custom_target(customer-import-mailer)\nadd_custom_target(customer-import)\nadd_custom_target(unit_tests)\n")
        Path(folder, "test").mkdir()
        shutil.copy(ROOT / "test/cluster", Path(folder, "test"))
        for name, (_, command, _) in suites.items():
            Path(folder, name).write_text(f"#!/bin/bash\n{command}\n")
            Path(folder, name).chmod(0o755)
        Path(folder, "test/suites").write_text("# name least command\n" + "".join(
            f"{name} {least} ./{name}\n" for name, (least, _, _) in suites.items()))

        def check_script(*names, **environment):
            return run([Path(folder, "scripts/check"), *names], env={**os.environ, **environment})

        result = check_script()
        last = result.stdout.splitlines()[-1]
        total = [sum(counts[side] for _, _, counts in suites.values()) for side in (0, 1)]
        check_equal(last, f"{total[0]} passed, {total[1]} failed", "scripts/check sums up")
        check(result.returncode != 0, "scripts/check fails if a suite fails", result.stdout)
        for name, (_, _, counts) in suites.items():
            line = rf"^{name} +{counts[0]} passed, +{counts[1]} failed +\d+ s$"
            check(re.search(line, result.stdout, re.MULTILINE), f"scripts/check judges the suite {name}", result.stdout)
        result = check_script("good", "server")
        check_equal(result.stdout.splitlines()[-1], "3 passed, 0 failed", "scripts/check runs the suites that are named")
        check(result.returncode == 0, "scripts/check succeeds if all suites do", result.stdout)
        result = check_script("slow", HANGS="3600", CHECK_TIMEOUT="2")
        check_equal(result.stdout.splitlines()[-1], "0 passed, 1 failed", "scripts/check ends a suite that hangs")
        result = check_script("unheard")
        check(result.returncode != 0 and result.stdout.endswith("0 passed, 1 failed\n"),
              "scripts/check refuses the name of no suite", result.stdout)


def test_cluster():
    result = run([ROOT / "test/cluster", "-c", "work_mem=3MB", "bash", "-c",
                  "psql -XAtc 'SHOW work_mem' && echo \"$PGHOST\" && exit 7"])
    lines = result.stdout.splitlines()
    check(result.returncode == 7, "test/cluster gives the status of its command", result.stdout)
    check_equal(lines[0], "3MB", "test/cluster passes settings on")
    check(not Path(lines[-1]).exists(), "test/cluster leaves nothing", lines)
