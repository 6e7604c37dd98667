//! Frames that are held back until those behind them were searched for people: somebody who is found late is added to them.

use crate::frame::SampledFrame;
use crate::people::PeopleLocator;
use std::collections::VecDeque;
use vrseg_image::matte::people::Track;

/// The last frames, in order.
pub(super) struct LookAhead {
    frames: VecDeque<SampledFrame>,
    /// How many frames are held back.
    most: usize,
}

impl LookAhead {
    /// Holds back this many frames.
    pub(super) fn new(most: usize) -> Self {
        Self { frames: VecDeque::new(), most }
    }

    /// Whether frames are held back at all.
    pub(super) fn is_on(&self) -> bool {
        self.most > 0
    }

    /// Takes the next frame and returns the one that is now known well enough.
    pub(super) fn push(&mut self, frame: SampledFrame) -> Option<SampledFrame> {
        self.frames.push_back(frame);
        if self.frames.len() > self.most { self.frames.pop_front() } else { None }
    }

    /// Returns what is still held back, at the end of the video.
    pub(super) fn rest(&mut self) -> impl Iterator<Item = SampledFrame> {
        std::mem::take(&mut self.frames).into_iter()
    }

    /// Adds people who appeared on the next frame of the same scene to those before it, back to where the scene begins.
    pub(super) fn add(&mut self, appeared: Vec<Track>, locator: &PeopleLocator) {
        for mut track in appeared {
            let mut first = None;
            for (n, SampledFrame { frame, .. }) in self.frames.iter_mut().enumerate().rev() {
                let Some(people) = locator.before(&mut track, &frame.people, &frame.views) else { break };
                frame.people.extend(people);
                first = Some(n);
                if frame.cut {
                    break;
                }
            }
            // Mattes of the frame before don't show them.
            if let Some(n) = first {
                self.frames[n].frame.motion.clear();
            }
        }
    }
}
