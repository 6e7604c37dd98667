//! A pass over a video that only finds people: decoder, detector and tracks, without the models that make mattes.

use super::{Assembly, LoadedJob, Recycling, open_source, several};
use crate::edits::{PersonEdit, ROUNDING, file_point};
use crate::error::{Error, Result};
use crate::events::{Observer, Progress};
use crate::frame::{Border, Cuts, SampledFrame, SourceClock};
use crate::graph::{Admission, Cancel, Clocks, Graph, Item, Permits, Sink, Stage, frames_in_flight};
use crate::people::{FramePerson, PersonNumbers};
use crate::plan::{Plan, SmallView};
use crate::spec::Job;
use crate::stages::{Chroma, Decode};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use vrseg_image::matte::SmallYuv;
use vrseg_image::matte::people::{SourceFormat, Surface, Window, WindowSampler};
use vrseg_image::plane::{Matrix, Rect};

/// Seconds from one point of a path to the next.
const PATH_STEP: f64 = 0.5;
/// Side of a person's picture in pixels.
const PICTURE: usize = 160;
/// Margin of that picture around the box.
const MARGIN: f64 = 1.15;
/// A picture is replaced by one that shows its person this much larger.
const LARGER: f64 = 1.2;

/// People of frames that are remembered at most: some 150 MB.
const MAX_KEPT: usize = 1_000_000;

/// Somebody who was found, from entering to leaving.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundPerson {
    /// From 1, in the order of appearance.
    pub number: u32,
    /// Seconds of the source at which they are seen first.
    pub from: f64,
    /// And last.
    pub to: f64,
    /// Their height as a share of the view's, where they are largest.
    pub size: f64,
    /// Where they are then, as a point of `path`.
    pub place: [f64; 5],
    /// Where they are, as an edits file has it.
    pub path: Vec<[f64; 5]>,
}

impl FoundPerson {
    /// Somebody who is seen first at a point of their path.
    fn new(number: u32, seconds: f64, point: [f64; 5]) -> Self {
        Self { number, from: seconds, to: seconds, size: 0.0, place: point, path: vec![point] }
    }
}

/// What an edits file has of somebody who is shown.
impl From<&FoundPerson> for PersonEdit {
    fn from(found: &FoundPerson) -> Self {
        Self { person: found.number, show: true, hide: Vec::new(), path: found.path.clone() }
    }
}

/// What a pass has found so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PeopleScan {
    /// The people.
    pub people: Vec<FoundPerson>,
    /// Seconds of the source at which scenes begin, but for the first.
    pub cuts: Vec<f64>,
    /// Frames seen.
    pub frames: u64,
    /// Time of each frame in seconds of the source, and who is in it, in all eyes.
    pub by_frame: Vec<(f64, Vec<FramePerson>)>,
}

impl PeopleScan {
    /// The people of the frame at a time; `None` where the pass has not been yet.
    pub fn people_at(&self, seconds: f64) -> Option<&[FramePerson]> {
        let after = self.by_frame.partition_point(|(time, _)| *time < seconds - ROUNDING);
        let (time, people) = self.by_frame.get(after)?;
        ((time - seconds).abs() <= ROUNDING).then_some(people)
    }
}

/// Sees what a pass comes across. Called from its threads.
pub trait ScanViewer: Sync {
    /// The first view of each frame, and the matrix of its colors.
    fn frame(&self, seconds: f64, view: &SmallYuv, matrix: Matrix);
    /// Whether it is of use who is in each frame: that needs memory.
    fn keeps_frames(&self) -> bool {
        false
    }
    /// A picture of a person, square, better than those before.
    fn person(&self, number: u32, picture: &SmallYuv, matrix: Matrix);
}

/// Sees nothing.
impl ScanViewer for () {
    fn frame(&self, _: f64, _: &SmallYuv, _: Matrix) {}
    fn person(&self, _: u32, _: &SmallYuv, _: Matrix) {}
}

/// Finds all people of a job's source. What is found is in `found` as soon as it is.
///
/// # Errors
/// As a job; the job sees whole views, so there is no detector.
pub fn scan_people(
    job: &Job,
    plan: Plan,
    found: &Mutex<PeopleScan>,
    viewer: &dyn ScanViewer,
    cancel: &Cancel,
    observer: &dyn Observer,
) -> Result<()> {
    let mut loaded = LoadedJob::new(job, plan)?;
    let opened = loaded.plan.opened.take();
    let (threads, decode_gpu) = (loaded.threads, job.decode.gpu(loaded.provider()));
    let (plan, _, Some(locator)) = loaded.parts() else {
        return Err(Error::Request(
            "people are found by the detector of person crops; omit --model, --view and --crops off".to_owned(),
        ));
    };
    let warn = |message| observer.event(crate::events::Event::Warning { message });
    let mut reader = open_source(job, opened, (threads, decode_gpu), None, &Border::default())?;
    let (clocks, assembly) = (Clocks::default(), Assembly::new(job, plan));
    let recycling = assembly.recycling(threads.prepare, 1);
    let video = &plan.input.video;
    let frame_bytes = plan.frame_bytes();
    let look_ahead = plan.look_ahead(job);
    let frames = look_ahead + frames_in_flight(frame_bytes * 8, frame_bytes, 1, threads.prepare + 1);
    let format = SourceFormat { layout: video.layout, color: video.color };
    let collect = Collect {
        clock: assembly.clock(),
        surface: plan.views.surface(plan.lens()),
        rect: plan.views.rects.first().copied().unwrap_or(Rect::new(0, 0, video.width, video.height)),
        format,
        sampler: WindowSampler::default(),
        chroma: Chroma::new(format, recycling.planes.clone()),
        numbers: PersonNumbers::default(),
        pictured: Vec::new(),
        found,
        viewer,
        recycling: &recycling,
        kept: 0,
    };
    locator.restore(None);
    let bytes = Arc::default();
    let progress = Progress::new(plan.frames, 0, 1, &bytes, observer, &clocks);
    let wrote = |output, frames, _: Instant| progress.wrote(output, frames);
    Graph::new(cancel, &clocks)
        .source(Decode::new(&mut reader, Vec::new(), Cuts::none()), Admission::new(Permits::new(frames), None), 2)
        .parallel_in_order(
            "prepare",
            several(threads.prepare, || assembly.sample(&recycling)),
            assembly.scenes(None, Some(locator), &warn).with_look_ahead(look_ahead),
            1,
        )
        .split("compose", vec![collect], 1, 1)
        .run("encode", vec![Counter], &wrote)?;
    Ok(())
}

