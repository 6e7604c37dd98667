//! Running a job: its stages are assembled, given to a graph, and what came of it is summed up.

mod assembly;
mod device_check;
mod forecast;
mod load;
mod moment;
mod outputs;
mod people_scan;
mod report;
mod tuning;
mod unpack;

pub use assembly::{Assembly, Recycling};
pub use forecast::{Forecast, forecast};
pub use load::LoadedJob;
pub use moment::{MomentPart, Moments};
pub(crate) use outputs::report_writer;
pub use people_scan::{FoundPerson, PeopleScan, ScanViewer, scan_people};
pub use tuning::load;
pub use unpack::{UnpackAs, UnpackRequest, Unpacked, unpack};

use crate::error::Result;
use crate::events::{Event, JobDescription, LatencyReport, Live, Observer, Progress, Summary};
use crate::frame::{Border, Cuts, Part};
use crate::graph::{Admission, Cancel, Graph, Histogram, MemoryGuard, Permits, frames_in_flight};
use crate::plan::Plan;
use crate::spec::Job;
use crate::stages::{Decode, Infer, Target};
use crate::telemetry::SPANS;
use crate::tune::rules::{self, Threads};
use load::{CacheKeyInputs, memory_shares};
use outputs::Outputs;
use report::{Reporter, Totals, report_reader};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use vrseg_hardware::{Sampler, sampler};
use vrseg_infer::ModelRunner;
use vrseg_infer::cache::{self, Cache, CacheChoice, CacheStats, CachedInference, InferenceState, Tiers};
use vrseg_media::{DecodeOptions, EncodeOptions, OpenInput, Reader};

/// Frames in flight of a job that must have low latency: one in a stage while the next one is decoded.
const LOW_LATENCY_FRAMES: usize = 2;

/// Plans and runs a job.
///
/// # Errors
/// The first thing that went wrong. Nothing is left under an output's final name then, unless
/// that output was finished already.
pub fn run(job: &Job, cancel: &Cancel, observer: &dyn Observer) -> Result<Summary> {
    let plan = Plan::new(job)?;
    announce(job, &plan, observer);
    let loaded = load(job, plan, false, cancel, observer)?;
    run_loaded(job, loaded, cancel, observer)
}

/// Reports what a job is, and what the user should know of its input, before anything that takes time.
pub fn announce(job: &Job, plan: &Plan, observer: &dyn Observer) {
    let outputs = job.outputs.iter().zip(&plan.encoders);
    let outputs = outputs.map(|(o, e)| output_text(o.mode.name(), &o.path, &e.description)).collect();
    observer.event(Event::Probed { job: description(job, plan, outputs) });
    plan.warnings().for_each(|message| observer.event(Event::Warning { message }));
}

/// A job with these outputs, as users see it.
fn description(job: &Job, plan: &Plan, outputs: Vec<String>) -> JobDescription {
    let video = &plan.input.video;
    JobDescription {
        input: job.input.clone(),
        width: video.width,
        height: video.height,
        fps: video.fps,
        frames: plan.frames,
        layout: plan.format.summary(),
        model: plan.model_text(),
        outputs,
    }
}

fn output_text(mode: &str, path: &Path, described: &str) -> String {
    format!("{mode} {} ({described})", path.display())
}

/// Runs a job whose models are loaded.
///
/// # Errors
/// As [`run`].
pub fn run_loaded(job: &Job, mut loaded: LoadedJob, cancel: &Cancel, observer: &dyn Observer) -> Result<Summary> {
    let summary = run_part(job, &mut loaded, None, cancel, observer)?;
    observer.event(Event::Done { summary: summary.clone() });
    Ok(summary)
}

