//! What people and programs see of a running job.
//!
//! Imports go one way, from the top: `watch` starts the viewers `monitor`, `serve` and `metrics`; these read the
//! `status` and use `http` and `guard`, as `review` does; `progress` prints on the `console`, which passes its lines to the
//! `status`; `format`, `json`, `batch`, `address`, `http`, `guard`, `whole_file` and `picture` use nothing here, `sheet` only
//! `picture`.

pub(crate) mod address;
mod batch;
mod console;
pub(crate) mod format;
mod guard;
mod http;
mod json;
mod metrics;
pub(crate) mod monitor;
pub(crate) mod picture;
mod progress;
pub(crate) mod review;
mod serve;
pub(crate) mod sheet;
mod status;
#[cfg(test)]
pub(crate) mod testing;
mod watch;
pub(crate) mod whole_file;

pub(crate) use batch::FileState;
pub(crate) use console::Console;
pub(crate) use json::JsonLines;
pub(crate) use progress::{ProgressUi, Style};
pub(crate) use status::RunStatus;
pub(crate) use watch::{Watch, WatchError, WatchOptions};
