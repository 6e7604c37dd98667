//! `vrseg bench`: sweeps, comparisons, reports.

mod point;
mod runner;

use crate::cli::args::{BenchArgs, BenchCommand, ReportOptions};
use crate::cli::exit::{Exit, UsageError};
use crate::cli::interrupt::listen;
use crate::cli::quote::quoted;
use crate::ui::Console;
use crate::ui::format::duration;
use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use runner::{SweepObserver, SweepRunner};
use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};
use vrseg_bench::report::{self, number};
use vrseg_bench::{Axes, Outcome, Point, Results, Settings, Size, Spec, Sweep, compare};
use vrseg_hardware::Machine;

/// Does what the arguments ask.
///
/// # Errors
/// Wrong usage, files that can't be read or written, no process to be had.
pub(crate) fn run(
    args: &BenchArgs,
    console: &Console,
    print: impl Fn(&str) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    match &args.command {
        Some(BenchCommand::Compare { first, second, json }) => {
            let found = compare(&read(first)?, &read(second)?);
            if *json {
                print(&(serde_json::to_string_pretty(&found)? + "\n"))?;
            } else {
                print(&report::text::comparison(&found))?;
            }
            Ok(Exit::Done)
        }
        Some(BenchCommand::Report { results, options }) => {
            let results = read(results)?;
            print(&report::text::text(&results, options.target_fps))?;
            write_reports(&results, options)?;
            Ok(Exit::Done)
        }
        None => match &args.point {
            Some(request) => point::run(request, print),
            None => measure(args, console, print),
        },
    }
}

/// A file that the user named: what is wrong with it is wrong usage.
fn read(path: &Path) -> anyhow::Result<Results> {
    Results::read(path).map_err(|e| UsageError(e.to_string()).into())
}

