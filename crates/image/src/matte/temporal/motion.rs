//! Block motion of a view from one frame to the next, and mattes that are propagated by it.
//!
//! Each block of the new frame is searched in the frame before by the sum of absolute differences of the
//! luma, at a quarter of the size first: from where its neighbors came, then downhill from the best of
//! these (predictive diamond search, Tourapis 2002), and then half a size and the full size around what
//! was found. What stands still costs one comparison. The fraction between pixels is that of a parabola through the
//! sums beside the least one.

use crate::matte::Borders;
use crate::plane::{Plane, PlaneRef};

/// Side of a block in pixels of the small picture: 3 degrees of a VR180 view at 512.
const BLOCK: usize = 16;
/// How far anything may come from, in pixels of the quarter size.
const RANGE: i32 = 8;
/// Most steps downhill at one step width.
const MAX_STEPS: usize = 12;
/// Pixels around a picture that repeat its edge, so that every place in reach can be compared.
const PAD: usize = 4 * (RANGE as usize + 1) + BLOCK;
/// Mean difference in gray levels of a pixel up to which a block stands still: sensor noise, averaged down to the
/// model's input size.
const STILL: u32 = 2;
/// The same from which on a block was not found: something was uncovered, turned, or lit differently.
const LOST: u32 = 14;
/// The cost of a vector that differs from that of the neighboring block, in gray levels of a pixel: where there is no
/// texture neighbors decide.
const SMOOTHNESS_COST: u32 = 1;

/// Where the blocks of a frame were in the frame before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Motion {
    across: usize,
    /// For each block, in rows: what is to be added to a place in this frame to find it in the frame before.
    vectors: Vec<[f32; 2]>,
    /// Share of the blocks that were not found, 0..=1.
    lost: f32,
    borders: Borders,
}

impl Motion {
    /// Share of the blocks that were not found in the frame before, 0..=1.
    pub fn lost(&self) -> f32 {
        self.lost
    }

    /// What is to be added to a place in this frame, in samples, to find it in the frame before; outside of the picture that
    /// of the nearest place.
    pub fn at(&self, x: f32, y: f32) -> [f32; 2] {
        let down = self.vectors.len() / self.across.max(1);
        if down == 0 {
            return [0.0; 2];
        }
        let between = |at: f32, count: usize| {
            let place = (at / BLOCK as f32 - 0.5).clamp(0.0, (count - 1) as f32);
            (place as usize, (place as usize + 1).min(count - 1), place.fract())
        };
        let ((left, right, fx), (top, bottom, fy)) = (between(x, self.across), between(y, down));
        let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
        [0, 1].map(|c| {
            let row =
                |y: usize| mix(self.vectors[y * self.across + left][c], self.vectors[y * self.across + right][c], fx);
            mix(row(top), row(bottom), fy)
        })
    }
}

/// A luma picture in 8 bits with its edge repeated all around.
#[derive(Debug, Default)]
struct PaddedLuma {
    data: Vec<u8>,
    stride: usize,
    width: usize,
    height: usize,
    borders: Borders,
}

impl PaddedLuma {
    /// Fills the picture with rows that `row` writes.
    fn fill(&mut self, width: usize, height: usize, mut row: impl FnMut(usize, &mut [u8])) {
        (self.width, self.height, self.stride) = (width, height, width + 2 * PAD);
        self.data.resize(self.stride * (height + 2 * PAD), 0);
        for y in 0..height {
            let line = &mut self.data[(y + PAD) * self.stride..][..self.stride];
            row(y, &mut line[PAD..PAD + width]);
            self.borders.fill(line, PAD);
        }
        let (above, rest) = self.data.split_at_mut(PAD * self.stride);
        above.chunks_exact_mut(self.stride).for_each(|line| line.copy_from_slice(&rest[..self.stride]));
        let end = (PAD + height) * self.stride;
        let (rest, below) = self.data.split_at_mut(end);
        below.chunks_exact_mut(self.stride).for_each(|line| line.copy_from_slice(&rest[end - self.stride..]));
    }

