//! A frame on its way: what each stage adds to it.

use super::budget::Permit;
use super::segments::{Border, Place};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;
use vrseg_image::matte::{Motion, SmallYuv};
use vrseg_image::plane::Plane;
use vrseg_infer::Batch;
use vrseg_media::{SourceFrame, VideoFrame};

/// Fresh from the decoder.
#[derive(Debug)]
pub struct Decoded {
    /// The picture; read only from here on.
    pub source: SourceFrame,
    /// When the decoder was asked for it.
    pub since: Instant,
    /// Its right to be in memory.
    pub _permit: Permit,
    /// What it is to the segments.
    pub place: Place,
    /// How many frames came out of the decoder before it.
    pub turn: u64,
}

/// One view of a frame at the network's size.
#[derive(Debug, Default)]
pub struct SmallView {
    /// Color planes, as they lie in the frame (not rotated).
    pub yuv: SmallYuv,
    /// What the network found in each of the view's windows; before it has run, of an earlier frame
    /// or empty.
    pub mattes: Vec<Plane<f32>>,
    /// The matte at the size of `yuv`; until the windows' mattes were blended, of an earlier frame or
    /// empty.
    pub alpha: Plane<f32>,
}

/// A frame whose views were sampled.
#[derive(Debug)]
pub struct Prepared {
    /// The decoded frame.
    pub decoded: Decoded,
    /// Its views, left or upper eye first.
    pub views: Vec<SmallView>,
    /// It is the first of a new scene.
    pub cut: bool,
    /// For each view where it came from, where the frame before's mattes are carried along instead of the network
    /// being asked; else empty.
    pub motion: Vec<Motion>,
}

impl Prepared {
    /// The network isn't asked.
    pub fn is_carried(&self) -> bool {
        !self.motion.is_empty()
    }
}

/// Frames that go through the network together, and its input made from them.
#[derive(Debug)]
pub struct Work {
    /// In order.
    pub frames: Vec<Prepared>,
    /// All windows of the first frame's first view, of its second, then those of the next frame ...
    pub batch: Batch,
}

/// A frame with its small mattes, ready to be painted.
#[derive(Debug)]
pub struct Matted {
    /// Frame and views.
    pub frame: Prepared,
    /// For each output, the background picture that it wants.
    pub backgrounds: Vec<Option<Arc<VideoFrame>>>,
}

/// A painted picture for one output.
#[derive(Debug)]
pub struct Painted {
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
}

/// How many frames the decoder gave, known once it has ended in order. An encoder whose frames end
/// earlier must not close its file as if it were whole: some stage between the two has failed, and
/// its channels may be closed a moment before the cancel flag is up.
#[derive(Debug)]
pub struct Total {
    frames: AtomicU64,
    whole: AtomicBool,
}

impl Total {
    /// Not known yet.
    pub const fn unknown() -> Self {
        Self { frames: AtomicU64::new(u64::MAX), whole: AtomicBool::new(false) }
    }

    /// The decoder has ended after `frames`; `whole`: because there are no more, rather than because
    /// the user stopped it.
    pub fn set(&self, frames: u64, whole: bool) {
        self.whole.store(whole, Ordering::Relaxed);
        self.frames.store(frames, Ordering::Release);
    }

    /// All that was to be worked on was decoded.
    pub fn is_whole(&self) -> bool {
        self.frames.load(Ordering::Acquire) != u64::MAX && self.whole.load(Ordering::Relaxed)
    }

    /// All of the decoder's frames are among the `frames` that came through.
    pub fn is(&self, frames: u64) -> bool {
        self.frames.load(Ordering::Acquire) == frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_known_only_after_an_orderly_end() {
        let total = Total::unknown();
        assert!(!total.is(0) && !total.is_whole());
        total.set(3, false);
        assert!(total.is(3) && !total.is(2) && !total.is_whole());
        total.set(3, true);
        assert!(total.is_whole());
    }
}
