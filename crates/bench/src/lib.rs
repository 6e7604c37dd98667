//! Benchmarks: clips to measure with, which points a sweep has, what one point's process measures,
//! results as JSON and CSV, comparisons and what follows from them. `docs/benchmarking.md` is for users.
//!
//! Nothing here starts a process or prints: `cli::bench` does.

pub mod advice;
mod alone;
pub mod compare;
pub mod material;
pub mod measure;
pub mod report;
pub mod results;
pub mod sweep;

pub use compare::compare;
pub use material::Material;
pub use measure::{Limits, measure};
pub use results::{Measured, Outcome, Point, Results, Settings, Spec};
pub use sweep::{Axes, Size, Sweep};