/// Runs a job, or in segments a part of it. The segments' outputs are not written: whoever keeps them
/// joins them. Without [`Event::Done`].
///
/// # Errors
/// As [`run`].
pub fn run_part(
    job: &Job,
    loaded: &mut LoadedJob,
    part: Option<&Part<'_>>,
    cancel: &Cancel,
    observer: &dyn Observer,
) -> Result<Summary> {
    let _job = tracing::debug_span!(target: SPANS, "job", input = %job.input.display()).entered();
    let (device, started) = (loaded.device(), Instant::now());
    let opened = loaded.plan.opened.take();
    let LoadedJob { plan, runner, more_runners, locator, threads, gpu, cache_keys, decode_refusal_told, .. } = loaded;
    let (plan, threads, batch_frames) = (&*plan, *threads, loaded.batch.frames);
    let warn = |message| observer.event(Event::Warning { message });

    let max_memory = job.max_memory.unwrap_or(loaded.max_memory);
    let shares = memory_shares(batch_frames, plan, runner, max_memory);
    let sampler = Sampler::start(sampler::INTERVAL, gpu.as_ref().map(|(index, _)| *index));
    runner.refused().iter().for_each(|(provider, why)| warn(format!("{provider} can't be used: {why}")));
    runner.take_notes().into_iter().for_each(warn);

    let begin = part.and_then(|p| p.begin.clone()).unwrap_or_default();
    let decode_gpu = job.decode.gpu(runner.provider());
    let mut reader = open_source(job, opened, (threads, decode_gpu), part, &begin)?;
    warn_of_decoding_on_the_cpu(&reader, decode_refusal_told, &warn);
    let (template, encodes) = (reader.template(), encode_options(job, threads));
    let outputs = Outputs::open(job, plan, &encodes, &template, part, &begin, observer)?;
    observer.event(start_event(job, plan, device, &outputs));

    let cache = open_cache(job, shares.cached_mattes, observer);
    // Enough for a batch to be filled while one frame is somewhere else.
    let (look_ahead, sizes) = (plan.look_ahead(job), (loaded.queue_bytes, shares.queue));
    let least = look_ahead + batch_frames + 1;
    let permits = Permits::new(frames(job, plan, sizes, least, (batch_frames, threads)));
    let guard = MemoryGuard::new(max_memory, sampler.latest(), cache.clone(), least, &warn);
    let admission = Admission::new(permits, Some(guard));

    let live = Live::new(&job.input, sampler.latest());
    let assembly = Assembly::new(job, plan);
    let recycling = assembly.recycling(threads.prepare, threads.compose);
    let targets = assembly.targets()?;
    let resumes = part.and_then(|p| p.begin.as_ref());
    let matte = assembly.matte(resumes, &recycling, &live.preview)?;
    let runners = std::iter::once(runner).chain(more_runners);
    let inferences = cached(runners, cache_keys, cache.as_ref(), &begin.state.inference)?;
    if let Some(locator) = locator.as_mut() {
        locator.restore(begin.state.people.as_ref());
    }
    let report = |so_far: CacheStats, notes: Vec<String>| {
        live.count_mattes(so_far);
        notes.into_iter().for_each(warn);
    };
    observer.live(&live);

    let progress = Progress::new(plan.frames, begin.index, job.outputs.len(), &outputs.bytes, observer, &live.clocks);
    let latency = Histogram::default();
    let wrote = |output, frames, since: Instant| {
        latency.record(since.elapsed());
        observer.wrote(since.elapsed());
        progress.wrote(output, frames);
    };
    let cuts = part.map_or_else(Cuts::none, |part| Cuts::of(part, assembly.tick(), look_ahead));
    let notes = outputs.notes;
    let on_crops = plan.crop_plan().is_some();
    let painted = painted_queue(plan, &targets);
    let cutters = if on_crops { threads.prepare } else { 1 };
    let infer = Infer::new(inferences, on_crops, recycling.planes.clone(), recycling.inputs(batch_frames), &report);
    let finished = Graph::new(cancel, &live.clocks)
        .source(Decode::new(&mut reader, outputs.packets, cuts), admission, 2)
        .parallel_in_order(
            "prepare",
            several(threads.prepare, || assembly.sample(&recycling)),
            assembly.scenes(begin.state.scene, locator.as_mut(), &warn).with_look_ahead(look_ahead),
            0,
        )
        // The batch that `gather` holds is the queue.
        .parallel_in_order(
            "windows",
            several(cutters, || assembly.cut_windows(&recycling)),
            assembly.gather(loaded.batch, &recycling),
            0,
        )
        .ordered("infer", infer, batch_frames)
        .ordered("matte", matte, 1)
        .split("compose", several(threads.compose, || assembly.paint(&targets, &recycling)), targets.len(), painted)
        .run("encode", outputs.sinks, &wrote)?;

    report_reader(&reader, &job.input, observer);
    let totals = Totals {
        frames: progress.frames(),
        before: begin.index,
        seconds: started.elapsed().as_secs_f64(),
        whole: finished.whole,
        part: part.map(|p| p.until.is_some()),
        stopped: cancel.is_requested(),
        decode_errors: reader.decode_errors(),
        resources: sampler.finish(),
    };
    let latency = LatencyReport::of(&latency);
    let reporter = Reporter { job, plan, live: &live, latency, cache: cache.as_deref(), observer };
    Ok(reporter.summarize(totals, finished.sinks, &notes))
}

