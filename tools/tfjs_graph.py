"""Reads a TensorFlow.js graph model: `NAME.json` (topology) and `NAME.bin` (weights)."""

import argparse
import base64
import json
import sys
from pathlib import Path

import numpy as np


class TfjsGraph:
    """The nodes, weights and signature of a TensorFlow.js graph model."""

    def __init__(self, stem):
        stem = Path(stem)
        description = json.loads(stem.with_suffix(".json").read_text())
        self.node_list = description["modelTopology"]["node"]
        self.nodes = {node["name"]: node for node in self.node_list}
        self.outputs = description["signature"]["outputs"]
        self.weights = read_weights(
            description["weightsManifest"], stem.with_suffix(".bin").read_bytes()
        )


def read_weights(manifest, data):
    """Decodes the weight file; quantized weights are widened to float32."""
    weights = {}
    offset = 0
    for group in manifest:
        for entry in group["weights"]:
            count = int(np.prod(entry["shape"]))
            quantization = entry.get("quantization")
            dtype = stored_type(entry, quantization)
            array = np.frombuffer(data, dtype, count, offset)
            offset += count * dtype.itemsize
            if quantization and quantization["dtype"] in ("uint8", "uint16"):
                scale, low = (np.float32(quantization[key]) for key in ("scale", "min"))
                array = array.astype(np.float32) * scale + low
            elif quantization:
                array = array.astype(np.float32)
            elif entry["dtype"] == "bool":
                array = array.astype(bool)
            weights[entry["name"]] = array.reshape(entry["shape"])
    if offset != len(data):
        raise ValueError(f"the weight file has {len(data)} bytes, its description {offset}")
    return weights


def stored_type(entry, quantization):
    """The numpy type that a weight has in the file."""
    if quantization:
        return np.dtype(quantization["dtype"])
    return np.dtype({"bool": "uint8", "float32": "float32", "int32": "int32"}[entry["dtype"]])


def attribute(node, key, default=None):
    """An attribute of a node as a plain Python value."""
    value = (node.get("attr") or {}).get(key)
    if value is None:
        return default
    if "list" in value:
        items = value["list"]
        if "s" in items:
            return [base64.b64decode(text).decode() for text in items["s"]]
        return [int(number) for number in items.get("i", [])]
    if "s" in value:
        return base64.b64decode(value["s"]).decode()
    if "i" in value:
        return int(value["i"])
    return next(iter(value.values()))


def data_inputs(node):
    """The inputs of a node without its control dependencies."""
    return [name for name in node.get("input", []) if not name.startswith("^")]


def base_name(reference):
    """`node:1` is output 1 of `node`: the node's name."""
    return reference.partition(":")[0]


def allow_deep_graphs():
    """Lets the converters recurse from the outputs to the inputs of a model of many layers."""
    sys.setrecursionlimit(20000)


def command_line(document, convert):
    """Runs a converter as a program; `document` is its module's text."""
    parser = argparse.ArgumentParser(description=document.splitlines()[0])
    parser.add_argument("stem", type=Path, help="path of the model's .json without its suffix")
    parser.add_argument("target", type=Path, help="the .onnx file to write")
    args = parser.parse_args()
    convert(args.stem, args.target)
