//! All that was measured, as the report and the saved file show it.

use super::trial::Trial;
use serde::Serialize;
use std::path::PathBuf;
use vrseg_engine::tune::bottleneck::Finding;
use vrseg_engine::tune::search::Outcome;

#[derive(Debug, Serialize)]
pub(super) struct Measurements {
    /// The machine in a line.
    pub machine: String,
    /// The clip in a line.
    pub clip: String,
    /// Profile, model and device before the search, in a line.
    pub start: String,
    pub benchmark: Option<Trial>,
    pub bottlenecks: Option<Vec<Finding>>,
    #[serde(skip)]
    pub search: Option<Outcome>,
    pub target_fps: Option<f64>,
    pub floor: f64,
    /// The file that was written.
    pub saved: Option<PathBuf>,
}
