//! The command line: parsing, building jobs, running them, exit codes.

pub mod args;
pub mod backend;
mod bench;
mod cache;
pub mod cluster;
mod config;
mod docs;
mod doctor;
mod eval;
mod exit;
mod hardware;
mod inputs;
mod interactive;
mod interrupt;
mod jobs;
mod models;
mod optimize;
mod outputs;
mod preview;
mod probe;
mod regions;
mod run;
mod segments;
pub mod time;
mod unpack;

pub use exit::{Exit, UsageError};
pub use jobs::{Batch, jobs};

use crate::ui::{Board, Console, JsonLines, ProgressUi, Style, Watch, Wishes};
use anyhow::Context;
use args::{Cli, Command, JobArgs};
use backend::Library;
use clap::{ColorChoice, CommandFactory, FromArgMatches};
use interrupt::Stop;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use vrseg_engine::job::{Keep, Means};
use vrseg_engine::pipeline::Trace;
use vrseg_engine::settings::{Devices, Settings, check};
use vrseg_engine::telemetry::{self, LogFile, LogFormat, LogGuard, LogOptions, crash};
use vrseg_engine::tune::rules;
use vrseg_hardware::Machine;
use vrseg_infer::DeviceChoice;

/// Parses the arguments, does what they ask, and tells how it went.
pub fn main() -> ExitCode {
    // Both set a variable of the environment, so before any thread is started.
    vrseg_media::init();
    vrseg_infer::runtime::keep_private();
    crash::report_panics();
    let words: Vec<OsString> = std::env::args_os().collect();
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
            console.error(&format!("{error:#}"));
            if exit::is_usage(&error) { Exit::Usage } else { Exit::Failed }
        }
        Err(crash) => {
            console.error(&format!("vrseg crashed: {crash}"));
            Exit::Crashed
        }
    };
    exit.into()
}

fn execute(cli: &Cli, console: &Console, log: &mut Option<LogGuard>) -> anyhow::Result<Exit> {
    match &cli.command {
        None if cli.job.talk.interactive => interactive::run(console),
        None => main_job(&cli.job, console, log),
        Some(Command::Models(args)) => {
            *log = Some(start_log("warn", LogFormat::Text, LogFile::Off, console, &cli.job)?);
            models::list(
                &Library { keep: Keep::NOTHING, crew: Vec::new(), auto_tune: false },
                args,
                console,
                print_text,
            )
        }
        Some(Command::Probe(args)) => {
            *log = Some(start_log("warn", LogFormat::Text, LogFile::Off, console, &cli.job)?);
            probe::show(args, print_text)
        }
        Some(Command::Preview(args)) => {
            *log = Some(start_log("warn", LogFormat::Text, LogFile::Off, console, &cli.job)?);
            let stop = Arc::new(Stop::default());
            interrupt::install(Arc::clone(&stop), console.clone()).context("can't listen to signals")?;
            preview::run(args, &stop, console)
        }
        Some(Command::Interactive) => interactive::run(console),
        Some(Command::Eval(args)) => {
            *log = Some(start_log("warn", LogFormat::Text, LogFile::Off, console, &cli.job)?);
            eval::run(args, print_text).map(|()| Exit::Done)
        }
        Some(Command::Hardware(args)) => hardware::run(args, print_text),
        Some(Command::Doctor(args)) => doctor::run(args.file.as_deref(), args.config.clone(), args.json, print_text),
        Some(Command::Optimize(args)) => {
            *log = Some(start_log("warn", LogFormat::Text, LogFile::Off, console, &cli.job)?);
            let stop = listen(console)?;
            optimize::run(args, &stop, console, print_text)
        }
        Some(Command::Bench(args)) => bench::run(args, console, print_text),
        Some(Command::Config(command)) => config::run(command, print_text),
        Some(Command::Unpack(args)) => {
            *log = Some(start_log("warn", LogFormat::Text, LogFile::Off, console, &cli.job)?);
            unpack::run(args, &*listen(console)?, console)
        }
        Some(Command::Plan(args)) => {
            *log = Some(start_log("warn", LogFormat::Text, LogFile::Off, console, &args.job)?);
            segments::plan(args, print_text)
        }
        Some(Command::Work(args)) => {
            *log = Some(start_log("warn", LogFormat::Text, LogFile::Off, console, &cli.job)?);
            segments::work(args, &*listen(console)?, console)
        }
        Some(Command::Merge(args)) => {
            *log = Some(start_log("warn", LogFormat::Text, LogFile::Off, console, &cli.job)?);
            segments::merge(args, &*listen(console)?, console)
        }
        Some(Command::Cluster(command)) => {
            *log = Some(start_log("warn", LogFormat::Text, LogFile::Off, console, &cli.job)?);
            cluster::run(command, &*listen(console)?, console, print_text)
        }
        Some(Command::Cache(command)) => {
            *log = Some(start_log("warn", LogFormat::Text, LogFile::Off, console, &cli.job)?);
            cache::run(command, print_text)
        }
        Some(Command::Completions { shell }) => print_bytes(&docs::completions(*shell)).map(|()| Exit::Done),
        Some(Command::Man) => print_bytes(&docs::man()?).map(|()| Exit::Done),
    }
}

