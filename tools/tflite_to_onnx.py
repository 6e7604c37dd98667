"""Converts the MediaPipe segmentation models from TensorFlow Lite to ONNX.

The ONNX graph is NCHW with a free batch, height and width; a model that reshapes its features
(Selfie Multiclass, for its attention) keeps its own height and width. Weights stored as float16
are widened to float32, and MediaPipe's own operator `Convolution2DTransposeBias` becomes
ConvTranspose. Checked against mediapipe 0.10.14 itself: the masks differ by at most 6e-5. Selfie
Multiclass against LiteRT 2.3.0: the logits differ by at most 7e-5.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
import tflite

from onnx_graph import GraphBuilder, float_tensor

CUSTOM_OPERATOR = 32
OPERATOR_NAMES = {
    code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)
}
NUMPY_TYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
    tflite.TensorType.UINT8: np.uint8,
    tflite.TensorType.INT64: np.int64,
    tflite.TensorType.INT8: np.int8,
}
NHWC_TO_NCHW = [0, 3, 1, 2]
NCHW_TO_NHWC = [0, 2, 3, 1]


def same_padding(size, kernel, stride, dilation=1):
    """TensorFlow's SAME padding: the pixels added before and after one axis."""
    steps = -(-size // stride)
    total = max((steps - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


class TfliteConverter:
    """Walks the operators of one TFLite subgraph and emits their ONNX counterparts."""

    def __init__(self, path, input_name, keep_output, output_name):
        self.path = Path(path)
        self.model = tflite.Model.GetRootAsModel(self.path.read_bytes(), 0)
        self.graph = self.model.Subgraphs(0)
        self.tensors = [self.graph.Tensors(i) for i in range(self.graph.TensorsLength())]
        self.operator_codes = [self._code_name(i) for i in range(self.model.OperatorCodesLength())]
        self.values = self._constant_tensors()
        self.builder = GraphBuilder()
        self.input_name = input_name
        self.output_name = output_name
        self.output = int(self.graph.OutputsAsNumpy()[keep_output])
        self.input = int(self.graph.InputsAsNumpy()[0])
        self.fixed_size = False

    def _code_name(self, index):
        code = self.model.OperatorCodes(index)
        builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if builtin == CUSTOM_OPERATOR:
            return code.CustomCode().decode()
        return OPERATOR_NAMES[builtin]

    def _constant_tensors(self):
        values = {}
        for index, tensor in enumerate(self.tensors):
            buffer = self.model.Buffers(tensor.Buffer())
            if buffer.DataLength():
                dtype = NUMPY_TYPES[tensor.Type()]
                flat = np.frombuffer(buffer.DataAsNumpy().tobytes(), dtype)
                values[index] = flat.reshape(self.shape(index))
        return values

    def shape(self, index):
        """The NHWC shape of a tensor."""
        tensor = self.tensors[index]
        return [int(n) for n in tensor.ShapeAsNumpy()] if tensor.ShapeLength() else []

    def name(self, index):
        """The ONNX name of a tensor that is computed, not constant."""
        return self.input_name if index == self.input else f"t{index}"

    def operand(self, index):
        """A tensor's ONNX name; a constant is laid out so that it broadcasts over NCHW."""
        if index not in self.values:
            return self.name(index)
        array = self.values[index]
        if array.dtype == np.float16:
            array = array.astype(np.float32)
        if array.ndim == 4:
            array = array.transpose(NHWC_TO_NCHW)
        elif array.ndim == 1:
            array = array.reshape(1, -1, 1, 1)
        return self.builder.constant(array)

    @staticmethod
    def options(operator, kind):
        """The operator's builtin options, read as the table type `kind`."""
        table = kind()
        raw = operator.BuiltinOptions()
        table.Init(raw.Bytes, raw.Pos)
        return table

    def needed_operators(self):
        """The operators that the kept output depends on, in order."""
        needed = {self.output}
        used = []
        for index in reversed(range(self.graph.OperatorsLength())):
            operator = self.graph.Operators(index)
            if any(int(t) in needed for t in operator.OutputsAsNumpy()):
                used.append(operator)
                needed.update(int(t) for t in operator.InputsAsNumpy())
        return used[::-1]

    def convert(self):
        """Returns the ONNX model."""
        for operator in self.needed_operators():
            kind = self.operator_codes[operator.OpcodeIndex()]
            inputs = [int(t) for t in operator.InputsAsNumpy()]
            output = int(operator.OutputsAsNumpy()[0])
            handler = self.HANDLERS.get(kind)
            if handler is None:
                raise NotImplementedError(f"{self.path.name}: operator {kind}")
            handler(self, kind, operator, inputs, output)
        self.builder.name_output(self.name(self.output), self.output_name)
        return self.builder.model(
            self.path.name,
            [float_tensor(self.input_name, self.public_shape(self.input))],
            [float_tensor(self.output_name, self.public_shape(self.output))],
            "vrseg-tflite2onnx",
        )

    def public_shape(self, index):
        """The NCHW shape of the graph's input or output, free where the graph allows it."""
        _, height, width, channels = self.shape(index)
        return ["N", channels, height, width] if self.fixed_size else ["N", channels, "H", "W"]

    def activated(self, activation, prefix, output, emit):
        """Calls `emit(name)` for the linear part, followed by the fused activation."""
        none = tflite.ActivationFunctionType.NONE
        linear = self.name(output) if activation == none else self.builder.unique(prefix)
        emit(linear)
        if activation == tflite.ActivationFunctionType.RELU:
            self.builder.node("Relu", [linear], [self.name(output)])
        elif activation == tflite.ActivationFunctionType.RELU6:
            bounds = [self.builder.constant(np.float32(v)) for v in (0, 6)]
            self.builder.node("Clip", [linear, *bounds], [self.name(output)])
        elif activation != none:
            raise NotImplementedError(f"{self.path.name}: fused activation {activation}")

    def padding(self, options, tensor, kernel, dilation=(1, 1)):
        """ONNX pads [top, left, bottom, right] of a convolution or pooling."""
        if options.Padding() != tflite.Padding.SAME:
            return [0, 0, 0, 0]
        height, width = self.shape(tensor)[1:3]
        top, bottom = same_padding(height, kernel[0], options.StrideH(), dilation[0])
        left, right = same_padding(width, kernel[1], options.StrideW(), dilation[1])
        return [top, left, bottom, right]

    def _dequantize(self, _kind, _operator, inputs, output):
        self.values[output] = self.values[inputs[0]].astype(np.float32)

    def _convolution(self, kind, operator, inputs, output):
        depthwise = kind == "DEPTHWISE_CONV_2D"
        options = self.options(
            operator, tflite.DepthwiseConv2DOptions if depthwise else tflite.Conv2DOptions
        )
        weights = self.values[inputs[1]].astype(np.float32)
        bias = self.values[inputs[2]].astype(np.float32)
        kernel = list(weights.shape[1:3])
        dilation = [options.DilationHFactor(), options.DilationWFactor()]
        groups = self.shape(inputs[0])[3] if depthwise else 1
        pads = self.padding(options, inputs[0], kernel, dilation)
        weights = weights.transpose([3, 0, 1, 2] if depthwise else NHWC_TO_NCHW)

        def emit(name):
            self.builder.node(
                "Conv",
                [
                    self.name(inputs[0]),
                    self.builder.constant(weights, "w"),
                    self.builder.constant(bias, "b"),
                ],
                [name],
                kernel_shape=kernel,
                strides=[options.StrideH(), options.StrideW()],
                dilations=dilation,
                group=groups,
                pads=pads,
            )

        self.activated(options.FusedActivationFunction(), "conv", output, emit)

    def _transposed_convolution(self, kind, operator, inputs, output):
        activation = tflite.ActivationFunctionType.NONE
        if kind == "TRANSPOSE_CONV":  # the size that it makes is its first input
            inputs = [inputs[2], inputs[1], inputs[3]]
            options = self.options(operator, tflite.TransposeConvOptions)
            activation = options.FusedActivationFunction()
        weights = self.values[inputs[1]].astype(np.float32)  # out, height, width, in
        bias = self.values[inputs[2]].astype(np.float32)
        kernel = list(weights.shape[1:3])
        before, after = self.shape(inputs[0])[1:3], self.shape(output)[1:3]
        strides = [a // b for a, b in zip(after, before)]
        if strides != kernel:
            raise NotImplementedError(f"overlapping transposed convolution {kernel} / {strides}")

        def emit(name):
            self.builder.node(
                "ConvTranspose",
                [
                    self.name(inputs[0]),
                    self.builder.constant(weights.transpose(3, 0, 1, 2), "w"),
                    self.builder.constant(bias, "b"),
                ],
                [name],
                kernel_shape=kernel,
                strides=strides,
            )

        self.activated(activation, "deconv", output, emit)

    def _arithmetic(self, kind, operator, inputs, output):
        add = kind == "ADD"
        options = self.options(operator, tflite.AddOptions if add else tflite.MulOptions)

        def emit(name):
            operands = [self.operand(i) for i in inputs[:2]]
            self.builder.node("Add" if add else "Mul", operands, [name])

        self.activated(options.FusedActivationFunction(), "e", output, emit)

    def _elementwise(self, kind, _operator, inputs, output):
        op = {"RELU": "Relu", "LOGISTIC": "Sigmoid", "HARD_SWISH": "HardSwish"}[kind]
        self.builder.node(op, [self.name(inputs[0])], [self.name(output)])

    def _global_average(self, kind, operator, inputs, output):
        if kind == "AVERAGE_POOL_2D":
            options = self.options(operator, tflite.Pool2DOptions)
            window = [options.FilterHeight(), options.FilterWidth()]
            whole = window == self.shape(inputs[0])[1:3]
        else:
            whole = sorted(int(axis) for axis in self.values[inputs[1]]) == [1, 2]
        if not whole:
            raise NotImplementedError(f"{self.path.name}: {kind} that is not over the whole image")
        self.builder.node("GlobalAveragePool", [self.name(inputs[0])], [self.name(output)])

    def _max_pool(self, _kind, operator, inputs, output):
        options = self.options(operator, tflite.Pool2DOptions)
        kernel = [options.FilterHeight(), options.FilterWidth()]
        self.builder.node(
            "MaxPool",
            [self.name(inputs[0])],
            [self.name(output)],
            kernel_shape=kernel,
            strides=[options.StrideH(), options.StrideW()],
            pads=self.padding(options, inputs[0], kernel),
        )

    def _resize(self, kind, operator, inputs, output):
        linear = kind == "RESIZE_BILINEAR"
        table = tflite.ResizeBilinearOptions if linear else tflite.ResizeNearestNeighborOptions
        options = self.options(operator, table)
        before, after = self.shape(inputs[0])[1:3], self.shape(output)[1:3]
        if options.AlignCorners():
            mode = "align_corners"
        elif options.HalfPixelCenters():
            mode = "half_pixel"
        else:
            mode = "asymmetric"
        if linear:
            attributes = {"mode": "linear"}
        else:
            # TFLite rounds halves up, but always down where it has neither half pixels nor corners.
            rounding = "floor" if mode == "asymmetric" else "round_prefer_ceil"
            attributes = {"mode": "nearest", "nearest_mode": rounding}
        scales = np.array([1, 1, after[0] / before[0], after[1] / before[1]], np.float32)
        self.builder.node(
            "Resize",
            [self.name(inputs[0]), "", self.builder.constant(scales)],
            [self.name(output)],
            coordinate_transformation_mode=mode,
            **attributes,
        )

    def _pad(self, _kind, _operator, inputs, output):
        amounts = self.values[inputs[1]].reshape(-1, 2)[NHWC_TO_NCHW]
        pads = self.builder.integers(np.concatenate([amounts[:, 0], amounts[:, 1]]))
        self.builder.node("Pad", [self.name(inputs[0]), pads], [self.name(output)])

    def _reshape(self, _kind, _operator, inputs, output):
        # The order of the values in memory is part of what a reshape means, and it is that of
        # NHWC. The first axis stays free, so that a batch can go through: it is the outermost one.
        self.fixed_size = True
        shape = self.builder.integers([-1, *self.shape(output)[1:]])
        nhwc = self.builder.node("Transpose", [self.name(inputs[0])], perm=NCHW_TO_NHWC)
        reshaped = self.builder.node("Reshape", [nhwc, shape])
        self.builder.node("Transpose", [reshaped], [self.name(output)], perm=NHWC_TO_NCHW)

    def _transpose(self, _kind, _operator, inputs, output):
        order = [int(axis) for axis in self.values[inputs[1]]]
        order = [NHWC_TO_NCHW.index(order[axis]) for axis in NHWC_TO_NCHW]
        self.builder.node("Transpose", [self.name(inputs[0])], [self.name(output)], perm=order)

    def _softmax(self, _kind, operator, inputs, output):
        if self.options(operator, tflite.SoftmaxOptions).Beta() != 1:
            raise NotImplementedError(f"{self.path.name}: softmax with a beta")
        self.builder.node("Softmax", [self.name(inputs[0])], [self.name(output)], axis=1)

    def _sum(self, _kind, operator, inputs, output):
        axes = [NHWC_TO_NCHW.index(int(axis) % 4) for axis in self.values[inputs[1]].reshape(-1)]
        if not self.options(operator, tflite.ReducerOptions).KeepDims():
            raise NotImplementedError(f"{self.path.name}: sum that drops axes")
        operands = [self.name(inputs[0]), self.builder.integers(axes)]
        self.builder.node("ReduceSum", operands, [self.name(output)])

    HANDLERS = {
        "DEQUANTIZE": _dequantize,
        "CONV_2D": _convolution,
        "DEPTHWISE_CONV_2D": _convolution,
        "Convolution2DTransposeBias": _transposed_convolution,
        "TRANSPOSE_CONV": _transposed_convolution,
        "ADD": _arithmetic,
        "MUL": _arithmetic,
        "RELU": _elementwise,
        "LOGISTIC": _elementwise,
        "HARD_SWISH": _elementwise,
        "AVERAGE_POOL_2D": _global_average,
        "MEAN": _global_average,
        "MAX_POOL_2D": _max_pool,
        "RESIZE_BILINEAR": _resize,
        "RESIZE_NEAREST_NEIGHBOR": _resize,
        "PAD": _pad,
        "RESHAPE": _reshape,
        "TRANSPOSE": _transpose,
        "SOFTMAX": _softmax,
        "SUM": _sum,
    }


def convert(source, target, keep_output=0, output_name="mask", input_name="input"):
    """Writes the ONNX form of the TFLite file `source` to `target`."""
    model = TfliteConverter(source, input_name, keep_output, output_name).convert()
    onnx.save(model, target)


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="the .tflite file")
    parser.add_argument("target", type=Path, help="the .onnx file to write")
    parser.add_argument("--keep-output", type=int, default=0, help="which output to keep")
    parser.add_argument("--output-name", default="mask")
    args = parser.parse_args()
    convert(args.source, args.target, args.keep_output, args.output_name)


if __name__ == "__main__":
    main()
