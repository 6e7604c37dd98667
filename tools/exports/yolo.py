"""Ultralytics' YOLO networks as `YOLO(...).export(format="onnx")` writes them, with the metadata, and random weights.

    python3 yolo.py OUT [NAME...]      needs pip's `ultralytics`

yolo11n-seg and yolov8n-seg give output0 [1, 116, 8400] (box 4, classes 80, coefficients 32) and output1 [1, 32, 160, 160].
`yolov5n-seg` is the older form, output0 [1, 25200, 117] (box 4, objectness, classes 80, coefficients 32), made here by
rearranging: no such weights are needed to see whether the form is read rightly. `yolo11n` has no masks: for a refusal.

The matte: Ultralytics' own non-maximum suppression (confidence 0.25, IoU 0.7, in YOLOv5 0.45) over persons only, and for each person the
sigmoid of coefficients x prototypes, enlarged to the picture and cut at the box; the largest of them wins.
Random weights find nobody: the last layers are set so that a few boxes of the class person pass.
"""

import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

os.environ.setdefault("YOLO_OFFLINE", "true")
os.environ.setdefault("YOLO_AUTOINSTALL", "false")
import numpy as np  # noqa: E402
import onnx  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
import ultralytics  # noqa: E402
from ultralytics import YOLO  # noqa: E402
from ultralytics.utils.nms import non_max_suppression  # noqa: E402

import common  # noqa: E402

warnings.filterwarnings("ignore")
out = Path(sys.argv[1])
SIDE = 640
UPSTREAM = f"ultralytics {ultralytics.__version__} (PyPI), YOLO(...).export(format='onnx')"
LICENSE = "AGPL-3.0-only"


def lively(yolo, rgb):
    """BatchNorm statistics from the picture, and scores that let a few persons and others pass."""
    net = yolo.model
    common.settle(net, lambda: net(common.pictures(1, SIDE, SIDE, seed=8, noise=0.1)))
    head = net.model[-1]
    with torch.no_grad():
        for scores in head.cv3:
            last = scores[-1]
            seen = []
            hook = last.register_forward_hook(lambda _, __, o: seen.append(o))
            net.eval()(rgb)
            hook.remove()
            values = seen[0].flatten(2)
            last.weight *= (1.5 / values.std((0, 2))).view(-1, 1, 1, 1)
            last.bias.fill_(-9.0)  # nothing but persons, and one other class
            for channel in (0, 16):
                hook = last.register_forward_hook(lambda _, __, o: seen.append(o))
                net.eval()(rgb)
                hook.remove()
                best = torch.sort(seen[-1][0, channel].flatten(), descending=True).values
                last.bias[channel] += -1.1 - (best[1] + best[2]) / 2 + 0.6
        if hasattr(head, "cv4"):
            for coefficients in head.cv4:
                last = coefficients[-1]
                last.weight *= 4


def persons(boxes_scores, prototypes, overlap, classes=80):
    """[1, 4 + classes + 32, anchors] and [1, 32, h, w] to the matte [SIDE, SIDE] and the number of persons."""
    found = non_max_suppression(boxes_scores, 0.25, overlap, classes=[0], nc=classes)[0]
    matte = torch.zeros(SIDE, SIDE)
    c, h, w = prototypes[0].shape
    for row in found:
        mask = torch.sigmoid((row[6:] @ prototypes[0].float().view(c, -1)).view(1, 1, h, w))
        mask = F.interpolate(mask, (SIDE, SIDE), mode="bilinear", align_corners=False)[0, 0]
        x1, y1, x2, y2 = row[:4]
        columns, rows = torch.arange(SIDE)[None, :], torch.arange(SIDE)[:, None]
        inside = (columns >= x1) & (columns < x2) & (rows >= y1) & (rows < y2)  # ultralytics.utils.ops.crop_mask
        matte = torch.maximum(matte, mask * inside)
    return matte, found


