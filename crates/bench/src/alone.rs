//! Each stage by itself, on one frame after the other, while nothing else runs: what a pipeline could do
//! at best where that stage is the slowest. The same kernels on the same data as in
//! `pipeline`, without its threads and channels.

use crate::limits::{Limits, cpu_seconds};
use crate::results::{Latency, StageAlone};
use std::time::{Duration, Instant};
use vrseg_engine::pipeline::plan::{output_color, output_layout, writer_options};
use vrseg_engine::pipeline::run::{Prepared, stereo_fusion};
use vrseg_engine::pipeline::{Error, Job, Plan};
use vrseg_engine::tune::rules::Threads;
use vrseg_image::compose::{Composer, Frame};
use vrseg_image::matte::stereo::StereoFusion;
use vrseg_image::matte::windows::{Blender, Viewer};
use vrseg_image::matte::{EdgeColors, FullMatte, MattedView, SceneDetector, SmallYuv, rotate, to_network};
use vrseg_image::plane::{Plane, PlaneMut, PlaneRef, Rect, Yuv, YuvMut};
use vrseg_infer::{Batch, Kind, States};
use vrseg_media::{DecodeOptions, FramePool, Item, Reader, SourceFrame, VideoFrame, VrTags, Writer};

/// Frames that are kept to work on, to and fro so that what moves keeps moving.
const KEPT: usize = 8;

/// Laps before those that count.
const WARMUP: u64 = 2;

/// A view of a kept frame.
#[derive(Default)]
struct View {
    small: SmallYuv,
    mattes: Vec<Plane<f32>>,
    alpha: Plane<f32>,
}

/// A frame and what the stages made of it.
struct Kept {
    frame: SourceFrame,
    views: Vec<View>,
    input: Batch,
}

impl Kept {
    /// The views, which lie at `rects` and have these `colors`.
    fn matted<'a>(&'a self, rects: &[Rect], colors: &'a [EdgeColors]) -> Vec<MattedView<'a>> {
        let views = rects.iter().zip(&self.views).zip(colors);
        views.map(|((rect, v), colors)| MattedView { rect: *rect, small: &v.small, alpha: &v.alpha, colors }).collect()
    }
}

/// A frame's full-size matte, and the colors near its edges.
struct ColoredMatte {
    matte: FullMatte,
    colors: Vec<EdgeColors>,
}

/// All stages of `job`.
///
/// # Errors
/// As a job.
pub fn stages(job: &Job, limits: &Limits) -> Result<Vec<StageAlone>, Error> {
    let mut bench = Bench::new(job, Prepared::new(job, Plan::new(job)?)?, limits)?;
    let decode = bench.decode()?;
    bench.keep()?;
    let prepare = bench.prepare()?;
    let infer = bench.infer(bench.plan().pictures(job))?;
    let matte = bench.matte()?;
    let (refine, compose, encode) = bench.paint()?;
    Ok(vec![decode, prepare, infer, matte, refine, compose, encode])
}

/// Only the network, with so many views at once.
///
/// # Errors
/// As a job.
pub fn network(job: &Job, prepared: Prepared, views: usize, limits: &Limits) -> Result<Vec<StageAlone>, Error> {
    let mut bench = Bench::new(job, prepared, limits)?;
    bench.keep()?;
    bench.sample_all();
    Ok(vec![bench.infer(views)?])
}

struct Bench<'a> {
    job: &'a Job,
    prepared: Prepared,
    threads: Threads,
    limits: &'a Limits,
    kept: Vec<Kept>,
}

/// What laps took.
struct Laps {
    /// Milliseconds of each.
    ms: Vec<f64>,
    /// CPU seconds of them all.
    cpu: f64,
}

impl Laps {
    /// Runs laps until the limits are reached. A lap gets its number and tells how long that took
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

    /// The stage's row, where a lap has so many frames.
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
    fn new(job: &'a Job, mut prepared: Prepared, limits: &'a Limits) -> Result<Self, Error> {
        let threads = prepared.parts().1;
        Ok(Self { job, prepared, threads, limits, kept: Vec::new() })
    }

