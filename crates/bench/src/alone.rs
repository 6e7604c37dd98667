//! Each stage by itself, on one frame after the other, while nothing else runs: what a job could do at best where
//! that stage is the slowest. The engine's own stages, driven by hand instead of by a graph.

use crate::limits::{Limits, cpu_seconds};
use crate::results::{Latency, StageAlone};
use std::path::Path;
use std::time::{Duration, Instant};
use vrseg_engine::events::Preview;
use vrseg_engine::frame::{Cuts, DecodedFrame, MattedFrame, PreparedFrame, SampledFrame};
use vrseg_engine::graph::{Next, Source, Stage, Ticket};
use vrseg_engine::run::{Assembly, LoadedJob, Recycling};
use vrseg_engine::stages::{CutWindows, Decode, Paint, Sample, Scenes};
use vrseg_engine::tune::rules::Threads;
use vrseg_engine::{Error, Job, Plan};
use vrseg_image::plane::{Plane, PlaneMut, PlaneRef, Yuv, YuvMut};
use vrseg_infer::{Batch, States};
use vrseg_media::{DecodeOptions, EncodeOptions, Reader, VideoFrame, Writer};

/// Frames to work on, to and fro so that what moves keeps moving.
const FRAMES: usize = 8;

/// Laps before those that count.
const WARMUP: u64 = 2;

/// All stages of `job`.
///
/// # Errors
/// As a job.
pub(crate) fn stages(job: &Job, limits: &Limits) -> Result<Vec<StageAlone>, Error> {
    let mut bench = Bench::new(job, LoadedJob::new(job, Plan::new(job)?)?, limits);
    let decode = bench.decode()?;
    bench.read_frames()?;
    let prepare = bench.prepare()?;
    let windows = bench.windows()?;
    let pictures = bench.plan().pictures(&bench.job);
    let infer = bench.infer(pictures)?;
    let matte = bench.matte()?;
    let (refine, compose, painted) = bench.paint()?;
    let encode = bench.encode(&painted)?;
    Ok(vec![decode, prepare, windows, infer, matte, refine, compose, encode])
}

/// Only the model, with this many views at once.
///
/// # Errors
/// As a job.
pub(crate) fn model(job: &Job, loaded: LoadedJob, views: usize, limits: &Limits) -> Result<Vec<StageAlone>, Error> {
    let mut bench = Bench::new(job, loaded, limits);
    bench.read_frames()?;
    bench.sample_all()?;
    Ok(vec![bench.infer(views)?])
}

/// A frame and what the stages made of it.
struct BenchFrame {
    /// The frame, as far as the stages have come.
    matted: MattedFrame,
    /// Each model's input.
    input: Vec<Batch>,
}

struct Bench<'a> {
    job: Job,
    loaded: LoadedJob,
    threads: Threads,
    limits: &'a Limits,
    frames: Vec<BenchFrame>,
}

/// What laps took.
struct Laps {
    /// Milliseconds of each.
    ms: Vec<f64>,
    /// CPU seconds of them all.
    cpu: f64,
}

impl Laps {
    /// Runs laps until the limits are reached. A lap gets its number and returns how long that took
    /// which counts, or nothing when there is nothing more to do.
    fn run(limits: &Limits, mut lap: impl FnMut(u64) -> Result<Option<Duration>, Error>) -> Result<Self, Error> {
        let mut laps = Laps { ms: Vec::new(), cpu: 0.0 };
        let warming = Instant::now();
        for i in 0..WARMUP {
            lap(i)?;
            if warming.elapsed().as_secs_f64() > limits.seconds / 6.0 {
                break;
            }
        }
        let (started, before) = (Instant::now(), cpu_seconds());
        for i in WARMUP..WARMUP + limits.iterations.max(1) {
            let Some(took) = lap(i)? else { break };
            laps.ms.push(took.as_secs_f64() * 1e3);
            if laps.ms.len() >= 3 && started.elapsed().as_secs_f64() > limits.seconds / 3.0 {
                break;
            }
        }
        laps.cpu = cpu_seconds() - before;
        Ok(laps)
    }

