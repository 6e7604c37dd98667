//! The log of a command, as the command line asks for it.

use super::args::JobArgs;
use crate::ui::Console;
use vrseg_engine::telemetry::{self, LogFile, LogFormat, LogGuard, LogOptions};

/// Starts the log of a command that has no settings of its own for it: warnings, on the console only.
///
/// # Errors
/// As [`start_log`].
pub(super) fn start_plain_log(console: &Console, args: &JobArgs) -> anyhow::Result<LogGuard> {
    start_log("warn", LogFormat::Text, LogFile::Off, console, args)
}

/// Starts the log; `--quiet` and `--verbose` of `args` beat `level`.
///
/// # Errors
/// The file can't be opened, or a filter in the environment can't be read.
pub(crate) fn start_log(
    level: &str,
    format: LogFormat,
    file: LogFile,
    console: &Console,
    args: &JobArgs,
) -> anyhow::Result<LogGuard> {
    let level = match (args.messages.quiet, args.messages.verbose) {
        (true, _) => "warn",
        (_, 0) => level,
        (_, 1) => "info",
        (_, 2) => "debug",
        _ => "trace",
    };
    let options = LogOptions {
        level: level.to_owned(),
        explicit: args.messages.quiet || args.messages.verbose > 0,
        colors: console.colors(),
        format,
        file,
    };
    let sink = console.clone();
    let log = telemetry::init(&options, move |line| sink.write(line))?;
    if format == LogFormat::Json {
        console.use_json_log();
    }
    Ok(log)
}
