//! One moment of a video, made by the stages of a job, as often as edits change: the models stay loaded, and of the last
//! moment everything is kept that edits don't change.

use super::load::CacheKeyInputs;
use super::{Assembly, LoadedJob, cached, open_cache};
use crate::edits::{EditMasks, Edits, MAX_LEAD, ROUNDING, RegionEdit, StrokeState};
use crate::error::{Error, Result};
use crate::events::{Preview, PreviewFrame};
use crate::frame::{Cuts, DecodedFrame, MattedFrame, PreparedFrame, SampledFrame};
use crate::graph::{Cancel, Next, Source, Stage, Ticket};
use crate::people::{FramePerson, HiddenPeople};
use crate::spec::Job;
use crate::stages::{BatchLimits, Decode, Infer, edit_views};
use std::collections::VecDeque;
use std::sync::Arc;
use vrseg_image::matte::{MatteOptions, Sampler, SmallYuv};
use vrseg_image::plane::{Plane, PlaneRef, Rect};
use vrseg_infer::cache::{Cache, InferenceState};
use vrseg_media::{DecodeOptions, Reader, TimeRange, VideoFrame};

/// Bytes of memory that the mattes of moments may need in the cache.
const CACHED_BYTES: u64 = 64 << 20;

/// A frame before edits, and those before it that smooth it.
struct Held {
    /// Seconds that were requested.
    requested: f64,
    /// From where the source was read.
    range: TimeRange,
    /// In the order of time; the last one is shown, of the others only the small views are kept.
    frames: Vec<HeldFrame>,
    /// The regions in which somebody was to be found.
    finds: Vec<RegionEdit>,
    /// Whether there are those that smooth it.
    smoothed: bool,
    /// Strokes that were painted on earlier frames, as they are before the first of `frames`.
    strokes: Option<StrokeState>,
}

/// A frame that the models have seen.
struct HeldFrame {
    seconds: f64,
    frame: PreparedFrame,
    /// Of whole views, whose mattes are used up when they are blended.
    window_mattes: Vec<Vec<Plane<f32>>>,
}

/// Where a moment is read.
struct Position {
    /// Seconds of the source.
    seconds: f64,
    /// Those of the first stroke that is followed to there.
    lead: Option<f64>,
    /// Frames before it that smooth it.
    before: usize,
}

/// Frames before a moment through which a matte is smoothed, where edits do that: enough for the default strength, whose time
/// constant is four frames.
const SMOOTHED: usize = 8;

/// Makes moments of a job's source.
pub struct Moments {
    job: Job,
    cancel: Arc<Cancel>,
    loaded: LoadedJob,
    cache: Option<Arc<Cache>>,
    held: Option<Held>,
    /// The edits with which the matte was made last.
    shown: Option<Edits>,
    /// The full-size matte of the held frame with those edits.
    matte: Plane<u8>,
    sampler: Sampler,
}

/// A part of a moment.
#[derive(Clone, Debug)]
pub struct MomentPart {
    /// Time of the frame in seconds of the source.
    pub seconds: f64,
    /// The picture and its matte, as one view.
    pub frame: PreviewFrame,
}

impl Moments {
    /// For a job, whose models are loaded. A request to stop ends the making of a moment.
    pub fn new(job: Job, loaded: LoadedJob, cancel: Arc<Cancel>) -> Self {
        let cache = open_cache(&job, CACHED_BYTES, &());
        let (matte, sampler) = (Plane::default(), Sampler::new());
        Self { job, cancel, loaded, cache, held: None, shown: None, matte, sampler }
    }

    /// The views of a frame in luma samples.
    pub fn views(&self) -> &[Rect] {
        &self.loaded.plan.views.rects
    }

