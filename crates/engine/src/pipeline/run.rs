//! Runs a job: one named thread a stage (several where frames are independent), bounded channels
//! between them, one cancel flag, and the error that really happened as the result.

use super::backdrop::Backdrop;
use super::budget::{Permits, frames_in_flight};
use super::cancel::Cancel;
use super::compose::{Compose, Target};
use super::decode::Delivery;
use super::encode::{SegmentSink, Sink};
use super::error::{Error, Result};
use super::events::{CacheReport, Event, LatencyReport, Observer, OutputReport, Summary};
use super::frame::Total;
use super::histogram::Histogram;
use super::job::Job;
use super::live::Live;
use super::matte::Matting;
use super::memory::{Admission, MemoryGuard};
use super::people::People;
use super::plan::{Plan, output_color, output_layout};
use super::prepare::{Prepare, Recycled};
use super::progress::Progress;
use super::segments::{Cuts, Part};
use super::state::TemporalState;
use super::{decode, encode, infer};
use crate::telemetry::SPANS;
use crate::telemetry::crash::{self, Crash};
use crate::tune::cuda::CudaCards;
use crate::tune::rules::{self, MemoryShares, NetworkLoad, Processor, Threads};
use crossbeam_channel::{bounded, unbounded};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Instant;
use vrseg_hardware::{Cpu, Machine, Sampler, sampler};
use vrseg_image::compose::{Mode, PassthroughPainter};
use vrseg_image::matte::stereo::{Search, StereoFusion};
use vrseg_image::matte::windows::Blender;
use vrseg_image::plane::Plane;
use vrseg_image::vr::{EyeOrder, Lens};
use vrseg_infer::cache::{self, Cache, CacheChoice, Context, Recall, Tally, Tiers};
use vrseg_infer::provider::{Provider, SessionOptions};
use vrseg_infer::{Batch, Kind, ModelError, Network, States, Way, runtime};
use vrseg_infer::{DeviceChoice, Precision};
use vrseg_media::{DecodeOptions, EncodeOptions, Finished, FramePool, Reader, SegmentWriter, Writer, segment};

/// A job whose network is loaded; building it is what takes time before the first frame.
pub struct Prepared {
    plan: Plan,
    network: Network,
    people: Option<People>,
    /// It computes in bfloat16.
    bf16: bool,
    threads: Threads,
    /// Frames that go through the network at once.
    batch_frames: usize,
    /// What the rules make of an open `queue_bytes`.
    queue_bytes: usize,
    /// What they make of an open `max_memory`.
    max_memory: u64,
    /// NVML's number of the card that runs the network, where that is sure, and its name.
    card: Option<(u32, String)>,
    /// What computes the mattes.
    context: Context,
    /// How it did so then. A device that fails changes it.
    way: Way,
}

