//! Graphs in other number formats and orders than the built-in models', made here and run by ONNX Runtime.

use crate::models::graph::{GraphProto, ModelProto, NodeProto, OperatorSetProto, ValueInfoProto};
use crate::provider::SessionOptions;
use crate::{Batch, Manifest, Model, ModelRunner, States, Weights, registry};
use prost::Message;
use std::path::Path;
use tempfile::TempDir;
use vrseg_image::plane::Plane;

const F32: i32 = 1;
const F16: i32 = 10;

fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    let input = inputs.iter().map(|i| (*i).to_owned()).collect();
    NodeProto { input, output: vec![output.into()], op_type: operator.into(), domain: String::new() }
}

/// A model of these parts with this manifest, whose `name`, `sha256` and the like are filled in.
fn runner(
    input: Vec<ValueInfoProto>,
    node: Vec<NodeProto>,
    output: Vec<ValueInfoProto>,
    manifest: &str,
) -> (TempDir, Result<ModelRunner, String>) {
    let graph = GraphProto { node, name: "g".into(), initializer: Vec::new(), input, output };
    let opset_import = vec![OperatorSetProto { domain: String::new(), version: 13 }];
    let model = ModelProto { ir_version: 8, graph: Some(graph), opset_import, ..ModelProto::default() };
    let bytes = model.encode_to_vec();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.onnx");
    std::fs::write(&file, &bytes).unwrap();
    let text = format!(
        "name: x\ndescription: d\nfile: x.onnx\nsha256: {}\nlicense: MIT\nsource: s\n{manifest}",
        registry::sha256(&bytes)
    );
    let manifest = Manifest::parse(&text, Path::new("x.yaml")).unwrap();
    let model = Model { manifest, weights: Weights::File(file) };
    let loaded = ModelRunner::load(&model, &SessionOptions::cpu(1)).map_err(|e| e.to_string());
    (folder, loaded)
}

/// `n` pictures of 4x2; pixel `i` of picture `k` has the red value (k * 8 + i) / 32, green and blue are 0.
fn batch(n: usize) -> Batch {
    let data = (0..n).flat_map(|k| (0..24).map(move |i| if i < 8 { (k * 8 + i) as f32 / 32.0 } else { 0.0 })).collect();
    Batch { data, n, width: 4, height: 2 }
}

fn values(alphas: &[Plane<f32>]) -> Vec<f32> {
    alphas.iter().flat_map(|a| a.data().iter().copied()).collect()
}

fn red(n: usize, factor: f32) -> Vec<f32> {
    (0..8 * n).map(|i| (i as f32 / 32.0 * factor).min(1.0)).collect()
}

const SIZES: &str = "size: 4, min: 2, max: 8, multiple: 2, aspect: keep";

/// Adds what it is shown, times a constant, to its state.
fn counting(number: i32, pictures: i64) -> (TempDir, Result<ModelRunner, String>) {
    let shape = [pictures, 3, 0, 0];
    runner(
        vec![
            ValueInfoProto::tensor("src", number, &shape),
            ValueInfoProto::tensor("r1i", number, &shape),
            ValueInfoProto::tensor("ratio", number, &[1]),
        ],
        vec![
            node("Mul", &["src", "ratio"], "part"),
            node("Add", &["part", "r1i"], "pha"),
            node("Identity", &["pha"], "r1o"),
        ],
        vec![ValueInfoProto::tensor("pha", number, &shape), ValueInfoProto::tensor("r1o", number, &shape)],
        &format!(
            "kind: recurrent\ninput: {{name: src, color: rgb, {SIZES}}}\nconstants: [{{name: ratio, value: 0.25}}]\n\
             output: {{name: pha, activation: none}}\nstates: [{{input: r1i, output: r1o, shape: [n, 3, h, w]}}]"
        ),
    )
}

#[test]
fn constants_and_states_go_in_in_the_graphs_number_format() {
    for (number, pictures) in [(F32, 0), (F16, 0), (F32, 1), (F16, 1)] {
        let (_folder, runner) = counting(number, pictures);
        let mut runner = runner.unwrap();
        let (mut states, mut alphas) = (States::default(), Vec::new());
        for frame in 1..=3 {
            runner.run(&batch(2), &mut states, &mut alphas).unwrap();
            assert_eq!(values(&alphas), red(2, 0.25 * frame as f32), "frame {frame} of {number} {pictures}");
        }
        // As a job that resumes does it.
        let saved = runner.save(&states).unwrap();
        assert_eq!(saved[0].shape, [2, 3, 2, 4]);
        let mut states = runner.restore(&saved).unwrap();
        runner.run(&batch(2), &mut states, &mut alphas).unwrap();
        assert_eq!(values(&alphas), red(2, 1.0), "after restoring, {number} {pictures}");
    }
}

#[test]
fn channels_may_come_last_and_pictures_one_by_one() {
    let shape = [1, 2, 4, 3];
    for number in [F32, F16] {
        let (_folder, runner) = runner(
            vec![ValueInfoProto::tensor("x", number, &shape)],
            vec![node("Identity", &["x"], "y")],
            vec![ValueInfoProto::tensor("y", number, &shape)],
            &format!(
                "kind: image\ninput: {{name: x, color: rgb, layout: nhwc, {SIZES}}}\n\
                 output: {{name: y, activation: none, layout: nhwc}}"
            ),
        );
        let mut alphas = Vec::new();
        runner.unwrap().run(&batch(3), &mut States::default(), &mut alphas).unwrap();
        assert_eq!(values(&alphas), red(3, 1.0));
    }
}

#[test]
fn inputs_missing_from_a_manifest_are_reported() {
    let shape = [0, 3, 0, 0];
    let (_folder, runner) = runner(
        vec![ValueInfoProto::tensor("x", F32, &shape), ValueInfoProto::tensor("ratio", F32, &[1])],
        vec![node("Mul", &["x", "ratio"], "y")],
        vec![ValueInfoProto::tensor("y", F32, &shape)],
        &format!("kind: image\ninput: {{name: x, color: rgb, {SIZES}}}\noutput: {{name: y, activation: none}}"),
    );
    let error = runner.unwrap_err();
    assert!(error.contains("an input ratio that is not in the manifest") && error.contains("constants"), "{error}");
}
