//! The command line: parsing, building jobs, running them, exit codes.
//!
//! Imports go one way: `exit`, `time`, `io`, `limits` and `child` use nothing here; `interrupt` uses `exit`; `args` says what can
//! be typed, `log` reads it; `job` makes jobs of it and runs them; `commands` does what was asked, and this file
//! chooses which.

pub mod args;
mod child;
mod commands;
mod exit;
mod interrupt;
mod io;
mod job;
mod limits;
mod log;
mod time;

use crate::ui::Console;
use args::{Cli, Command};
use clap::{ColorChoice, CommandFactory, FromArgMatches};
use commands::{
    bench, cache, cluster, config, docs, doctor, eval, hardware, interactive, main_job, models, optimize, preview,
    probe, segments, unpack,
};
use exit::Exit;
use interrupt::listen;
use io::{print_bytes, print_text};
use std::ffi::OsString;
use std::process::ExitCode;
use vrseg_engine::telemetry::{LogGuard, crash};

/// Parses the arguments, does what they ask, and returns the exit code.
pub fn main() -> ExitCode {
    limits::ignore_file_size_signal();
    vrseg_media::init();
    crash::report_panics();
    let words = with_encoders(std::env::args_os());
    let no_color = words.iter().take_while(|w| *w != "--").any(|w| w == "--no-color");
    let console = Console::stderr(no_color);
    let colors = if no_color { ColorChoice::Never } else { ColorChoice::Auto };
    let matches = Cli::command().color(colors).try_get_matches_from(words);
    let cli = match matches.and_then(|m| Cli::from_arg_matches(&m)) {
        Ok(cli) => cli,
        // Help and version come this way too, with exit code 0; wrong usage with 2.
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage.code()));
        }
    };
    // Lives to the end of `main`, so that the last error is in the log file too.
    let mut log = None;
    let exit = match crash::catch(|| execute(&cli, &console, &mut log)) {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => {
            let message = format!("{error:#}");
            console.error(&format!("{message}{}", limits::hint(&message).unwrap_or_default()));
            if exit::is_usage(&error) { Exit::Usage } else { Exit::Failed }
        }
        Err(crash) => {
            console.error(&format!("vrseg crashed: {crash}"));
            Exit::Crashed
        }
    };
    exit.into()
}

/// The words of the command line, where a codec by the name of an encoder (`--codec libx264`, as users of ffmpeg type it)
/// becomes an encoder.
fn with_encoders(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let is_encoder = |name: &str| {
        let ends = ["_nvenc", "_vaapi", "_qsv", "_amf", "_ks", "_aw", "_vulkan"];
        name.starts_with("lib") || ends.iter().any(|end| name.ends_with(end))
    };
    let mut words: Vec<OsString> = words.collect();
    for i in 1..words.len() {
        if words[i] == "--" {
            break;
        }
        let Some(word) = words[i].to_str() else { continue };
        match word.strip_prefix("--codec=") {
            Some(name) if is_encoder(name) => words[i] = format!("--encoder={name}").into(),
            _ if word == "--codec" && words.get(i + 1).and_then(|w| w.to_str()).is_some_and(is_encoder) => {
                words[i] = "--encoder".into();
            }
            _ => {}
        }
    }
    words
}

fn execute(cli: &Cli, console: &Console, log: &mut Option<LogGuard>) -> anyhow::Result<Exit> {
    let Some(command) = &cli.command else {
        return if cli.job.messages.interactive {
            interactive::run(console)
        } else {
            main_job::run(&cli.job, console, log)
        };
    };
    match command {
        // These run the program again, which logs by itself, or only print.
        Command::Interactive
        | Command::Hardware(_)
        | Command::Doctor(_)
        | Command::Bench(_)
        | Command::Config(_)
        | Command::Completions { .. }
        | Command::Man => {}
        Command::Plan(args) => *log = Some(log::start_plain_log(console, &args.job)?),
        _ => *log = Some(log::start_plain_log(console, &cli.job)?),
    }
    match command {
        Command::Models(args) => models::run(args, console, print_text),
        Command::Probe(args) => probe::show(args, print_text),
        Command::Preview(args) => preview::run(args, &*listen(console)?, console),
        Command::Interactive => interactive::run(console),
        Command::Eval(args) => eval::run(args, print_text).map(|()| Exit::Done),
        Command::Hardware(args) => hardware::run(args, print_text),
        Command::Doctor(args) => doctor::run(args.file.as_deref(), args.config.clone(), args.json, print_text),
        Command::Optimize(args) => optimize::run(args, &*listen(console)?, console, print_text),
        Command::Bench(args) => bench::run(args, console, print_text),
        Command::Config(command) => config::run(command, print_text),
        Command::Unpack(args) => unpack::run(args, &*listen(console)?, console),
        Command::Plan(args) => segments::plan(args, print_text),
        Command::Work(args) => segments::work(args, &*listen(console)?, console),
        Command::Merge(args) => segments::merge(args, &*listen(console)?, console),
        Command::Cluster(command) => cluster::run(command, &*listen(console)?, console, print_text),
        Command::Cache(command) => cache::run(command, print_text),
        Command::Completions { shell } => print_bytes(&docs::completions(*shell)).map(|()| Exit::Done),
        Command::Man => print_bytes(&docs::man()?).map(|()| Exit::Done),
    }
}