impl Prepared {
    /// Loads the network that the plan chose.
    ///
    /// # Errors
    /// Wrong checksum, no ONNX Runtime, a device that does not load.
    pub fn new(job: &Job, plan: Plan) -> Result<Self> {
        let machine = Machine::detect();
        let max_memory = rules::max_memory(&machine.memory, sampler::held()).value;
        let cores = if job.threads > 0 { job.threads } else { rules::threads(&machine.cpu).value };
        let share = |network_on_cpu| job.split.apply(Threads::share(cores, job.outputs.len(), network_on_cpu));
        let mut threads = share(true);
        if job.model.threads > 0 {
            threads.infer = job.model.threads;
        }
        let cards = CudaCards::from_environment(&machine.gpu.cards);
        let auto_card = cards.auto().map_or(0, |c| c.value);
        let wanted = match job.model.device {
            DeviceChoice::Cuda(n) => n,
            _ => auto_card,
        };
        let options = SessionOptions {
            device: job.model.device,
            auto_card,
            openvino: !runtime::has_nvidia_driver()
                && rules::openvino(
                    &machine.cpu,
                    runtime::has_openvino(job.model.ort_library.as_deref()),
                    plan.model.manifest.bf16,
                    job.model.precision == Precision::Fp32,
                )
                .value,
            bf16: machine.cpu.bf16(),
            precision: job.model.precision,
            threads: threads.infer,
            session: job.model.session,
            card_memory: cards.card(wanted).and_then(|c| c.memory_total),
            frugal: false,
            pictures: plan.pictures(job),
            cache_dir: cache::folder(),
            ort_library: job.model.ort_library.clone(),
        };
        let mut network = Network::load(&plan.model, &options)?;
        warm_up(job, &plan, &mut network, &machine.cpu)?;
        let provider = network.provider();
        let batch_frames = match job.model.batch_size {
            0 => rules::batch(processor(provider, &machine.cpu), &load(&plan, &network), network.sessions()).value,
            n => n as usize,
        };
        if provider.is_gpu() {
            threads = share(false);
        }
        let card = match provider {
            Provider::Cuda(n) | Provider::TensorRt(n) => cards.card(n).map(|c| (c.index, c.name.clone())),
            Provider::Cpu | Provider::OpenVino => None,
        };
        let bf16 = provider == Provider::OpenVino && options.computes_bf16();
        let video = &plan.input.video;
        let form = (video.layout, video.color);
        let people = plan.people.as_ref();
        let people =
            people.map(|p| People::new(p, &options, &plan.views, plan.format.projection.value, form, threads.prepare));
        let people = people.transpose()?;
        let queue_bytes = rules::queue(&machine.memory).value as usize;
        let context = context(job, &network, &machine, card.as_ref().map(|(_, name)| name.as_str()));
        let way = network.way();
        Ok(Self { plan, network, people, bf16, threads, batch_frames, queue_bytes, max_memory, card, context, way })
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What runs the network.
    pub fn provider(&self) -> Provider {
        self.network.provider()
    }

    /// How the threads are shared out.
    pub fn threads(&self) -> Threads {
        self.threads
    }

    /// Another number of workers that refine mattes and paint outputs.
    pub fn set_workers(&mut self, workers: usize) {
        self.threads.compose = workers;
    }

    /// The network, and how the threads are shared out.
    pub fn parts(&mut self) -> (&mut Network, Threads) {
        (&mut self.network, self.threads)
    }

    /// The device in one line: what runs the network, and why nothing better does.
    pub fn device(&self) -> String {
        let refused: Vec<_> = self.network.refused().iter().map(|(p, why)| format!("{p}: {why}")).collect();
        let provider = self.network.provider();
        let threads = if provider.is_gpu() { String::new() } else { format!(", {} threads", self.threads.infer) };
        let why = if refused.is_empty() { String::new() } else { format!(" (not {})", refused.join("; ")) };
        let name = self.card.as_ref().map(|(_, name)| format!(" {name}")).unwrap_or_default();
        let bf16 = if self.bf16 { " in bfloat16" } else { "" };
        format!("{provider}{name}{bf16}{threads}{why}")
    }
}

/// What frames between the stages and kept mattes may take of `max_memory`, beside what is held already and
/// what the network is going to need.
fn memory_shares(batch_frames: usize, plan: &Plan, network: &Network, max_memory: u64) -> MemoryShares {
    let on_gpu = network.provider().is_gpu();
    let network = if on_gpu { 0 } else { batch_frames as u64 * load(plan, network).frame_bytes() };
    rules::memory_shares(max_memory.saturating_sub(sampler::held()).saturating_sub(network))
}

/// The network's part of a frame.
fn load<'a>(plan: &Plan, network: &'a Network) -> NetworkLoad<'a> {
    let (width, height) = plan.views.network_size();
    let manifest = network.manifest();
    NetworkLoad {
        model: &manifest.name,
        recurrent: manifest.kind == Kind::Recurrent,
        views: plan.views.pictures(),
        pixels: width * height,
    }
}

/// What runs the network, for rules that don't ask which card it is.
fn processor(provider: Provider, cpu: &Cpu) -> Processor<'_> {
    match provider {
        Provider::Cpu => Processor::Cpu(cpu),
        Provider::OpenVino => Processor::OpenVino(cpu),
        Provider::Cuda(_) | Provider::TensorRt(_) => Processor::Cuda(None),
    }
}