fn measure(args: &BenchArgs, console: &Console, print: impl Fn(&str) -> anyhow::Result<()>) -> anyhow::Result<Exit> {
    let (axes, sweep) = axes(args)?;
    let points = axes.points(sweep);
    let settings = settings(args, &axes);
    let machine = Machine::detect();
    let mut results = begin(args, settings, &machine)?;
    let folder = tempfile::Builder::new().prefix("vrseg-bench-").tempdir().context("no temporary folder")?;
    let stop = listen(console)?;
    let runner = SweepRunner {
        input: args.input.as_deref(),
        folder: folder.path(),
        options: options(args),
        timeout: Duration::from_secs_f64(args.timeout),
        stop: &stop,
    };
    // Proves that the file can be written before anything takes long.
    let save = |results: &Results| match args.self_report {
        true => Ok(results.to_send(&machine)?.write(args.results())?),
        false => anyhow::Ok(results.write(args.results())?),
    };
    save(&results)?;
    let progress = SweepProgress::new(console, &points, &results, args.quiet);
    let done = runner.run(&points, &mut results, &progress, save);
    progress.close();
    let whole = done?;
    results.finished = whole && points.iter().all(|p| results.point(p).is_some());
    save(&results)?;
    if args.self_report {
        results = results.to_send(&machine)?;
    }
    if args.json {
        print(&std::fs::read_to_string(args.results())?)?;
    } else if !args.quiet {
        print(&report::text::text(&results, args.report.target_fps))?;
        console.line(&format!("vrseg: the figures are in {}", args.results().display()));
        if args.self_report {
            console.line("vrseg: that file can be sent: it names no person, machine or file");
        }
        console.line(&match &args.report.html {
            Some(page) => format!("vrseg: the page with charts is {}", page.display()),
            None => format!(
                "vrseg: a page with charts: vrseg bench report {} --html bench.html",
                quoted(args.results().as_os_str())
            ),
        });
    }
    write_reports(&results, &args.report)?;
    Ok(if !whole {
        Exit::Interrupted
    } else if results.points.iter().any(|p| p.measured().is_some()) {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// The values of each axis, and which of them are varied.
fn axes(args: &BenchArgs) -> Result<(Axes, Sweep), UsageError> {
    if let Some(path) = args.models.iter().find(|model| args.self_report && model.contains(['/', '.'])) {
        return Err(UsageError(format!("--models {path}: a report that is to be sent names models, not files")));
    }
    let or = |given: &[String], all: &[&str]| match given {
        [] => all.iter().map(|s| (*s).to_owned()).collect(),
        given => given.to_vec(),
    };
    let sizes: Vec<_> = match (&args.input, args.resolutions.as_slice()) {
        (Some(input), _) => {
            if !input.is_file() {
                return Err(UsageError(format!("--input {}: there is no such file", input.display())));
            }
            let name = input.file_name().unwrap_or_default().to_string_lossy().into_owned();
            vec![Size { name, width: 0, height: 0 }]
        }
        (None, []) => {
            let names: &[&str] = if args.quick { &["1080p", "4k"] } else { &["1080p", "4k", "6k", "8k"] };
            names.iter().filter_map(|n| Size::parse(n).ok()).collect()
        }
        (None, given) => given.to_vec(),
    };
    let batches: &[u32] = match args.batches.as_slice() {
        [] if args.low_latency => &[1],
        [] if args.quick => &[1, 4],
        [] => &[1, 4, 8, 16, 32],
        given => given,
    };
    // No model has weights for INT8, and FP16 needs TensorRT: points that can't work tell nothing in a hurry.
    let tensorrt = !args.devices.is_empty() && args.devices.iter().all(|device| device.starts_with("tensorrt"));
    let precisions: &[&str] = match (args.quick, tensorrt) {
        (true, true) => &["fp32", "fp16"],
        (true, false) => &["fp32"],
        (false, _) => &["fp32", "fp16", "int8"],
    };
    let axes = Axes {
        sizes,
        batches: batches.to_vec(),
        precisions: or(&args.precisions, precisions),
        models: or(&args.models, &[""]),
        devices: or(&args.devices, &["auto"]),
    };
    let sweep = if args.resolution_only || args.self_report {
        Sweep::Resolution
    } else if args.batch_only {
        Sweep::Batch
    } else if args.precision_only {
        Sweep::Precision
    } else if args.crossed {
        Sweep::Crossed
    } else {
        Sweep::Each
    };
    Ok((axes, sweep))
}

fn settings(args: &BenchArgs, axes: &Axes) -> Settings {
    let (iterations, warmup, seconds) = if args.quick { (12, 2, 3.0) } else { (50, 5, 15.0) };
    Settings {
        profile: args.profile.clone(),
        input: args.input.as_ref().map(|p| p.display().to_string()),
        iterations: args.iterations.unwrap_or(iterations),
        warmup: args.warmup.unwrap_or(warmup),
        seconds: args.seconds.unwrap_or(seconds),
        codec: args.codec.clone(),
        preset: args.preset.clone(),
        low_latency: args.low_latency,
        base: axes.base(),
    }
}

/// Options of the main job that all points have.
fn options(args: &BenchArgs) -> Vec<String> {
    let given = [("--profile", &args.profile), ("--codec", &args.codec), ("--preset", &args.preset)];
    let given = given.into_iter().filter_map(|(option, value)| Some([option.to_owned(), value.clone()?]));
    given.flatten().chain(args.low_latency.then(|| "--low-latency".to_owned())).collect()
}

/// New results, or those that `--resume` continues.
fn begin(args: &BenchArgs, settings: Settings, machine: &Machine) -> anyhow::Result<Results> {
    let path = args.results();
    if args.resume && path.exists() {
        let mut old = read(path)?;
        if old.settings != settings {
            let shown = path.display();
            let message =
                format!("{shown}: was measured with other settings; use the same ones, or start over with -y");
            return Err(UsageError(message).into());
        }
        old.finished = false;
        return Ok(old);
    }
    if path.exists() && !args.overwrite {
        let shown = path.display();
        return Err(UsageError(format!("{shown} exists; -y replaces it, --resume continues it")).into());
    }
    Ok(Results::begin(machine, env!("VRSEG_GIT_COMMIT"), settings))
}

fn write_reports(results: &Results, options: &ReportOptions) -> anyhow::Result<()> {
    let write = |path: &Path, text: &str| {
        std::fs::write(path, text).with_context(|| format!("{}: can't be written", path.display()))
    };
    if let Some(path) = &options.csv {
        write(path, &results.csv())?;
    }
    if let Some(path) = &options.html {
        write(path, &report::html::page(results, options.target_fps)?)?;
    }
    if let Some(folder) = &options.charts {
        std::fs::create_dir_all(folder).with_context(|| format!("{}: can't be created", folder.display()))?;
        for chart in report::charts::all(results)? {
            write(&folder.join(format!("{}.svg", chart.name)), &chart.svg)?;
        }
    }
    Ok(())
}

/// What is shown while the points run: a bar with the time that is left on a terminal, and a line for
/// each point.
struct SweepProgress<'a> {
    console: &'a Console,
    quiet: bool,
    bar: Option<ProgressBar>,
    /// What each point will cost, in guessed seconds, and whether it exists already.
    costs: Vec<(f64, bool)>,
    current: Cell<usize>,
    started: Instant,
    labels: Vec<String>,
}

impl<'a> SweepProgress<'a> {
    fn new(console: &'a Console, points: &[Spec], results: &Results, quiet: bool) -> Self {
        let seconds = results.settings.seconds;
        let cost = |s: &Spec| 0.5 + (s.width * s.height) as f64 / 1e6 + seconds * if s.batch > 1 { 1.0 } else { 2.0 };
        let costs = points.iter().map(|s| (cost(s), results.point(s).is_some())).collect();
        let bar = (console.is_terminal() && !quiet).then(|| {
            let bar = console.bars().add(ProgressBar::new(points.len() as u64));
            if let Ok(style) = ProgressStyle::with_template("{bar:16} {pos}/{len} {wide_msg}") {
                bar.set_style(style.progress_chars("━╸─"));
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        let labels = points.iter().map(|s| s.label(&results.settings.base)).collect();
        Self { console, quiet, bar, costs, current: Cell::new(0), started: Instant::now(), labels }
    }

    fn close(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Seconds left, once a point is over.
    fn left(&self) -> Option<f64> {
        let at = self.current.get();
        let fresh = |part: &[(f64, bool)]| part.iter().filter(|c| !c.1).map(|c| c.0).sum::<f64>();
        let done = fresh(&self.costs[..at]);
        (done > 0.0).then(|| self.started.elapsed().as_secs_f64() / done * fresh(&self.costs[at..]))
    }

    fn show(&self, what: &str) {
        if let Some(bar) = &self.bar {
            let label = self.labels.get(self.current.get()).map_or("", String::as_str);
            let left = self.left().map(|s| format!(", about {} left", duration(s))).unwrap_or_default();
            bar.set_position(self.current.get() as u64);
            bar.set_message(format!("{label}: {what}{left}"));
        }
    }
}

impl SweepObserver for SweepProgress<'_> {
    fn making(&self, _: &Spec, n: u64, frames: u64) {
        self.show(&format!("making its clip, {n} of {frames} frames"));
        if n == frames {
            self.show("measuring");
        }
    }

    fn begin(&self, index: usize, _: &Spec) {
        self.current.set(index);
        self.show("measuring");
    }

    fn end(&self, index: usize, point: &Point) {
        self.current.set(index + 1);
        if !self.quiet {
            self.console.line(&format!("[{}/{}] {}", index + 1, self.costs.len(), line(&self.labels[index], point)));
        }
    }
}

/// A point in one line.
fn line(label: &str, point: &Point) -> String {
    match (&point.outcome, point.whole()) {
        (Outcome::Failed { error }, _) => format!("{label}: failed: {}", error.lines().next().unwrap_or_default()),
        (_, Some(w)) => {
            format!("{label}: {} fps; latency {} ms from decoder to encoder", number(w.fps), number(w.latency.p50))
        }
        (Outcome::Ok(m), None) => {
            let fps = m.stages.first().map_or(0.0, |s| s.fps);
            format!("{label}: the model alone {} fps", number(fps))
        }
    }
}