/// Listens to Ctrl-C.
fn listen(console: &Console) -> anyhow::Result<Arc<Stop>> {
    let stop = Arc::new(Stop::default());
    interrupt::install(Arc::clone(&stop), console.clone()).context("can't listen to signals")?;
    Ok(stop)
}

fn main_job(args: &JobArgs, console: &Console, log: &mut Option<LogGuard>) -> anyhow::Result<Exit> {
    let loader = args.loader();
    if args.talk.show_config {
        return print_text(&config::show(loader, args.talk.json)?).map(|()| Exit::Done);
    }
    let (settings, sources) = loader.load()?;
    if args.talk.show_hardware {
        let library = settings.device.ort_library.as_deref();
        return print_text(&hardware::show(library, args.talk.json)?).map(|()| Exit::Done);
    }
    check(&settings, &sources)?;
    if args.talk.monitor && args.talk.json && io::stdout().is_terminal() {
        let why = "--monitor and --json would write over each other in this terminal; --json > FILE keeps them apart";
        return Err(UsageError(why.to_owned()).into());
    }
    for (option, file) in written(args, &settings.log_file) {
        refuse_over_media(args, option, file)?;
    }
    *log = Some(start_log(&settings.log_level, settings.log_format, settings.log_file.clone(), console, args)?);
    let batch = jobs(args, &settings, &sources)?;
    let style = if args.talk.json {
        Style::Json(JsonLines::stdout())
    } else if args.talk.quiet || console.is_structured() {
        Style::Quiet
    } else {
        Style::Human
    };
    // Only a summary for people tells it.
    let machine =
        (settings.performance.profiling && matches!(style, Style::Human) && !args.output.dry_run).then(Machine::detect);
    let mut ui = ProgressUi::new(console.clone(), style);
    if let Some(machine) = machine {
        ui = ui.with_profiling(machine);
    }
    let trace = args.talk.trace.as_deref().map(open_trace).transpose()?;
    if let Some(trace) = &trace {
        ui = ui.with_trace(Arc::clone(trace));
    }
    let keep = Keep { seconds: settings.processing.segment_seconds, restart: args.output.restart };
    let library = Library { keep, crew: crew(&settings)?, auto_tune: settings.performance.auto_tune };
    let stop = listen(console)?;
    let exit = if args.output.dry_run {
        run::dry_run(&batch, &library, &stop, &ui, print_text)
    } else {
        let wishes = wishes(args);
        let watch = if wishes.none() {
            None
        } else {
            let board = Board::new(&Machine::detect(), settings.performance.target_fps);
            ui = ui.with_board(Arc::clone(&board));
            Some(Watch::start(&board, &wishes, console, press(&stop, console))?)
        };
        let exit = run::run(&batch, &library, &stop, &ui);
        watch.map_or(Ok(()), Watch::finish)?;
        exit
    };
    if let (Some(trace), Some(path)) = (trace, &args.talk.trace) {
        end_trace(&trace, path, console)?;
    }
    match ui.json().and_then(JsonLines::failure) {
        Some(e) if exit == Exit::Done => Err(e).context("standard output"),
        Some(e) => {
            console.error(&format!("standard output: {e}"));
            Ok(exit)
        }
        None => Ok(exit),
    }
}