/// What the mattes depend on beside the network's input. The number of threads is no part of it: where last
/// bits depend on it (on an AMD Zen 5, not on a Zen 3), the rounding of mattes leaves little of that.
fn context(job: &Job, network: &Network, machine: &Machine, card: Option<&str>) -> Context {
    let (model, session) = (&job.model, &job.model.session);
    let arithmetic = format!("{:?} {:?} {}", model.precision, session.tf32, session.deterministic);
    let processor = match (network.provider(), card) {
        (Provider::Cpu | Provider::OpenVino, _) | (_, None) => {
            format!("{} {} {:?}", network.provider(), machine.cpu.model, machine.cpu.features)
        }
        (Provider::Cuda(_), Some(name)) => format!("cuda {name}"),
        (Provider::TensorRt(_), Some(name)) => format!("tensorrt {name}"),
    };
    Context::new(network.manifest(), network.runtime(), &arithmetic, &processor)
}

/// Runs the network on gray pictures, so that what only its first run does is done: loading
/// kernels, compiling, finding out that memory does not suffice. Nothing was created by then.
fn warm_up(job: &Job, plan: &Plan, network: &mut Network, cpu: &Cpu) -> Result<()> {
    let by_rule = rules::warmup(processor(network.provider(), cpu)).value;
    let (width, height) = plan.views.network_size();
    let n = plan.pictures(job);
    let mut states = States::default();
    let device = network.provider();
    for _ in 0..job.model.session.warmup.unwrap_or(by_rule) {
        let batch = Batch { data: vec![0.5; n * 3 * width * height], n, width, height };
        network.run(&batch, &mut states, &mut Vec::new())?;
    }
    if network.provider() != device && job.model.device != DeviceChoice::Auto {
        // Later the work that is done would be lost; now whoever named it can choose.
        let why = network.left_because().unwrap_or("it failed").to_owned();
        return Err(ModelError::Device { device: device.to_string(), why }.into());
    }
    Ok(())
}

/// Plans and runs a job.
///
/// # Errors
/// The first thing that went wrong. Nothing is left under an output's final name then, unless
/// that output was finished already.
pub fn run(job: &Job, cancel: &Cancel, observer: &dyn Observer) -> Result<Summary> {
    let prepared = Prepared::new(job, Plan::new(job)?)?;
    run_prepared(job, prepared, cancel, observer)
}

