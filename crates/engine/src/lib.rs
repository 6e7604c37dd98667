//! Jobs: what is asked for, the plan that follows, the stages between a source and its outputs, segments and resume.
//!
//! Arrows between the modules run one way:
//!
//! ```text
//! segments → run → stages → people, events → frame → graph
//!                   plan → spec                settings → spec
//! ```
//!
//! Nothing here prints: what happens is reported through [`Observer`].

pub mod error;
pub mod events;
pub mod frame;
pub mod graph;
pub mod people;
pub mod plan;
pub mod run;
pub mod segments;
pub mod settings;
pub mod spec;
pub mod stages;
pub mod telemetry;
pub mod tune;

pub use error::{Error, Result};
pub use events::{CacheReport, Event, LatencyReport, Live, Observer, OutputReport, Summary};
pub use graph::{Cancel, StageReport, Trace};
pub use plan::{OutputGeometry, Plan};
pub use run::{LoadedJob, run, run_loaded};
pub use spec::{Job, Keep, ModelChoice, OutputSpec, PeopleChoice, Split};

/// The old paths, until all users have the new ones.
pub mod pipeline {
    pub use crate::events as live;
    pub use crate::frame::{Border, End, Part, SegmentDone, SegmentStore, TemporalState};
    pub use crate::graph::{clock, trace};
    pub use crate::plan::{self, recognize};
    pub use crate::run as trial;
    pub use crate::run as tuning;
    pub use crate::run::{
        self, Assembly, LoadedJob as Prepared, Recycling, UnpackAs, UnpackRequest, Unpacked, best_shares, forecast,
        run, run_loaded as run_prepared, shared_out, unpack,
    };
    pub use crate::*;
}
/// The old paths, until all users have the new ones.
pub mod job {
    pub use crate::segments::*;
    pub use crate::segments::{SegmentChoice as Which, WorkerOptions as Means};
}
