"""Converts Robust Video Matting (MobileNetV3) from TensorFlow.js to ONNX.

The graph is NCHW with a free batch and size. Inputs: `src` [N, 3, H, W] and the recurrent states
`r1i` to `r4i` (zeros of shape [1, 1, 1, 1] to start). Outputs: `pha` [N, 1, H, W] and `r1o` to
`r4o`. The branch for `downsample_ratio` 1 is taken; `rvm_simplify` then makes it faster. Checked
against TensorFlow.js 4.22 over two recurrent steps: the outputs differ by at most 1.1e-4.
"""

import numpy as np
import onnx

from onnx_graph import GraphBuilder, float_tensor
from rvm_simplify import simplify
from tfjs_graph import (
    TfjsGraph,
    allow_deep_graphs,
    attribute,
    base_name,
    command_line,
    data_inputs,
)

STATE_CHANNELS = (16, 20, 40, 64)
OUTPUTS = ("pha", "r1o", "r2o", "r3o", "r4o")
# Where an NHWC axis lies in NCHW.
AXIS = {0: 0, 1: 2, 2: 3, 3: 1, -1: 1}
NHWC_TO_NCHW = [0, 3, 1, 2]
NCHW_TO_NHWC = [0, 2, 3, 1]
NO_END = 2**31

BINARY = {
    "AddV2": "Add",
    "Add": "Add",
    "Sub": "Sub",
    "Mul": "Mul",
    "RealDiv": "Div",
    "Minimum": "Min",
    "Maximum": "Max",
}
FUSED_CONVOLUTIONS = ("_FusedConv2D", "FusedDepthwiseConv2dNative")