    /// The stage's row, where a lap has this many frames.
    fn stage(self, stage: &str, frames: f64) -> StageAlone {
        let n = self.ms.len() as f64 * frames;
        StageAlone {
            stage: stage.to_owned(),
            frames: n.round() as u64,
            fps: n * 1e3 / self.ms.iter().sum::<f64>().max(1e-9),
            latency: Latency::of(self.ms),
            cpu_seconds: self.cpu / n.max(1.0),
        }
    }
}

fn timed<R>(work: impl FnOnce() -> R) -> (Duration, R) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

impl<'a> Bench<'a> {
    fn new(job: &Job, loaded: LoadedJob, limits: &'a Limits) -> Self {
        let mut job = job.clone();
        // Every frame is worked on.
        job.matte.every = 1;
        let threads = loaded.threads();
        Self { job, loaded, threads, limits, frames: Vec::new() }
    }

    fn plan(&self) -> &Plan {
        self.loaded.plan()
    }

    fn open(&self) -> Result<Reader, Error> {
        let (range, threads) = (self.job.range, self.threads.decode);
        let options = DecodeOptions {
            choice: self.job.choice,
            range,
            threads,
            alpha: self.job.wants_alpha(),
            ..DecodeOptions::default()
        };
        Ok(Reader::open(&self.job.input, &options)?)
    }

    fn decode(&self) -> Result<StageAlone, Error> {
        let mut reader = self.open()?;
        let mut decode = Decode::new(&mut reader, Vec::new(), Cuts::none());
        let laps = Laps::run(self.limits, |_| {
            let (took, frame) = timed(|| next_frame(&mut decode));
            Ok(frame?.map(|_| took))
        })?;
        Ok(laps.stage("decode", 1.0))
    }

    /// Decodes the frames that the other stages work on.
    fn read_frames(&mut self) -> Result<(), Error> {
        let mut reader = self.open()?;
        let mut decode = Decode::new(&mut reader, Vec::new(), Cuts::none());
        while self.frames.len() < FRAMES {
            let Some(decoded) = next_frame(&mut decode)? else { break };
            let frame = PreparedFrame::new(decoded, Vec::new());
            let backgrounds = self.job.outputs.iter().map(|_| None).collect();
            self.frames.push(BenchFrame { matted: MattedFrame { frame, backgrounds }, input: Vec::new() });
        }
        match self.frames.is_empty() {
            true => Err(Error::Request(format!("{}: no frame came out of it", self.job.input.display()))),
            false => Ok(()),
        }
    }

    fn prepare(&mut self) -> Result<StageAlone, Error> {
        let (limits, n) = (self.limits, self.frames.len());
        let mut frames = std::mem::take(&mut self.frames);
        let mut sampling = Sampling::new(&self.job, &mut self.loaded);
        let laps = Laps::run(limits, |i| sampling.sample(&mut frames, swing(i, n)).map(Some))?;
        (0..n).try_for_each(|i| sampling.sample(&mut frames, i).map(drop))?;
        drop(sampling);
        self.frames = frames;
        Ok(laps.stage("prepare", 1.0))
    }

    fn windows(&mut self) -> Result<StageAlone, Error> {
        let (limits, n) = (self.limits, self.frames.len());
        let mut frames = std::mem::take(&mut self.frames);
        let assembly = Assembly::new(&self.job, self.loaded.plan());
        let recycling = assembly.recycling(1, 1);
        let mut cut = assembly.cut_windows(&recycling);
        let laps = Laps::run(limits, |i| cut_one(&mut cut, &recycling, &mut frames, swing(i, n)).map(Some))?;
        (0..n).try_for_each(|i| cut_one(&mut cut, &recycling, &mut frames, i).map(drop))?;
        self.frames = frames;
        Ok(laps.stage("windows", 1.0))
    }

