"""A case on disk, and the check against ONNX Runtime: what the scripts share that needs no PyTorch.

A case is a folder with model.onnx, case.json, rgb.f32 (frames x height x width x 3, 0..1) and alpha.f32 (frames x height
x width, 0..1: the matte that the network's own code computes from those pictures, in the framework that it comes from).
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def compare(path, inputs, wanted, tolerance, names=None):
    """Runs the graph once and stops when an output differs from the framework's."""
    got = session(path).run(names, inputs)
    worst = 0.0
    for ours, theirs in zip(got, wanted):
        theirs = np.asarray(theirs, dtype=np.float32)
        assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
        apart = np.abs(ours.astype(np.float32) - theirs)
        worst = max(worst, float(apart.max()))
    print(f"{Path(path).parent.name}: ONNX differs from the framework by {worst:.2e} (mean of the last {apart.mean():.2e})")
    assert worst <= tolerance, f"ONNX differs by {worst}"
    return got


def save(folder, family, rgb, alpha, upstream, license, tolerance=1e-3, **more):
    """Writes case.json and the two raw files; `rgb` is [N, 3, H, W], `alpha` [N, H, W] or [N, 1, H, W]."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rgb = np.ascontiguousarray(np.asarray(rgb, dtype="<f4").transpose(0, 2, 3, 1))
    frames, height, width, _ = rgb.shape
    alpha = np.asarray(alpha, dtype="<f4").reshape(frames, height, width).clip(0, 1)
    assert alpha.std() > 0.03, f"the matte is almost constant: {alpha.std()}"
    edge = float(((alpha < 0.01) | (alpha > 0.99)).mean())
    rgb.tofile(folder / "rgb.f32")
    alpha.tofile(folder / "alpha.f32")
    case = {"family": family, "width": width, "height": height, "frames": frames, "tolerance": tolerance,
            "upstream": upstream, "license": license, **more}
    (folder / "case.json").write_text(json.dumps(case, indent=2) + "\n")
    print(f"{folder.name}: matte mean {alpha.mean():.3f}, deviation {alpha.std():.3f}, {edge:.0%} at 0 or 1")
