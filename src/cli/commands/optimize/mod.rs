//! `vrseg optimize`: the bottleneck of this machine, its speed, and which settings make it faster.
//! Every trial is this program once more, doing the main job on a piece of the clip: what is measured
//! is what the user will get, a library that crashes takes only its trial along, and each device has
//! the ONNX Runtime that it needs (a process can load only one).

mod measurements;
mod report;
mod save;
mod trial;

use crate::cli::args::OptimizeArgs;
use crate::cli::exit::Exit;
use crate::cli::interrupt::Stop;
use crate::ui::Console;
use anyhow::Context;
use measurements::Measurements;
use trial::{ChildTrials, Clip, Trial};
use vrseg_engine::settings::{Settings, Sources, check};
use vrseg_engine::tune::bottleneck::{self, BottleneckInput, Finding, StageTime};
use vrseg_engine::tune::cuda::CudaGpus;
use vrseg_engine::tune::rules::{self, ModelLoad, Processor, Threads};
use vrseg_engine::tune::search::{Candidate, Goal, Space, search};
use vrseg_hardware::Machine;
use vrseg_infer::Precision;
use vrseg_infer::{Kind, Manifest, Model, registry};

/// Seconds of `--benchmark` and of the run that bottlenecks are looked for in.
const BENCHMARK_SECONDS: f64 = 5.0;

/// Runs the benchmark, the bottleneck detection and the search that `args` ask for; without any, the search.
///
/// # Errors
/// Wrong usage, a clip that can't be read, settings that can't run.
pub(crate) fn run(
    args: &OptimizeArgs,
    stop: &Stop,
    console: &Console,
    print: impl Fn(&str) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    let (settings, sources) = args.model.loader().load()?;
    check(&settings, &sources)?;
    let target =
        args.save_config.as_ref().map(|file| save::Target::new(file.as_deref(), args.overwrite)).transpose()?;
    let folder = tempfile::Builder::new().prefix("vrseg-optimize-").tempdir();
    let folder = folder.context("no folder for temporary files can be made")?;
    let clip = Clip::open(args.input.as_deref(), folder.path(), stop)?;
    let machine = Machine::detect();
    let mut trials = ChildTrials::new(args, &settings, &clip, folder.path(), stop, console);
    let auto = args.auto || args.save_config.is_some() || !(args.benchmark || args.detect_bottlenecks);
    let floor = args.min_iou.unwrap_or(if settings.profile == "quality" { 0.98 } else { 0.95 });
    let mut measured = Measurements {
        machine: report::machine_line(&machine),
        clip: clip.about.clone(),
        start: String::new(),
        benchmark: None,
        bottlenecks: None,
        search: None,
        target_fps: args.target_fps.as_ref().map_or(settings.performance.target_fps, |fps| fps.0.as_f64()),
        floor,
        saved: None,
    };
    console.line(&format!("vrseg: measuring on {}", measured.clip));

    let stopped = || {
        console.line("vrseg: stopped; nothing was saved");
        Ok(Exit::Interrupted)
    };
    let first = match trials.run(&Candidate::default(), 6) {
        Err(_) if stop.presses() > 0 => return stopped(),
        first => first.map_err(anyhow::Error::msg)?,
    };
    measured.start = format!("{}, {}, {}", settings.profile, first.model, first.device);
    if args.benchmark || args.detect_bottlenecks {
        console.line(&format!("vrseg: running the current settings for {BENCHMARK_SECONDS} seconds"));
        let trial = match trials.steady(BENCHMARK_SECONDS, first.fps) {
            Err(_) if stop.presses() > 0 => return stopped(),
            trial => trial.map_err(anyhow::Error::msg)?,
        };
        if args.detect_bottlenecks {
            measured.bottlenecks = Some(bottlenecks(&trial, &machine));
        }
        measured.benchmark = Some(trial);
    }
    if auto && stop.presses() == 0 {
        console.line("vrseg: searching for faster settings (one to three minutes)");
        let space = space(&settings, &sources, &machine, &first);
        let goal = Goal { floor, target_fps: measured.target_fps, frames: clip.frames };
        let outcome = match search(&mut trials, &space, &goal) {
            Err(_) if stop.presses() > 0 => return stopped(),
            outcome => outcome.map_err(anyhow::Error::msg)?,
        };
        measured.search = Some(outcome);
    }
    if stop.presses() > 0 {
        return stopped();
    }
    if let (Some(target), Some(found)) = (target, &measured.search) {
        target.write(&save::file(&settings, &sources, &measured, found))?;
        measured.saved = Some(target.path);
    }
    let text = if args.json { report::json(&measured)? } else { report::text(&measured, args) };
    print(&text)?;
    Ok(Exit::Done)
}