/// Runs a job whose network is loaded.
///
/// # Errors
/// As [`run`].
pub fn run_prepared(job: &Job, prepared: Prepared, cancel: &Cancel, observer: &dyn Observer) -> Result<Summary> {
    let mut prepared = prepared;
    let summary = run_part(job, &mut prepared, None, cancel, observer)?;
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
    prepared: &mut Prepared,
    part: Option<&Part<'_>>,
    cancel: &Cancel,
    observer: &dyn Observer,
) -> Result<Summary> {
    let _job = tracing::debug_span!(target: SPANS, "job", input = %job.input.display()).entered();
    let device = prepared.device();
    let Prepared { plan, network, people, threads, queue_bytes, max_memory, card, context, way, .. } = prepared;
    let batch_frames = prepared.batch_frames;
    let opened = plan.opened.take();
    let (plan, threads, max_memory) = (&*plan, *threads, job.max_memory.unwrap_or(*max_memory));
    let queue_bytes = if job.queue_bytes > 0 { job.queue_bytes } else { *queue_bytes };
    let shares = memory_shares(batch_frames, plan, network, max_memory);
    let video = &plan.input.video;
    let (width, height, source_layout, color) = (video.width, video.height, video.layout, video.color);
    let started = Instant::now();
    for message in plan.warnings() {
        observer.event(Event::Warning { message });
    }
    let sampler = Sampler::start(sampler::INTERVAL, card.as_ref().map(|(index, _)| *index));
    for (provider, why) in network.refused() {
        observer.event(Event::Warning { message: format!("{provider} can't be used: {why}") });
    }
    for message in network.take_notes() {
        observer.event(Event::Warning { message });
    }

    let decode_options =
        DecodeOptions { range: job.range, threads: threads.decode, alpha: job.wants_alpha(), strict: job.strict };
    let mut reader = match opened {
        Some(opened) => Reader::begin(opened, &decode_options)?,
        None => Reader::open(&job.input, &decode_options)?,
    };
    let template = reader.template();
    let begin = part.and_then(|p| p.begin.clone()).unwrap_or_default();
    if let Some(pts) = part.and_then(|p| p.warm_up.or(p.begin.as_ref().map(|b| b.pts))) {
        reader.skip_to(pts, begin.index)?;
    }
    let colors: Vec<_> = job.outputs.iter().zip(&plan.encoders).map(|(o, e)| output_color(&o.mode, e, color)).collect();
    let encodes: Vec<_> = job
        .outputs
        .iter()
        .map(|o| {
            let threads = if o.encode.threads == 0 { threads.encode } else { o.encode.threads };
            EncodeOptions { threads, ..o.encode.clone() }
        })
        .collect();
    let options = |i: usize| plan.writer_options(job, i, &encodes[i]);
    let (mut sinks, mut packet_senders, mut reports) = (Vec::new(), Vec::new(), Vec::new());
    for (i, output) in job.outputs.iter().enumerate() {
        let (sink, encoder, described) = match part {
            None => {
                let writer = Writer::create(options(i), &template)?;
                tell_of_writer(writer.dropped_streams(), writer.notes(), &output.path, observer);
                let (packet_sender, packets) = unbounded();
                packet_senders.push(packet_sender);
                let (encoder, described) = (writer.encoder_name().to_owned(), writer.describe());
                (Sink::Whole(Box::new(writer), packets), encoder, described)
            }
            Some(part) => {
                let (options, template) = (&options, &template);
                let open = move |n| Ok(SegmentWriter::create(options(i), template, &part.store.path(n, i))?);
                let writer = open(begin.segment)?;
                let lost = segment::rehearse(options(i), template, &writer)?;
                tell_of_writer(&lost.dropped, &lost.notes, &output.path, observer);
                writer.notes().iter().for_each(|note| tracing::info!("{}: {note}", output.path.display()));
                let (encoder, described) = (writer.encoder_name().to_owned(), writer.describe());
                let (segment, writer, open) = (begin.segment, Some(writer), Box::new(open));
                let sink = SegmentSink { output: i, segment, writer, open, store: part.store };
                (Sink::Segments(Box::new(sink)), encoder, described)
            }
        };
        sinks.push(sink);
        reports.push((output.mode.name(), encoder, described));
    }
    observer.event(Event::Start {
        input: job.input.clone(),
        width,
        height,
        fps: video.fps,
        frames: plan.frames,
        layout: plan.format.summary(),
        model: plan.model_text(),
        device,
        outputs: job
            .outputs
            .iter()
            .zip(&reports)
            .map(|(o, (mode, _, described))| format!("{mode} {} ({described})", o.path.display()))
            .collect(),
    });

    let backgrounds = job
        .outputs
        .iter()
        .map(|o| match &o.mode {
            Mode::Replace { background } => {
                let (layout, rects) = (plan.format.layout.value, &plan.views.rects);
                Ok(Some(Backdrop::open(background, source_layout, color, (width, height), layout, rects)?))
            }
            _ => Ok(None),
        })
        .collect::<Result<Vec<_>>>()?;

    let memory = job.cache.memory.min(usize::try_from(shares.kept_mattes).unwrap_or(usize::MAX));
    let (cache, unusable) = Cache::open(CacheChoice { memory, ..job.cache }, &cache::folder());
    match unusable {
        Some(why) if job.cache.tiers == Tiers::All => observer.event(Event::Warning { message: why.to_string() }),
        Some(why) => tracing::info!("{why}"),
        None => {}
    }
    let manifest = network.manifest().clone();
    let recurrent = manifest.kind == Kind::Recurrent;
    let frame_bytes = source_layout.frame_bytes(width, height);
    let queue_bytes = queue_bytes.min(usize::try_from(shares.queue).unwrap_or(usize::MAX));
    let permits =
        Permits::new(frames_in_flight(queue_bytes, frame_bytes, batch_frames, threads.prepare + threads.compose));
    // Enough for a batch to be filled while one frame is somewhere else.
    let guard = MemoryGuard::new(max_memory, sampler.latest(), cache.clone(), batch_frames + 1, observer);
    let admission = Admission::new(permits, Some(guard));
    let remembers = recurrent && people.as_ref().is_none_or(People::is_recurrent);
    let stabilizers = job.matte.stabilizers(remembers, plan.views.rects.len());

    let tick = f64::from(video.time_base.0) / f64::from(video.time_base.1.max(1));
    let stereo = stereo_fusion(job.matte.stereo, plan);
    let windows = Arc::clone(&plan.views.windows);
    let wishes = job.people.wishes.clone();
    // Frames count from where the range begins; without one they keep the file's own clock.
    let start = job.range.start.filter(|t| *t > 0.0).or(plan.input.start_time.map(|t| -t)).unwrap_or(0.0);
    let degrees = plan.format.projection.value.lens().map(|lens| match lens {
        Lens::Fisheye { fov } => fov as f32,
        _ => 180.0,
    });
    let mut matting = Matting {
        windows,
        blender: Blender::new(),
        people: people.as_mut(),
        wishes,
        begin: start,
        degrees,
        stereo,
        last: if job.matte.every > 1 { vec![Plane::default(); plan.views.rects.len()] } else { Vec::new() },
        stabilizers,
        backgrounds,
        tick,
        matrix: color.matrix,
        first_pts: part.and_then(|p| p.begin.as_ref()).map(|b| b.first_pts),
    };
    matting.remember(&begin.state)?;
    let cuts = part.map_or_else(Cuts::none, |part| Cuts::of(part, tick));

    let prepare = Prepare {
        views: plan.views.clone(),
        layout: source_layout,
        color,
        normalization: manifest.normalization(),
        batch_frames,
        every: job.matte.every.max(1),
    };
    let live = Live::new(&job.input, sampler.latest());
    observer.live(&live);
    let clocks = &live.clocks;
    let latency = Histogram::default();
    let total = Total::unknown();
    let progress = Progress::new(plan.frames, begin.index, job.outputs.len(), observer, clocks);

    let (to_prepare, from_decode) = bounded(2);
    let (to_infer, from_prepare) = bounded(1);
    let (recycle_batch, batches) = bounded(threads.prepare + 1);
    let (recycle_views, views) = bounded(threads.prepare + threads.compose + 1);
    let recycled = Recycled { batches, views };
    let (to_matte, from_infer) = bounded(batch_frames);
    let (to_compose, from_matte) = bounded(1);
    let mut targets = Vec::new();
    let mut encoders = Vec::new();
    for (((sink, output), target_color), geometry) in
        sinks.into_iter().zip(&job.outputs).zip(&colors).zip(&plan.geometries)
    {
        let pool = FramePool::new(output_layout(&output.mode, source_layout), geometry.width, geometry.height)?;
        let packed = geometry.passthrough.clone();
        let passthrough =
            packed.map(|p| PassthroughPainter::new(p, source_layout, *target_color, plan.views.size(), job.matte));
        let (painted, to_encode) = bounded(1);
        targets.push(Target { mode: output.mode.clone(), color: *target_color, passthrough, pool, painted });
        encoders.push((sink, to_encode));
    }
    let compose = Compose {
        rects: plan.views.rects.clone(),
        layout: source_layout,
        color,
        size: (width, height),
        matte: job.matte,
        targets,
        recycle: recycle_views,
    };
    let rotation = plan.views.rotation;
    let delivery = Delivery { frames: to_prepare, packets: packet_senders, cuts };
    let TemporalState { scene, past, .. } = begin.state;

    // The keys of mattes that came another way would be wrong.
    let as_ever = network.way() == *way;
    let recall = Recall::new(network, &past, cache.clone().filter(|_| as_ever).map(|cache| (cache, context.clone())))?;

    let turns = prepare.in_order(threads.prepare, scene);

    let (results, finished) = thread::scope(|scope| {
        let (live, latency, total) = (&*live, &latency, &total);
        let reader = &mut reader;
        let (prepare, recycled, turns) = (&prepare, &recycled, &turns);
        let mut handles = vec![
            spawn(scope, cancel, "decode", move || {
                decode::run(reader, admission, delivery, total, cancel, clocks.enter("decode"))
            }),
            spawn(scope, cancel, "infer", move || {
                let channels = infer::Channels { work: from_prepare, mattes: to_matte, recycled: recycle_batch };
                let tell = |so_far, notes| {
                    live.count_mattes(so_far);
                    for message in notes {
                        observer.event(Event::Warning { message });
                    }
                };
                infer::run(recall, rotation, channels, &tell, cancel, clocks.enter("infer"))
            }),
            spawn(scope, cancel, "matte", move || {
                let warn = |message| observer.event(Event::Warning { message });
                matting.run(from_infer, to_compose, cancel, &live.preview, &warn, clocks.enter("matte"))
            }),
        ];
        for _ in 0..threads.prepare {
            let (frames, work) = (from_decode.clone(), to_infer.clone());
            handles.push(spawn(scope, cancel, "prepare", move || {
                prepare.run(frames, work, recycled, turns, cancel, clocks.enter("prepare"))
            }));
        }
        drop((from_decode, to_infer));
        for _ in 0..threads.compose {
            let (worker, frames) = (compose.clone(), from_matte.clone());
            handles.push(spawn(scope, cancel, "compose", move || worker.run(frames, cancel, clocks.enter("compose"))));
        }
        drop((compose, from_matte));
        let progress = &progress;
        let (finished_sender, finished) = unbounded();
        for (i, (sink, frames)) in encoders.into_iter().enumerate() {
            let finished = finished_sender.clone();
            handles.push(spawn(scope, cancel, "encode", move || {
                let wrote = |n, since: Instant| {
                    latency.record(since.elapsed());
                    observer.wrote(since.elapsed());
                    progress.wrote(i, n);
                };
                let done = encode::run(sink, frames, total, cancel, clocks.enter("encode"), &wrote)?;
                done.into_iter().for_each(|done| drop(finished.send((i, done))));
                Ok(())
            }));
        }
        drop(finished_sender);
        let results = join(handles);
        let mut finished: Vec<(usize, Finished)> = finished.try_iter().collect();
        finished.sort_by_key(|f| f.0);
        (results, finished)
    });
    first_error(results)?;

    let seconds = started.elapsed().as_secs_f64();
    let (frames, so_far) = (progress.frames(), begin.index + progress.frames());
    tell_of_reader(&reader, &job.input, observer);
    if let Some(expected) =
        plan.frames.filter(|n| part.is_none_or(|p| p.until.is_none()) && total.is_whole() && so_far * 10 < n * 9)
    {
        let message = format!(
            "{}: {expected} frames were announced, {so_far} came; the file may be cut short or its index wrong",
            job.input.display()
        );
        observer.event(Event::Warning { message });
    }
    let fps = frames as f64 / seconds.max(1e-9);
    if let Some(target) = job.target_fps.filter(|target| fps < *target && frames > 0 && !cancel.is_requested()) {
        let slowest = clocks.bottleneck();
        let message = format!("{fps:.1} fps, but performance.target_fps is {target}; the slowest stage was {slowest}");
        observer.event(Event::Warning { message });
    }
    let latency = LatencyReport::of(&latency);
    if let (Some(limit), Some(p95)) = (job.max_latency_ms, latency.map(|l| l.p95_ms).filter(|_| !cancel.is_requested()))
        && p95 > limit
    {
        let message = format!(
            "5 of 100 frames took longer than {p95:.0} ms, but performance.max_latency_ms is {limit}; fewer frames at \
             once (--batch-size 1) and a smaller processing.queue_mb shorten their way"
        );
        observer.event(Event::Warning { message });
    }
    let summary = Summary {
        frames,
        seconds,
        fps,
        interrupted: if part.is_some() { !total.is_whole() } else { cancel.is_requested() },
        decode_errors: reader.decode_errors(),
        cache: cache_report(live.mattes(), cache.as_deref()),
        latency,
        stages: clocks.report(),
        resources: sampler.finish(),
        outputs: finished
            .into_iter()
            .map(|(i, f)| OutputReport {
                path: f.path,
                mode: reports[i].0,
                encoder: reports[i].1.clone(),
                bytes: f.bytes,
            })
            .collect(),
    };
    Ok(summary)
}

