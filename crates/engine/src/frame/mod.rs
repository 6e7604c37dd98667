//! A frame on its way: what each stage adds to it.

mod border;
mod source_clock;
mod state;

pub use border::{Border, Cuts, End, Part, Place, SegmentDone, SegmentStore};
pub use source_clock::SourceClock;
pub use state::TemporalState;

use crate::graph::{Item, Permit};
use crate::people::FramePerson;
use crate::plan::SmallView;
use std::sync::Arc;
use std::time::Instant;
use vrseg_image::matte::Motion;
use vrseg_image::plane::Plane;
use vrseg_infer::Batch;
use vrseg_media::{SourceFrame, VideoFrame};

/// Fresh from the decoder.
#[derive(Debug)]
pub struct DecodedFrame {
    /// The picture; read only from here on.
    pub source: SourceFrame,
    /// When the decoder was asked for it.
    pub since: Instant,
    /// Its right to be in memory.
    pub permit: Permit,
    /// What it is to the segments.
    pub place: Place,
}

/// A frame whose views were sampled.
#[derive(Debug)]
pub struct PreparedFrame {
    /// The decoded frame.
    pub decoded: DecodedFrame,
    /// Its views, left or upper eye first.
    pub views: Vec<SmallView>,
    /// It is the first of a new scene.
    pub cut: bool,
    /// For each view where it came from, where the mattes of the frame before are propagated instead of running the
    /// model; else empty.
    pub motion: Vec<Motion>,
    /// The people in it, where people are located.
    pub people: Vec<FramePerson>,
    /// For each model that is run on person crops, what it found in the window on each of `people`; empty before it has
    /// run.
    pub mattes: Vec<Vec<Plane<f32>>>,
}

impl PreparedFrame {
    /// A decoded frame with its views, of which nothing else is known yet.
    pub fn new(decoded: DecodedFrame, views: Vec<SmallView>) -> Self {
        Self { decoded, views, cut: false, motion: Vec::new(), people: Vec::new(), mattes: Vec::new() }
    }

    /// The model isn't run.
    pub fn is_propagated(&self) -> bool {
        !self.motion.is_empty()
    }
}

/// A frame whose views were sampled, and the pictures that each model is shown of it.
#[derive(Debug)]
pub struct SampledFrame {
    /// The frame; at first it isn't known whether it begins a scene, what moves in it, and who is there.
    pub frame: PreparedFrame,
    /// For each model: all windows of the first view, of the second ..., or those on each of the frame's people.
    pub pictures: Vec<Batch>,
}

/// Frames that go through the models together, and the models' inputs made from them.
#[derive(Debug)]
pub struct InferenceBatch {
    /// In order.
    pub frames: Vec<PreparedFrame>,
    /// For each model, the pictures of the first frame, then those of the next ...
    pub batches: Vec<Batch>,
}

/// A frame with its small mattes, ready to be painted.
#[derive(Debug)]
pub struct MattedFrame {
    /// Frame and views.
    pub frame: PreparedFrame,
    /// For each output, the background picture that it needs.
    pub backgrounds: Vec<Option<Arc<VideoFrame>>>,
}

/// A painted picture for one output.
#[derive(Debug)]
pub struct PaintedFrame {
    /// Number of the frame, from 0 without gaps.
    pub index: u64,
    /// The picture.
    pub picture: VideoFrame,
    /// Time stamp in the source video's time base.
    pub pts: i64,
    /// Duration in the same.
    pub duration: i64,
    /// The segment that begins with it, if one does.
    pub border: Option<Arc<Border>>,
    /// When the decoder was asked for it.
    pub since: Instant,
    /// The source frame's permit, where frames count as in flight until every encoder has taken them.
    pub permit: Option<Arc<Permit>>,
}

impl Item for DecodedFrame {
    fn frame(&self) -> u64 {
        self.source.index
    }

    fn since(&self) -> Instant {
        self.since
    }
}

impl Item for SampledFrame {
    fn frame(&self) -> u64 {
        self.frame.frame()
    }

    fn since(&self) -> Instant {
        self.frame.since()
    }
}

impl Item for PreparedFrame {
    fn frame(&self) -> u64 {
        self.decoded.source.index
    }

    fn since(&self) -> Instant {
        self.decoded.since
    }
}

impl Item for InferenceBatch {
    fn frame(&self) -> u64 {
        self.frames.first().map_or(0, Item::frame)
    }

    fn frames(&self) -> usize {
        self.frames.len()
    }

    fn since(&self) -> Instant {
        self.frames.first().map_or_else(Instant::now, Item::since)
    }
}

impl Item for MattedFrame {
    fn frame(&self) -> u64 {
        self.frame.frame()
    }

    fn since(&self) -> Instant {
        self.frame.since()
    }
}

impl Item for PaintedFrame {
    fn frame(&self) -> u64 {
        self.index
    }

    fn since(&self) -> Instant {
        self.since
    }
}
