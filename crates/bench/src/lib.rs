//! Benchmarks: clips to measure with, which points a sweep has, what one point's process measures,
//! results as JSON and CSV, comparisons and what follows from them. `docs/performance_guide.md` is for users.
//!
//! Nothing here starts a process or prints: `cli::bench` does.
//!
//! Imports go one way: `results`, `limits`, `figures` and `material` use no other module; `sweep`, `compare`
//! and `advice` use these; `alone` measures stages for `measure`; `report` uses `advice` and `compare`.

mod advice;
mod alone;
mod compare;
mod figures;
mod limits;
mod material;
mod measure;
pub mod report;
mod results;
mod sweep;

pub use compare::{Comparison, Ratios, Row, Verdict, compare};
pub use limits::Limits;
pub use material::Material;
pub use measure::{is_recurrent, measure};
pub use results::{
    Latency, MachineInfo, Measured, Outcome, Point, Results, ResultsError, Settings, Spec, StageAlone, StageShare,
    WholePipeline,
};
pub use sweep::{Axes, Size, Sweep};