    /// Prepares all frames, and cuts their windows.
    fn sample_all(&mut self) -> Result<(), Error> {
        let mut frames = std::mem::take(&mut self.frames);
        let mut sampling = Sampling::new(&self.job, &mut self.loaded);
        (0..frames.len()).try_for_each(|i| sampling.sample(&mut frames, i).map(drop))?;
        drop(sampling);
        let assembly = Assembly::new(&self.job, self.loaded.plan());
        let recycling = assembly.recycling(1, 1);
        let mut cut = assembly.cut_windows(&recycling);
        (0..frames.len()).try_for_each(|i| cut_one(&mut cut, &recycling, &mut frames, i).map(drop))?;
        self.frames = frames;
        Ok(())
    }

    /// The models with `pictures` at once, which may be of several frames.
    fn infer(&mut self, pictures: usize) -> Result<StageAlone, Error> {
        if self.plan().crop_plan().is_some() {
            return self.infer_windows(pictures);
        }
        let (plan, runners, _) = self.loaded.parts();
        let Some(runner) = runners.into_iter().next() else { return Err(Error::Request("no model".to_owned())) };
        let each = plan.views.pictures();
        let frames = &mut self.frames;
        let (mut states, mut alphas) = (States::default(), Vec::new());
        let laps = Laps::run(self.limits, |i| {
            let first = i as usize * pictures / each;
            let batch = gather(frames, first, pictures, each);
            let (took, done) = timed(|| runner.run(&batch, &mut states, &mut alphas));
            done?;
            for (k, alpha) in alphas.iter().take(pictures / each * each).enumerate() {
                let frame = swing((first + k / each) as u64, frames.len());
                let views = &mut frames[frame].matted.frame.views;
                let windows = each / views.len().max(1);
                let mattes = &mut views[k % each / windows].mattes;
                mattes.resize_with(windows, Plane::default);
                mattes[k % each % windows] = alpha.clone();
            }
            Ok(Some(took))
        })?;
        self.fill_gaps();
        Ok(laps.stage("infer", pictures as f64 / each as f64))
    }

    /// All models, each with `pictures` windows at once, one person in each view.
    fn infer_windows(&mut self, pictures: usize) -> Result<StageAlone, Error> {
        let each = self.plan().views.rects.len();
        let (_, mut runners, _) = self.loaded.parts();
        let batches: Vec<_> = (0..runners.len()).map(|n| windows_of(&self.frames, n, pictures)).collect();
        let (mut states, mut alphas) = (runners.iter().map(|_| States::default()).collect::<Vec<_>>(), Vec::new());
        let laps = Laps::run(self.limits, |_| {
            let (took, done) = timed(|| -> Result<(), Error> {
                for ((runner, batch), states) in runners.iter_mut().zip(&batches).zip(&mut states) {
                    runner.run(batch, states, &mut alphas)?;
                }
                Ok(())
            });
            done?;
            Ok(Some(took))
        })?;
        // What the other stages work with: each frame's own.
        for BenchFrame { matted, input } in &mut self.frames {
            matted.frame.mattes.clear();
            for (runner, batch) in runners.iter_mut().zip(&*input) {
                let mut found = Vec::new();
                if batch.n > 0 {
                    runner.run(batch, &mut States::default(), &mut found)?;
                }
                matted.frame.mattes.push(found);
            }
        }
        Ok(laps.stage("infer", pictures as f64 / each as f64))
    }

    /// Few laps leave frames without a matte: they get that of another.
    fn fill_gaps(&mut self) {
        let has_mattes = |b: &BenchFrame| b.matted.frame.views.iter().all(|v| v.mattes.iter().all(|m| m.width() > 0));
        let Some(full) = self.frames.iter().position(has_mattes) else { return };
        let mattes: Vec<_> = self.frames[full].matted.frame.views.iter().map(|v| v.mattes.clone()).collect();
        for frame in self.frames.iter_mut().filter(|b| !has_mattes(b)) {
            for (view, mattes) in frame.matted.frame.views.iter_mut().zip(&mattes) {
                view.mattes.clone_from(mattes);
            }
        }
    }

