//! What an ONNX file says of itself: its inputs and outputs, operators, and how its weights are called. The weights themselves
//! are not read.

use prost::Message;
use std::collections::{BTreeMap, BTreeSet};

/// The parts of ONNX's `ModelProto` that are read; field numbers as in onnx.proto of ONNX 1.18.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ModelProto {
    #[prost(int64, tag = "1")]
    pub(crate) ir_version: i64,
    #[prost(string, tag = "2")]
    pub(crate) producer_name: String,
    #[prost(message, optional, tag = "7")]
    pub(crate) graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    pub(crate) opset_import: Vec<OperatorSetProto>,
    #[prost(message, repeated, tag = "14")]
    pub(crate) metadata_props: Vec<EntryProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    pub(crate) node: Vec<NodeProto>,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(message, repeated, tag = "5")]
    pub(crate) initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    pub(crate) input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    pub(crate) output: Vec<ValueInfoProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    pub(crate) input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(crate) output: Vec<String>,
    #[prost(string, tag = "4")]
    pub(crate) op_type: String,
    #[prost(string, tag = "7")]
    pub(crate) domain: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorProto {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub(crate) dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub(crate) data_type: i32,
    #[prost(string, tag = "8")]
    pub(crate) name: String,
    #[prost(message, repeated, tag = "13")]
    pub(crate) external_data: Vec<EntryProto>,
    /// 1: the values are in another file.
    #[prost(int32, tag = "14")]
    pub(crate) data_location: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValueInfoProto {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) r#type: Option<TypeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TypeProto {
    #[prost(message, optional, tag = "1")]
    pub(crate) tensor_type: Option<TensorTypeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorTypeProto {
    #[prost(int32, tag = "1")]
    pub(crate) elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub(crate) shape: Option<ShapeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ShapeProto {
    #[prost(message, repeated, tag = "1")]
    pub(crate) dim: Vec<DimensionProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct DimensionProto {
    #[prost(int64, tag = "1")]
    pub(crate) dim_value: i64,
    #[prost(string, tag = "2")]
    pub(crate) dim_param: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OperatorSetProto {
    #[prost(string, tag = "1")]
    pub(crate) domain: String,
    #[prost(int64, tag = "2")]
    pub(crate) version: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct EntryProto {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

/// An input or output of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Its number format.
    pub number: Number,
    /// Length of each dimension; `None`: it is open.
    pub shape: Vec<Option<usize>>,
}

/// Number format of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// 32-bit floating point.
    F32,
    /// 16-bit floating point.
    F16,
    /// Any whole number.
    Integer,
    /// Text, complex numbers and the like.
    Other,
}

impl Port {
    /// How users read it: `src f32 [?, 3, ?, ?]`.
    pub fn text(&self) -> String {
        let number = match self.number {
            Number::F32 => "f32",
            Number::F16 => "f16",
            Number::Integer => "integer",
            Number::Other => "other",
        };
        let length = |d: &Option<usize>| d.map_or("?".to_owned(), |d| d.to_string());
        format!("{} {number} [{}]", self.name, self.shape.iter().map(length).collect::<Vec<_>>().join(", "))
    }

    /// Length of dimension number `k`, where it is given.
    pub(crate) fn length(&self, k: usize) -> Option<usize> {
        self.shape.get(k).copied().flatten()
    }

    /// Whether it is a floating-point tensor of this many dimensions.
    pub(crate) fn is_float(&self, rank: usize) -> bool {
        matches!(self.number, Number::F32 | Number::F16) && self.shape.len() == rank
    }
}

/// What an ONNX file says of itself.
#[derive(Clone, Debug)]
pub struct Graph {
    /// Inputs without those that have a value in the file.
    pub inputs: Vec<Port>,
    /// Outputs.
    pub outputs: Vec<Port>,
    /// How often each operator occurs.
    pub(crate) operators: BTreeMap<String, usize>,
    /// Version of ONNX's own operators that it needs.
    pub opset: i64,
    /// Operators of other domains than ONNX's own, as `domain.Operator`.
    pub(crate) foreign: BTreeSet<String>,
    /// The last operators before an output that do more than move numbers, by the output's name.
    last: BTreeMap<String, String>,
    /// Names of the weights.
    pub(crate) weights: Vec<String>,
    /// How many numbers the weights have together.
    pub parameters: u64,
    /// Files that hold weights, beside this one.
    pub(crate) outside: BTreeSet<String>,
    /// The program that made it.
    pub(crate) producer: String,
    /// Remarks of that program.
    pub(crate) remarks: BTreeMap<String, String>,
}

impl Graph {
    /// Reads a file's bytes, which may be anything.
    ///
    /// # Errors
    /// It is no ONNX file, as a text for users.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let model = ModelProto::decode(bytes).map_err(|_| "it is not an ONNX file".to_owned())?;
        let Some(graph) = model.graph.filter(|_| model.ir_version > 0) else {
            return Err("it is not an ONNX file: it has no graph".to_owned());
        };
        Ok(Self::of(graph, &model.opset_import, model.producer_name, model.metadata_props))
    }

    fn of(graph: GraphProto, opsets: &[OperatorSetProto], producer: String, remarks: Vec<EntryProto>) -> Self {
        let own = |domain: &str| domain.is_empty() || domain == "ai.onnx";
        let opset = opsets.iter().find(|o| own(&o.domain)).map_or(0, |o| o.version);
        let mut operators = BTreeMap::new();
        let mut foreign = BTreeSet::new();
        for node in &graph.node {
            *operators.entry(node.op_type.clone()).or_default() += 1;
            if !own(&node.domain) {
                foreign.insert(format!("{}.{}", node.domain, node.op_type));
            }
        }
        let given: BTreeSet<_> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
        let inputs = graph.input.iter().filter(|i| !given.contains(i.name.as_str())).map(port).collect();
        let outputs = graph.output.iter().map(port).collect();
        let numbers = |t: &TensorProto| t.dims.iter().map(|d| d.unsigned_abs()).fold(1u64, u64::saturating_mul);
        let parameters = graph.initializer.iter().map(numbers).fold(0u64, u64::saturating_add);
        let outside = graph.initializer.iter().filter(|t| t.data_location == 1);
        let outside = outside.flat_map(|t| &t.external_data).filter(|e| e.key == "location").map(|e| e.value.clone());
        Self {
            inputs,
            outputs,
            operators,
            opset,
            foreign,
            last: last_operators(&graph),
            outside: outside.collect(),
            weights: graph.initializer.iter().map(|t| t.name.clone()).collect(),
            parameters,
            producer,
            remarks: remarks.into_iter().map(|e| (e.key, e.value)).collect(),
        }
    }

    /// The last operator before an output that does more than move, scale or round numbers: `Sigmoid`, say.
    pub(crate) fn last_operator(&self, output: &str) -> &str {
        self.last.get(output).map_or("", String::as_str)
    }

    /// The input of that name.
    pub(crate) fn input(&self, name: &str) -> Option<&Port> {
        self.inputs.iter().find(|p| p.name == name)
    }

    /// The output of that name.
    pub(crate) fn output(&self, name: &str) -> Option<&Port> {
        self.outputs.iter().find(|p| p.name == name)
    }

    /// How often an operator occurs.
    pub(crate) fn count(&self, operator: &str) -> usize {
        self.operators.get(operator).copied().unwrap_or(0)
    }

    /// Whether the name of a weight has this in it.
    pub(crate) fn has_weight(&self, part: &str) -> bool {
        self.weights.iter().any(|name| name.contains(part))
    }
}

/// For each output the operator that [`Graph::last_operator`] names.
fn last_operators(graph: &GraphProto) -> BTreeMap<String, String> {
    const PASSING: &[&str] = &[
        "Cast",
        "Clip",
        "Concat",
        "Flatten",
        "Gather",
        "Identity",
        "Pad",
        "Reshape",
        "Resize",
        "Slice",
        "Split",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
        "Upsample",
    ];
    let made_by: BTreeMap<&str, &NodeProto> =
        graph.node.iter().flat_map(|node| node.output.iter().map(move |name| (name.as_str(), node))).collect();
    let trace = |output: &str| {
        let mut node = *made_by.get(output)?;
        // A graph has no circles, but a file may.
        for _ in 0..graph.node.len() {
            if !PASSING.contains(&node.op_type.as_str()) {
                break;
            }
            let before = node.input.first().and_then(|name| made_by.get(name.as_str()));
            let Some(before) = before else { break };
            node = before;
        }
        Some(node.op_type.clone())
    };
    graph.output.iter().filter_map(|o| Some((o.name.clone(), trace(&o.name)?))).collect()
}

fn port(info: &ValueInfoProto) -> Port {
    let tensor = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    // Numbers of TensorProto.DataType.
    let number = match tensor.map_or(0, |t| t.elem_type) {
        1 => Number::F32,
        10 => Number::F16,
        2..=7 | 9 | 12 | 13 => Number::Integer,
        _ => Number::Other,
    };
    let dims = tensor.and_then(|t| t.shape.as_ref()).map_or(&[][..], |s| &s.dim);
    let shape = dims.iter().map(|d| usize::try_from(d.dim_value).ok().filter(|n| *n > 0)).collect();
    Port { name: info.name.clone(), number, shape }
}

#[cfg(test)]
impl ValueInfoProto {
    /// A tensor of ONNX's number format `number`, with open dimensions where the length is 0.
    pub(crate) fn tensor(name: &str, number: i32, shape: &[i64]) -> Self {
        let dim = |(k, n): (usize, &i64)| DimensionProto {
            dim_value: *n,
            dim_param: if *n == 0 { format!("{name}{k}") } else { String::new() },
        };
        let shape = ShapeProto { dim: shape.iter().enumerate().map(dim).collect() };
        let tensor_type = Some(TensorTypeProto { elem_type: number, shape: Some(shape) });
        Self { name: name.into(), r#type: Some(TypeProto { tensor_type }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Graph::read(&bytes);
        }
    }

    #[test]
    fn built_in_selfie_is_described() {
        let Ok(model) = crate::registry::find("selfie") else { panic!("selfie is always there") };
        let graph = Graph::read(&model.load().unwrap()).unwrap();
        assert_eq!(graph.inputs[0].text(), "input f32 [?, 3, ?, ?]");
        assert_eq!(graph.outputs[0].text(), "mask f32 [?, 1, ?, ?]");
        assert!((100_000..130_000).contains(&graph.parameters), "{}", graph.parameters);
        assert_eq!((graph.opset, graph.foreign.len(), graph.outside.len()), (17, 0, 0));
        assert!(graph.count("Conv") > 20);
    }
}