    fn plan(&self) -> &Plan {
        self.prepared.plan()
    }

    fn open(&self) -> Result<Reader, Error> {
        let (range, threads) = (self.job.range, self.threads.decode);
        Ok(Reader::open(
            &self.job.input,
            &DecodeOptions { range, threads, alpha: self.job.wants_alpha(), strict: false },
        )?)
    }

    fn decode(&self) -> Result<StageAlone, Error> {
        let mut reader = self.open()?;
        let laps = Laps::run(self.limits, |_| {
            let (took, frame) = timed(|| next_frame(&mut reader));
            Ok(frame?.map(|_| took))
        })?;
        Ok(laps.stage("decode", 1.0))
    }

    /// Decodes the frames that the other stages work on.
    fn keep(&mut self) -> Result<(), Error> {
        let mut reader = self.open()?;
        let views = self.plan().views.rects.len();
        while self.kept.len() < KEPT {
            let Some(frame) = next_frame(&mut reader)? else { break };
            let views = (0..views).map(|_| View::default()).collect();
            self.kept.push(Kept { frame, views, input: Batch::default() });
        }
        match self.kept.is_empty() {
            true => Err(Error::Request(format!("{}: no frame came out of it", self.job.input.display()))),
            false => Ok(()),
        }
    }

    fn prepare(&mut self) -> Result<StageAlone, Error> {
        let mut viewer = Viewer::new();
        let mut scenes = SceneDetector::new();
        let plan = self.prepared.plan();
        let kept = &mut self.kept;
        let laps = Laps::run(self.limits, |i| {
            let n = swing(i, kept.len());
            Ok(Some(timed(|| sample(plan, &mut kept[n], &mut viewer, &mut scenes)).0))
        })?;
        self.sample_all();
        Ok(laps.stage("prepare", 1.0))
    }

    /// Prepares all kept frames.
    fn sample_all(&mut self) {
        let (mut viewer, mut scenes) = (Viewer::new(), SceneDetector::new());
        for kept in &mut self.kept {
            sample(self.prepared.plan(), kept, &mut viewer, &mut scenes);
        }
    }

    /// The network with `pictures` at once, which may be of several frames.
    fn infer(&mut self, pictures: usize) -> Result<StageAlone, Error> {
        let rotation = self.plan().views.rotation;
        let each = self.plan().views.pictures();
        let kept = &mut self.kept;
        let (network, _) = self.prepared.parts();
        let (mut states, mut alphas) = (States::default(), Vec::new());
        let laps = Laps::run(self.limits, |i| {
            let batch = gather(kept, i as usize * pictures / each, pictures, each);
            let (took, done) = timed(|| network.run(&batch, &mut states, &mut alphas));
            done?;
            for (k, alpha) in alphas.iter().take(pictures / each * each).enumerate() {
                let frame = swing((i as usize * pictures / each + k / each) as u64, kept.len());
                let windows = each / kept[frame].views.len().max(1);
                let (view, window) = (k % each / windows, k % each % windows);
                let mattes = &mut kept[frame].views[view].mattes;
                mattes.resize_with(windows, Plane::default);
                mattes[window] = if rotation == 0 { alpha.clone() } else { rotate(alpha, 360 - rotation) };
            }
            Ok(Some(took))
        })?;
        self.fill_gaps();
        Ok(laps.stage("infer", pictures as f64 / each as f64))
    }

    /// Few laps leave frames without a matte: they get that of another.
    fn fill_gaps(&mut self) {
        let Some(full) = self.kept.iter().position(|k| k.views.iter().all(|v| !v.mattes.is_empty())) else { return };
        let mattes: Vec<_> = self.kept[full].views.iter().map(|v| v.mattes.clone()).collect();
        for kept in &mut self.kept {
            for (view, mattes) in kept.views.iter_mut().zip(&mattes) {
                if view.mattes.is_empty() {
                    view.mattes.clone_from(mattes);
                }
            }
        }
    }

