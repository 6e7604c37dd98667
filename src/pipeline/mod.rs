//! The stages of a job, the channels between them, and what they report.

pub mod cancel;
pub mod events;
pub mod job;

pub use cancel::Cancel;
pub use events::{Event, Observer, OutputReport, StageReport, Summary};
pub use job::{DeviceChoice, Job, ModelChoice, OutputSpec, Precision};