class RvmConverter:
    """Emits the ONNX graph from the outputs backwards, turning every image to NCHW."""

    def __init__(self, stem):
        self.graph = TfjsGraph(stem)
        self.weights = self.graph.weights
        self.builder = GraphBuilder()
        self.done = {}

    def convert(self):
        """Returns the ONNX model."""
        tensors = {name: self.tensor(self.graph.outputs[name]["name"]) for name in OUTPUTS}
        for name, tensor in tensors.items():
            self.builder.name_output(tensor, name)
        inputs = [float_tensor("src", ["N", 3, "H", "W"])]
        outputs = [float_tensor("pha", ["N", 1, "H", "W"])]
        for index, channels in enumerate(STATE_CHANNELS, start=1):
            free = [f"r{index}{axis}" for axis in "nchw"]
            inputs.append(float_tensor(f"r{index}i", free))
            outputs.append(float_tensor(f"r{index}o", ["N", channels, f"R{index}H", f"R{index}W"]))
        return self.builder.model("rvm_mobilenetv3", inputs, outputs, "vrseg-tfjs2onnx")

    def tensor(self, reference):
        """The ONNX name of a TensorFlow tensor, built on first use."""
        name, _, port = reference.partition(":")
        if name not in self.done:
            if name in self.weights:
                self.done[name] = self.weight(self.weights[name])
            else:
                self.done[name] = self.build(self.graph.nodes[name])
        result = self.done[name]
        return result[int(port or 0)] if isinstance(result, list) else result

    def weight(self, array):
        """A weight as an operand: shapes become int64, vectors broadcast over channels."""
        if array.dtype == np.int32:
            array = array.astype(np.int64)
        elif array.ndim == 1:
            array = array.reshape(1, -1, 1, 1)
        return self.builder.constant(array)

    def build(self, node):
        """Emits one node and returns the name of its result."""
        kind, inputs = node["op"], data_inputs(node)
        if kind == "Placeholder":
            return node["name"]
        if kind == "Identity":
            return self.tensor(inputs[0])
        if kind == "Switch":
            branch = self.tensor(inputs[0])
            return [branch, branch]
        if kind == "Merge":  # input 0 is the branch for downsample_ratio 1
            return self.tensor(inputs[0])
        if kind in BINARY:
            return self.builder.node(BINARY[kind], [self.tensor(i) for i in inputs[:2]])
        if kind in ("Sigmoid", "Tanh", "Relu"):
            return self.builder.node(kind, [self.tensor(inputs[0])])
        if kind == "Square":
            value = self.tensor(inputs[0])
            return self.builder.node("Mul", [value, value])
        if kind == "Relu6":
            return self.relu6(self.tensor(inputs[0]))
        if kind in ("Squeeze", "Equal"):  # they only choose the branch
            return None
        handler = self.HANDLERS.get(kind)
        if handler is None:
            raise NotImplementedError(f"node {node['name']}: operator {kind}")
        return handler(self, node, inputs)

    def relu6(self, tensor):
        """ReLU that saturates at 6."""
        bounds = [self.builder.constant(np.float32(limit)) for limit in (0, 6)]
        return self.builder.node("Clip", [tensor, *bounds])

    def convolution(self, node, source, weight_name, bias_name=None, dilation=None, fused=()):
        """A convolution, plain or depthwise, with an optional bias and fused activation."""
        depthwise = "Depthwise" in node["op"]
        while base_name(weight_name) not in self.weights:
            weight_name = self.graph.nodes[base_name(weight_name)]["input"][0]
        weights = self.weights[base_name(weight_name)]  # height, width, in, out
        height, width, channels = weights.shape[:3]
        strides = attribute(node, "strides")[1:3]
        dilation = dilation or attribute(node, "dilations", [1, 1, 1, 1])[1:3]
        pads = [0, 0, 0, 0]
        if attribute(node, "padding") == "SAME":
            if strides[0] != 1:
                raise NotImplementedError("SAME padding with a stride")
            pads = [(height - 1) * dilation[0] // 2, (width - 1) * dilation[1] // 2] * 2
        order = (2, 3, 0, 1) if depthwise else (3, 2, 0, 1)
        operands = [source, self.builder.constant(weights.transpose(order), "w")]
        if bias_name:
            operands.append(self.builder.constant(self.weights[bias_name], "b"))
        result = self.builder.node(
            "Conv",
            operands,
            kernel_shape=[height, width],
            strides=strides,
            dilations=list(dilation),
            group=channels if depthwise else 1,
            pads=pads,
        )
        for activation in fused:
            if activation == "Relu":
                result = self.builder.node("Relu", [result])
            elif activation == "Relu6":
                result = self.relu6(result)
            elif activation != "BiasAdd":
                raise NotImplementedError(f"fused {activation}")
        return result

    def _convolution(self, node, inputs):
        if node["op"] not in FUSED_CONVOLUTIONS:
            return self.convolution(node, self.tensor(inputs[0]), inputs[1])
        return self.convolution(
            node,
            self.tensor(inputs[0]),
            inputs[1],
            inputs[2],
            fused=attribute(node, "fused_ops"),
        )

    def _dilated_convolution(self, _node, inputs):
        # TensorFlow writes a dilated convolution as SpaceToBatchND, convolution, BatchToSpaceND.
        inner = self.graph.nodes[base_name(inputs[0])]
        spread = self.graph.nodes[base_name(inner["input"][0])]
        if spread["op"] != "SpaceToBatchND":
            raise NotImplementedError(f"BatchToSpaceND after {spread['op']}")
        dilation = [int(n) for n in self.weights[spread["input"][1]]]
        source = self.tensor(spread["input"][0])
        return self.convolution(inner, source, inner["input"][1], dilation=dilation)

    def _pad(self, _node, inputs):
        amounts = self.weights[inputs[1]][NHWC_TO_NCHW]
        pads = self.builder.integers(np.concatenate([amounts[:, 0], amounts[:, 1]]))
        return self.builder.node("Pad", [self.tensor(inputs[0]), pads])

    def _mean(self, node, inputs):
        axes = sorted(AXIS[int(axis)] for axis in np.atleast_1d(self.weights[inputs[1]]))
        keep = bool(attribute(node, "keep_dims"))
        if axes == [2, 3] and keep:
            return self.builder.node("GlobalAveragePool", [self.tensor(inputs[0])])
        return self.builder.node(
            "ReduceMean", [self.tensor(inputs[0])], axes=axes, keepdims=int(keep)
        )

    def _average_pool(self, node, inputs):
        return self.builder.node(
            "AveragePool",
            [self.tensor(inputs[0])],
            kernel_shape=attribute(node, "ksize")[1:3],
            strides=attribute(node, "strides")[1:3],
            auto_pad="SAME_UPPER",
            count_include_pad=0,
        )

    def _shape(self, _node, inputs):
        shape = self.builder.node("Shape", [self.tensor(inputs[0])])
        return self.builder.node("Gather", [shape, self.builder.integers(NCHW_TO_NHWC)])

    def _strided_slice(self, node, inputs):
        begin, end, step = (self.weights[i].astype(np.int64) for i in inputs[1:4])
        if begin.shape != (1,) or step[0] != 1:
            raise NotImplementedError("StridedSlice that is not a plain range of a vector")
        first = 0 if attribute(node, "begin_mask", 0) else int(begin[0])
        if attribute(node, "shrink_axis_mask", 0):
            index = self.builder.constant(np.array(first, np.int64))
            return self.builder.node("Gather", [self.tensor(inputs[0]), index])
        last = NO_END if attribute(node, "end_mask", 0) else int(end[0])
        bounds = [self.builder.integers([n]) for n in (first, last, 0)]
        return self.builder.node("Slice", [self.tensor(inputs[0]), *bounds])

    def _pack(self, _node, inputs):
        parts = [
            self.builder.node("Unsqueeze", [self.tensor(i), self.builder.integers([0])])
            for i in inputs
        ]
        return self.builder.node("Concat", parts, axis=0)

    def _cast(self, node, inputs):
        wanted = {"DT_FLOAT": onnx.TensorProto.FLOAT, "DT_INT32": onnx.TensorProto.INT64}
        return self.builder.node(
            "Cast", [self.tensor(inputs[0])], to=wanted[attribute(node, "DstT")]
        )

    def _resize(self, node, inputs):
        if attribute(node, "align_corners") or not attribute(node, "half_pixel_centers"):
            raise NotImplementedError("ResizeBilinear without half-pixel centers")
        image, size = self.tensor(inputs[0]), self.tensor(inputs[1])
        shape = self.builder.node("Shape", [image])
        bounds = [self.builder.integers([n]) for n in (0, 2)]
        batch_and_channels = self.builder.node("Slice", [shape, *bounds])
        wanted = self.builder.node("Concat", [batch_and_channels, size], axis=0)
        return self.builder.node(
            "Resize",
            [image, "", "", wanted],
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )

    def _crop(self, _node, inputs):
        if self.weights[inputs[1]].any():
            raise NotImplementedError("Slice that does not begin at 0")
        bounds = [self.builder.integers([n]) for n in (1, 3)]
        size = self.builder.node("Slice", [self.tensor(inputs[2]), *bounds])
        begin, axes = self.builder.integers([0, 0]), self.builder.integers([2, 3])
        return self.builder.node("Slice", [self.tensor(inputs[0]), begin, size, axes])

    def _split(self, node, inputs):
        return self.builder.node(
            "Split",
            [self.tensor(inputs[1])],
            axis=AXIS[int(self.weights[inputs[0]])],
            output_count=attribute(node, "num_split"),
        )

    def _split_sizes(self, _node, inputs):
        sizes = self.weights[inputs[1]]
        return self.builder.node(
            "Split",
            [self.tensor(inputs[0]), self.builder.integers(sizes)],
            axis=AXIS[int(self.weights[inputs[2]])],
            output_count=len(sizes),
        )

    def _concat(self, _node, inputs):
        parts = [self.tensor(i) for i in inputs[:-1]]
        return self.builder.node("Concat", parts, axis=AXIS[int(self.weights[inputs[-1]])])

    def _broadcast(self, _node, inputs):
        order = self.builder.integers(NHWC_TO_NCHW)
        shape = self.builder.node("Gather", [self.tensor(inputs[1]), order])
        return self.builder.node("Expand", [self.tensor(inputs[0]), shape])

    HANDLERS = {
        "Conv2D": _convolution,
        "DepthwiseConv2dNative": _convolution,
        "_FusedConv2D": _convolution,
        "FusedDepthwiseConv2dNative": _convolution,
        "BatchToSpaceND": _dilated_convolution,
        "Pad": _pad,
        "Mean": _mean,
        "AvgPool": _average_pool,
        "Shape": _shape,
        "StridedSlice": _strided_slice,
        "Pack": _pack,
        "Cast": _cast,
        "ResizeBilinear": _resize,
        "Slice": _crop,
        "Split": _split,
        "SplitV": _split_sizes,
        "ConcatV2": _concat,
        "BroadcastTo": _broadcast,
    }


def convert(stem, target):
    """Converts `STEM.json` and `STEM.bin` to the ONNX file `target`."""
    allow_deep_graphs()
    model = RvmConverter(stem).convert()
    simplify(model)
    onnx.checker.check_model(model)
    onnx.save(model, target)


if __name__ == "__main__":
    command_line(__doc__, convert)