    fn matte(&mut self) -> Result<StageAlone, Error> {
        let preview = Preview::default();
        let assembly = Assembly::new(&self.job, self.loaded.plan());
        let mut matte = assembly.matte(None, &assembly.recycling(1, 1), &preview)?;
        let n = self.frames.len();
        let mut frames: Vec<_> = std::mem::take(&mut self.frames).into_iter().map(Some).collect();
        let mut one = |at: usize| -> Result<Duration, Error> {
            let Some(BenchFrame { matted, input }) = frames[at].take() else { return Ok(Duration::ZERO) };
            // Blending uses the mattes up.
            let mattes: Vec<_> = matted.frame.views.iter().map(|v| v.mattes.clone()).collect();
            let (took, done) = timed(|| matte.process(matted.frame));
            frames[at] = done?.map(|mut matted| {
                for (view, mattes) in matted.frame.views.iter_mut().zip(mattes) {
                    view.mattes = mattes;
                }
                BenchFrame { matted, input }
            });
            Ok(took)
        };
        let laps = Laps::run(self.limits, |i| one(swing(i, n)).map(Some))?;
        (0..n).try_for_each(|at| one(at).map(drop))?;
        drop(matte);
        self.frames = frames.into_iter().flatten().collect();
        Ok(laps.stage("matte", 1.0))
    }

    /// Refining and painting, which are one stage in a job, and what was painted.
    fn paint(&mut self) -> Result<(StageAlone, StageAlone, Vec<VideoFrame>), Error> {
        if self.job.outputs.is_empty() {
            return Err(Error::Request("no output to be measured".to_owned()));
        }
        let (limits, frames) = (self.limits, &self.frames);
        let assembly = Assembly::new(&self.job, self.loaded.plan());
        let targets = assembly.targets()?;
        let mut paint = assembly.paint(&targets, &assembly.recycling(1, 1));
        let refined =
            Laps::run(limits, |i| Ok(Some(timed(|| paint.refine(&frames[swing(i, frames.len())].matted.frame)).0)))?;
        let mut painted: Vec<Option<VideoFrame>> = frames.iter().map(|_| None).collect();
        let mut one = |paint: &mut Paint, at: usize| -> Result<Duration, Error> {
            let MattedFrame { frame, backgrounds } = &frames[at].matted;
            paint.refine(frame);
            let (took, picture) = timed(|| paint.paint(0, frame, backgrounds[0].as_ref()));
            painted[at] = Some(picture?);
            Ok(took)
        };
        let composed = Laps::run(limits, |i| one(&mut paint, swing(i, frames.len())).map(Some))?;
        (0..frames.len()).try_for_each(|at| one(&mut paint, at).map(drop))?;
        // Refining runs beside every lap of painting: its CPU time doesn't count.
        let mut composed = composed.stage("compose", 1.0);
        let refined = refined.stage("refine", 1.0);
        composed.cpu_seconds = (composed.cpu_seconds - refined.cpu_seconds).max(0.0);
        Ok((refined, composed, painted.into_iter().flatten().collect()))
    }

