//! What a benchmark found: the types that stand in its JSON file, and the same as CSV.
//! `docs/performance_guide.md` describes the fields.
//!
//! Imports: `measured` and `machine` stand alone; `point` builds on `measured`, `benchmark` on both, `file` and
//! `csv` on `benchmark`.

mod benchmark;
mod csv;
mod file;
mod machine;
mod measured;
mod point;
#[cfg(test)]
pub(crate) mod sample;

pub use benchmark::{Results, Settings};
pub use file::ResultsError;
pub use machine::MachineInfo;
pub use measured::{Latency, Measured, StageAlone, StageShare, WholePipeline};
pub(crate) use measured::{STAGES, mean_and_deviation};
pub use point::{Outcome, Point, Spec};