    /// A part (left, top, width, height as shares) of a view at a time, with its matte as `edits` make it, at most
    /// `most` wide and high. `known`: who is in the frame at a time, where that is known from elsewhere; else the detector
    /// finds them.
    ///
    /// # Errors
    /// The source can't be read there; as a job.
    pub fn part(
        &mut self,
        seconds: f64,
        edits: &Edits,
        known: &dyn Fn(f64) -> Option<Vec<FramePerson>>,
        view: usize,
        part: [f64; 4],
        most: (usize, usize),
    ) -> Result<MomentPart> {
        // The job's own, which options gave, come behind, as in a run.
        let mut all = edits.clone();
        all.regions.extend(self.job.edits.regions.iter().cloned());
        let edits = &all;
        let smoothed = smooths(edits, seconds);
        let other = |held: &Held| {
            let found = held.finds.iter().eq(edits.finds(seconds));
            held.requested != seconds || !found || (smoothed && !held.smoothed)
        };
        if self.held.as_ref().is_none_or(other) || self.strokes_changed(seconds, edits) {
            self.held = None;
            self.shown = None;
            self.held = Some(self.prepare(seconds, edits, known)?);
        }
        if self.shown.as_ref() != Some(edits) {
            self.make_matte(edits)?;
            self.shown = Some(edits.clone());
        }
        let shown = self.held.as_ref().and_then(|held| held.frames.last());
        let Some(held) = shown else { return Err(Error::Interrupted) };
        let video = &self.loaded.plan.input.video;
        let rect = *self.views().get(view).ok_or_else(|| Error::Request(format!("there is no view {view}")))?;
        let rect = inside(rect, part);
        let scale = (most.0 as f64 / rect.w as f64).min(most.1 as f64 / rect.h as f64).min(1.0);
        let fit = |n: usize| ((n as f64 * scale).round() as usize).max(1);
        let size = (fit(rect.w), fit(rect.h));
        let mut small = SmallYuv::default();
        let source = &held.frame.decoded.source.frame;
        self.sampler.sample(&source.yuv(), video.layout, video.color, rect, size, &mut small);
        let alpha = averaged(self.matte.as_ref().crop(rect), size);
        let index = held.frame.decoded.source.index;
        let views = vec![(small, alpha)];
        let frame = PreviewFrame { frame: index, seconds: held.seconds, matrix: video.color.matrix, views };
        Ok(MomentPart { seconds: held.seconds, frame })
    }

    /// Whether strokes of earlier frames that reach this one are others than those of the last call: they must be followed
    /// again.
    fn strokes_changed(&self, seconds: f64, edits: &Edits) -> bool {
        let fps = self.loaded.plan.fps();
        let earlier = |e: &Edits| e.first_stroke(seconds, fps).map(|_| e.strokes.clone());
        self.shown.as_ref().is_some_and(|shown| earlier(shown) != earlier(edits))
    }

    /// Decodes the frame at a time and runs the models on it, as on the first of a scene.
    fn prepare(
        &mut self,
        seconds: f64,
        edits: &Edits,
        known: &dyn Fn(f64) -> Option<Vec<FramePerson>>,
    ) -> Result<Held> {
        let fps = self.loaded.plan.fps();
        let farthest = seconds - MAX_LEAD / fps;
        let lead = edits.first_stroke(seconds, fps).map(|at| at.max(farthest));
        let before = if smooths(edits, seconds) { SMOOTHED } else { 0 };
        let position = Position { seconds, lead, before };
        let first = lead.unwrap_or(seconds).min(seconds - before as f64 / fps);
        let cache_keys = std::mem::take(&mut self.loaded.cache_keys);
        // Behind the last frame there is none: an earlier one is shown.
        let starts = [0.0, 1.0, 10.0, f64::INFINITY].map(|back| (first - ROUNDING - back).max(0.0));
        let mut held = Ok(None);
        for start in starts {
            held = self.read(start, &position, edits, known, &cache_keys);
            if !matches!(held, Ok(None)) || start <= 0.0 {
                break;
            }
        }
        self.loaded.cache_keys = cache_keys;
        let nothing = || Error::Request(format!("{}: no frame at {seconds:.3} s", self.job.input.display()));
        held?.ok_or_else(nothing)
    }

