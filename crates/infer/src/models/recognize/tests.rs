//! Graphs that have no more than what a family is recognized by.

use super::*;
use crate::manifest::{Activation, Aspect, Kind, Layout, PreferredInput, Scores};
use crate::models::graph::{
    EntryProto, GraphProto, ModelProto, NodeProto, OperatorSetProto, TensorProto, ValueInfoProto,
};
use prost::Message;

const F32: i32 = 1;
const I64: i32 = 7;
const F16: i32 = 10;

/// A graph in the making; a length of 0 is open.
#[derive(Default)]
struct Made {
    model: ModelProto,
    graph: GraphProto,
}

fn entry(key: &str, value: &str) -> EntryProto {
    EntryProto { key: key.into(), value: value.into() }
}

impl Made {
    fn input(mut self, name: &str, number: i32, shape: &[i64]) -> Self {
        self.graph.input.push(ValueInfoProto::tensor(name, number, shape));
        self
    }

    /// An output, and the operator that makes it.
    fn output(mut self, name: &str, number: i32, shape: &[i64], operator: &str) -> Self {
        self.graph.output.push(ValueInfoProto::tensor(name, number, shape));
        self.node(operator, "", name)
    }

    fn node(mut self, operator: &str, domain: &str, output: &str) -> Self {
        let (op_type, domain) = (operator.into(), domain.into());
        self.graph.node.push(NodeProto { input: vec!["x".into()], output: vec![output.into()], op_type, domain });
        self
    }

    fn weights(mut self, name: &str, numbers: i64) -> Self {
        self.graph.initializer.push(TensorProto { name: name.into(), dims: vec![numbers], ..TensorProto::default() });
        self
    }

    fn remark(mut self, key: &str, value: &str) -> Self {
        self.model.metadata_props.push(entry(key, value));
        self
    }

    fn finding(self, file: &str) -> Finding {
        let opset = OperatorSetProto { domain: String::new(), version: 17 };
        let model = ModelProto { ir_version: 8, graph: Some(self.graph), opset_import: vec![opset], ..self.model };
        recognize(Path::new(file), &model.encode_to_vec(), &"0".repeat(64), "mine")
    }

    fn known(self, file: &str) -> Known {
        let known = match self.finding(file) {
            Finding::Known(known) => *known,
            other => panic!("{other:?}"),
        };
        // What was recognized must be a valid manifest.
        let text = known.manifest.to_yaml();
        assert_eq!(
            Manifest::parse(&text, Path::new("mine.yaml")).unwrap_or_else(|e| panic!("{e}\n{text}")),
            known.manifest
        );
        known
    }

    fn refused(self) -> String {
        match self.finding("x.onnx") {
            Finding::Refused(why) => why,
            other => panic!("{other:?}"),
        }
    }
}

fn made() -> Made {
    Made::default()
}

fn rvm(number: i32, weights: i64) -> Made {
    let mut made = made().input("src", number, &[0, 3, 0, 0]).weights("w", weights);
    made = made.output("fgr", number, &[0, 3, 0, 0], "Clip").output("pha", number, &[0, 1, 0, 0], "Clip");
    for k in 1..=4 {
        made = made.input(&format!("r{k}i"), number, &[0, 0, 0, 0]);
        made = made.output(&format!("r{k}o"), number, &[0, 0, 0, 0], "Add");
    }
    made
}

#[test]
fn robust_video_matting_is_recognized_by_its_states() {
    let known = rvm(F32, 3_740_000).input("downsample_ratio", F32, &[1]).known("x.onnx");
    assert_eq!(known.title, "Robust Video Matting (MobileNetV3)");
    let m = &known.manifest;
    assert_eq!((m.kind, m.states.len(), m.looks), (Kind::Recurrent, 4, PreferredInput::Windows));
    assert_eq!(m.constants[0].numbers((1024, 512)), [0.5]);
    assert_eq!(m.constants[0].numbers((256, 256)), [1.0]);
    assert!(known.license.warning().unwrap().contains("copyleft"));
    let known = rvm(F16, 26_900_000).known("x.onnx");
    assert_eq!((known.title.as_str(), known.manifest.constants.len()), ("Robust Video Matting (ResNet50, FP16)", 0));
}

