//! The command line: parsing, building jobs, running them, exit codes.
//!
//! Imports go one way: `exit`, `time`, `io`, `limits`, `child`, `near` and `quote` use nothing here; `interrupt` uses `exit`;
//! `args` says what can be typed, `log` and `help` read it; `job` makes jobs of it and runs them; `habits` knows what people
//! type instead; `commands` does what was asked, and this file chooses which.

pub mod args;
mod child;
mod commands;
mod complete;
mod exit;
mod habits;
mod help;
mod interrupt;
mod io;
mod job;
mod limits;
mod log;
mod near;
mod quote;
mod time;

use crate::ui::Console;
use args::{Cli, Command};
use clap::ColorChoice;
use commands::{
    bench, cache, cluster, config, docs, doctor, eval, hardware, interactive, main_job, models, optimize, people,
    preview, probe, review, segments, unpack,
};
use exit::{Exit, UsageError};
use habits::Reading;
use interrupt::listen;
use io::{print_bytes, print_text};
use std::ffi::OsString;
use std::process::ExitCode;
use vrseg_engine::telemetry::{LogGuard, crash};

/// Parses the arguments, does what they ask, and returns the exit code.
pub fn main() -> ExitCode {
    limits::ignore_file_size_signal();
    limits::set_up_allocator();
    vrseg_media::init();
    crash::report_panics();
    let words: Vec<OsString> = std::env::args_os().collect();
    let has = |option: &str| words.iter().take_while(|w| *w != "--").any(|w| w == option);
    // Where the video goes to standard output, nothing else may.
    let piped = job::outputs::to_stdout(&words);
    let no_color = has("--no-color");
    let console = Console::stderr(no_color);
    let colors = if no_color { ColorChoice::Never } else { ColorChoice::Auto };
    let cli = match habits::read(&words, colors) {
        Reading::Run(cli) => cli,
        Reading::Print(text) => return finish(print_text(&text).map(|()| Exit::Done), &console, false).into(),
        Reading::Page(text) => {
            console.line(text.trim_end());
            return Exit::Usage.into();
        }
        Reading::Refuse(text) => {
            return finish(Err(UsageError(text).into()), &console, has("--json") && !piped).into();
        }
    };
    // Lives to the end of `main`, so that the last error is in the log file too.
    let mut log = None;
    let exit = match crash::catch(|| execute(&cli, &console, &mut log)) {
        Ok(result) => {
            let result = result.map_err(|error| with_remedy(error, &cli, &words));
            finish(result, &console, cli.job.messages.json && !piped)
        }
        Err(crash) => {
            console.error(&format!("vrseg crashed: {crash}"));
            Exit::Crashed
        }
    };
    exit.into()
}

/// The error of a refused job, with the line that was probably meant.
fn with_remedy(error: anyhow::Error, cli: &Cli, words: &[OsString]) -> anyhow::Error {
    let message = format!("{error:#}");
    let line = habits::remedy::line(cli, words).filter(|_| exit::is_usage(&error) && !message.contains("\n  try: "));
    line.map_or(error, |line| UsageError(message + &line).into())
}

/// Prints an error, as an event too where JSON is requested, and makes the exit code of it.
fn finish(result: anyhow::Result<Exit>, console: &Console, json: bool) -> Exit {
    let error = match result {
        Ok(exit) => return exit,
        Err(error) => error,
    };
    let message = format!("{error:#}");
    let message = format!("{message}{}", limits::hint(&message).unwrap_or_default());
    console.error(&message);
    if json {
        let event = serde_json::json!({ "type": "error", "message": message });
        // There is nowhere else to say that it can't be written.
        let _ = print_text(&format!("{event}\n"));
    }
    if exit::is_usage(&error) { Exit::Usage } else { Exit::Failed }
}

fn execute(cli: &Cli, console: &Console, log: &mut Option<LogGuard>) -> anyhow::Result<Exit> {
    if !matches!(cli.command, Some(Command::Completions { .. } | Command::Man { .. })) {
        habits::variables::unknown(std::env::vars_os()).iter().for_each(|warning| console.warning(warning));
    }
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
        | Command::Man { .. } => {}
        Command::Plan(args) => *log = Some(log::start_plain_log(console, &args.job)?),
        _ => *log = Some(log::start_plain_log(console, &cli.job)?),
    }
    match command {
        Command::Models(args) => models::run(args, console, print_text),
        Command::Probe(args) => probe::show(args, print_text),
        Command::Preview(args) => preview::run(args, &*listen(console)?, console),
        Command::People(args) => people::run(args, &*listen(console)?, console, print_text),
        Command::Review(args) => review::run(args, &*listen(console)?, console),
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
        Command::Completions { shell, line: Some(line) } => {
            print_text(&docs::candidates(*shell, line)).map(|()| Exit::Done)
        }
        Command::Completions { shell, line: None } => print_bytes(&complete::script(*shell)).map(|()| Exit::Done),
        Command::Man { dir: Some(dir), .. } => docs::write_pages(dir).map(|()| Exit::Done),
        Command::Man { command, .. } => print_bytes(&docs::page(command)?).map(|()| Exit::Done),
    }
}