/// Warns, once in a job, that the GPU which was to decode the source doesn't.
fn warn_of_decoding_on_the_cpu(reader: &Reader, warned: &mut bool, warn: &dyn Fn(String)) {
    if let (Some(why), false) = (reader.gpu_refusal(), *warned) {
        warn(format!("the source is decoded on the CPU: {why}"));
        *warned = true;
    }
}

/// Source frames that may be in flight, at least `least`. Those that wait may take the job's bytes, or else the first of these
/// two numbers, and the second at most.
fn frames(
    job: &Job,
    plan: &Plan,
    (usual, most): (usize, u64),
    least: usize,
    (batch_frames, threads): (usize, Threads),
) -> usize {
    if job.low_latency {
        return LOW_LATENCY_FRAMES.max(least);
    }
    let queue_bytes = if job.queue_bytes > 0 { job.queue_bytes } else { usual };
    let queue_bytes = queue_bytes.min(usize::try_from(most).unwrap_or(usize::MAX));
    let frames = frames_in_flight(queue_bytes, plan.frame_bytes(), batch_frames, threads.prepare + threads.compose);
    // Those that are held back are among them: more cost memory and gained no speed.
    frames.max(least)
}

/// Painted frames that wait for each encoder.
fn painted_queue(plan: &Plan, targets: &[Target]) -> usize {
    rules::painted_queue(plan.frame_bytes(), targets.len(), targets.iter().any(|t| t.passthrough.is_some()))
}

/// The models with their states and cached mattes.
fn cached<'n>(
    runners: impl Iterator<Item = &'n mut ModelRunner>,
    cache_keys: &[CacheKeyInputs],
    cache: Option<&Arc<Cache>>,
    past: &[InferenceState],
) -> Result<Vec<CachedInference<'n>>> {
    let nothing = InferenceState::default();
    let one = |(i, runner): (usize, &'n mut ModelRunner)| {
        // The keys of mattes that came another way would be wrong.
        let as_ever = cache_keys.get(i).filter(|inputs| inputs.backend == runner.active_backend());
        let keyed = cache.zip(as_ever).map(|(cache, inputs)| (Arc::clone(cache), inputs.context.clone()));
        Ok(CachedInference::new(runner, past.get(i).unwrap_or(&nothing), keyed)?)
    };
    runners.enumerate().map(one).collect()
}

/// This many workers of a stage.
fn several<T>(n: usize, one: impl Fn() -> T) -> Vec<T> {
    (0..n).map(|_| one()).collect()
}

/// Opens the source where the work begins.
fn open_source(
    job: &Job,
    opened: Option<OpenInput>,
    (threads, gpu): (Threads, Option<u32>),
    part: Option<&Part<'_>>,
    begin: &Border,
) -> Result<Reader> {
    let options = DecodeOptions {
        choice: job.choice,
        range: job.range,
        threads: threads.decode,
        gpu,
        alpha: job.wants_alpha(),
        strict: job.strict,
    };
    let mut reader = match opened {
        Some(opened) => Reader::begin(opened, &options)?,
        None => Reader::open(&job.input, &options)?,
    };
    if let Some(pts) = part.and_then(|p| p.warm_up.or(p.begin.as_ref().map(|b| b.pts))) {
        reader.skip_to(pts, begin.index)?;
    }
    Ok(reader)
}

/// How each output is encoded, its share of the threads filled in.
fn encode_options(job: &Job, threads: Threads) -> Vec<EncodeOptions> {
    let one = |encode: &EncodeOptions| {
        let threads = if encode.threads == 0 { threads.encode } else { encode.threads };
        EncodeOptions { threads, ..encode.clone() }
    };
    job.outputs.iter().map(|o| one(&o.encode)).collect()
}

fn start_event(job: &Job, plan: &Plan, device: String, outputs: &Outputs<'_>) -> Event {
    let notes = job.outputs.iter().zip(&outputs.notes);
    let outputs = notes.map(|(o, note)| output_text(note.mode, &o.path, &note.described)).collect();
    Event::Start { job: description(job, plan, outputs), device }
}

/// Opens the cache, whose part in memory may take this many bytes.
fn open_cache(job: &Job, memory: u64, observer: &dyn Observer) -> Option<Arc<Cache>> {
    let memory = job.cache.memory.min(usize::try_from(memory).unwrap_or(usize::MAX));
    let (cache, unusable) = Cache::open(CacheChoice { memory, ..job.cache }, &cache::folder());
    match unusable {
        Some(why) if job.cache.tiers == Tiers::All => observer.event(Event::Warning { message: why.to_string() }),
        Some(why) => tracing::info!("{why}"),
        None => {}
    }
    cache
}
