//! `vrseg` finds people in VR (and flat) video and writes mattes, green screens, real alpha or
//! composited video.
//!
//! The way of a frame: open, decode, prepare, infer, matte, compose, encode. `docs/architecture.md`
//! tells what each stage does and why. Arrows between modules run one way:
//!
//! ```text
//! cli -> cluster -> job -> pipeline
//! cli -> ui, job -> pipeline -> media, model, matte, compose -> vr, tune -> hardware -> plane
//! cli -> config
//! cli -> bench -> pipeline, media, vr
//! cli -> eval -> pipeline (how formats are recognised), media, matte, vr
//! ```
//!
//! Only [`cli`] and [`ui`] print; everything below reports through [`pipeline::Observer`].

pub mod bench;
pub mod cache;
pub mod cli;
pub mod cluster;
pub mod compose;
pub mod config;
pub mod eval;
pub mod hardware;
pub mod job;
mod json_path;
pub mod matte;
pub mod media;
pub mod model;
pub mod pipeline;
pub mod plane;
pub mod simd;
pub mod telemetry;
pub mod tune;
pub mod ui;
pub mod vr;
mod yaml;
