//! How a model works, and with which input it is best.

use schemars::JsonSchema;
use serde::Deserialize;

/// How a model works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Each picture's matte depends on that picture only.
    Image,
    /// Each matte depends on the frames before, too, by states that the model returns.
    Recurrent,
    /// A score for each class; the matte is the person's probability.
    Multiclass,
    /// No mattes but boxes around people, see [`crate::detector`].
    Detector,
    /// No mattes but keypoints of people, see [`crate::pose`].
    Pose,
    /// A mask for each person, of which the matte shows all.
    Instances,
}

impl Kind {
    /// Its name in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Recurrent => "recurrent",
            Self::Multiclass => "multiclass",
            Self::Detector => "detector",
            Self::Pose => "pose",
            Self::Instances => "instances",
        }
    }
}

/// The input with which a model is best.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PreferredInput {
    /// As the profile and the user have it: on whole views where `--model` names it, on person crops where `--crops` does.
    #[default]
    Either,
    /// On person crops, also where only `--model` names it.
    Windows,
    /// On whole views.
    Views,
}