    fn encode(&self, painted: &[VideoFrame]) -> Result<StageAlone, Error> {
        let mut job = self.job.clone();
        job.overwrite = true;
        let output = &mut job.outputs[0];
        let folder = output.path.parent().unwrap_or(Path::new("."));
        let name = output.path.file_name().unwrap_or_default().to_string_lossy();
        let path = folder.join(format!("alone-{name}"));
        output.path.clone_from(&path);
        let threads = if output.encode.threads == 0 { self.threads.encode } else { output.encode.threads };
        let encode = EncodeOptions { threads, ..output.encode.clone() };
        let mut writer = Writer::create(self.plan().writer_options(&job, 0, &encode), &self.open()?.template())?;
        let duration = self.frames[0].matted.frame.decoded.source.duration.max(1);
        let pool = Assembly::new(&self.job, self.plan()).targets()?.swap_remove(0).pool;
        let mut laps = Laps::run(self.limits, |i| {
            let mut picture = pool.get()?;
            copy(&painted[swing(i, painted.len())], &mut picture);
            let (took, written) = timed(|| writer.write_frame(picture, i as i64 * duration, duration));
            written?;
            Ok(Some(took))
        })?;
        // What the encoder kept back belongs to its frames.
        let before = cpu_seconds();
        let (flush, finished) = timed(|| writer.finish());
        finished?;
        laps.cpu += cpu_seconds() - before;
        let flush = flush.as_secs_f64();
        let _ = std::fs::remove_file(&path);
        let mut encoded = laps.stage("encode", 1.0);
        encoded.fps = encoded.frames as f64 / (encoded.frames as f64 / encoded.fps.max(1e-9) + flush);
        Ok(encoded)
    }
}

/// The stage `prepare`: its two parts, one after the other.
struct Sampling<'a> {
    sample: Sample,
    scenes: Scenes<'a>,
    recycling: Recycling,
}

impl<'a> Sampling<'a> {
    fn new(job: &'a Job, loaded: &'a mut LoadedJob) -> Self {
        let (plan, _, locator) = loaded.parts();
        let assembly = Assembly::new(job, plan);
        let recycling = assembly.recycling(1, 1);
        let warn: &'a (dyn Fn(String) + Sync) = &|warning| tracing::warn!("{warning}");
        Self { sample: assembly.sample(&recycling), scenes: assembly.scenes(None, locator, warn), recycling }
    }

    /// Samples frame `at` again, and returns how long that took.
    fn sample(&mut self, frames: &mut Vec<BenchFrame>, at: usize) -> Result<Duration, Error> {
        again(frames, at, |frame, input| {
            // As a job does with what later stages have done with.
            self.recycling.planes.put_views(frame.views);
            self.recycling.take_back(input);
            timed(|| Ok(self.scenes.process(self.sample.process(frame.decoded)?)?.pop()))
        })
    }
}

/// Cuts the windows of frame `at` again, and returns how long that took.
fn cut_one(
    cut: &mut CutWindows,
    recycling: &Recycling,
    frames: &mut Vec<BenchFrame>,
    at: usize,
) -> Result<Duration, Error> {
    again(frames, at, |frame, mut pictures| {
        if cut.uses_person_crops() {
            recycling.take_back(std::mem::take(&mut pictures));
        }
        timed(|| cut.process(SampledFrame { frame, pictures }).map(Some))
    })
}

/// Takes frame `at` out, lets `work` make it again, and puts what it made in its place. Returns how long that took.
fn again(
    frames: &mut Vec<BenchFrame>,
    at: usize,
    work: impl FnOnce(PreparedFrame, Vec<Batch>) -> (Duration, Result<Option<SampledFrame>, Error>),
) -> Result<Duration, Error> {
    let BenchFrame { matted: MattedFrame { frame, backgrounds }, input } = frames.swap_remove(at);
    let (took, made) = work(frame, input);
    let Some(SampledFrame { frame, pictures }) = made? else { return Ok(took) };
    frames.push(BenchFrame { matted: MattedFrame { frame, backgrounds }, input: pictures });
    let last = frames.len() - 1;
    frames.swap(at, last);
    Ok(took)
}

