//! Running a job, or a part of it, in segments: where one ends and the next begins, and what the one
//! who keeps them must do.

use super::state::TemporalState;
use crate::error::Result;
use std::path::PathBuf;
use std::sync::Arc;
use vrseg_media::{SegmentPart, SegmentTimes, SourceFrame};

/// A frame with which a segment begins, and what is known of the frames before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Border {
    /// Number of the segment that begins, from 0.
    pub segment: usize,
    /// The frame's time stamp.
    pub pts: i64,
    /// The frame's number in the job.
    pub index: u64,
    /// Time stamp of the job's first frame, from which moving backgrounds count.
    pub first_pts: i64,
    /// The part that is worked on ends before the frame: it came only for the state of the stages.
    pub stop: bool,
    /// The state of the stages before the frame; each stage adds its own while the frame passes.
    pub state: TemporalState,
}

/// What a frame is to the segments.
#[derive(Debug)]
pub enum Place {
    /// Like the frame before.
    Inside,
    /// It is not painted. In front of a part it is there for the state of the stages, behind it for the people who are followed
    /// back from it.
    WarmUp,
    /// A segment begins with it.
    Border(Box<Border>),
}

impl Place {
    /// The state of the stages, to be added to, where the frame begins a segment.
    pub fn state(&mut self) -> Option<&mut TemporalState> {
        match self {
            Place::Border(border) => Some(&mut border.state),
            _ => None,
        }
    }
}

/// Why a segment ended.
#[derive(Clone, Debug)]
pub enum End {
    /// The next one begins.
    Border(Arc<Border>),
    /// The part that was to be worked on is done.
    Whole,
    /// The user stopped the run: the segment isn't whole.
    Stopped,
}

/// A segment of one output that was written.
#[derive(Debug)]
pub struct SegmentDone {
    /// Its number.
    pub segment: usize,
    /// Number of the output.
    pub output: usize,
    /// Its file.
    pub part: SegmentPart,
    /// Its frames.
    pub times: SegmentTimes,
    /// What comes behind it.
    pub end: End,
}

/// Keeps segments. Called from the outputs' threads.
pub trait SegmentStore: Sync {
    /// Where the file of that segment of that output goes.
    fn path(&self, segment: usize, output: usize) -> PathBuf;

    /// A file is complete and has its name.
    ///
    /// # Errors
    /// It can't be kept.
    fn finished(&self, done: SegmentDone) -> Result<()>;
}

/// Which part of a job a run works on, and where its segments go.
pub struct Part<'a> {
    /// Where it begins; `None`: at the job's beginning.
    pub begin: Option<Border>,
    /// Time stamp of a frame before `begin` from which on frames are seen only for the state of the stages.
    pub warm_up: Option<i64>,
    /// Time stamp of the first frame that doesn't belong to it any more.
    pub until: Option<i64>,
    /// Seconds after which a new segment begins; `None`: all of it is one.
    pub seconds: Option<f64>,
    /// Bytes that earlier runs have written.
    pub bytes: u64,
    /// Keeps the segments.
    pub store: &'a dyn SegmentStore,
}

/// Decides where segments begin.
#[derive(Debug)]
pub struct Cuts {
    /// Ticks after which a key frame of the source begins a new segment, and after twice of which any
    /// frame does.
    length: Option<i64>,
    until: Option<i64>,
    /// Frames before it are there to warm up.
    begin: Option<i64>,
    segment: usize,
    started: Option<i64>,
    first_pts: Option<i64>,
    index: u64,
    stopped: bool,
    /// Frames behind the one at which the part stops.
    beyond: usize,
}

impl Cuts {
    /// All is one.
    pub fn none() -> Self {
        Self {
            length: None,
            until: None,
            begin: None,
            segment: 0,
            started: None,
            first_pts: None,
            index: 0,
            stopped: false,
            beyond: 0,
        }
    }

    /// Those of a part of a video whose ticks last this many seconds, where people are followed back through `look_ahead` frames.
    pub fn of(part: &Part<'_>, tick: f64, look_ahead: usize) -> Self {
        let begin = part.begin.as_ref();
        Self {
            length: part.seconds.map(|s| (s / tick).round().max(1.0) as i64),
            until: part.until,
            begin: part.warm_up.and(begin).map(|b| b.pts),
            segment: begin.map_or(0, |b| b.segment),
            started: begin.map(|b| b.pts),
            first_pts: begin.map(|b| b.first_pts),
            index: begin.map_or(0, |b| b.index),
            stopped: false,
            // The first of them is the border.
            beyond: look_ahead.saturating_sub(1),
        }
    }

    /// What the next frame is; `None` behind the end. The first frame behind the end is a border still,
    /// which brings the state of the stages along; those behind it are there to look ahead.
    pub fn place(&mut self, frame: &SourceFrame) -> Option<Place> {
        let stop = self.until.is_some_and(|until| frame.pts >= until);
        if stop && std::mem::replace(&mut self.stopped, true) {
            self.beyond = self.beyond.checked_sub(1)?;
            return Some(Place::WarmUp);
        }
        if self.begin.is_some_and(|begin| frame.pts < begin) {
            return Some(Place::WarmUp);
        }
        let first_pts = *self.first_pts.get_or_insert(frame.pts);
        let started = *self.started.get_or_insert(frame.pts);
        let index = self.index;
        self.index += 1;
        let over = |length: i64| {
            let lasted = frame.pts - started;
            frame.seekable && (frame.key && lasted >= length || lasted >= 2 * length)
        };
        if !stop && !self.length.is_some_and(over) {
            return Some(Place::Inside);
        }
        self.segment += 1;
        self.started = Some(frame.pts);
        let segment = self.segment;
        Some(Place::Border(Box::new(Border {
            segment,
            pts: frame.pts,
            index,
            first_pts,
            stop,
            state: TemporalState::default(),
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrseg_image::plane::YuvLayout;
    use vrseg_media::FramePool;

    struct NoStore;

    impl SegmentStore for NoStore {
        fn path(&self, _: usize, _: usize) -> PathBuf {
            PathBuf::new()
        }

        fn finished(&self, _: SegmentDone) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn frames_behind_a_part_are_there_to_look_ahead() {
        let layout = YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };
        let pool = FramePool::new(layout, 16, 16).unwrap();
        let places = |look_ahead: usize| {
            let part = Part { begin: None, warm_up: None, until: Some(3), seconds: None, bytes: 0, store: &NoStore };
            let mut cuts = Cuts::of(&part, 1.0, look_ahead);
            let frame = |pts| SourceFrame {
                frame: pool.get().unwrap(),
                pts,
                duration: 1,
                index: 0,
                key: false,
                seekable: true,
            };
            (0..12)
                .map_while(|pts| cuts.place(&frame(pts)))
                .map(|place| match place {
                    Place::Inside => 'i',
                    Place::WarmUp => 'w',
                    Place::Border(border) if border.stop => 's',
                    Place::Border(_) => 'b',
                })
                .collect::<String>()
        };
        assert_eq!([0, 1, 4].map(places), ["iiis", "iiis", "iiiswww"]);
    }
}
