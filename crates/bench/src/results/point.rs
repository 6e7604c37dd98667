//! One point of a benchmark: its settings and what came of it.

use super::measured::{Measured, WholePipeline};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// The settings of one point.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Spec {
    /// Name of the size, such as `4k`, or of the given video.
    pub size: String,
    /// Width of a frame in pixels, both eyes together; 0 for a given video.
    pub width: usize,
    /// Height of a frame in pixels; 0 for a given video.
    pub height: usize,
    /// Frames that go through the model at once; of a recurrent model, views.
    pub batch: u32,
    /// Number format of the model: auto, fp32, fp16, int8.
    pub precision: String,
    /// Name of the model; empty: the profile's.
    pub model: String,
    /// Device as `--device` accepts it.
    pub device: String,
}

impl Spec {
    /// In words, without what is as in `base` beside the size: `4k batch 4 fp16`.
    pub fn label(&self, base: &Spec) -> String {
        let mut text = self.size.clone();
        if self.model != base.model {
            let _ = write!(text, " {}", if self.model.is_empty() { "default model" } else { &self.model });
        }
        if self.batch != base.batch {
            let _ = write!(text, " batch {}", self.batch);
        }
        for (word, usual) in [(&self.precision, &base.precision), (&self.device, &base.device)] {
            if word != usual {
                let _ = write!(text, " {word}");
            }
        }
        text
    }
}

/// A point: settings and outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Settings that were measured.
    pub spec: Spec,
    /// Figures, or why there are none.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What came of a point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Outcome {
    /// The point was measured.
    Ok(Box<Measured>),
    /// The point can't be measured, or its process broke.
    Failed {
        /// Reason, as a sentence.
        error: String,
    },
}

impl Point {
    /// The figures, where there are some.
    pub fn measured(&self) -> Option<&Measured> {
        match &self.outcome {
            Outcome::Ok(m) => Some(m),
            Outcome::Failed { .. } => None,
        }
    }

    /// Those of the whole pipeline.
    pub fn whole(&self) -> Option<&WholePipeline> {
        self.measured()?.whole.as_ref()
    }
}
