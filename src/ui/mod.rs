//! What people and programs see of a running job.

pub mod address;
pub mod board;
pub mod console;
pub mod format;
mod http;
pub mod json;
pub mod metrics;
pub mod monitor;
pub mod picture;
pub mod progress;
pub mod serve;
pub mod sheet;
pub mod watch;

pub use board::Board;
pub use console::{Console, Paint};
pub use json::JsonLines;
pub use progress::{ProgressUi, Style};
pub use watch::{Watch, WatchError, Wishes};
