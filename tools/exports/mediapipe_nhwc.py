"""MediaPipe's selfie and multiclass networks in the form of the tf2onnx and PINTO conversions: NHWC, fixed size.

    python3 mediapipe_nhwc.py MODELS OUT PHOTO     MODELS: the folder with selfie_segmentation.onnx and selfie_multiclass.onnx

Real weights. The NCHW files get a fixed 256 x 256 and a Transpose at either end, and the names of the conversions. The matte
wanted is what ONNX Runtime gives for the NCHW file: MediaPipe itself isn't run.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from PIL import Image

import common

models, out, photo = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
SIDE = 256


def convert(source, target, names):
    """Wraps the graph: new input -> Transpose -> old input; old output -> Transpose -> new output."""
    model = onnx.load(str(source))
    graph = model.graph
    old_in, old_out = graph.input[0], graph.output[0]
    channels = old_out.type.tensor_type.shape.dim[1].dim_value
    new_in = helper.make_tensor_value_info(names[0], TensorProto.FLOAT, [1, SIDE, SIDE, 3])
    new_out = helper.make_tensor_value_info(names[1], TensorProto.FLOAT, [1, SIDE, SIDE, channels])
    graph.node.insert(0, helper.make_node("Transpose", [names[0]], [old_in.name], "to_nchw", perm=[0, 3, 1, 2]))
    graph.node.append(helper.make_node("Transpose", [old_out.name], [names[1]], "to_nhwc", perm=[0, 2, 3, 1]))
    del graph.input[:], graph.output[:], graph.value_info[:]  # the old shapes were free
    graph.input.append(new_in)
    graph.output.append(new_out)
    onnx.checker.check_model(model)
    target.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(target))
    return channels


def picture():
    image = Image.open(photo).convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.float32)[None] / 255


def run(path, values):
    session = common.session(path)
    return session.run(None, {session.get_inputs()[0].name: values})[0]


def logistic(values):
    return 1 / (1 + np.exp(-values))


rgb = picture()
CASES = {
    "mediapipe_selfie_nhwc": ("selfie_segmentation.onnx", ("input_1:0", "activation_10:0"), 1.0, 0.0),
    # RGB from -1 to 1, as the network's own metadata says.
    "mediapipe_multiclass_nhwc": ("selfie_multiclass.onnx", ("input_29:0", "Identity:0"), 2.0, -1.0),
}
for name, (file, names, scale, shift) in CASES.items():
    path = out / name / "model.onnx"
    channels = convert(models / file, path, names)
    values = rgb * np.float32(scale) + np.float32(shift)
    nchw = run(models / file, values.transpose(0, 3, 1, 2).copy())
    nhwc = run(path, values)
    difference = float(np.abs(nchw.transpose(0, 2, 3, 1) - nhwc).max())
    print(f"{name}: NHWC differs from NCHW by {difference:.2e}")
    assert difference < 1e-4
    more = {}
    if channels == 1:
        alpha = nchw[:, 0]
    else:  # 1 - softmax of the background; beside it the form with vrseg's gain of 3
        odds = np.log(np.exp(nchw[:, 1:]).sum(1)) - nchw[:, 0]
        alpha = logistic(odds)
        logistic(3 * odds).astype("<f4").tofile(path.parent / "alpha_gain3.f32")
        more["also"] = "alpha_gain3.f32: sigmoid(3 * (logsumexp(classes 1 to 5) - class 0)), as vrseg's built-in has it"
    common.save(path.parent, "mediapipe-selfie" if channels == 1 else "mediapipe-multiclass", rgb.transpose(0, 3, 1, 2),
                alpha, "MediaPipe's weights as vrseg fetches them; names as of the tf2onnx conversions", "Apache-2.0", **more)
