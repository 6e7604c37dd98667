//! The stages of a job, the channels between them, and what they report.

mod backdrop;
pub mod budget;
pub mod cancel;
pub mod clock;
mod compose;
mod decode;
mod encode;
pub mod error;
pub mod events;
mod frame;
pub mod geometry;
pub mod histogram;
mod infer;
pub mod job;
pub mod live;
mod matte;
pub mod people;
pub mod plan;
mod prepare;
mod progress;
pub mod recognize;
pub mod run;
pub mod trace;
pub mod trial;
pub mod unpack;

pub use cancel::Cancel;
pub use error::Error;
pub use events::{CacheReport, Event, LatencyReport, Observer, OutputReport, StageReport, Summary};
pub use geometry::OutputGeometry;
pub use job::{DeviceChoice, Job, Keep, ModelChoice, OutputSpec, PeopleChoice, Precision, SessionChoice, Split};
pub use live::Live;
pub use plan::Plan;
pub use prepare::Views;
pub use run::{run, run_prepared};
pub use trace::Trace;
pub use unpack::{UnpackAs, UnpackRequest, Unpacked, unpack};