/// What the caches did; what is to be kept is on disk then.
fn cache_report(frames: Tally, cache: Option<&Cache>) -> CacheReport {
    let lost = cache.map_or(0, |cache| {
        cache.flush();
        cache.lost()
    });
    CacheReport { frames, hit_rate: frames.hit_rate(), lost }
}

/// Tells what an output can't take over of its source.
pub(crate) fn tell_of_writer(dropped: &[String], notes: &[String], path: &Path, observer: &dyn Observer) {
    for lost in dropped {
        observer.event(Event::Warning { message: format!("{}: {lost}", path.display()) });
    }
    for note in notes {
        tracing::info!("{}: {note}", path.display());
    }
}

/// Tells what was wrong with a source that has been read.
pub(super) fn tell_of_reader(reader: &Reader, path: &Path, observer: &dyn Observer) {
    let repaired = reader.repaired_timestamps();
    if repaired > 0 {
        observer
            .event(Event::Warning { message: format!("{repaired} timestamps were missing or went back; repaired") });
    }
    if let Some(changed) = reader.changed() {
        observer.event(Event::Warning { message: format!("{}: {changed}", path.display()) });
    }
    let errors = reader.decode_errors();
    if errors > 0 {
        let message = format!("{}: {errors} damaged packets or frames could not be decoded", path.display());
        observer.event(Event::Warning { message });
    }
}

