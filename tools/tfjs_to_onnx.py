"""Converts convolutional networks from TensorFlow.js to ONNX: NanoDet and MoveNet.

The graph keeps TensorFlow's NHWC layout inside, with a Transpose before and after every
convolution; ONNX Runtime cancels them. Checked against TensorFlow.js 4.22: NanoDet's outputs
differ by at most 1.3e-5, MoveNet's heat maps by 3e-6.
"""

import numpy as np
import onnx

from onnx_graph import GraphBuilder, float_tensor
from tfjs_graph import (
    TfjsGraph,
    allow_deep_graphs,
    attribute,
    base_name,
    data_inputs,
)

TO_NCHW = [0, 3, 1, 2]
TO_NHWC = [0, 2, 3, 1]


class LiteralConverter:
    """Emits one ONNX counterpart per TensorFlow node, from the outputs backwards."""

    def __init__(self, stem):
        self.graph = TfjsGraph(stem)
        self.builder = GraphBuilder()
        self.done = {}

    def convert(self):
        """Returns the ONNX model of the whole graph."""
        outputs = []
        for key, value in self.graph.outputs.items():
            name = base_name(key)
            self.builder.name_output(self.tensor(value["name"]), name)
            outputs.append(float_tensor(name, [1, f"{name}_cells", f"{name}_values"]))
        inputs = []
        for node in self.graph.node_list:
            if node["op"] == "Placeholder":
                dims = [int(d["size"]) for d in node["attr"]["shape"]["shape"]["dim"]]
                inputs.append(float_tensor(node["name"], dims))
        return self.builder.model("nanodet", inputs, outputs, "vrseg-tfjs2onnx")

    def convert_part(self, name, start, end):
        """Returns the ONNX model from one tensor to another: pairs of a name with a reference and
        a NCHW shape, which TensorFlow has in NHWC."""
        (input_name, first, input_shape), (output_name, last, output_shape) = start, end
        self.done[first] = self.builder.node("Transpose", [input_name], perm=TO_NHWC)
        turned = self.builder.node("Transpose", [self.tensor(last)], perm=TO_NCHW)
        self.builder.name_output(turned, output_name)
        inputs, outputs = [float_tensor(input_name, input_shape)], [float_tensor(output_name, output_shape)]
        return self.builder.model(name, inputs, outputs, "vrseg-tfjs2onnx")

    def constant(self, array):
        """A constant; ONNX wants its shapes and axes as int64."""
        array = np.asarray(array)
        return self.builder.constant(array.astype(np.int64) if array.dtype == np.int32 else array)

    def tensor(self, reference):
        """The ONNX name of a TensorFlow tensor, built on first use."""
        name, _, port = reference.partition(":")
        if name not in self.done:
            if name in self.graph.weights:
                self.done[name] = self.constant(self.graph.weights[name])
            else:
                self.done[name] = self.build(self.graph.nodes[name])
        result = self.done[name]
        return result[int(port or 0)] if isinstance(result, list) else result

    def value(self, reference):
        """The value of a tensor that is constant (weights, or simple arithmetic on them)."""
        name = base_name(reference)
        if name in self.graph.weights:
            return self.graph.weights[name]
        node = self.graph.nodes[name]
        kind, inputs = node["op"], data_inputs(node)
        if kind == "SparseToDense":
            return self.sparse_to_dense(inputs)
        if kind in ("Add", "AddV2"):
            return np.asarray(self.value(inputs[0])) + np.asarray(self.value(inputs[1]))
        if kind == "Identity":
            return self.value(inputs[0])
        if kind == "ConcatV2":
            return np.concatenate([np.atleast_1d(self.value(i)) for i in inputs[:-1]])
        raise NotImplementedError(f"constant {reference} made by {kind}")

    def sparse_to_dense(self, inputs):
        """TensorFlow's SparseToDense on constants."""
        indices, shape, values, default = (self.value(i) for i in inputs[:4])
        dense = np.full([int(n) for n in np.atleast_1d(shape)], default, np.asarray(values).dtype)
        indices = np.asarray(indices)
        if indices.ndim == 1:
            indices = indices[:, None]
        spread = np.broadcast_to(values, (len(indices),))
        for row, index in enumerate(indices):
            dense[tuple(index)] = spread[row]
        return dense

    def in_nchw(self, reference, emit):
        """Runs `emit` on the tensor in NCHW layout and returns its result in NHWC."""
        turned = self.builder.node("Transpose", [self.tensor(reference)], perm=TO_NCHW)
        return self.builder.node("Transpose", [emit(turned)], perm=TO_NHWC)

    def build(self, node):
        """Emits one node and returns the name of its result."""
        kind, inputs = node["op"], data_inputs(node)
        if kind == "Placeholder":
            return node["name"]
        if kind == "Identity":
            return self.tensor(inputs[0])
        if kind in ("Conv2D", "DepthwiseConv2dNative"):
            return self.convolution(node, inputs, kind.startswith("Depthwise"))
        if kind in ("_FusedConv2D", "FusedDepthwiseConv2dNative"):
            return self.convolution(
                node,
                inputs,
                kind.startswith("FusedDepthwise"),
                inputs[2],
                attribute(node, "fused_ops"),
            )
        simple = {"Add": "Add", "AddV2": "Add", "Mul": "Mul", "Sub": "Sub"}
        if kind in simple:
            return self.builder.node(simple[kind], [self.tensor(i) for i in inputs[:2]])
        if kind == "LeakyRelu":
            alpha = float(attribute(node, "alpha", 0.2))
            return self.builder.node("LeakyRelu", [self.tensor(inputs[0])], alpha=alpha)
        if kind in ("Relu", "Sigmoid"):
            return self.builder.node(kind, [self.tensor(inputs[0])])
        if kind in ("Pad", "PadV2"):
            return self.pad(inputs, kind == "PadV2")
        if kind == "MaxPool":
            return self.max_pool(node, inputs)
        if kind == "ConcatV2":
            parts = [self.tensor(i) for i in inputs[:-1]]
            return self.builder.node("Concat", parts, axis=int(self.value(inputs[-1])))
        if kind == "Transpose":
            order = [int(axis) for axis in self.value(inputs[1])]
            return self.builder.node("Transpose", [self.tensor(inputs[0])], perm=order)
        if kind == "Reshape":
            shape = self.builder.integers(self.value(inputs[1]))
            return self.builder.node("Reshape", [self.tensor(inputs[0]), shape])
        if kind == "SplitV":
            return self.split(inputs)
        if kind == "ResizeBilinear":
            return self.resize(node, inputs)
        raise NotImplementedError(f"node {node['name']}: operator {kind}")

    def convolution(self, node, inputs, depthwise, bias=None, fused=()):
        """A convolution with an optional bias and fused activation."""
        weights = self.value(inputs[1])  # height, width, in, out
        height, width, channels = weights.shape[:3]
        if depthwise:
            weights = weights.transpose(2, 3, 0, 1).reshape(-1, 1, height, width)
        else:
            weights = weights.transpose(3, 2, 0, 1)
        options = {
            "kernel_shape": [height, width],
            "strides": attribute(node, "strides")[1:3],
            "dilations": attribute(node, "dilations", [1] * 4)[1:3],
            "group": channels if depthwise else 1,
        }
        if attribute(node, "padding") == "SAME":
            options["auto_pad"] = "SAME_UPPER"
        elif attribute(node, "padding") == "EXPLICIT":
            pads = attribute(node, "explicit_paddings")
            options["pads"] = [pads[2], pads[4], pads[3], pads[5]]

        def emit(turned):
            operands = [turned, self.constant(weights)]
            if bias:
                operands.append(self.constant(self.value(bias)))
            return self.activate(node, self.builder.node("Conv", operands, **options), fused)

        return self.in_nchw(inputs[0], emit)

    def activate(self, node, tensor, fused):
        """The activation that TensorFlow has fused into a convolution."""
        for kind in fused:
            if kind == "Relu":
                tensor = self.builder.node("Relu", [tensor])
            elif kind == "Relu6":
                bounds = [self.constant(np.float32(v)) for v in (0, 6)]
                tensor = self.builder.node("Clip", [tensor, *bounds])
            elif kind == "LeakyRelu":
                alpha = float(attribute(node, "leakyrelu_alpha", 0.1))
                tensor = self.builder.node("LeakyRelu", [tensor], alpha=alpha)
            elif kind != "BiasAdd":
                raise NotImplementedError(f"fused {kind}")
        return tensor

    def pad(self, inputs, with_value):
        """Pad with zeros, or with the given value."""
        amounts = self.value(inputs[1])
        operands = [
            self.tensor(inputs[0]),
            self.builder.integers(np.concatenate([amounts[:, 0], amounts[:, 1]])),
        ]
        if with_value:
            operands.append(self.constant(np.float32(self.value(inputs[2]))))
        return self.builder.node("Pad", operands)

    def max_pool(self, node, inputs):
        """Maximum over a window."""
        options = {
            "kernel_shape": attribute(node, "ksize")[1:3],
            "strides": attribute(node, "strides")[1:3],
        }
        if attribute(node, "padding") == "SAME":
            options["auto_pad"] = "SAME_UPPER"
        return self.in_nchw(
            inputs[0], lambda turned: self.builder.node("MaxPool", [turned], **options)
        )

    def split(self, inputs):
        """Split into parts of given sizes."""
        sizes = self.value(inputs[1])
        return self.builder.node(
            "Split",
            [self.tensor(inputs[0]), self.builder.integers(sizes)],
            axis=int(self.value(inputs[2])),
            output_count=len(sizes),
        )

    def doubles(self, reference):
        """Whether a size is twice that of a tensor (Keras's UpSampling2D, whose size isn't constant)."""
        node = self.graph.nodes[base_name(reference)]
        if reference in self.graph.weights or node["op"] != "Mul":
            return False
        kinds = {self.graph.nodes[base_name(i)]["op"]: i for i in data_inputs(node)}
        return set(kinds) == {"StridedSlice", "Const"} and bool(np.all(self.value(kinds["Const"]) == 2))

    def resize(self, node, inputs):
        """Bilinear resize to a constant size, or to twice the size."""
        twice = self.doubles(inputs[1])
        size = None if twice else self.value(inputs[1])
        if attribute(node, "align_corners"):
            mode = "align_corners"
        elif attribute(node, "half_pixel_centers"):
            mode = "half_pixel"
        else:
            mode = "asymmetric"

        def emit(turned):
            options = {"mode": "linear", "coordinate_transformation_mode": mode}
            if twice:
                scales = self.builder.constant(np.array([1, 1, 2, 2], np.float32))
                return self.builder.node("Resize", [turned, "", scales], **options)
            shape = self.builder.node("Shape", [turned])
            first, last = self.builder.integers([0]), self.builder.integers([2])
            batch_and_channels = self.builder.node("Slice", [shape, first, last])
            wanted = self.builder.node(
                "Concat", [batch_and_channels, self.builder.integers(size)], axis=0
            )
            return self.builder.node("Resize", [turned, "", "", wanted], **options)

        return self.in_nchw(inputs[0], emit)


def convert_nanodet(stem, target):
    """Converts NanoDet: input `input_1` [1, 3, 416, 416]."""
    allow_deep_graphs()
    onnx.save(LiteralConverter(stem).convert(), target)


def convert_movenet(stem, target):
    """Converts what MoveNet multipose needs for its keypoints' heat maps: input `input` [1, 3, 256, 256],
    RGB from -1 to 1, output `keypoints` [1, 17, 64, 64], 0 to 1. What finds several people is left out."""
    allow_deep_graphs()
    start = ("input", "StatefulPartitionedCall/sub_1", [1, 3, 256, 256])
    end = ("keypoints", "StatefulPartitionedCall/Sigmoid_1", [1, 17, 64, 64])
    onnx.save(LiteralConverter(stem).convert_part("movenet", start, end), target)