#[test]
fn modnet_is_recognized_by_its_branches() {
    let modnet = |shape: &[i64]| {
        let made = made().input("input", F32, shape).output("output", F32, &[0, 1, 0, 0], "Sigmoid");
        made.weights("lr_branch.conv.weight", 6_500_000).known("x.onnx").manifest
    };
    let m = modnet(&[0, 3, 0, 0]);
    assert_eq!((m.input.mean, m.input.std, m.input.fixed, m.input.aspect), ([0.5; 3], [0.5; 3], false, Aspect::Keep));
    assert_eq!((m.output.activation, m.crop.size), (Activation::None, 512));
    let m = modnet(&[1, 3, 288, 512]);
    assert_eq!((m.input.size, m.input.fixed, m.input_size(None, 100, 100).unwrap()), (512, true, (512, 288)));
}

#[test]
fn salient_models_are_distinguished() {
    let net = |size: i64, weights: &str, numbers: i64, ports: (&str, &str)| {
        let made = made().input(ports.0, F32, &[1, 3, size, size]).weights(weights, numbers);
        made.output(ports.1, F32, &[1, 1, size, size], "Sigmoid").output("d1", F32, &[1, 1, size, size], "Sigmoid")
    };
    let u2net = net(320, "stage1.rebnconvin.conv_s1.weight", 44_000_000, ("input.1", "1959"));
    let m = u2net.known("u2net.onnx").manifest;
    assert!(m.input.divide_by_max && m.output.stretch && m.output.name == "1959");
    let small = net(320, "stage1.rebnconvin.conv_s1.weight", 1_130_000, ("input.1", "1959"));
    assert_eq!(small.known("x.onnx").title, "U-2-Net, small (u2netp)");
    let human = net(320, "stage1.rebnconvin.conv_s1.weight", 44_000_000, ("input.1", "1959"));
    assert!(human.known("u2net_human_seg.onnx").title.contains("people"));
    let isnet = || net(1024, "stage1.rebnconvin.conv_s1.weight", 44_000_000, ("input_image", "output_image"));
    assert_eq!(isnet().known("isnet-general-use.onnx").title, "ISNet (DIS)");
    let rmbg = isnet().known("rmbg-1.4.onnx");
    assert!(rmbg.license.warning().unwrap().contains("non-commercial"));
}

#[test]
fn models_with_attention_are_recognized_by_ports_and_names() {
    let net = |ports: (&str, &str), weights: (&str, i64), last: &str| {
        let mut made = made().input(ports.0, F32, &[1, 3, 1024, 1024]).output(ports.1, F32, &[1, 1, 1024, 1024], last);
        for k in 0..20 {
            made = made.node("MatMul", "", &format!("m{k}"));
        }
        made.weights(weights.0, weights.1)
    };
    let known = net(("input_image", "output_image"), ("onnx::Conv_1", 220_000_000), "Conv").known("x.onnx");
    assert_eq!((known.title.as_str(), known.manifest.output.activation), ("BiRefNet", Activation::Sigmoid));
    let light =
        net(("input_image", "output_image"), ("squeeze_module.0.weight", 44_000_000), "Sigmoid").known("x.onnx");
    assert_eq!((light.title.as_str(), light.manifest.output.activation), ("BiRefNet, light", Activation::None));
    let rmbg = net(("pixel_values", "alphas"), ("onnx::Conv_1", 220_000_000), "Sigmoid").known("x.onnx");
    assert_eq!((rmbg.title.as_str(), rmbg.license.spdx), ("BRIA RMBG-2.0", "CC-BY-NC-4.0"));
    let other =
        net(("x", "y"), ("context1.branch0.weight", 90_000_000), "Sigmoid").weights("attention0.conv.weight", 9);
    let known = other.known("x.onnx");
    assert!(known.title == "InSPyReNet" && known.manifest.output.stretch);
}

#[test]
fn channels_last_are_seen() {
    let made = made().input("input_1:0", F32, &[1, 144, 256, 3]).weights("w", 106_000);
    let m = made.output("activation_10:0", F32, &[1, 144, 256, 1], "Sigmoid").known("x.onnx").manifest;
    assert_eq!((m.input.layout, m.output.layout), (Layout::Nhwc, Layout::Nhwc));
    assert_eq!(m.input_size(None, 900, 900).unwrap(), (256, 144));
}

