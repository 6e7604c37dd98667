//! Exit codes and the errors that decide them.

use crate::ui::WatchError;
use std::process::ExitCode;
use vrseg_engine::settings::ConfigError;
use vrseg_engine::telemetry::LogError;
use vrseg_eval::EvalError;
use vrseg_infer::ModelError;

/// How the program ends. Documented at the end of `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    Failed,
    /// The command line or the configuration can't be carried out; nothing was started.
    Usage,
    /// Some of several inputs failed.
    SomeFailed,
    /// A defect of the program, outside of any job.
    Crashed,
    /// Ctrl-C, or a signal to end.
    Interrupted,
}

impl Exit {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::SomeFailed => 3,
            // As Rust's own programs end.
            Exit::Crashed => 101,
            // 128 + SIGINT, as shells report it.
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// Something that can't be carried out as it was requested; found before any work.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub String);

/// Whether `error` says that the command line or the configuration is wrong.
pub(super) fn is_usage(error: &anyhow::Error) -> bool {
    error.is::<UsageError>()
        || error.is::<ConfigError>()
        || error.is::<LogError>()
        || matches!(error.downcast_ref(), Some(WatchError::Address { .. } | WatchError::Log { .. }))
        || error.downcast_ref::<vrseg_engine::Error>().is_some_and(vrseg_engine::Error::is_usage)
        || error.downcast_ref::<vrseg_cluster::Error>().is_some_and(vrseg_cluster::Error::is_usage)
        || error.downcast_ref::<ModelError>().is_some_and(ModelError::is_usage)
        || error.downcast_ref::<EvalError>().is_some_and(EvalError::is_usage)
}

/// Several complaints as one text: one a line where there is more than one.
pub(super) fn complaints(heading: &str, all: &[String]) -> UsageError {
    match all {
        [one] => UsageError(one.clone()),
        _ => UsageError(format!("{heading}\n  {}", all.join("\n  "))),
    }
}
