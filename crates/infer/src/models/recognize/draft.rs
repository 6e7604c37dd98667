//! A manifest for a model of which only the graph is known: what can be read off it, and guesses for the rest.

use super::license::License;
use super::parts::{Identity, Normalized, Parts, Sizes, alpha, alpha_or_logit, input};
use crate::models::graph::{Graph, Number, Port};
use crate::models::manifest::{Aspect, Constant, Kind, Manifest, Output, Scores, Value};

/// What can be said of a model that isn't known.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its inputs and outputs.
    pub graph: Graph,
    /// Manifests that may fit, the likeliest first; never empty. They differ in how pictures are normalized and outputs read.
    pub guesses: Vec<Guess>,
}

/// A manifest that may fit.
#[derive(Clone, Debug)]
pub struct Guess {
    /// The manifest.
    pub manifest: Manifest,
    /// What it guesses, for users.
    pub text: String,
}

/// Data sets by their number of classes, and which one is a person in each.
const DATA_SETS: &[(usize, usize, &str)] = &[
    (2, 1, "background and person"),
    (19, 11, "Cityscapes"),
    (21, 15, "VOC"),
    (150, 12, "ADE20K"),
    (151, 13, "ADE20K"),
];

impl Draft {
    /// Reads what there is to read.
    ///
    /// # Errors
    /// Neither a picture goes in, nor a map comes out; as a text for users.
    pub(super) fn of(graph: Graph, identity: &Identity<'_>) -> Result<Self, String> {
        let listed = |ports: &[Port]| ports.iter().map(Port::text).collect::<Vec<_>>().join("; ");
        let Some(picture) = graph.inputs.iter().find(|p| is_picture(p)) else {
            let what = "no input has the shape [N, 3, H, W] or [N, H, W, 3]";
            return Err(format!("{what}; its inputs are {}", listed(&graph.inputs)));
        };
        let readings: Vec<_> = graph.outputs.iter().flat_map(|port| readings(&graph, port)).collect();
        if readings.is_empty() {
            return Err(format!("no output is a map of the picture; its outputs are {}", listed(&graph.outputs)));
        }
        let rest = graph.inputs.iter().filter(|p| p.name != picture.name);
        // One is what most switches and ratios mean by "as it is".
        let constants: Vec<_> =
            rest.map(|p| Constant { name: p.name.clone(), value: Some(Value::Number(1.0)), fit: None }).collect();
        let sizes = Sizes { size: 512, min: 256, max: 1024, multiple: 32, aspect: Aspect::Square };
        let normalizations = [
            (Normalized::IMAGENET, "ImageNet's mean and deviation"),
            (Normalized::PLAIN, "RGB from 0 to 1"),
            (Normalized::SIGNED, "RGB from -1 to 1"),
        ];
        let guesses = normalizations.iter().flat_map(|(normalized, how)| {
            let constants = &constants;
            readings.iter().map(move |(kind, output, what)| {
                let input = input(picture, *normalized, sizes);
                let mut parts = Parts::image("(what it is, in a line)", License::UNKNOWN, input, output.clone());
                (parts.kind, parts.constants) = (*kind, constants.clone());
                let manifest = parts.from("(where it comes from)").known(identity).manifest;
                Guess { manifest, text: format!("{how}; {} is {what}", output.name) }
            })
        });
        let guesses = guesses.collect();
        Ok(Self { graph, guesses })
    }
}

fn is_picture(port: &Port) -> bool {
    let channels = [1, 3].iter().any(|k| port.length(*k) == Some(3));
    port.shape.len() == 4 && channels && port.number != Number::Other
}

/// What an output may mean.
fn readings(graph: &Graph, port: &Port) -> Vec<(Kind, Output, String)> {
    if port.number == Number::Integer && [3, 4].contains(&port.shape.len()) {
        let output = Output { scores: Scores::Labels, class: Some(1), ..alpha(port) };
        return vec![(Kind::Multiclass, output, "numbers of classes, 1 a person".to_owned())];
    }
    if !port.is_float(4) && !port.is_float(3) {
        return Vec::new();
    }
    let channels = if port.shape.len() == 3 { Some(1) } else { port.length(1) };
    match channels {
        None | Some(1) => {
            let output = alpha_or_logit(graph, port);
            let alpha = output.activation == crate::manifest::Activation::None;
            let plain = (Kind::Image, output.clone(), if alpha { "an alpha" } else { "a logit" }.to_owned());
            let stretched = Output { stretch: true, ..output };
            vec![plain, (Kind::Image, stretched, "a map that is stretched from 0 to 1".to_owned())]
        }
        // A picture, such as a foreground's colors.
        Some(3) => Vec::new(),
        Some(count) => {
            let known = DATA_SETS.iter().find(|(classes, ..)| *classes == count);
            let (class, of) = known.map_or((1, "unknown classes"), |(_, class, of)| (*class, *of));
            let softmax = graph.last_operator(&port.name) == "Softmax";
            let scores = if softmax { Scores::Probabilities } else { Scores::Logits };
            let output = Output { scores, class: Some(class), ..alpha(port) };
            vec![(Kind::Multiclass, output, format!("scores of {count} classes ({of}), {class} a person"))]
        }
    }
}
