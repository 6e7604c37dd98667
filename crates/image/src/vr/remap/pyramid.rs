//! A plane, halved again and again by the means of 2 x 2 samples.

use super::table::Tile;
use super::{Filter, Texel};
use crate::plane::{Plane, PlaneMut, PlaneRef};
use crate::simd::dispatch;
use std::ops::Range;

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

/// What is read of the levels from 1 on: for each level and row the samples, none where the range is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Needed {
    levels: Vec<Vec<Range<usize>>>,
}

impl Needed {
    /// What `tiles` read of a source of size `source`.
    pub(super) fn by(source: (usize, usize), tiles: &[Tile]) -> Self {
        let deepest = tiles.iter().map(|t| u32::from(t.level)).max().unwrap_or(0);
        let mut needed = Self { levels: (1..=deepest).map(|level| vec![0..0; level_size(source, level).1]).collect() };
        for tile in tiles.iter().filter(|t| t.level > 0) {
            // The filter is only known when a table is used: as much as the widest reads.
            let (before, after) = Filter::Lanczos3.margin();
            let span =
                |origin: i32, reach: i32| (origin - before).max(0) as usize..(origin + reach + after + 1) as usize;
            let (columns, rows) = (span(tile.origin.0, tile.reach.0), span(tile.origin.1, tile.reach.1));
            needed.add(usize::from(tile.level), source, columns, rows);
        }
        for level in (2..=needed.levels.len()).rev() {
            for row in 0..needed.levels[level - 1].len() {
                let columns = needed.levels[level - 1][row].clone();
                if !columns.is_empty() {
                    needed.add(level - 1, source, 2 * columns.start..2 * columns.end, 2 * row..2 * row + 2);
                }
            }
        }
        needed
    }

    fn add(&mut self, level: usize, source: (usize, usize), columns: Range<usize>, rows: Range<usize>) {
        let (width, height) = level_size(source, level as u32);
        for known in &mut self.levels[level - 1][rows.start.min(height)..rows.end.min(height)] {
            let start = if known.start == known.end { columns.start } else { known.start.min(columns.start) };
            *known = start..known.end.max(columns.end.min(width));
        }
    }

    /// The number of levels.
    #[cfg(test)]
    pub(super) fn levels(&self) -> usize {
        self.levels.len()
    }
}

impl<T: Texel> Pyramid<T> {
    /// Makes what is `needed` of the levels of `src`.
    pub(super) fn update(&mut self, src: PlaneRef<'_, T>, needed: &Needed) {
        let levels = needed.levels.len();
        // Tables of other depths come in between: what this one has no use for is kept for them.
        if self.levels.len() < levels {
            self.levels.resize_with(levels, || Plane::new(0, 0));
        }
        for (level, rows) in needed.levels.iter().enumerate() {
            let (made, rest) = self.levels.split_at_mut(level);
            let from = made.last().map_or(src, Plane::as_ref);
            let (w, h) = level_size((src.width, src.height), level as u32 + 1);
            rest[0].resize(w, h);
            halve(from, rows, rest[0].as_mut());
        }
    }

    /// Level `level` of `src`, which [`update`](Self::update) was called with.
    pub(super) fn level<'a>(&'a self, src: PlaneRef<'a, T>, level: u32) -> PlaneRef<'a, T> {
        if level == 0 { src } else { self.levels[level as usize - 1].as_ref() }
    }
}

dispatch! {
    /// The ranges `rows` of each row of `src` at half its size.
    fn halve[T: Texel](src: PlaneRef<'_, T>, rows: &[Range<usize>], out: PlaneMut<'_, T>) {
        let mut out = out;
        for (y, columns) in rows.iter().enumerate().filter(|(_, columns)| !columns.is_empty()) {
            let from = 2 * columns.start..(2 * columns.end).min(src.width);
            let upper = &src.row(2 * y)[from.clone()];
            let lower = &src.row((2 * y + 1).min(src.height - 1))[from];
            let out = &mut out.row_mut(y)[columns.clone()];
            let ((upper, odd_upper), (lower, odd_lower)) = (upper.as_chunks::<2>(), lower.as_chunks::<2>());
            for ((o, a), b) in out.iter_mut().zip(upper).zip(lower) {
                *o = T::mean4(a[0], a[1], b[0], b[1]);
            }
            if let (Some(o), [a], [b]) = (out.last_mut(), odd_upper, odd_lower) {
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
        pyramid.update(src, &Needed { levels: vec![vec![0..2; 2], vec![0..1]] });
        assert_eq!(pyramid.level(src, 1).data, [25, 90, 8, 4]);
        assert_eq!(pyramid.level(src, 2).data, [32]);
    }
}