    /// The frame at a time, or the last one before it, reading from `start` on.
    fn read(
        &mut self,
        start: f64,
        &Position { seconds, lead, before }: &Position,
        edits: &Edits,
        known: &dyn Fn(f64) -> Option<Vec<FramePerson>>,
        cache_keys: &[CacheKeyInputs],
    ) -> Result<Option<Held>> {
        let mut job = Job { edits: Edits::default(), ..self.job.clone() };
        job.matte.every = 1;
        job.range = TimeRange { start: Some(start), ..TimeRange::default() };
        let threads = self.loaded.threads;
        let options =
            DecodeOptions { choice: job.choice, range: job.range, threads: threads.decode, ..DecodeOptions::default() };
        let mut reader = Reader::open(&job.input, &options)?;
        let mut decode = Decode::new(&mut reader, Vec::new(), Cuts::none());
        let (plan, runners, locator) = self.loaded.parts();
        let assembly = Assembly::new(&job, plan);
        let (clock, recycling) = (assembly.clock(), assembly.recycling(1, 1));
        // Where people are known, nobody needs to look for them.
        let mut locator = locator.filter(|_| known(seconds).is_none());
        if let Some(locator) = &mut locator {
            locator.restore(None);
        }
        let warn = |message: String| tracing::warn!("{message}");
        let mut scenes = assembly.scenes(None, locator, &warn);
        let mut sample = assembly.sample(&recycling);
        let edited = Job { edits: edits.clone(), ..job.clone() };
        let mut strokes = lead.and_then(|_| Assembly::new(&edited, plan).edit_masks());
        let added = Assembly::new(&edited, plan).added_people();
        let mut last = VecDeque::new();
        while let Some(decoded) = next_frame(&mut decode, &self.cancel)? {
            let at = clock.seconds(decoded.source.pts);
            let Some(mut sampled) = scenes.process(sample.process(decoded)?)?.pop() else { continue };
            if let Some(people) = known(at).or_else(|| known(seconds)) {
                sampled.frame.people = people;
            }
            if let Some(added) = &added {
                added.add(&mut sampled.frame.people, &sampled.frame.views, at);
            }
            last.push_back((at, sampled));
            if at + ROUNDING >= seconds {
                break;
            }
            // The next one will be there in any case, or this is the last of the video.
            pass(&mut last, before.max(1), &mut strokes);
        }
        pass(&mut last, before + 1, &mut strokes);
        let Some(shown) = last.back().map(|(at, _)| *at) else { return Ok(None) };
        let nothing: Vec<InferenceState> = Vec::new();
        let inferences = cached(runners.into_iter(), cache_keys, self.cache.as_ref(), &nothing)?;
        let mut cut = assembly.cut_windows(&recycling);
        let mut gather = assembly.gather(BatchLimits::frames(1), &recycling);
        let report = |_, notes: Vec<String>| notes.into_iter().for_each(|note| tracing::warn!("{note}"));
        let mut infer =
            Infer::new(inferences, plan.crop_plan().is_some(), recycling.planes.clone(), recycling.inputs(1), &report);
        let mut frames = Vec::new();
        for (seconds, sampled) in last {
            let batch = gather.process(cut.process(sampled)?)?;
            let frame = batch.map(|batch| infer.process(batch)).transpose()?.and_then(|mut frames| frames.pop());
            let mut frame = frame.ok_or(Error::Interrupted)?;
            if seconds < shown {
                let layout = plan.input.video.layout;
                frame.decoded.source.frame = VideoFrame::alloc(layout, 16, 16)?;
            }
            let window_mattes = frame.views.iter().map(|v| v.mattes.clone()).collect();
            frames.push(HeldFrame { seconds, frame, window_mattes });
        }
        infer.finish()?;
        drop(infer);
        let strokes = strokes.and_then(|s| s.state());
        let (requested, range, smoothed) = (seconds, job.range, before > 0);
        let finds = edits.finds(requested).into_iter().cloned().collect();
        Ok(Some(Held { requested, range, frames, finds, smoothed, strokes }))
    }

    /// Makes the full-size matte of the held frame.
    fn make_matte(&mut self, edits: &Edits) -> Result<()> {
        let Some(mut held) = self.held.take() else { return Err(Error::Interrupted) };
        let mut job = Job { edits: edits.clone(), ..self.job.clone() };
        job.matte.every = 1;
        // The frame's time stamp counts from where reading began.
        job.range = held.range;
        let plan = &self.loaded.plan;
        let assembly = Assembly::new(&job, plan);
        let hidden = HiddenPeople::new(edits, plan.views.surface(plan.lens()));
        let preview = Preview::default();
        let mut matte = assembly.matte(None, &assembly.recycling(1, 1), &preview)?;
        if let (Some(masks), Some(strokes)) = (&mut matte.edits, &held.strokes) {
            masks.restore(Some(strokes));
        }
        let mut frames = Vec::new();
        for HeldFrame { seconds, mut frame, window_mattes } in held.frames {
            for (view, mattes) in frame.views.iter_mut().zip(&window_mattes) {
                view.mattes.clone_from(mattes);
            }
            frame.people.iter_mut().for_each(|p| p.hidden = false);
            if let Some(hidden) = &hidden {
                hidden.mark(&mut frame.people, seconds);
            }
            let matted = matte.process(frame)?;
            let Some(MattedFrame { frame, .. }) = matted else { return Err(Error::Interrupted) };
            frames.push(HeldFrame { seconds, frame, window_mattes });
        }
        if let Some(shown) = frames.last() {
            let mut paint = assembly.refine();
            paint.refine(&shown.frame);
            self.matte = paint.into_matte();
        }
        held.frames = frames;
        self.held = Some(held);
        Ok(())
    }
}

