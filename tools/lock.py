"""Writes requirements.txt: what the converters need, pinned with checksums for CPython 3.9 to 3.14.

usage: lock.py   (needs the packages uv and packaging)

`requirements.in` names the packages; uv finds the newest versions that fit each Python together. Kept
are the checksums of wheels for Linux on x86-64. After a change tests/pythons.sh makes models with
several Pythons and compares their checksums.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.markers import Marker

TOOLS = Path(__file__).resolve().parent
PYTHONS = [f"3.{minor}" for minor in range(9, 15)]
HEADER = """\
# What the converters need, for CPython 3.9 to 3.14 on Linux (x86-64, glibc). Made by lock.py.
# tests/pythons.sh compares the checksums of the ONNX files that they make.
"""


def resolve():
    """The packages that uv chose, as its lock file describes them."""
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / "pylock.toml"
        command = ["uv", "pip", "compile", "--quiet", "--universal", f"--python-version={PYTHONS[0]}"]
        command += ["--format=pylock.toml", f"--output-file={lock}", str(TOOLS / "requirements.in")]
        subprocess.run(command, check=True)
        return tomllib.loads(lock.read_text())["packages"]


def fits(wheel, pythons):
    """Whether one of these Pythons on Linux (x86-64) can install the wheel."""
    python, abi, platform = wheel.rsplit("/", 1)[1].removesuffix(".whl").split("-")[-3:]
    if platform == "any":
        return "py3" in python
    if "manylinux" not in platform or "x86_64" not in platform:
        return False
    exact = {"cp" + p.replace(".", "") for p in pythons}
    if abi == "abi3":
        oldest = int(python.removeprefix("cp3"))
        return any(int(p.split(".")[1]) >= oldest for p in pythons)
    return abi in exact


def entry(package):
    """The lines of one package in requirements.txt."""
    marker = re.sub("python_full_version", "python_version", package["marker"]).replace(".*'", "'")
    pythons = [p for p in PYTHONS if Marker(marker).evaluate({"python_version": p})]
    condition = "" if pythons == PYTHONS else f' ; {marker.replace(chr(39), chr(34))}'
    hashes = sorted(w["hashes"]["sha256"] for w in package["wheels"] if fits(w["url"], pythons))
    lines = [f"{package['name']}=={package['version']}{condition}"]
    lines += [f"    --hash=sha256:{sha256}" for sha256 in hashes]
    return " \\\n".join(lines) + "\n"


if __name__ == "__main__":
    text = HEADER + "".join(entry(package) for package in resolve())
    (TOOLS / "requirements.txt").write_text(text)
    sys.stdout.write(text)
