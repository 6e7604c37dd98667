"""Makes the INT8 twin of a model that looks at single pictures, and says whether it is worth offering.

The twin is static and QDQ, its weights per channel, calibrated on real pictures. On other pictures
its matte is compared with FP32's; both are timed in turns. It is worth offering where the mean
intersection over union is 0.95 or more and it is faster: only then the exit code is 0.

    int8_twin.py configs/models/u2netp.yaml MODELS/u2netp.onnx --calibrate DIR --check DIR -o OUT.onnx

Writes OUT.onnx and, beside it, OUT.yaml: a manifest for `vrseg --model OUT.yaml`.
Needs onnx, onnxruntime, NumPy, Pillow and PyYAML; not part of the set-up.
"""

import argparse
import hashlib
import sys
import tempfile
import timeit
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import yaml
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image

LEAST_IOU = 0.95
"""Least overlap with FP32's matte of a twin that is offered."""


def pictures_of(folder):
    """The files of a folder, in order."""
    files = sorted(p for p in folder.iterdir() if p.is_file())
    if not files:
        sys.exit(f"int8_twin.py: {folder} has no pictures")
    return files


def prepare(path, spec):
    """A picture as the manifest's `input` says, [1, 3, height, width]."""
    picture = Image.open(path).convert("RGB")
    size, step = spec["size"], spec["multiple"]
    sides = (size, size)
    if spec["aspect"] == "keep" and not spec["fixed"]:
        longer = max(picture.size)
        sides = tuple(max(round(side * size / longer / step), 1) * step for side in picture.size)
    rgb = np.asarray(picture.resize(sides, Image.Resampling.BOX), np.float32) / 255
    if spec["color"] == "bgr":
        rgb = rgb[..., ::-1]
    if spec["divide_by_max"]:
        rgb = rgb / max(rgb.max(), 1e-6)
    rgb = (rgb * spec["scale"] - np.float32(spec["mean"])) / np.float32(spec["std"])
    return np.ascontiguousarray(rgb.transpose(2, 0, 1)[None])


class Calibration(CalibrationDataReader):
    """The pictures that the ranges are taken from."""

    def __init__(self, files, spec):
        self.files, self.spec = iter(files), spec

    def get_next(self):
        path = next(self.files, None)
        return path and {self.spec["name"]: prepare(path, self.spec)}


def quantize(weights, out, manifest, files, method, last):
    """Writes the twin; the last `last` convolutions stay FP32."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.onnx"
        # Weights per channel need opset 13.
        model = onnx.load(weights)
        if model.opset_import[0].version < 13:
            model = onnx.version_converter.convert_version(model, 17)
        onnx.save(model, ready)
        quant_pre_process(ready, ready, skip_symbolic_shape=True)
        convolutions = [n.name for n in onnx.load(ready).graph.node if n.op_type == "Conv"]
        quantize_static(
            ready,
            out,
            Calibration(files, manifest["input"]),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=convolutions[len(convolutions) - last :],
            calibrate_method=CalibrationMethod[method],
        )


def open_session(path, threads):
    """A session on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def matte(session, manifest, picture):
    """The matte, 0 to 1."""
    spec = manifest["output"]
    out = session.run([spec["name"]], {manifest["input"]["name"]: picture})[0]
    if spec["activation"] == "sigmoid":
        out = 1 / (1 + np.exp(-out))
    if spec["stretch"]:
        out = (out - out.min()) / max(out.max() - out.min(), 1e-6)
    return out


def overlap(a, b):
    """Intersection over union of two mattes; 1 where both are empty."""
    a, b = a > 0.5, b > 0.5
    return (a & b).sum() / (a | b).sum() if (a | b).any() else 1.0


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path, help="the model's manifest")
    parser.add_argument("weights", type=Path, help="its FP32 weights")
    parser.add_argument("--calibrate", type=Path, required=True, metavar="DIR", help="pictures for the ranges")
    parser.add_argument("--check", type=Path, required=True, metavar="DIR", help="other pictures")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the twin, FILE.onnx")
    parser.add_argument("--method", default="MinMax", choices=["MinMax", "Entropy", "Percentile"])
    parser.add_argument("--last", type=int, default=0, metavar="N", help="last convolutions that stay FP32")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    manifest = yaml.safe_load(args.manifest.read_text())
    if manifest["kind"] != "image" or manifest["output"]["activation"] not in ("none", "sigmoid"):
        sys.exit(f"int8_twin.py: {args.manifest} is no model that gives a matte of a single picture")
    calibrate, check = pictures_of(args.calibrate), pictures_of(args.check)
    if known := {hashlib.sha256(p.read_bytes()).digest() for p in calibrate} & {
        hashlib.sha256(p.read_bytes()).digest() for p in check
    }:
        sys.exit(f"int8_twin.py: {len(known)} pictures are in both folders")
    quantize(args.weights, args.output, manifest, calibrate, args.method, args.last)

    full, twin = (open_session(path, args.threads) for path in (args.weights, args.output))
    overlaps = []
    for path in check:
        picture = prepare(path, manifest["input"])
        overlaps.append(overlap(matte(full, manifest, picture), matte(twin, manifest, picture)))
    picture = prepare(check[0], manifest["input"])
    # In turns: what else runs then slows both.
    times = [
        [timeit.timeit(lambda: matte(s, manifest, picture), number=1) for s in (full, twin)] for _ in range(15)
    ]
    fp32, int8 = 1000 * np.median(times, axis=0)
    mean, worst = np.mean(overlaps), np.min(overlaps)
    print(f"{manifest['name']}: {fp32:.1f} ms FP32, {int8:.1f} ms INT8, {fp32 / int8:.2f} times as fast")
    print(f"IoU with FP32 on {len(check)} pictures: mean {mean:.3f}, worst {worst:.3f} ({check[np.argmin(overlaps)].name})")

    manifest |= {
        "name": f"{manifest['name']}-int8",
        "file": args.output.name,
        "sha256": hashlib.sha256(args.output.read_bytes()).hexdigest(),
        "source": f"{manifest['source']}; tools/int8_twin.py with onnxruntime {onnxruntime.__version__}",
        # Measured for FP32.
        "bf16": False,
    }
    args.output.with_suffix(".yaml").write_text(yaml.safe_dump(manifest, sort_keys=False))
    worth = mean >= LEAST_IOU and int8 < fp32
    print("worth offering" if worth else f"not worth offering: that takes {LEAST_IOU} and more speed")
    return int(not worth)


if __name__ == "__main__":
    sys.exit(main())
