//! Frames that are held back until those behind them were searched for people: somebody who is found late is added to them.

use crate::frame::SampledFrame;
use crate::people::PeopleLocator;
use std::collections::VecDeque;

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

    /// Takes the next frame and returns the one that is now known well enough. `locator` has just searched it.
    pub(super) fn push(&mut self, frame: SampledFrame, locator: Option<&mut PeopleLocator>) -> Option<SampledFrame> {
        if let (false, Some(locator)) = (frame.frame.cut, locator) {
            self.add_appeared(locator);
        }
        self.frames.push_back(frame);
        if self.frames.len() > self.most { self.frames.pop_front() } else { None }
    }

    /// Returns what is still held back, at the end of the video.
    pub(super) fn rest(&mut self) -> impl Iterator<Item = SampledFrame> {
        std::mem::take(&mut self.frames).into_iter()
    }

    /// Adds people who appeared on the next frame to those before it, back to where the scene begins.
    fn add_appeared(&mut self, locator: &mut PeopleLocator) {
        for mut track in locator.take_appeared() {
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
