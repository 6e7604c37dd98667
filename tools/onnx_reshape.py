"""Frees the sizes of ready-made ONNX models (U2Net, U2NetP, ISNet) and keeps one output.

The weights stay as they are, except that float16 ones are widened to float32 where the caller
asks: on a CPU ONNX Runtime would insert casts around every node instead.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper, shape_inference

from onnx_graph import keep_outputs


def free_sizes(model, output):
    """Declares batch, height and width of the input and of `output` as free, in place."""
    graph = model.graph
    keep_outputs(graph, [output])
    del graph.value_info[:]
    constants = {c.name for c in graph.initializer}
    inputs = [i for i in graph.input if i.name not in constants]
    if len(inputs) != 1:
        raise ValueError(f"expected one input, found {[i.name for i in inputs]}")
    del graph.input[:]
    graph.input.extend(inputs)
    for value in (*graph.input, *graph.output):
        dims = value.type.tensor_type.shape.dim
        if len(dims) != 4:
            raise ValueError(f"{value.name}: expected 4 dimensions, found {len(dims)}")
        for dim, name in ((dims[0], "N"), (dims[2], "H"), (dims[3], "W")):
            dim.ClearField("dim_value")
            dim.dim_param = name


def sort_nodes(graph):
    """Puts every node after those that it depends on, else keeping their order, in place."""
    made_here = {output for node in graph.node for output in node.output}
    ready = set()
    waiting = list(graph.node)
    ordered = []
    while waiting:
        later = []
        for node in waiting:
            if all(name in ready or name not in made_here for name in node.input):
                ordered.append(node)
                ready.update(node.output)
            else:
                later.append(node)
        if len(later) == len(waiting):
            raise ValueError("the graph has a cycle")
        waiting = later
    del graph.node[:]
    graph.node.extend(ordered)


def scale_instead_of_size(model):
    """Replaces the size that a Resize was exported with by the factor that it stands for.

    Call this while the model still has its fixed input size; in place.
    """
    graph = shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*graph.value_info, *graph.input, *graph.output)
    }
    for node in model.graph.node:
        if node.op_type != "Resize" or len(node.input) < 4 or not node.input[3]:
            continue
        before, after = shapes[node.input[0]], shapes[node.output[0]]
        if len(before) != 4 or len(after) != 4 or not all(before[2:] + after[2:]):
            raise ValueError(f"{node.name}: its sizes are not known: {before}, {after}")
        factors = np.array([1, 1, after[2] / before[2], after[3] / before[3]], np.float32)
        name = f"{node.name}_factors"
        model.graph.initializer.append(numpy_helper.from_array(factors, name))
        image, region = node.input[0], node.input[1]
        del node.input[:]
        node.input.extend([image, region, name])


def widen_to_float32(model):
    """Turns every float16 constant, cast and graph end into float32, in place."""
    graph = model.graph
    for constant in graph.initializer:
        if constant.data_type == TensorProto.FLOAT16:
            wide = numpy_helper.to_array(constant).astype(np.float32)
            constant.CopyFrom(numpy_helper.from_array(wide, constant.name))
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name == "to" and attribute.i == TensorProto.FLOAT16:
                attribute.i = TensorProto.FLOAT
            elif attribute.t.data_type == TensorProto.FLOAT16:
                wide = numpy_helper.to_array(attribute.t).astype(np.float32)
                attribute.t.CopyFrom(numpy_helper.from_array(wide, attribute.t.name))
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT


def convert(source, target, output, widen=False, fixed_resizes=False):
    """Writes `source` with free sizes and the one output `output` to `target`."""
    model = onnx.load(source)
    sort_nodes(model.graph)
    if fixed_resizes:
        scale_instead_of_size(model)
    free_sizes(model, output)
    if widen:
        widen_to_float32(model)
    onnx.checker.check_model(model)
    onnx.save(model, target)


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--output", required=True, help="name of the output to keep")
    parser.add_argument("--widen", action="store_true", help="float16 weights become float32")
    parser.add_argument(
        "--fixed-resizes", action="store_true", help="its Resize nodes have constant sizes"
    )
    args = parser.parse_args()
    convert(args.source, args.target, args.output, args.widen, args.fixed_resizes)


if __name__ == "__main__":
    main()