    /// At half the size, each pixel the mean of four.
    fn halve(&self, out: &mut PaddedLuma) {
        out.fill(self.width.div_ceil(2), self.height.div_ceil(2), |y, line| {
            let from = |row: usize| &self.data[(2 * y + row + PAD) * self.stride + PAD..][..2 * line.len()];
            let (above, below) = (from(0), from(1));
            for ((out, a), b) in line.iter_mut().zip(above.chunks_exact(2)).zip(below.chunks_exact(2)) {
                *out = ((u32::from(a[0]) + u32::from(a[1]) + u32::from(b[0]) + u32::from(b[1]) + 2) / 4) as u8;
            }
        });
    }

    fn at(&self, x: i32, y: i32) -> usize {
        ((y + PAD as i32) as usize) * self.stride + (x + PAD as i32) as usize
    }
}

/// Sum of absolute differences of a square at `(x, y)` in `now` and at the vector from there in `before`.
fn difference(now: &PaddedLuma, before: &PaddedLuma, (x, y): (i32, i32), side: usize, [dx, dy]: [i32; 2]) -> u32 {
    let (a, b) = (now.at(x, y), before.at(x + dx, y + dy));
    (0..side)
        .map(|row| {
            let (a, b) = (&now.data[a + row * now.stride..][..side], &before.data[b + row * before.stride..][..side]);
            a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b))).sum::<u32>()
        })
        .sum()
}

/// Finds the motion from frame to frame of one view; keeps the frame before.
#[derive(Debug, Default)]
pub struct MotionSearch {
    /// Full, half and quarter size of this frame and the frame before.
    now: [PaddedLuma; 3],
    before: [PaddedLuma; 3],
    primed: bool,
    borders: Borders,
}

impl MotionSearch {
    /// For a view with such borders.
    #[must_use]
    pub fn with_borders(mut self, borders: Borders) -> Self {
        self.borders = borders;
        self.now.iter_mut().chain(&mut self.before).for_each(|luma| luma.borders = borders);
        self
    }

    /// Adds the next frame's luma (0..=1), without searching for its motion.
    pub fn push(&mut self, luma: PlaneRef<'_, f32>) {
        std::mem::swap(&mut self.now, &mut self.before);
        let [full, half, quarter] = &mut self.now;
        full.fill(luma.width, luma.height, |y, line| {
            line.iter_mut().zip(luma.row(y)).for_each(|(out, v)| *out = crate::simd::to_u8(v * 255.0 + 0.5));
        });
        full.halve(half);
        half.halve(quarter);
        self.primed = (self.before[0].width, self.before[0].height) == (luma.width, luma.height);
    }

    /// The motion from the frame before to the last one added; `None` where there is no frame before.
    pub fn find(&self) -> Option<Motion> {
        if !self.primed {
            return None;
        }
        let (across, down) = (self.now[0].width.div_ceil(BLOCK), self.now[0].height.div_ceil(BLOCK));
        let wraps = grid_borders(self.borders, self.now[0].width).wraps();
        let mut coarse = vec![[0i32; 2]; across * down];
        let mut vectors = vec![[0f32; 2]; across * down];
        let mut lost = 0;
        for by in 0..down {
            for bx in 0..across {
                let at = by * across + bx;
                let place = ((bx * BLOCK) as i32, (by * BLOCK) as i32);
                let full = |v| difference(&self.now[0], &self.before[0], place, BLOCK, v);
                let area = (BLOCK * BLOCK) as u32;
                let still = full([0, 0]);
                if still <= STILL * area {
                    continue;
                }
                let known = [
                    (bx > 0).then(|| coarse[at - 1]),
                    (by > 0).then(|| coarse[at - across]),
                    (by > 0 && (wraps || bx + 1 < across)).then(|| coarse[at - across - bx + (bx + 1) % across]),
                ];
                let beside = known[0].or(known[1]).unwrap_or_default();
                let quarter = self.downhill((place.0 / 4, place.1 / 4), known.into_iter().flatten(), beside);
                coarse[at] = quarter;
                let (half, _) = self.around(1, place, quarter.map(|v| 2 * v));
                let (best, least) = self.around(0, place, half.map(|v| 2 * v));
                if still <= least + STILL * area / 2 {
                    // Standing still explains it as well.
                    lost += usize::from(still > LOST * area);
                    continue;
                }
                lost += usize::from(least > LOST * area);
                let fraction = |step: [i32; 2]| {
                    let beside = |sign: i32| full([best[0] + sign * step[0], best[1] + sign * step[1]]) as f32;
                    let (a, b, c) = (beside(-1), least as f32, beside(1));
                    let bend = a + c - 2.0 * b;
                    if bend > 0.0 { (0.5 * (a - c) / bend).clamp(-0.5, 0.5) } else { 0.0 }
                };
                vectors[at] = [best[0] as f32 + fraction([1, 0]), best[1] as f32 + fraction([0, 1])];
            }
        }
        let vectors = smooth(&vectors, across, wraps);
        Some(Motion { across, vectors, borders: self.borders, lost: lost as f32 / (across * down).max(1) as f32 })
    }

