//! Jobs: settings, plans, the stages between a source and its outputs, segments, events.
//!
//! Nothing here prints: what happens is reported through [`pipeline::Observer`].

pub mod job;
pub mod pipeline;
pub mod settings;
pub mod telemetry;
pub mod tune;