def export(config, target, rgb):
    torch.manual_seed(24)
    yolo = YOLO(config)
    lively(yolo, rgb)
    with tempfile.TemporaryDirectory() as folder:
        yolo.model.yaml_file = str(Path(folder) / config)
        yolo.model.pt_path = str(Path(folder) / config.replace(".yaml", ".pt"))
        yolo.ckpt_path = yolo.model.pt_path
        file = yolo.export(format="onnx", imgsz=SIDE, simplify=False, verbose=False)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(file, target)
    return yolo


def as_v5(source, target):
    """[1, 116, 8400] to v5's [1, 25200, 117]: transposed, an objectness of 1 put in, empty rows up to 25200."""
    model = onnx.load(str(source))
    graph, helper = model.graph, onnx.helper
    graph.output[0].name, last = "output0", "v8_output"
    for node in graph.node:
        for i, name in enumerate(node.output):
            if name == "output0":
                node.output[i] = last
    for name, values in {"one": np.ones((1, 8400, 1), np.float32), "none": np.zeros((1, 16800, 117), np.float32),
                         "box": np.array([4, 112], np.int64)}.items():
        graph.initializer.append(onnx.numpy_helper.from_array(values, "v5_" + name))
    graph.node.extend([
        helper.make_node("Transpose", [last], ["v5_rows"], perm=[0, 2, 1]),
        helper.make_node("Split", ["v5_rows", "v5_box"], ["v5_boxes", "v5_rest"], axis=2),
        helper.make_node("Concat", ["v5_boxes", "v5_one", "v5_rest"], ["v5_full"], axis=2),
        helper.make_node("Concat", ["v5_full", "v5_none"], ["output0"], axis=1),
    ])
    del graph.output[0].type.tensor_type.shape.dim[:]
    graph.output[0].type.CopyFrom(onnx.helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, [1, 25200, 117]))
    # The files of that time have these entries only.
    names = {p.key: p.value for p in model.metadata_props}["names"]
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {"stride": "32", "names": names})
    target.parent.mkdir(parents=True, exist_ok=True)
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def segmentation(name, config, v5=False):
    path = out / name / "model.onnx"
    rgb = common.pictures(1, SIDE, SIDE)
    first = path.with_name("v8.onnx") if v5 else path
    yolo = export(config, first, rgb)
    net = yolo.model.eval()
    with torch.no_grad():
        boxes, rest = net(rgb)[:2]
    if isinstance(boxes, (tuple, list)):
        boxes, prototypes = boxes
    else:
        prototypes = rest["proto"] if isinstance(rest, dict) else rest[-1]
    if v5:
        as_v5(first, path)
        first.unlink()
    got = common.session(path).run(None, {"images": rgb.numpy()})
    print(name, [g.shape for g in got], float(np.abs(got[1] - prototypes.numpy()).max()))
    overlap = 0.45 if v5 else 0.7
    matte, found = persons(boxes, prototypes, overlap)
    print(name, "persons:", len(found), [round(float(s), 3) for s in found[:, 4]])
    ours, _ = persons(torch.tensor(got[0]) if not v5 else boxes, torch.tensor(got[1]), overlap)
    worst = float((ours - matte).abs().max())
    print(f"{name}: the matte from ONNX differs from the framework's by {worst:.2e}")
    assert worst < 5e-4
    common.save(path.parent, "yolo-seg", rgb, matte[None], UPSTREAM, LICENSE,
                persons=[[round(float(v), 3) for v in row[:5]] for row in found])


CASES = {"yolo11n-seg": ("yolo11n-seg.yaml", False), "yolov8n-seg": ("yolov8n-seg.yaml", False),
         "yolov5n-seg": ("yolov8n-seg.yaml", True)}
for name, (config, v5) in CASES.items():
    if len(sys.argv) < 3 or name in sys.argv[2:]:
        segmentation(name, config, v5)
if len(sys.argv) < 3 or "yolo11n" in sys.argv[2:]:
    export("yolo11n.yaml", out.parent / "refused" / "yolo11n_detector" / "model.onnx", common.pictures(1, SIDE, SIDE))
