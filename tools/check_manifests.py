"""Runs every model manifest of configs/models against its ONNX file.

Checks the names, the sizes (default, smallest, an oblong one), a batch of two and the states; of a
detector, which gives boxes and accepts one picture at a time, only that it runs.
Needs onnxruntime, numpy and PyYAML; not part of the set-up.
"""

import argparse
import hashlib
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import yaml


def sizes(spec):
    """The (height, width) pairs to try."""
    size, least, step = spec["size"], spec["min"], spec["multiple"]
    if spec["fixed"]:
        return [(size, size)]
    oblong = max(least, size // 2 // step * step) + step
    return [(size, size), (least, least), (oblong, oblong + step)]


def people_matte(logits, people):
    """The matte of a model that gives one plane of logits for each class."""

    def total(classes):
        return np.logaddexp.reduce(logits[:, classes], axis=1, keepdims=True)

    difference = total(people["classes"]) - total(people["background"])
    return 1 / (1 + np.exp(-people["gain"] * difference))


def run(session, manifest, batch, height, width):
    """One run (two for a recurrent model); returns the matte."""
    spec = manifest["input"]
    generator = np.random.default_rng(1)
    feed = {spec["name"]: generator.random((batch, 3, height, width), dtype=np.float32)}
    states = manifest.get("states") or []
    for state in states:
        feed[state["input"]] = np.zeros((1, 1, 1, 1), np.float32)
    names = [manifest["output"]["name"], *(state["output"] for state in states)]
    results = session.run(names, feed)
    if states:
        feed.update({state["input"]: r for state, r in zip(states, results[1:])})
        results = session.run(names, feed)
    return results[0]


def check(path, models):
    """Checks one manifest; returns its problems."""
    manifest = yaml.safe_load(path.read_text())
    file = models / manifest["file"]
    if not file.exists():
        return [f"{file} is not there"]
    problems = []
    if hashlib.sha256(file.read_bytes()).hexdigest() != manifest["sha256"]:
        problems.append("the checksum differs")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    declared = {i.name for i in session.get_inputs()}
    named = {manifest["input"]["name"], *(s["input"] for s in manifest.get("states") or [])}
    if declared != named:
        problems.append(f"inputs are {sorted(declared)}, the manifest has {sorted(named)}")
    people = manifest["output"].get("people")
    no_mattes = manifest["kind"] in ("detector", "pose")
    for height, width in sizes(manifest["input"]):
        for batch in (1,) if no_mattes else (1, 2):
            matte = run(session, manifest, batch, height, width)
            if no_mattes:
                continue
            if people:
                if sorted(people["classes"] + people["background"]) != list(range(matte.shape[1])):
                    problems.append(f"the classes of `people` are not those of {matte.shape}")
                    continue
                matte = people_matte(matte, people)
            if matte.shape != (batch, 1, height, width):
                problems.append(f"{batch} x {height} x {width} gives {matte.shape}")
            if manifest["output"]["activation"] == "none" and (matte.min() < 0 or matte.max() > 1):
                problems.append(f"values from {matte.min()} to {matte.max()}")
    return problems


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, required=True, help="folder of the ONNX files")
    parser.add_argument(
        "--manifests", type=Path, default=Path(__file__).parents[1] / "configs" / "models"
    )
    args = parser.parse_args()
    failed = False
    for path in sorted(args.manifests.glob("*.yaml")):
        problems = check(path, args.models)
        failed |= bool(problems)
        print(path.stem, *(problems or ["ok"]), sep="\n  " if problems else ": ", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
