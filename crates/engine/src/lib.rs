//! Jobs: what is requested, the plan that follows, the stages between a source and its outputs, segments and resume.
//!
//! Arrows between the modules run one way:
//!
//! ```text
//! segments → run → stages → people, events → frame → graph
//!                   plan → spec → scale, edits → time        settings → spec
//! ```
//!
//! Nothing here prints: what happens is reported through [`Observer`].

pub mod edits;
pub mod error;
pub mod events;
pub mod frame;
pub mod graph;
pub mod people;
pub mod plan;
pub mod run;
pub mod scale;
pub mod segments;
pub mod settings;
pub mod spec;
pub mod stages;
pub mod telemetry;
pub mod time;
pub mod tune;

pub use error::{Error, Result};
pub use events::{CacheReport, Event, JobDescription, LatencyReport, Live, Observer, OutputReport, Summary};
pub use graph::{Cancel, StageReport, Trace};
pub use plan::{OutputGeometry, Plan};
pub use run::{LoadedJob, run, run_loaded};
pub use spec::{Job, ModelChoice, OutputSpec, PeopleChoice, PeopleToKeep, Split};
