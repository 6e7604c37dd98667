//! Results for people: text for a terminal, a page for a browser, charts.
//!
//! Imports: `draw` and `facts` stand alone; `charts` builds on both, `html` on `charts` and `facts`, `text` on
//! `facts`.

pub mod charts;
mod draw;
mod facts;
pub mod html;
pub mod text;

pub use crate::figures::number;
pub use draw::{Chart, ChartError};
