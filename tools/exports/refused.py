"""Graphs that aren't matting networks or can't run here, for the messages that say so. Small, made with onnx alone.

    python3 refused.py OUT       OUT: one folder for each, with model.onnx
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

out = Path(sys.argv[1])
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
random = np.random.default_rng(7)


def weight(name, *shape):
    return numpy_helper.from_array((random.standard_normal(shape) * 0.1).astype(np.float32), name)


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def save(name, nodes, inputs, outputs, weights=(), opset=17, domains=(), check=True, **more):
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    graph = helper.make_graph(nodes, name, inputs, outputs, list(weights))
    model = helper.make_model(graph, opset_imports=imports, ir_version=8, producer_name="pytorch")
    if check:
        onnx.checker.check_model(model)
    (out / name).mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(out / name / "model.onnx"), **more)
    print(name)


def matting(operator, domain=""):
    """A matting-like graph: a 3x3 convolution, then this operator."""
    return [helper.make_node("Conv", ["input", "w"], ["features"], pads=[1, 1, 1, 1]),
            helper.make_node(operator, ["features"], ["output"], domain=domain)]


PICTURE = [value("input", FLOAT, ["batch_size", 3, "height", "width"])]
MATTE = [value("output", FLOAT, ["batch_size", 1, "height", "width"])]

# A text encoder as CLIP's: tokens in, embeddings out.
save("clip_text_encoder",
     [helper.make_node("Gather", ["table", "input_ids"], ["tokens"]),
      helper.make_node("Cast", ["attention_mask"], ["mask"], to=FLOAT),
      helper.make_node("Unsqueeze", ["mask", "last"], ["mask3"]),
      helper.make_node("Mul", ["tokens", "mask3"], ["last_hidden_state"]),
      helper.make_node("ReduceMean", ["last_hidden_state"], ["text_embeds"], axes=[1], keepdims=0)],
     [value("input_ids", INT64, ["batch", "sequence"]), value("attention_mask", INT64, ["batch", "sequence"])],
     [value("text_embeds", FLOAT, ["batch", 512]), value("last_hidden_state", FLOAT, ["batch", "sequence", 512])],
     [weight("table", 1000, 512), numpy_helper.from_array(np.array([2], np.int64), "last")])

# An operator of a domain that ONNX Runtime has no kernels for.
save("custom_operator", matting("FancyUpsample", "com.example.custom"), PICTURE, MATTE, [weight("w", 1, 3, 3, 3)],
     domains=["com.example.custom"])
# TensorRT's plugins are the usual case: an operator that isn't in ONNX, in the domain of ONNX.
save("tensorrt_plugin", matting("EfficientNMS_TRT"), PICTURE, MATTE, [weight("w", 1, 3, 3, 3)], check=False)
# An opset from the future.
save("opset_99", matting("Sigmoid"), PICTURE, MATTE, [weight("w", 1, 3, 3, 3)], opset=99, check=False)
# The weights lie in a file beside it that isn't there.
save("external_data_missing", matting("Sigmoid"), PICTURE, MATTE, [weight("w", 1, 3, 3, 3)],
     save_as_external_data=True, all_tensors_to_one_file=True, location="model.onnx.data", size_threshold=0)
(out / "external_data_missing" / "model.onnx.data").unlink()

# SAM's mask decoder, the inputs of segment-anything's export_onnx_model.py.
save("sam_decoder",
     [helper.make_node("ReduceMean", ["image_embeddings"], ["mean"], axes=[1], keepdims=1),
      helper.make_node("Resize", ["mean", "", "scales"], ["low_res_masks"], mode="linear"),
      helper.make_node("Identity", ["low_res_masks"], ["masks"]),
      helper.make_node("ReduceMean", ["mean"], ["flat"], axes=[2, 3], keepdims=0),
      helper.make_node("Identity", ["flat"], ["iou_predictions"])],
     [value("image_embeddings", FLOAT, [1, 256, 64, 64]), value("point_coords", FLOAT, [1, "num_points", 2]),
      value("point_labels", FLOAT, [1, "num_points"]), value("mask_input", FLOAT, [1, 1, 256, 256]),
      value("has_mask_input", FLOAT, [1]), value("orig_im_size", FLOAT, [2])],
     [value("masks", FLOAT, [1, 1, 256, 256]), value("iou_predictions", FLOAT, [1, 1]),
      value("low_res_masks", FLOAT, [1, 1, 256, 256])],
     [numpy_helper.from_array(np.array([1, 1, 4, 4], np.float32), "scales")])

# A classifier with ImageNet's thousand classes, torchvision's usual names.
save("imagenet_classifier",
     [helper.make_node("Conv", ["input", "w"], ["features"], strides=[4, 4]),
      helper.make_node("Relu", ["features"], ["active"]),
      helper.make_node("GlobalAveragePool", ["active"], ["pooled"]),
      helper.make_node("Flatten", ["pooled"], ["flat"]),
      helper.make_node("Gemm", ["flat", "classes"], ["output"])],
     [value("input", FLOAT, ["batch_size", 3, 224, 224])], [value("output", FLOAT, ["batch_size", 1000])],
     [weight("w", 16, 3, 7, 7), weight("classes", 16, 1000)])

# Not ONNX at all: a PyTorch checkpoint with the wrong ending, and a file cut short.
(out / "not_onnx").mkdir(parents=True, exist_ok=True)
(out / "not_onnx" / "model.onnx").write_bytes(b"PK\x03\x04" + b"\0" * 26 + b"archive/data.pkl" + bytes(random.bytes(400)))
(out / "cut_short").mkdir(parents=True, exist_ok=True)
whole = (out / "imagenet_classifier" / "model.onnx").read_bytes()
(out / "cut_short" / "model.onnx").write_bytes(whole[: len(whole) // 2])