    /// At a quarter of the size: the best of the candidates, and downhill from there.
    fn downhill(&self, (x, y): (i32, i32), known: impl Iterator<Item = [i32; 2]>, beside: [i32; 2]) -> [i32; 2] {
        // Twice the block's side, for a block alone says little at this size.
        const SIDE: usize = BLOCK / 2;
        let place = (x - BLOCK as i32 / 8, y - BLOCK as i32 / 8);
        let cost = |v: [i32; 2]| {
            let apart = (v[0] - beside[0]).unsigned_abs() + (v[1] - beside[1]).unsigned_abs();
            difference(&self.now[2], &self.before[2], place, SIDE, v)
                + SMOOTHNESS_COST * (SIDE * SIDE) as u32 * apart.min(4) / 4
        };
        let mut best = [0, 0];
        let mut least = cost(best);
        let mut take = |v: [i32; 2], best: &mut [i32; 2]| {
            let inside = v.iter().all(|c| c.abs() <= RANGE);
            let cost = if inside { cost(v) } else { u32::MAX };
            if cost < least {
                (*best, least) = (v, cost);
            }
        };
        known.for_each(|v| take(v, &mut best));
        for reach in [2, 1] {
            for _ in 0..MAX_STEPS {
                let from = best;
                for [dx, dy] in [[reach, 0], [-reach, 0], [0, reach], [0, -reach]] {
                    take([from[0] + dx, from[1] + dy], &mut best);
                }
                if best == from {
                    break;
                }
            }
        }
        best
    }

    /// The best of a vector and the eight around it, with its difference; of equals the first, which is
    /// the vector itself. At the full size (`level` 0) or half of it (1), for the block at a place of the full size.
    fn around(&self, level: usize, (x, y): (i32, i32), from: [i32; 2]) -> ([i32; 2], u32) {
        let place = (x >> level, y >> level);
        let cost = |v| difference(&self.now[level], &self.before[level], place, BLOCK >> level, v);
        let mut best = (from, cost(from));
        for dy in -1..=1 {
            for dx in -1..=1 {
                let v = [from[0] + dx, from[1] + dy];
                let c = cost(v);
                if c < best.1 {
                    best = (v, c);
                }
            }
        }
        best
    }
}

/// The borders of the grid of blocks: it closes only where a whole number of blocks goes around.
fn grid_borders(borders: Borders, width: usize) -> Borders {
    if width.is_multiple_of(BLOCK) { borders } else { Borders::Clamp }
}

/// Each component the median of 3x3, which removes a single wrong vector.
fn smooth(vectors: &[[f32; 2]], across: usize, wraps: bool) -> Vec<[f32; 2]> {
    let down = vectors.len() / across.max(1);
    let median = |bx: usize, by: usize, c: usize| {
        let mut around = [0f32; 9];
        let mut n = 0;
        for y in by.saturating_sub(1)..(by + 2).min(down) {
            for x in bx..bx + 3 {
                // Counted from the block to the left.
                let inside = wraps || (1..=across).contains(&x);
                if inside {
                    around[n] = vectors[y * across + (x + across - 1) % across][c];
                    n += 1;
                }
            }
        }
        around[..n].sort_unstable_by(f32::total_cmp);
        around[n / 2]
    };
    (0..vectors.len()).map(|i| [median(i % across, i / across, 0), median(i % across, i / across, 1)]).collect()
}