/// Who shares a job's segments: a worker for each device, or several on one; their threads are shared out.
/// Nobody where one does it all: then the machine needn't be looked at.
fn crew(settings: &Settings) -> Result<Vec<Means>, UsageError> {
    let at_once = settings.processing.segments_at_once;
    if at_once < 2 && matches!(settings.device.devices, Devices::One(_)) {
        return Ok(Vec::new());
    }
    let machine = Machine::detect();
    let devices = match &settings.device.devices {
        Devices::One(_) => vec![None; at_once],
        Devices::Several(all) => all.iter().map(|d| Some(*d)).collect(),
        Devices::All => {
            let cards = machine.gpu.cards.len();
            if cards == 0 {
                return Err(UsageError("--device all: there is no NVIDIA card; `vrseg hardware` tells why".into()));
            }
            (0..cards as u32).map(|n| Some(DeviceChoice::Cuda(n))).collect()
        }
    };
    let all = match settings.processing.threads {
        0 => rules::threads(&machine.cpu).value,
        n => n,
    };
    let threads = Some((all / devices.len()).max(1));
    Ok(devices.into_iter().map(|device| Means { device, threads, ort_library: None }).collect())
}

/// Who is to watch the run.
fn wishes(args: &JobArgs) -> Wishes {
    Wishes {
        metrics: args.talk.metrics,
        serve: args.talk.serve,
        monitor: args.talk.monitor,
        log: args.talk.performance_log.clone(),
    }
}

/// A button or key that does what Ctrl-C does.
fn press(stop: &Arc<Stop>, console: &Console) -> impl Fn() + Send + Sync + 'static {
    let (stop, console) = (Arc::clone(stop), console.clone());
    move || {
        stop.press();
        console.line("vrseg: finishing the frames under way");
    }
}

/// Files that are written besides the outputs, each with the option that names it.
fn written<'a>(args: &'a JobArgs, log: &'a LogFile) -> Vec<(&'static str, &'a Path)> {
    let log = match log {
        LogFile::At(path) => Some(path.as_path()),
        LogFile::Off | LogFile::State => None,
    };
    let (trace, figures) = (args.talk.trace.as_deref(), args.talk.performance_log.as_deref());
    let files = [("--log-file", log), ("--trace", trace), ("--performance-log", figures)];
    files.into_iter().filter_map(|(option, path)| Some((option, path?))).collect()
}

/// A file that is written besides the outputs must not be one that the job reads or writes.
fn refuse_over_media(args: &JobArgs, option: &str, file: &Path) -> anyhow::Result<()> {
    let outputs: Vec<_> = args
        .output
        .output
        .iter()
        .flat_map(|o| {
            let text = o.to_string_lossy();
            let after_mode = text.split_once('=').map(|(_, path)| Path::new(path).to_owned());
            after_mode.into_iter().chain([o.clone()])
        })
        .collect();
    let read = args.input.inputs.iter().map(AsRef::as_ref);
    let others = [&args.output.background, &args.model.config].into_iter().flatten().map(AsRef::as_ref);
    if read
        .chain(outputs.iter().map(AsRef::as_ref))
        .chain(others)
        .any(|p: &Path| p == file || vrseg_media::same_file(p, file))
    {
        let shown = file.display();
        return Err(UsageError(format!("{option} {shown}: is an input, output or configuration of this job")).into());
    }
    Ok(())
}

fn open_trace(path: &Path) -> anyhow::Result<Arc<Trace>> {
    Trace::create(path).map_err(|e| UsageError(format!("--trace {}: {e}", path.display())).into())
}

/// The timeline is what was asked for: that it is not whole must be said.
fn end_trace(trace: &Trace, path: &Path, console: &Console) -> anyhow::Result<()> {
    match trace.finish() {
        Ok(true) => Ok(()),
        Ok(false) => {
            let most = vrseg_engine::pipeline::trace::MOST;
            console.warning(&format!("{}: ends after {most} spans, which is what a viewer can open", path.display()));
            Ok(())
        }
        Err(e) => Err(e).with_context(|| format!("--trace {}", path.display())),
    }
}

fn start_log(
    level: &str,
    format: LogFormat,
    file: LogFile,
    console: &Console,
    args: &JobArgs,
) -> anyhow::Result<LogGuard> {
    let level = match (args.talk.quiet, args.talk.verbose) {
        (true, _) => "warn",
        (_, 0) => level,
        (_, 1) => "info",
        (_, 2) => "debug",
        _ => "trace",
    };
    let options = LogOptions {
        level: level.to_owned(),
        explicit: args.talk.quiet || args.talk.verbose > 0,
        colors: console.colors(),
        format,
        file,
    };
    let sink = console.clone();
    let log = telemetry::init(&options, move |line| sink.write(line))?;
    if format == LogFormat::Json {
        console.structure();
    }
    Ok(log)
}

/// Prints to standard output. A reader that has gone away is no error.
fn print_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(e).context("standard output"),
        _ => Ok(()),
    }
}

fn print_text(text: &str) -> anyhow::Result<()> {
    print_bytes(text.as_bytes())
}
