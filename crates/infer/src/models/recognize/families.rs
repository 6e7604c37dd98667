//! All families of models that are recognized by their graphs, and the smaller ones of them.

use super::license::License;
use super::parts::{Identity, Normalized, Parts, Sizes, alpha, alpha_or_logit, input, millions, names};
use super::{Known, salient, transformers, video, yolo};
use crate::models::graph::{Graph, Number};
use crate::models::manifest::{Aspect, ClassGroups, Kind, Layout, Output, Scores};

/// A model, or why it can't make mattes.
pub(super) type Found = Result<Known, String>;

type Family = fn(&Graph, &Identity<'_>) -> Option<Found>;

/// The families, those that are told apart most surely first.
pub(super) const ALL: &[Family] = &[
    video::rvm,
    yolo::segmentation,
    modnet,
    salient::u2net,
    salient::isnet,
    transformers::birefnet,
    transformers::inspyrenet,
    mediapipe,
    paddle,
];

/// MODNet: three branches with names of their own.
fn modnet(graph: &Graph, identity: &Identity<'_>) -> Option<Found> {
    let ([picture], [matte]) = (&graph.inputs[..], &graph.outputs[..]) else { return None };
    let named = graph.has_weight("lr_branch") || graph.has_weight("hr_branch");
    let sized = (6_300_000..6_700_000).contains(&graph.parameters) && graph.count("InstanceNormalization") > 5;
    if !named && !sized {
        return None;
    }
    let sizes = Sizes { size: 512, min: 256, max: 1024, multiple: 32, aspect: Aspect::Keep };
    let license = License::permissive("Apache-2.0", "ZHKKKe/MODNet");
    let parts =
        Parts::image("MODNet", license, input(picture, Normalized::SIGNED, sizes), alpha_or_logit(graph, matte));
    let why =
        if named { "its weights are named as MODNet's branches" } else { "it has MODNet's size and normalizations" };
    let parts = parts.window(512, 1.4).because(format!("{}; {why}", millions(graph.parameters)));
    Some(Ok(parts.from("https://github.com/ZHKKKe/MODNet").known(identity)))
}

/// MediaPipe's selfie models, as converters make them from TensorFlow Lite: a tenth of a million weights, channels last.
fn mediapipe(graph: &Graph, identity: &Identity<'_>) -> Option<Found> {
    let ([picture], [output]) = (&graph.inputs[..], &graph.outputs[..]) else { return None };
    let sizes = Sizes { size: 256, min: 128, max: 1024, multiple: 32, aspect: Aspect::Keep };
    let (plain, signed) = (input(picture, Normalized::PLAIN, sizes), input(picture, Normalized::SIGNED, sizes));
    let channels = if plain.layout == Layout::Nhwc { output.length(3) } else { output.length(1) };
    let license = License::permissive("Apache-2.0", "Google MediaPipe");
    let known = |parts: Parts, why: String| {
        let parts = parts.because(why).from("https://github.com/google-ai-edge/mediapipe");
        Some(Ok(parts.known(identity)))
    };
    let why = format!("{}, {} -> {}", millions(graph.parameters), picture.text(), output.text());
    match channels {
        Some(1) if (90_000..130_000).contains(&graph.parameters) && picture.is_float(4) => {
            let parts = Parts::image("MediaPipe Selfie Segmentation", license, plain, alpha_or_logit(graph, output));
            known(parts.window(256, 1.15), why)
        }
        Some(6) if picture.is_float(4) && graph.parameters < 10_000_000 => {
            // Classes: 0 background, 1 hair, 2 body skin, 3 face skin, 4 clothes, 5 others. The gain as for the built-in one.
            let people = ClassGroups { classes: vec![1, 2, 3, 4, 5], background: vec![0], gain: 3.0 };
            let layout = signed.layout;
            let output = Output { people: Some(people), layout, ..alpha(output) };
            let parts = Parts {
                kind: Kind::Multiclass,
                ..Parts::image("MediaPipe Selfie Multiclass", license, signed, output)
            };
            known(parts.window(256, 1.4), why)
        }
        _ => None,
    }
}

/// PP-HumanSeg and PP-Matting of PaddleSeg, as Paddle2ONNX makes them.
fn paddle(graph: &Graph, identity: &Identity<'_>) -> Option<Found> {
    let ([picture], [output, ..]) = (&graph.inputs[..], &graph.outputs[..]) else { return None };
    // Newer versions leave no name of theirs, but name what they fetch in a way of their own.
    let fetched = ["fetch_name_", "save_infer_model"].iter().any(|n| output.name.starts_with(n));
    let made = graph.producer.to_lowercase().contains("paddle") || fetched;
    let named =
        ["humanseg", "ppmatting", "pp-matting", "humanmatting", "modnet"].iter().any(|n| identity.file.contains(n));
    if !(made || named && ["x", "img", "image"].contains(&picture.name.as_str())) {
        return None;
    }
    let license = License::permissive("Apache-2.0", "PaddlePaddle/PaddleSeg");
    let sizes = |size| Sizes { size, min: 128, max: 1024, multiple: 32, aspect: Aspect::Keep };
    let known = |parts: Parts, what: &str| {
        let by = if made { "Paddle2ONNX made it" } else { "its file is named so" };
        let parts = parts.because(format!("{by}; its input is {}", picture.text()));
        let parts = parts.because(format!("{what} in {}", names(&graph.outputs[..1])));
        Some(Ok(parts.from("https://github.com/PaddlePaddle/PaddleSeg").known(identity)))
    };
    let input = |size| input(picture, Normalized::SIGNED, sizes(size));
    let segmentation = |scores| {
        let output = Output { scores, class: Some(1), ..alpha(output) };
        Parts { kind: Kind::Multiclass, ..Parts::image("PP-HumanSeg", license, input(192), output) }.window(192, 1.4)
    };
    if output.number == Number::Integer {
        return known(segmentation(Scores::Labels), "numbers of classes");
    }
    if output.is_float(4) && output.length(1) == Some(2) {
        let softmax = graph.last_operator(&output.name) == "Softmax";
        let (scores, what) = match softmax {
            true => (Scores::Probabilities, "two probabilities"),
            false => (Scores::Logits, "two logits"),
        };
        return known(segmentation(scores), what);
    }
    if output.is_float(4) && output.length(1).is_none_or(|c| c == 1) {
        let parts = Parts::image("PP-Matting", license, input(512), alpha(output));
        return known(parts.window(512, 1.4), "an alpha");
    }
    None
}