    fn matte(&mut self) -> Result<StageAlone, Error> {
        let plan = self.prepared.plan();
        let windows = std::sync::Arc::clone(&plan.views.windows);
        let mut stereo: Option<StereoFusion> = stereo_fusion(self.job.matte.stereo, plan);
        let recurrent = plan.model.manifest.kind == Kind::Recurrent;
        let mut stabilizers = self.job.matte.stabilizers(recurrent, plan.views.rects.len());
        let mut blender = Blender::new();
        let kept = &mut self.kept;
        let laps = Laps::run(self.limits, |i| {
            let at = swing(i, kept.len());
            let views = &mut kept[at].views;
            // Blending uses the mattes up.
            let mut mattes: Vec<_> = views.iter().map(|v| v.mattes.clone()).collect();
            let (took, ()) = timed(|| {
                for (view, mattes) in views.iter_mut().zip(&mut mattes) {
                    blender.blend(&windows, mattes, &mut view.alpha);
                }
                if let (Some(stereo), [a, b]) = (&mut stereo, views.as_mut_slice()) {
                    stereo.apply((&a.small, &mut a.alpha), (&b.small, &mut b.alpha));
                }
                for (stabilizer, view) in stabilizers.iter_mut().zip(views) {
                    stabilizer.apply(&view.small.y, &mut view.alpha);
                }
            });
            Ok(Some(took))
        })?;
        for view in self.kept.iter_mut().flat_map(|k| &mut k.views) {
            blender.blend(&windows, &mut view.mattes.clone(), &mut view.alpha);
        }
        Ok(laps.stage("matte", 1.0))
    }