/// Propagates a matte by the motion: `out` is the matte a frame later.
///
/// # Panics
/// When the matte has another size than the frames between which the motion was found.
pub fn propagate(matte: &Plane<f32>, motion: &Motion, out: &mut Plane<f32>) {
    let (w, h) = (matte.width(), matte.height());
    let (across, down) = (motion.across, motion.vectors.len() / motion.across.max(1));
    assert!(across == w.div_ceil(BLOCK) && down == h.div_ceil(BLOCK), "the matte has the size of its picture");
    out.resize(w, h);
    let matte = matte.as_ref();
    let wraps = grid_borders(motion.borders, w).wraps();
    // Between the blocks' middles vectors change evenly.
    let between = |at: usize, count: usize, wraps: bool| {
        if wraps {
            let place = (at + count * BLOCK - BLOCK / 2) % (count * BLOCK);
            let t = ((place % BLOCK) as f32 + 0.5) / BLOCK as f32;
            return (place / BLOCK, (place / BLOCK + 1) % count, t);
        }
        let place = (at as f32 + 0.5) / BLOCK as f32 - 0.5;
        let low = place.floor().clamp(0.0, (count - 1) as f32);
        (low as usize, (low as usize + 1).min(count - 1), (place - low).clamp(0.0, 1.0))
    };
    for y in 0..h {
        let (top, bottom, fy) = between(y, down, false);
        let vector = |bx: usize, c: usize| {
            let (a, b) = (motion.vectors[top * across + bx][c], motion.vectors[bottom * across + bx][c]);
            a + (b - a) * fy
        };
        let line: Vec<[f32; 2]> = (0..across).map(|bx| [vector(bx, 0), vector(bx, 1)]).collect();
        let row = &mut out.data_mut()[y * w..][..w];
        let mut x = 0;
        while x < w {
            // Up to the next block's middle two vectors take part.
            let end = ((x + BLOCK / 2) / BLOCK * BLOCK + BLOCK / 2).min(w).max(x + 1);
            let (left, right, _) = between(x, across, wraps);
            let (a, b) = (line[left], line[right]);
            if a == [0.0; 2] && b == [0.0; 2] {
                row[x..end].copy_from_slice(&matte.row(y)[x..end]);
            } else {
                for (i, out) in row[x..end].iter_mut().enumerate() {
                    let (_, _, fx) = between(x + i, across, wraps);
                    let dx = a[0] + (b[0] - a[0]) * fx;
                    let dy = a[1] + (b[1] - a[1]) * fx;
                    *out = sample(matte, motion.borders, (x + i) as f32 + dx, y as f32 + dy);
                }
            }
            x = end;
        }
    }
}