fn bottlenecks(trial: &Trial, machine: &Machine) -> Vec<Finding> {
    let stages: Vec<_> = trial
        .stages
        .iter()
        .map(|s| StageTime { stage: &s.stage, busy: s.busy, waiting: s.waiting, threads: s.threads })
        .collect();
    bottleneck::findings(&BottleneckInput::new(&stages, &trial.resources, machine))
}

/// What may be changed on this machine, for these settings. `first` is a run of theirs.
fn space(settings: &Settings, sources: &Sources, machine: &Machine, first: &Trial) -> Space {
    let model = match &settings.model.name {
        Some(name) => registry::find(name),
        None => registry::find_first(&settings.model.prefer),
    };
    let weights = model.as_ref().map_or(0, Model::bytes);
    let manifest = model.ok().map(|m| m.manifest);
    let gpus = CudaGpus::from_environment(&machine.gpu.cards);
    let now = first.device.split([',', ' ']).next().unwrap_or_default().to_owned();
    let mut devices = vec!["openvino".to_owned(), "cpu".to_owned()];
    devices
        .extend(gpus.auto().into_iter().flat_map(|c| [format!("cuda:{}", c.value), format!("tensorrt:{}", c.value)]));
    devices.retain(|d| *d != now);
    let on_cpu = !now.contains(':');
    let cores = match settings.processing.threads {
        0 => rules::threads(&machine.cpu).value,
        n => n,
    };
    let mut threads = settings.processing.split.apply(Threads::share(cores, 1, on_cpu));
    if settings.device.threads > 0 {
        threads.infer = settings.device.threads;
    }
    let queue_bytes = match settings.processing.queue_bytes {
        0 => rules::queue(&machine.memory).value,
        n => n as u64,
    };
    let size = |m: &Manifest| {
        let for_it = settings.model.input_size_for.as_deref().is_none_or(|name| name == m.name);
        let now = settings.model.input_size.filter(|_| for_it).unwrap_or(m.input.size);
        (!m.input.fixed).then_some((now, m.input.min, m.input.multiple))
    };
    // Person crops have sizes of their own.
    let crop_models = settings.people.crop_models(settings.model.name.is_some(), settings.view.is_some());
    let whole = |_: &(u32, u32, u32)| crop_models.is_empty();
    let recurrent = manifest.as_ref().is_some_and(|m| m.kind == Kind::Recurrent);
    let load = manifest.as_ref().map(|m| {
        let side = size(m).map_or(m.input.size, |s| s.0) as usize;
        ModelLoad { model: &m.name, recurrent, views: 2, pixels: side * side }
    });
    let gpu = gpus.auto().and_then(|c| gpus.gpu(c.value));
    let on = match now.as_str() {
        "cpu" => Processor::Cpu(&machine.cpu),
        "openvino" => Processor::OpenVino(&machine.cpu),
        _ => Processor::Cuda(gpu),
    };
    let at_once = |l: &ModelLoad<'_>| rules::batch(on, l, vrseg_infer::sessions(l.views, threads.infer, weights)).value;
    Space {
        devices,
        on_cpu,
        fixed: sources.explicit().collect(),
        precision: settings.model.precision == Precision::Auto,
        size: manifest.as_ref().and_then(size).filter(whole),
        recurrent,
        batch: load.as_ref().map_or(1, at_once),
        largest_batch: load.as_ref().map_or(1, |l| rules::largest_batch(gpu, l)),
        cores,
        threads,
        queue_bytes,
    }
}
