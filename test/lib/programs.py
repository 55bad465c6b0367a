"""Programs beside the extension, built by CMake."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "cmake"


def build(report, name):
    """Builds what has changed of a program, BUILD / name; its suite cannot run without it. Returns whether it is there."""
    for command in (["cmake", "-S", ROOT, "-B", BUILD], ["cmake", "--build", BUILD, "--target", name, "--parallel", str(os.cpu_count())]):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        if done.returncode != 0:
            break
    return report.line(done.returncode == 0 and (BUILD / name).exists(), f"{name} is built", done.stdout[-3000:])