/// The stage that lets two eyes meet, where a frame has two.
pub fn stereo_fusion(strength: f32, plan: &Plan) -> Option<StereoFusion> {
    if strength <= 0.0 || plan.views.rects.len() != 2 {
        return None;
    }
    let search = Search::of(plan.format.projection.value, plan.views.size().0);
    let right_first = plan.format.eye_order.value == EyeOrder::RightFirst;
    // Upside down, what is nearer lies to the other side.
    let flipped = match plan.views.rotation.rem_euclid(360) {
        0 => right_first,
        180 => !right_first,
        // Eyes that are apart vertically can't be compared along rows.
        _ => return None,
    };
    Some(StereoFusion::new(strength, if flipped { search.flipped() } else { search }))
}

/// A stage's thread, with the stage's name for the error texts.
pub(super) type Stage<'scope> = (&'static str, std::io::Result<thread::ScopedJoinHandle<'scope, Result<()>>>);

/// Starts a thread of a stage. One that fails stops the others: they see closed channels or the flag.
pub(super) fn spawn<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    cancel: &'scope Cancel,
    stage: &'static str,
    body: impl FnOnce() -> Result<()> + Send + 'scope,
) -> Stage<'scope> {
    let job = tracing::Span::current();
    let guarded = move || {
        let _stage = tracing::debug_span!(target: SPANS, parent: &job, "stage", name = stage).entered();
        let result = catch(stage, body);
        if result.is_err() {
            cancel.abort();
        }
        result
    };
    (stage, thread::Builder::new().name(format!("vrseg-{stage}")).spawn_scoped(scope, guarded))
}

