//! When the detector is run on which of its views. A pass costs as much as ten windows of a small model, so passes
//! are spread evenly: one view at a time, every few frames.

use serde::{Deserialize, Serialize};

/// When the detector was last run on each view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Schedule {
    /// Frames since the last detection pass on each view.
    waited: Vec<u32>,
    /// Frames since the last detection pass on any.
    since: u32,
    /// A scene begins: the detector has not run yet.
    fresh: bool,
}

impl Schedule {
    /// For `views` views, of a scene that begins.
    pub(super) fn new(views: usize) -> Self {
        Self { waited: vec![0; views], since: 0, fresh: true }
    }

    /// A new scene begins.
    pub(super) fn restart(&mut self) {
        *self = Self::new(self.waited.len());
    }

    /// Whether the detector has not run on this scene yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// The views of the next frame that the detector is run on: all at the beginning of a scene, then one on every
    /// `every`th frame, each in its turn. `doubtful` views, where somebody is to be confirmed, and
    /// `moving` ones, where somebody may come in, have their turns first.
    pub(super) fn next(&mut self, every: u32, doubtful: &[usize], moving: &[usize]) -> Vec<usize> {
        self.waited.iter_mut().for_each(|frames| *frames += 1);
        self.since += 1;
        let views = self.waited.len();
        if self.fresh {
            *self = Self { waited: vec![0; views], since: 0, fresh: false };
            return (0..views).collect();
        }
        if self.since < every.max(1) {
            return Vec::new();
        }
        // A view that waits for the second time comes before any other: so nothing is forgotten.
        let round = every.max(1) * views as u32;
        let urgent = |view: &usize| doubtful.contains(view) || moving.contains(view);
        let turn = |view: usize| self.waited[view] + if urgent(&view) { round } else { 0 };
        let next = (0..views).max_by_key(|view| (turn(*view), std::cmp::Reverse(*view)));
        next.iter().for_each(|view| self.waited[*view] = 0);
        self.since = 0;
        next.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_begins_with_all_views_and_each_has_its_turn() {
        let mut schedule = Schedule::new(5);
        assert_eq!(schedule.next(2, &[], &[]), [0, 1, 2, 3, 4]);
        let passes: Vec<_> = (0..20).map(|_| schedule.next(2, &[], &[])).collect();
        assert!(passes.iter().all(|l| l.len() <= 1), "never two at once");
        assert!(passes.iter().step_by(2).all(Vec::is_empty), "every other frame: {passes:?}");
        for half in passes.chunks(10) {
            let mut seen: Vec<_> = half.iter().flatten().copied().collect();
            seen.sort_unstable();
            assert_eq!(seen, [0, 1, 2, 3, 4]);
        }
        schedule.restart();
        assert_eq!(schedule.next(2, &[], &[]).len(), 5);
    }

    #[test]
    fn doubtful_views_come_first_and_no_view_is_forgotten() {
        let mut schedule = Schedule::new(3);
        schedule.next(2, &[], &[]);
        let passes: Vec<_> = (0..40).flat_map(|_| schedule.next(2, &[1], &[2])).collect();
        assert_eq!(passes[0], 1);
        let count = |view: usize| passes.iter().filter(|v| **v == view).count();
        assert!(count(1) > count(0) && count(2) > count(0), "{passes:?}");
        assert!(passes.contains(&0) && passes.contains(&2), "{passes:?}");
    }
}
