//! The main job, which a command line without a command asks for: what is shown and logged while it runs.

use super::{config, hardware};
use crate::cli::args::JobArgs;
use crate::cli::exit::{Exit, UsageError};
use crate::cli::interrupt::{Stop, listen};
use crate::cli::io::{print_text, stdout_is_open};
use crate::cli::job::build::jobs;
use crate::cli::job::engine::RealEngine;
use crate::cli::job::outputs::OutputRequest;
use crate::cli::job::run;
use crate::cli::limits;
use crate::cli::log::start_log;
use crate::ui::{Console, JsonLines, ProgressUi, RunStatus, Style, Watch, WatchOptions};
use anyhow::Context;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Arc;
use vrseg_engine::Trace;
use vrseg_engine::segments::{Persistence, WorkerOptions};
use vrseg_engine::settings::{Devices, Settings, check};
use vrseg_engine::telemetry::{LogFile, LogGuard};
use vrseg_engine::tune::rules;
use vrseg_hardware::Machine;
use vrseg_infer::DeviceChoice;

/// Runs the jobs of a command line, or shows what `--show-config`, `--show-hardware` or `--dry-run` ask for.
///
/// # Errors
/// Wrong usage, and what keeps the run from starting; what fails in a job is printed and decides the exit code.
pub(crate) fn run(args: &JobArgs, console: &Console, log: &mut Option<LogGuard>) -> anyhow::Result<Exit> {
    let loader = args.loader();
    if args.messages.show_config {
        return print_text(&config::show(loader, args.messages.json)?).map(|()| Exit::Done);
    }
    let (settings, sources) = loader.load()?;
    if args.messages.show_hardware {
        let library = settings.device.ort_library.as_deref();
        return print_text(&hardware::show(library, args.messages.json)?).map(|()| Exit::Done);
    }
    check(&settings, &sources)?;
    if args.messages.monitor && args.messages.json && io::stdout().is_terminal() {
        let why = "--monitor and --json both write to this terminal; use --json > FILE";
        return Err(UsageError(why.to_owned()).into());
    }
    if args.messages.json && !stdout_is_open() {
        return Err(UsageError("standard output is closed, and --json writes there".to_owned()).into());
    }
    for (option, file) in written(args, &settings.log_file) {
        refuse_media_file(args, option, file)?;
    }
    *log = Some(start_log(&settings.log_level, settings.log_format, settings.log_file.clone(), console, args)?);
    limits::check_address_space()?;
    let batch = jobs(args, &settings, &sources)?;
    batch.warnings.iter().for_each(|warning| console.warning(warning));
    let style = if args.messages.json {
        Style::Json(JsonLines::stdout())
    } else if args.messages.quiet || console.is_json_log() {
        Style::Quiet
    } else {
        Style::Human
    };
    // Only a summary for people says it.
    let machine =
        (settings.performance.profiling && matches!(style, Style::Human) && !args.output.dry_run).then(Machine::detect);
    let latency = settings.processing.low_latency || settings.performance.max_latency_ms.is_some();
    let mut ui = ProgressUi::new(console.clone(), style).with_latency(latency);
    if let Some(machine) = machine {
        ui = ui.with_profiling(machine);
    }
    let trace = args.messages.trace.as_deref().map(open_trace).transpose()?;
    if let Some(trace) = &trace {
        ui = ui.with_trace(Arc::clone(trace));
    }
    let keep = Persistence { seconds: settings.processing.segment_seconds, restart: args.output.restart };
    let engine = RealEngine { keep, workers: workers(&settings)?, auto_tune: settings.performance.auto_tune };
    let stop = listen(console)?;
    let exit = if args.output.dry_run {
        run::dry_run(&batch, &engine, &stop, &ui, print_text)
    } else {
        let options = watch_options(args);
        let watch = if options.is_empty() {
            None
        } else {
            let status = RunStatus::new(&Machine::detect(), settings.performance.target_fps);
            ui = ui.with_status(Arc::clone(&status));
            Some(Watch::start(&status, &options, console, stop_button(&stop, console))?)
        };
        let exit = run::run(&batch, &engine, &stop, &ui);
        watch.map_or(Ok(()), Watch::finish)?;
        exit
    };
    if let (Some(trace), Some(path)) = (trace, &args.messages.trace) {
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

/// The workers that share a job's segments: one for each device, or several on one; the threads are split between
/// them. Empty where one pipeline does it all: then the machine need not be examined.
fn workers(settings: &Settings) -> Result<Vec<WorkerOptions>, UsageError> {
    let at_once = settings.processing.segments_at_once;
    if at_once < 2 && matches!(settings.device.devices, Devices::One(_)) {
        return Ok(Vec::new());
    }
    let machine = Machine::detect();
    let devices = match &settings.device.devices {
        Devices::One(_) => vec![None; at_once],
        Devices::Several(all) => all.iter().map(|d| Some(*d)).collect(),
        Devices::All => {
            let gpus = machine.gpu.cards.len();
            if gpus == 0 {
                return Err(UsageError("--device all: there is no NVIDIA GPU; `vrseg hardware` shows why".into()));
            }
            (0..gpus as u32).map(|n| Some(DeviceChoice::Cuda(n))).collect()
        }
    };
    let all = match settings.processing.threads {
        0 => rules::threads(&machine.cpu).value,
        n => n,
    };
    let threads = Some((all / devices.len()).max(1));
    Ok(devices.into_iter().map(|device| WorkerOptions { device, threads, ort_library: None }).collect())
}

fn watch_options(args: &JobArgs) -> WatchOptions {
    WatchOptions {
        metrics: args.messages.metrics,
        serve: args.messages.serve,
        monitor: args.messages.monitor,
        log: args.messages.performance_log.clone(),
    }
}

/// What a button or key of a viewer does: the same as Ctrl-C.
fn stop_button(stop: &Arc<Stop>, console: &Console) -> impl Fn() + Send + Sync + 'static {
    let (stop, console) = (Arc::clone(stop), console.clone());
    move || {
        stop.press();
        console.line("vrseg: finishing the current frames");
    }
}

/// Files that are written besides the outputs, each with the option that names it.
fn written<'a>(args: &'a JobArgs, log: &'a LogFile) -> Vec<(&'static str, &'a Path)> {
    let log = match log {
        LogFile::At(path) => Some(path.as_path()),
        LogFile::Off | LogFile::State => None,
    };
    let (trace, figures) = (args.messages.trace.as_deref(), args.messages.performance_log.as_deref());
    let files = [("--log-file", log), ("--trace", trace), ("--performance-log", figures)];
    files.into_iter().filter_map(|(option, path)| Some((option, path?))).collect()
}

/// A file that is written besides the outputs must not be one that the job reads or writes.
fn refuse_media_file(args: &JobArgs, option: &str, file: &Path) -> anyhow::Result<()> {
    let read = |text| OutputRequest::parse(text, args.output.container()).ok();
    let outputs: Vec<_> = args.output.output.iter().filter_map(|o| read(o)).map(|request| request.path).collect();
    let read = args.input.named().map(AsRef::as_ref);
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

/// Ends the timeline; one that is not complete is a warning, since the user requested it.
fn end_trace(trace: &Trace, path: &Path, console: &Console) -> anyhow::Result<()> {
    match trace.finish() {
        Ok(true) => Ok(()),
        Ok(false) => {
            let most = vrseg_engine::graph::trace::MOST;
            console.warning(&format!("{}: ends after {most} spans, which is what a viewer can open", path.display()));
            Ok(())
        }
        Err(e) => Err(e).with_context(|| format!("--trace {}", path.display())),
    }
}
