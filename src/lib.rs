//! The command line of `vrseg`, and what people see while it works.
//!
//! `vrseg` finds people in VR (and flat) video and writes mattes, green screens, real alpha or
//! composited video. `docs/architecture.md` says which crate does what; only this one prints.

pub mod cli;
mod ui;