#[test]
fn paddles_outputs_are_classes_or_an_alpha() {
    let net = |output: (&str, i32, &[i64], &str)| {
        let made = made().input("x", F32, &[1, 3, 192, 192]).weights("w", 2_000_000);
        made.output(output.0, output.1, output.2, output.3)
    };
    let softmax = net(("save_infer_model/scale_0.tmp_1", F32, &[1, 2, 192, 192], "Softmax")).known("x.onnx").manifest;
    assert_eq!(
        (softmax.kind, softmax.output.scores, softmax.output.class),
        (Kind::Multiclass, Scores::Probabilities, Some(1))
    );
    let argmax = net(("fetch_name_0", I64, &[1, 192, 192], "ArgMax")).known("x.onnx").manifest;
    assert_eq!(argmax.output.scores, Scores::Labels);
    let matting = net(("tmp_75", F32, &[1, 1, 192, 192], "Clip")).known("pp-matting_humanmatting.onnx");
    assert_eq!((matting.title.as_str(), matting.manifest.kind), ("PP-Matting", Kind::Image));
}

#[test]
fn yolo_segmentation_is_recognized_by_its_tables() {
    let net = |boxes: &[i64]| {
        let made = made().input("images", F32, &[1, 3, 640, 640]).output("output0", F32, boxes, "Concat");
        made.output("output1", F32, &[1, 32, 160, 160], "Mul")
    };
    let m = net(&[1, 116, 8400]).remark("names", "{0: 'dog', 3: 'person'}").known("x.onnx").manifest;
    let how = m.output.instances.as_ref().unwrap();
    assert_eq!((m.kind, how.person, how.objectness, m.input.aspect), (Kind::Instances, 3, false, Aspect::Pad));
    let how = net(&[1, 25200, 117]).known("x.onnx").manifest.output.instances.unwrap();
    assert!(how.objectness);
    assert!(net(&[1, 116, 8400]).remark("names", "{0: 'dog'}").refused().contains("no person"));
    assert!(net(&[1, 300, 38]).refused().contains("nms=False"));
}

#[test]
fn models_without_mattes_are_named() {
    let picture = || made().input("images", F32, &[1, 3, 640, 640]);
    let text = made().input("input_ids", I64, &[1, 77]).output("y", F32, &[1, 512], "MatMul");
    assert!(text.refused().contains("text encoder"));
    let detector = picture().output("output0", F32, &[1, 84, 8400], "Concat");
    assert!(detector.refused().contains("detector without masks"));
    let pose = picture().output("output0", F32, &[1, 56, 8400], "Concat").remark("task", "pose");
    assert!(pose.refused().contains("detector without masks"));
    let classifier = picture().output("logits", F32, &[1, 1000], "Gemm");
    assert!(classifier.refused().contains("classifier"));
    let sam = made().input("image_embeddings", F32, &[1, 256, 64, 64]).input("point_coords", F32, &[1, 0, 2]);
    assert!(sam.output("masks", F32, &[1, 1, 0, 0], "Resize").refused().contains("clicks"));
    let plugin = picture().node("grid_sampler", "mmdeploy", "g").output("y", F32, &[1, 1, 640, 640], "Sigmoid");
    assert!(plugin.refused().contains("mmdeploy.grid_sampler"));
    let sound = made().input("sound", F32, &[1, 16000]).output("y", F32, &[1, 80, 100], "Conv");
    assert!(sound.refused().contains("has no picture input"));
    let mut outside = picture().output("y", F32, &[1, 1, 640, 640], "Sigmoid");
    let external_data = vec![entry("location", "model.onnx.data")];
    outside.graph.initializer.push(TensorProto { data_location: 1, external_data, ..TensorProto::default() });
    assert!(outside.refused().contains("model.onnx.data"));
    assert!(
        matches!(recognize(Path::new("x"), b"no model", "", "x"), Finding::Refused(why) if why.contains("not an ONNX"))
    );
}

#[test]
fn unknown_models_get_guesses() {
    let net = made().input("pixels", F32, &[0, 3, 0, 0]).input("ratio", F32, &[1]);
    let net = net.output("logits", F32, &[0, 21, 0, 0], "Conv").output("embedding", F32, &[0, 512], "Gemm");
    let Finding::Unknown(draft) = net.finding("x.onnx") else { panic!("not a draft") };
    assert_eq!(draft.guesses.len(), 3);
    let first = &draft.guesses[0].manifest;
    assert_eq!((first.output.class, first.constants[0].name.as_str()), (Some(15), "ratio"));
    Manifest::parse(&first.to_yaml(), Path::new("x.yaml")).unwrap();
}
