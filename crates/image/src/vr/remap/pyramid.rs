//! A plane, halved again and again by the means of 2 x 2 samples.

use super::Texel;
use crate::plane::{Plane, PlaneMut, PlaneRef};
use crate::simd::dispatch;

/// The levels of a plane from 1 (half its size) on; keeps its memory from frame to frame.
#[derive(Debug)]
pub(super) struct Pyramid<T> {
    levels: Vec<Plane<T>>,
}

impl<T> Default for Pyramid<T> {
    fn default() -> Self {
        Self { levels: Vec::new() }
    }
}

/// Size of level `level` of a plane of `size`: an odd last sample stays, as the mean of itself.
pub(super) fn level_size((w, h): (usize, usize), level: u32) -> (usize, usize) {
    (w.div_ceil(1 << level), h.div_ceil(1 << level))
}

impl<T: Texel> Pyramid<T> {
    /// Makes the levels 1 to `levels` of `src`.
    pub(super) fn update(&mut self, src: PlaneRef<'_, T>, levels: u32) {
        let levels = levels as usize;
        // Tables of other depths come in between: what this one has no use for is kept for them.
        if self.levels.len() < levels {
            self.levels.resize_with(levels, || Plane::new(0, 0));
        }
        for level in 0..levels {
            let (made, rest) = self.levels.split_at_mut(level);
            let from = made.last().map_or(src, Plane::as_ref);
            let (w, h) = level_size((src.width, src.height), level as u32 + 1);
            rest[0].resize(w, h);
            halve(from, rest[0].as_mut());
        }
    }

    /// Level `level` of `src`, which [`update`](Self::update) was called with.
    pub(super) fn level<'a>(&'a self, src: PlaneRef<'a, T>, level: u32) -> PlaneRef<'a, T> {
        if level == 0 { src } else { self.levels[level as usize - 1].as_ref() }
    }
}

dispatch! {
    fn halve[T: Texel](src: PlaneRef<'_, T>, out: PlaneMut<'_, T>) {
        let mut out = out;
        for y in 0..out.height {
            let upper = src.row(2 * y);
            let lower = src.row((2 * y + 1).min(src.height - 1));
            let out = out.row_mut(y);
            for ((o, a), b) in out.iter_mut().zip(upper.chunks_exact(2)).zip(lower.chunks_exact(2)) {
                *o = T::mean4(a[0], a[1], b[0], b[1]);
            }
            if let (Some(o), [.., a], [.., b], 1) = (out.last_mut(), upper, lower, upper.len() % 2) {
                *o = T::mean4(*a, *a, *b, *b);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_last_samples_are_their_own_mean() {
        let src: Vec<u8> = vec![10, 20, 90, 30, 40, 90, 8, 8, 4];
        let src = PlaneRef::new(&src, 3, 3, 3);
        let mut pyramid = Pyramid::default();
        pyramid.update(src, 2);
        assert_eq!(pyramid.level(src, 1).data, [25, 90, 8, 4]);
        assert_eq!(pyramid.level(src, 2).data, [32]);
    }
}
