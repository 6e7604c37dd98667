//! What a model's outputs mean.

use super::input::Layout;
use super::kind::Kind;
use schemars::JsonSchema;
use serde::Deserialize;

/// What is applied to the raw output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// The output is an alpha already.
    None,
    /// The output is a logit.
    Sigmoid,
}

/// What a multiclass model says of each class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scores {
    /// Logits, of which the softmax is taken.
    #[default]
    Logits,
    /// Probabilities: the softmax is part of the graph.
    Probabilities,
    /// One channel with the number of the likeliest class (argmax).
    Labels,
}

/// Classes whose scores together make the matte: `sigmoid(gain * (lse(classes) - lse(background)))`, where `lse` is the
/// logarithm of the sum of the exponentials. Of probabilities it is their sum over `classes`, of labels whether the label is
/// one of `classes`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassGroups {
    /// Channels that show people, or a part of them.
    pub classes: Vec<usize>,
    /// Channels that show what isn't a person.
    pub background: Vec<usize>,
    /// How steeply the matte goes from background to person; 1 is the probability itself.
    #[serde(default = "one")]
    pub gain: f32,
}

/// How masks of single people are read, as YOLO's segmentation models give them: boxes with the scores of the classes and
/// coefficients, and prototypes that these coefficients weigh.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Instances {
    /// Name of the output with the prototypes, `[N, M, h, w]`. `output.name` is that with the boxes: `[N, 4 + classes + M, A]`, or
    /// `[N, A, 5 + classes + M]` with `objectness`.
    pub prototypes: String,
    /// The class of people.
    #[serde(default)]
    pub person: usize,
    /// Boxes whose score is lower don't count.
    #[serde(default = "score")]
    pub score: f32,
    /// Of two boxes that overlap by a larger intersection over union, the one with the higher score counts.
    #[serde(default = "overlap")]
    pub overlap: f32,
    /// The score of a box stands before those of its classes (YOLOv5).
    #[serde(default)]
    pub objectness: bool,
}

/// The output tensor, `[N, C, H, W]`, `[N, H, W]` or `[N, H, W, C]`, in any number format. The names of its type and fields are
/// part of cache keys.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Its name in the ONNX graph.
    pub name: String,
    /// What is applied to the raw values.
    pub activation: Activation,
    /// Order of the dimensions.
    #[serde(default)]
    pub layout: Layout,
    /// Stretched so that its lowest value is 0 and its highest 1.
    #[serde(default)]
    pub stretch: bool,
    /// Multiclass: what the channels are.
    #[serde(default)]
    pub scores: Scores,
    /// Multiclass: the person's channel (softmax over all).
    #[serde(default)]
    pub class: Option<usize>,
    /// Multiclass: several channels that together are a person.
    #[serde(default)]
    pub people: Option<ClassGroups>,
    /// Instances: how their masks are read.
    #[serde(default)]
    pub instances: Option<Instances>,
}

impl Output {
    /// The first rule between its fields that it breaks in a manifest of this kind.
    pub(super) fn broken_rule(&self, kind: Kind) -> Option<&'static str> {
        let unit = |v: f32| (0.0..=1.0).contains(&v);
        let rules = [
            (
                (kind == Kind::Multiclass) != (self.class.is_some() || self.people.is_some()),
                "output.class or output.people: a multiclass model needs one of them, and only a multiclass model has one",
            ),
            (self.class.is_some() && self.people.is_some(), "output: class and people can't both be given"),
            (
                self.people.iter().any(|g| g.classes.is_empty() || g.background.is_empty()),
                "output.people: classes and background need a channel each, at least",
            ),
            (
                self.scores != Scores::Logits && kind != Kind::Multiclass,
                "output.scores: only a multiclass model has scores of classes",
            ),
            (
                (kind == Kind::Instances) != self.instances.is_some(),
                "output.instances: a model of kind instances needs it, and only such a model has it",
            ),
            (
                self.instances.iter().any(|i| !unit(i.score) || !unit(i.overlap)),
                "output.instances: score and overlap must be from 0 to 1",
            ),
        ];
        rules.iter().find(|r| r.0).map(|r| r.1)
    }
}

fn one() -> f32 {
    1.0
}

fn score() -> f32 {
    0.25
}

fn overlap() -> f32 {
    0.7
}
