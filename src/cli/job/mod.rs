//! The main job: from arguments and settings to jobs, and running them.
//!
//! Imports: `inputs`, `output_modes`, `outputs` and `regions` read what was named; `build` makes jobs of it; `format_view` and
//! `engine` plan and run one; `run` runs them all.

pub(crate) mod build;
pub(crate) mod engine;
pub(crate) mod format_view;
pub(crate) mod inputs;
pub(crate) mod output_modes;
pub(crate) mod outputs;
mod regions;
pub(crate) mod run;
pub(crate) mod source;
mod stdin;