/// `pictures` windows for model number `n`: those of the frames, over and over, or gray where nobody is.
fn windows_of(frames: &[BenchFrame], n: usize, pictures: usize) -> Batch {
    let (width, height) = frames[0].input.get(n).map_or((0, 0), |batch| (batch.width, batch.height));
    let len = 3 * width * height;
    let all: Vec<_> =
        frames.iter().filter_map(|f| f.input.get(n)).flat_map(|b| b.data.chunks_exact(len.max(1))).collect();
    let gray = vec![0.5; len];
    let mut data = Vec::with_capacity(pictures * len);
    for i in 0..pictures {
        data.extend_from_slice(all.get(i % all.len().max(1)).copied().unwrap_or(&gray));
    }
    Batch { data, n: pictures, width, height }
}

/// 0, 1, 2 ... n-1, n-2 ... 1, 0, 1 ...
fn swing(i: u64, n: usize) -> usize {
    let round = (2 * n).saturating_sub(2).max(1);
    let at = i as usize % round;
    if at < n { at } else { round - at }
}

fn next_frame(decode: &mut Decode<'_>) -> Result<Option<DecodedFrame>, Error> {
    match decode.next(Ticket::unbounded(), &|| false)? {
        Next::Item(frame) => Ok(Some(frame)),
        Next::End | Next::Stopped => Ok(None),
    }
}

/// `pictures` of the frames from frame `first` on, `each` of every frame.
fn gather(frames: &[BenchFrame], first: usize, pictures: usize, each: usize) -> Batch {
    let (width, height) = frames[0].input.first().map_or((0, 0), |batch| (batch.width, batch.height));
    let len = 3 * width * height;
    let mut batch = Batch { data: Vec::with_capacity(pictures * len), n: pictures, width, height };
    for k in 0..pictures {
        let frame = &frames[swing((first + k / each) as u64, frames.len())];
        let pictures = frame.input.first().map(|batch| &batch.data[k % each * len..][..len]);
        batch.data.extend_from_slice(pictures.unwrap_or_default());
    }
    batch
}

/// Copies the samples of a picture to another of its kind.
fn copy(from: &VideoFrame, to: &mut VideoFrame) {
    fn planes<T: vrseg_image::plane::Sample>(from: [PlaneRef<'_, T>; 3], to: [PlaneMut<'_, T>; 3]) {
        for (from, mut to) in from.into_iter().zip(to) {
            for y in 0..to.height {
                to.row_mut(y).copy_from_slice(from.row(y));
            }
        }
    }
    match (from.yuv(), to.yuv_mut()) {
        (Yuv::U8(a), YuvMut::U8(b, _)) => planes(a, b),
        (Yuv::U16(a), YuvMut::U16(b, _)) => planes(a, b),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_visited_back_and_forth() {
        let walk = |n| (0..7).map(|i| swing(i, n)).collect::<Vec<_>>();
        assert_eq!(walk(4), [0, 1, 2, 3, 2, 1, 0]);
        assert_eq!(walk(1), [0; 7]);
        assert_eq!(walk(2), [0, 1, 0, 1, 0, 1, 0]);
    }

    #[test]
    fn laps_end_with_their_work_or_time() {
        let limits = |iterations, seconds| Limits { iterations, warmup: 0, seconds };
        let ms = Duration::from_millis(2);
        assert_eq!(Laps::run(&limits(5, 9.0), |_| Ok(Some(ms))).unwrap().ms, [2.0; 5]);
        assert_eq!(Laps::run(&limits(9, 9.0), |i| Ok((i < 4).then_some(ms))).unwrap().ms, [2.0; 2]);
        let slow = |_| {
            std::thread::sleep(ms);
            Ok(Some(ms))
        };
        assert_eq!(Laps::run(&limits(9, 0.0), slow).unwrap().ms.len(), 3);
        let stage = Laps::run(&limits(4, 9.0), |_| Ok(Some(ms))).unwrap().stage("infer", 2.0);
        assert_eq!((stage.frames, stage.latency.p50), (8, 2.0));
        assert!((stage.fps - 1000.0).abs() < 1e-6);
    }
}