/// A frame that was seen.
struct Seen {
    frame: u64,
    since: Instant,
}

impl Item for Seen {
    fn frame(&self) -> u64 {
        self.frame
    }

    fn since(&self) -> Instant {
        self.since
    }
}

/// The end of the graph, which only counts.
struct Counter;

impl Sink for Counter {
    type Input = Seen;
    type Output = ();

    fn write(&mut self, _: Seen) -> Result<()> {
        Ok(())
    }

    fn finish(self, _: bool) -> Result<()> {
        Ok(())
    }
}

/// Collects people from one frame after the other.
struct Collect<'a> {
    clock: SourceClock,
    surface: Surface,
    rect: Rect,
    format: SourceFormat,
    sampler: WindowSampler,
    chroma: Chroma,
    numbers: PersonNumbers,
    /// For each person how large they are in the picture that was taken of them.
    pictured: Vec<f64>,
    found: &'a Mutex<PeopleScan>,
    viewer: &'a dyn ScanViewer,
    recycling: &'a Recycling,
    /// Entries of `by_frame` and people in them.
    kept: usize,
}

impl Collect<'_> {
    /// Notes where a person is. Returns whether a better picture is to be taken.
    fn note(&mut self, number: u32, person: &FramePerson, seconds: f64) -> bool {
        let Self { surface, found, pictured, .. } = self;
        let point = file_point(seconds, &person.region, surface);
        let [_, top, _, bottom] = surface.bounds(&person.region);
        let size = ((bottom - top) / surface.size().1).clamp(0.0, 1.0);
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        while found.people.len() < number as usize {
            let next = found.people.len() as u32 + 1;
            found.people.push(FoundPerson::new(next, seconds, point));
            pictured.push(0.0);
        }
        let one = &mut found.people[number as usize - 1];
        one.to = seconds;
        if size > one.size {
            (one.size, one.place) = (size, point);
        }
        // The last point moves along until it is far enough from the one before.
        match one.path[..] {
            [.., before, ref last] if last[0] - before[0] < PATH_STEP && last[0] < seconds => {
                one.path.pop();
                one.path.push(point);
            }
            [.., ref last] if last[0] < point[0] => one.path.push(point),
            _ => {}
        }
        // Someone the detector isn't sure about may look better later.
        let worth = size * if person.sure { 1.0 } else { 0.5 };
        let pictured = &mut pictured[number as usize - 1];
        let better = person.strength >= 1.0 && worth > *pictured * LARGER;
        if better {
            *pictured = worth;
        }
        better
    }
}

impl Stage for Collect<'_> {
    type Input = SampledFrame;
    type Output = Vec<Seen>;

    fn process(&mut self, SampledFrame { mut frame, .. }: SampledFrame) -> Result<Vec<Seen>> {
        let source = &frame.decoded.source;
        let (seconds, index, since) = (self.clock.seconds(source.pts), source.index, frame.decoded.since);
        let matrix = self.format.color.matrix;
        let people: Vec<_> = frame.people.iter().filter(|p| p.eye == 0).collect();
        let numbers = self.numbers.of(&self.surface, &people, seconds);
        let area = |p: &FramePerson| p.region.half[0] * p.region.half[1];
        let mut numbered: Vec<_> = people.iter().zip(&numbers).collect();
        numbered.sort_by_key(|(_, number)| **number);
        for (person, number) in &numbered {
            // Of somebody who is followed twice, the larger box counts.
            let mut same = numbered.iter().filter(|(_, n)| n == number);
            if same.all(|(p, _)| area(p) <= area(person)) && self.note(**number, person, seconds) {
                let window = Window::around(&self.surface, &person.region, MARGIN);
                let eye = (&self.surface, self.rect);
                let picture = self.sampler.cut(&source.frame.yuv(), self.format, eye, &window, PICTURE);
                self.viewer.person(**number, picture, matrix);
            }
        }
        if let Some(SmallView { yuv, .. }) = frame.views.first_mut() {
            // Where models are run on person crops only luma is there so far.
            if yuv.u.data().is_empty() {
                self.chroma.add(&source.frame.yuv(), self.rect, yuv);
            }
            self.viewer.frame(seconds, yuv, matrix);
        }
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if frame.cut && index > 0 {
            found.cuts.push(seconds);
        }
        found.frames = index + 1;
        // Where there are too many, the detector is asked again.
        if self.viewer.keeps_frames() && self.kept < MAX_KEPT {
            self.kept += frame.people.len() + 1;
            found.by_frame.push((seconds, frame.people));
        }
        drop(found);
        self.recycling.planes.put_views(frame.views);
        Ok(vec![Seen { frame: index, since }])
    }
}
