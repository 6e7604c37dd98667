//! Which full-size samples lie between which small pixels.

use std::ops::Range;

/// Small pixels along an axis, seen from full size. Run `i` are the full-size samples between the
/// centers of the small pixels `i - 1` and `i`; beyond the outer centers the outer pixel holds.
pub(super) struct Runs {
    /// First sample of each run, and the end of the last: small pixels + 2 entries.
    pub(super) start: Vec<usize>,
    /// Small pixels a sample.
    step: f64,
}

impl Runs {
    pub(super) fn new(small: usize, full: usize) -> Self {
        let step = small as f64 / full as f64;
        let mut start: Vec<usize> = (0..=small)
            .map(|i| {
                // The first sample whose position (x + 0.5) * step - 0.5 reaches small pixel i - 1.
                let x = (i as f64 - 0.5) / step - 0.5;
                if i == 0 { 0 } else { (x.ceil().max(0.0) as usize).min(full) }
            })
            .collect();
        start.push(full);
        Self { start, step }
    }

    /// The runs that samples `range` (not empty) lie in.
    pub(super) fn covering(&self, range: &Range<usize>) -> Range<usize> {
        let first = self.start.partition_point(|&s| s <= range.start) - 1;
        let last = self.start.partition_point(|&s| s < range.end) - 1;
        first..last + 1
    }

    /// Small pixels at the two ends of run `i`.
    #[inline(always)]
    pub(super) fn ends(&self, i: usize) -> (usize, usize) {
        let last = self.start.len() - 3;
        (i.saturating_sub(1).min(last), i.min(last))
    }

    /// Where sample `x` of run `i` lies between the two ends, 0..=1.
    #[inline(always)]
    pub(super) fn fraction(&self, i: usize, x: usize) -> f32 {
        ((x as f64 + 0.5) * self.step - 0.5 - (i as f64 - 1.0)) as f32
    }
}
