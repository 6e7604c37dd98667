"""A small builder for ONNX graphs, shared by the converters."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

OPSET = 17
IR_VERSION = 8


class GraphBuilder:
    """Collects nodes and constants and gives them names that do not clash."""

    def __init__(self):
        self.nodes = []
        self.constants = {}
        self._count = 0

    def unique(self, prefix):
        """Returns a name that has not been given out yet."""
        self._count += 1
        return f"{prefix}_{self._count}"

    def constant(self, array, prefix="c"):
        """Adds a constant tensor and returns its name."""
        name = self.unique(prefix)
        self.constants[name] = numpy_helper.from_array(np.array(array, order="C"), name)
        return name

    def integers(self, values):
        """Adds a one-dimensional int64 constant (shapes, axes, pads)."""
        return self.constant(np.array(values, np.int64).reshape(-1))

    def node(self, op, inputs, outputs=None, output_count=1, **attributes):
        """Adds a node; returns its output name, or the list of them where there are several."""
        outputs = outputs or [self.unique(op) for _ in range(output_count)]
        name = self.unique("n" + op)
        self.nodes.append(helper.make_node(op, inputs, outputs, name=name, **attributes))
        return outputs if len(outputs) > 1 else outputs[0]

    def name_output(self, tensor, output):
        """Gives an inner tensor the public name `output`."""
        self.nodes.append(helper.make_node("Identity", [tensor], [output]))

    def model(self, name, inputs, outputs, producer):
        """Closes the graph; nodes and constants that no output needs are left out."""
        graph = helper.make_graph(self.nodes, name, inputs, outputs, list(self.constants.values()))
        keep_outputs(graph, [o.name for o in outputs])
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name=producer,
        )
        onnx.checker.check_model(model)
        return model


def float_tensor(name, shape):
    """Describes a graph input or output of type float32."""
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)


def keep_outputs(graph, names):
    """Reduces `graph` in place to the outputs `names` and what they need."""
    producers = {output: node for node in graph.node for output in node.output}
    needed = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            if name in producers:
                waiting.extend(producers[name].input)
    kept = [node for node in graph.node if any(output in needed for output in node.output)]
    constants = [c for c in graph.initializer if c.name in needed]
    outputs = [o for o in graph.output if o.name in names]
    for field, values in (
        (graph.node, kept),
        (graph.initializer, constants),
        (graph.output, outputs),
    ):
        del field[:]
        field.extend(values)