/// Leaves the last `most` frames; strokes follow what moves in the others.
fn pass(frames: &mut VecDeque<(f64, SampledFrame)>, most: usize, strokes: &mut Option<EditMasks>) {
    while frames.len() > most {
        let Some((at, mut passed)) = frames.pop_front() else { return };
        if let Some(strokes) = strokes {
            let cut = passed.frame.cut;
            strokes.skip(&mut edit_views(&mut passed.frame.views), at, cut);
        }
    }
}

/// Whether edits smooth mattes at a time, so that frames before it count.
fn smooths(edits: &Edits, seconds: f64) -> bool {
    let unedited = MatteOptions { stabilize: f32::NAN, ..MatteOptions::default() };
    edits.options_at(unedited, seconds).stabilize > 0.0
}

/// The next frame; `None`: there are no more.
///
/// # Errors
/// It can't be decoded, or `cancel` was requested.
pub(super) fn next_frame(decode: &mut Decode<'_>, cancel: &Cancel) -> Result<Option<DecodedFrame>> {
    match decode.next(Ticket::unbounded(), &|| cancel.is_requested())? {
        Next::Item(frame) => Ok(Some(frame)),
        Next::End => Ok(None),
        Next::Stopped => Err(Error::Interrupted),
    }
}

/// A part of a rectangle, at least a pixel of it.
fn inside(rect: Rect, [x, y, w, h]: [f64; 4]) -> Rect {
    let span = |from: f64, length: f64, n: usize| {
        let start = ((from.clamp(0.0, 1.0) * n as f64) as usize).min(n.saturating_sub(1));
        let length = ((length.clamp(0.0, 1.0) * n as f64).round() as usize).clamp(1, n - start);
        (start, length)
    };
    let ((left, width), (top, height)) = (span(x, w, rect.w), span(y, h, rect.h));
    Rect::new(rect.x + left, rect.y + top, width, height)
}

/// A matte averaged to a size that is not larger, as opacity from 0 to 1.
fn averaged(matte: PlaneRef<'_, u8>, (width, height): (usize, usize)) -> Plane<f32> {
    let span = |i: usize, to: usize, from: usize| (i * from / to, ((i + 1) * from).div_ceil(to).min(from));
    let mut out = Plane::from_vec(vec![0.0; width * height], width, height);
    for (y, row) in out.data_mut().chunks_exact_mut(width).enumerate() {
        let (top, bottom) = span(y, height, matte.height);
        for (x, out) in row.iter_mut().enumerate() {
            let (left, right) = span(x, width, matte.width);
            let sum: u32 = (top..bottom).flat_map(|y| &matte.row(y)[left..right]).map(|v| u32::from(*v)).sum();
            *out = sum as f32 / (255 * ((bottom - top) * (right - left)).max(1)) as f32;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lie_inside_of_their_view() {
        let eye = Rect::new(100, 0, 100, 50);
        assert_eq!(inside(eye, [0.0, 0.0, 1.0, 1.0]), eye);
        assert_eq!(inside(eye, [0.25, 0.5, 0.5, 0.5]), Rect::new(125, 25, 50, 25));
        for strange in [[1.0, 1.0, 1.0, 1.0], [-3.0, 9.0, 0.0, f64::NAN], [0.999, 0.0, 5.0, -1.0]] {
            let part = inside(eye, strange);
            assert!(part.w > 0 && part.h > 0 && part.x >= 100 && part.x + part.w <= 200 && part.y + part.h <= 50);
        }
    }

    #[test]
    fn mattes_are_averaged() {
        let matte = Plane::from_vec(vec![0u8, 255, 255, 255, 0, 255, 255, 255], 4, 2);
        assert_eq!(averaged(matte.as_ref(), (2, 1)).data(), [0.5, 1.0]);
        assert_eq!(averaged(matte.as_ref(), (4, 2)).data()[..2], [0.0, 1.0]);
    }
}
