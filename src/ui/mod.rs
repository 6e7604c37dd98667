//! What people and programs see of a running job.

pub mod console;
pub mod format;
pub mod json;
pub mod progress;

pub use console::{Console, Paint};
pub use json::JsonLines;
pub use progress::{ProgressUi, Style};
