"""The builds of ONNX Runtime: which packages bring them, and how their libraries are installed."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from clients import TOOLS, InstallError


@dataclass(frozen=True)
class Runtime:
    """A build of ONNX Runtime with what it needs."""

    name: str
    folder: str  # below the data folder
    requirements: str  # the file of tools/ that lists its packages
    megabytes: int  # to download
    installed_megabytes: int
    license: str
    about: str

    def pins(self):
        """The packages with their checksums, without comments."""
        return pins((TOOLS / self.requirements).read_text())


RUNTIMES = {
    runtime.name: runtime
    for runtime in (
        Runtime(
            name="onnxruntime",
            folder="ort",
            requirements="requirements-ort.txt",
            megabytes=24,
            installed_megabytes=30,
            license="MIT",
            about="ONNX Runtime for the CPU",
        ),
        Runtime(
            name="onnxruntime-gpu",
            folder="ort-gpu",
            requirements="requirements-ort-gpu.txt",
            megabytes=2000,
            installed_megabytes=3500,
            license="MIT, and NVIDIA's own for its libraries",
            about="ONNX Runtime for CUDA 13 and TensorRT, with NVIDIA's libraries",
        ),
        Runtime(
            name="onnxruntime-openvino",
            folder="ort-openvino",
            requirements="requirements-ort-openvino.txt",
            megabytes=84,
            installed_megabytes=230,
            license="MIT, Apache-2.0",
            about="ONNX Runtime for OpenVINO: faster on CPUs with bfloat16",
        ),
    )
}


def pins(text):
    """The lines of a requirements file that are no comments."""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def there(runtime, data):
    """Whether these very packages are installed."""
    stamp = data / runtime.folder / ".made-from"
    return stamp.exists() and pins(stamp.read_text()) == runtime.pins()


def make(runtime, clients, data):
    """Installs the shared libraries of a runtime, side by side, where $ORIGIN finds them."""
    folder = data / runtime.folder
    new = data / f".{runtime.folder}.new"
    shutil.rmtree(new, ignore_errors=True)
    unpacked = new / "unpacked"
    unpacked.mkdir(parents=True)
    try:
        clients.wheels(runtime.requirements, unpacked)
        take_libraries(unpacked, new)
        take_licenses(unpacked, new / "licenses")
        shutil.rmtree(unpacked)
        library = next(new.glob("libonnxruntime.so.*"), None)
        if library is None:
            raise InstallError(f"{runtime.requirements}: no package has libonnxruntime.so")
        (new / "libonnxruntime.so").symlink_to(library.name)
        (new / ".made-from").write_text((TOOLS / runtime.requirements).read_text())
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(new, folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    print(f"  wrote {folder / library.name}")


def take_libraries(unpacked, target):
    """Moves the shared libraries; Python's own modules are not needed."""
    for path in sorted(unpacked.rglob("*.so*")):
        if path.is_file() and "pybind11" not in path.name and ".cpython-" not in path.name:
            path.chmod(0o755)
            os.replace(path, target / path.name)


def take_licenses(unpacked, target):
    """Moves the licenses, each below its package's folder."""
    for path in sorted(unpacked.rglob("*")):
        name = path.name.lower()
        if path.is_file() and name.startswith(("license", "licence", "thirdparty")):
            goal = target / path.relative_to(unpacked)
            goal.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, goal)
            goal.chmod(0o644)