/// Between four pixels; beyond the borders lies what these say.
fn sample(plane: PlaneRef<'_, f32>, borders: Borders, x: f32, y: f32) -> f32 {
    let y = y.clamp(0.0, (plane.height - 1) as f32);
    let x = match borders {
        Borders::Clamp => x.clamp(0.0, (plane.width - 1) as f32),
        Borders::WrapX => x.rem_euclid(plane.width as f32),
    };
    // A remainder may be rounded up to the width.
    let (x0, y0) = ((x as usize).min(plane.width - 1), y as usize);
    let (fx, fy) = (x - x0 as f32, y - y0 as f32);
    let x1 = match borders {
        Borders::Clamp => (x0 + 1).min(plane.width - 1),
        Borders::WrapX => (x0 + 1) % plane.width,
    };
    let (above, below) = (plane.row(y0), plane.row((y0 + 1).min(plane.height - 1)));
    let a = above[x0] + (above[x1] - above[x0]) * fx;
    let b = below[x0] + (below[x1] - below[x0]) * fx;
    a + (b - a) * fy
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A picture with large and small things to see at every place, moved by a vector.
    fn picture(w: usize, h: usize, [mx, my]: [f32; 2]) -> Plane<f32> {
        let dot = |x: i32, y: i32| {
            let hash = (x.wrapping_mul(374_761_393) ^ y.wrapping_mul(668_265_263)).wrapping_mul(1_274_126_177);
            ((hash ^ (hash >> 15)) & 0xffff) as f32 / 65_535.0
        };
        let smooth = |x: f32, y: f32| {
            let (x0, y0) = (x.floor(), y.floor());
            let ease = |t: f32| t * t * (3.0 - 2.0 * t);
            let (fx, fy) = (ease(x - x0), ease(y - y0));
            let (x, y) = (x0 as i32, y0 as i32);
            let row = |y: i32| dot(x, y) + (dot(x + 1, y) - dot(x, y)) * fx;
            row(y) + (row(y + 1) - row(y)) * fy
        };
        let value = |x: f32, y: f32| {
            0.5 * smooth(x / 48.0, y / 48.0) + 0.3 * smooth(x / 20.0, y / 20.0) + 0.2 * smooth(x / 9.0, y / 9.0)
        };
        Plane::from_vec((0..w * h).map(|i| value((i % w) as f32 - mx, (i / w) as f32 - my)).collect(), w, h)
    }

    fn moved(from: &Plane<f32>, to: &Plane<f32>) -> Motion {
        let mut search = MotionSearch::default();
        search.push(from.as_ref());
        assert_eq!(search.find(), None);
        search.push(to.as_ref());
        search.find().expect("two frames")
    }

    #[test]
    fn still_mattes_are_propagated_bit_for_bit() {
        let (a, mut matte) = (picture(100, 70, [0.0; 2]), picture(100, 70, [3.0, 4.0]));
        matte.data_mut()[17] = 0.123_456;
        let motion = moved(&a, &a);
        assert_eq!(motion.lost(), 0.0);
        let mut out = Plane::default();
        propagate(&matte, &motion, &mut out);
        assert_eq!(out.data(), matte.data());
    }

    #[test]
    fn matte_follows_a_moved_picture() {
        for by in [[3.0, -2.0], [-7.5, 5.25], [14.0, 0.0], [0.0, -20.0]] {
            let motion = moved(&picture(256, 192, [0.0; 2]), &picture(256, 192, by));
            assert!(motion.lost() < 0.2, "{by:?}: {}", motion.lost());
            let mut out = Plane::default();
            propagate(&picture(256, 192, [0.0; 2]), &motion, &mut out);
            let want = picture(256, 192, by);
            // Away from the edges, where there is nothing to come from.
            let mut worst = 0f32;
            for y in 40..152 {
                for x in 40..216 {
                    worst = worst.max((out.as_ref().row(y)[x] - want.as_ref().row(y)[x]).abs());
                }
            }
            assert!(worst < 0.06, "{by:?}: {worst}");
        }
    }

    #[test]
    fn blocks_without_a_match_count_as_lost() {
        let (a, b) = (picture(128, 128, [0.0; 2]), picture(128, 128, [0.0; 2]));
        let inverse = Plane::from_vec(b.data().iter().map(|v| 1.0 - v).collect(), 128, 128);
        assert!(moved(&a, &inverse).lost() > 0.3, "{}", moved(&a, &inverse).lost());
    }

    proptest! {
        /// Whatever the sizes and pictures, a matte stays one.
        #[test]
        fn propagated_mattes_stay_within_their_range(
            w in 1usize..90, h in 1usize..90, seed in any::<u64>(), low in 0.0f32..0.5, high in 0.5f32..1.0,
        ) {
            let noise = |seed: u64| {
                let mut state = seed | 1;
                let mut next = || {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 40) as f32 / (1u64 << 24) as f32
                };
                Plane::from_vec((0..w * h).map(|_| next()).collect(), w, h)
            };
            let motion = moved(&noise(seed), &noise(seed ^ 99));
            let matte = Plane::from_vec(noise(7).data().iter().map(|v| low + v * (high - low)).collect(), w, h);
            let mut out = Plane::default();
            propagate(&matte, &motion, &mut out);
            prop_assert_eq!((out.width(), out.height()), (w, h));
            prop_assert!(out.data().iter().all(|v| (low - 1e-5..=high + 1e-5).contains(v)));
        }
    }
}