    /// Refining, painting and encoding. In the pipeline the first two are one stage, `compose`.
    fn paint(&mut self) -> Result<(StageAlone, StageAlone, StageAlone), Error> {
        let plan = self.prepared.plan();
        let (job, limits) = (self.job, self.limits);
        let (Some(output), Some(encoder), Some(geometry)) =
            (job.outputs.first(), plan.encoders.first(), plan.geometries.first())
        else {
            return Err(Error::Request("no output to be measured".to_owned()));
        };
        let video = &plan.input.video;
        let (width, height, layout, color) = (video.width, video.height, video.layout, video.color);
        let mut matte = ColoredMatte {
            matte: FullMatte::new(job.matte, width, height),
            colors: vec![EdgeColors::default(); plan.views.rects.len()],
        };
        let kept = &self.kept;
        let refine = |k: &Kept, ColoredMatte { matte, colors }: &mut ColoredMatte| {
            for (colors, view) in colors.iter_mut().zip(&k.views) {
                colors.update(&view.small, &view.alpha);
            }
            matte.update(&k.frame.frame.yuv(), layout, color, &k.matted(&plan.views.rects, colors));
        };
        let refined = Laps::run(limits, |i| Ok(Some(timed(|| refine(&kept[swing(i, kept.len())], &mut matte)).0)))?;

        let out_color = output_color(&output.mode, encoder, color);
        let pool = FramePool::new(output_layout(&output.mode, layout), width, height)?;
        let mut composer = Composer::new(&output.mode, layout, out_color, width, height);
        let mut painted: Vec<Option<VideoFrame>> = kept.iter().map(|_| None).collect();
        let mut paint = |k: &Kept, ColoredMatte { matte, colors }: &ColoredMatte| -> Result<VideoFrame, Error> {
            let views = k.matted(&plan.views.rects, colors);
            let source = k.frame.frame.yuv();
            let (alpha, tiles) = (matte.alpha(), matte.tiles());
            let frame = Frame { source, layout, color, width, height, alpha, tiles, views: &views, background: None };
            let mut picture = pool.get()?;
            picture.copy_props_from(&k.frame.frame);
            composer.compose(&frame, picture.yuv_mut());
            Ok(picture)
        };
        let composed = Laps::run(limits, |i| {
            let at = swing(i, kept.len());
            refine(&kept[at], &mut matte);
            let (took, picture) = timed(|| paint(&kept[at], &matte));
            painted[at] = Some(picture?);
            Ok(Some(took))
        })?;
        for (k, picture) in kept.iter().zip(&mut painted) {
            if picture.is_none() {
                refine(k, &mut matte);
                *picture = Some(paint(k, &matte)?);
            }
        }
        let painted: Vec<_> = painted.into_iter().flatten().collect();
        // Refining runs beside every lap of painting: its CPU time doesn't count.
        let mut composed = composed.stage("compose", 1.0);
        let refined = refined.stage("refine", 1.0);
        composed.cpu_seconds = (composed.cpu_seconds - refined.cpu_seconds).max(0.0);

        let mut encode = output.encode.clone();
        if encode.threads == 0 {
            encode.threads = self.threads.encode;
        }
        let folder = output.path.parent().unwrap_or(std::path::Path::new("."));
        let name = output.path.file_name().unwrap_or_default().to_string_lossy();
        let mut alone = output.clone();
        alone.path = folder.join(format!("alone-{name}"));
        let options = writer_options(&alone, &encode, video, geometry, out_color, VrTags::Source, true);
        let mut writer = Writer::create(options, &self.open()?.template())?;
        let duration = kept[0].frame.duration.max(1);
        let mut laps = Laps::run(limits, |i| {
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
        let _ = std::fs::remove_file(&alone.path);
        let mut encoded = laps.stage("encode", 1.0);
        encoded.fps = encoded.frames as f64 / (encoded.frames as f64 / encoded.fps.max(1e-9) + flush);
        Ok((refined, composed, encoded))
    }
}

/// 0, 1, 2 ... n-1, n-2 ... 1, 0, 1 ...
fn swing(i: u64, n: usize) -> usize {
    let round = (2 * n).saturating_sub(2).max(1);
    let at = i as usize % round;
    if at < n { at } else { round - at }
}

fn next_frame(reader: &mut Reader) -> Result<Option<SourceFrame>, Error> {
    while let Some(item) = reader.next()? {
        if let Item::Frame(frame) = item {
            return Ok(Some(frame));
        }
    }
    Ok(None)
}

/// The stage `prepare` on one frame.
fn sample(plan: &Plan, kept: &mut Kept, viewer: &mut Viewer, scenes: &mut SceneDetector) {
    let video = &plan.input.video;
    let planes = kept.frame.frame.yuv();
    let normalization = plan.model.manifest.normalization();
    let batch = &mut kept.input;
    (batch.width, batch.height) = plan.views.network_size();
    let len = 3 * batch.width * batch.height;
    batch.data.resize(plan.views.pictures() * len, 0.0);
    batch.n = 0;
    for (rect, view) in plan.views.rects.iter().zip(&mut kept.views) {
        viewer.look(&plan.views.windows, &planes, video.layout, video.color, *rect, &mut view.small, |picture| {
            let out = &mut batch.data[batch.n * len..][..len];
            batch.n += 1;
            match plan.views.rotation {
                0 => to_network(picture, video.color.matrix, &normalization, out),
                turned => to_network(&picture.rotated(turned), video.color.matrix, &normalization, out),
            }
        });
    }
    scenes.is_cut(&kept.views[0].small.y);
}

/// `pictures` of the kept frames from frame `first` on, `each` of every frame.
fn gather(kept: &[Kept], first: usize, pictures: usize, each: usize) -> Batch {
    let Batch { width, height, .. } = kept[0].input;
    let len = 3 * width * height;
    let mut batch = Batch { data: Vec::with_capacity(pictures * len), n: pictures, width, height };
    for k in 0..pictures {
        let frame = &kept[swing((first + k / each) as u64, kept.len())];
        batch.data.extend_from_slice(&frame.input.data[k % each * len..][..len]);
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
    fn kept_frames_are_walked_to_and_fro() {
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