/// Waits for all stages.
pub(super) fn join(stages: Vec<Stage<'_>>) -> Vec<Result<()>> {
    stages
        .into_iter()
        .map(|(stage, handle)| match handle {
            Ok(h) => h.join().unwrap_or_else(|p| Err(Error::Panic { stage, crash: Crash::of(&*p) })),
            Err(source) => Err(Error::Thread { stage, source }),
        })
        .collect()
}

/// Turns a panic of a stage into an error, so that the other stages are stopped at once.
fn catch(stage: &'static str, body: impl FnOnce() -> Result<()>) -> Result<()> {
    crash::catch(body).unwrap_or_else(|crash| Err(Error::Panic { stage, crash }))
}

/// The cause: the first error in the order of the stages that is not just "interrupted", since
/// an aborted encoder says that too.
pub(super) fn first_error(results: Vec<Result<()>>) -> Result<()> {
    let mut errors: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    if errors.is_empty() {
        return Ok(());
    }
    let cause = errors.iter().position(|e| !matches!(e, Error::Interrupted)).unwrap_or(0);
    Err(errors.swap_remove(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_wins_over_its_consequences() {
        let e = first_error(vec![Ok(()), Err(Error::Interrupted), Err(Error::Request("disk".into()))]);
        assert_eq!(e.unwrap_err().to_string(), "disk");
        assert!(matches!(first_error(vec![Err(Error::Interrupted)]), Err(Error::Interrupted)));
        assert!(first_error(vec![Ok(())]).is_ok());
    }

    #[test]
    fn a_panic_becomes_an_error_that_names_the_stage() {
        let e = catch("matte", || panic!("index {}", 7)).unwrap_err().to_string();
        assert!(e.contains("matte") && e.contains("index 7"), "{e}");
    }
}
