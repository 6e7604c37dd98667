//! Block matching of two small views: where each pixel of one is seen in the other, and how sure
//! that is.
//!
//! For each disparity the absolute differences of the two lumas (8 bits, mean brightness evened
//! out) are summed over a block, by sums that slide down the columns. The least sum wins. The
//! remainder between pixels comes from a V through the neighboring sums (the shape that absolute
//! differences have around their minimum; Shimizu and Okutomi, ICCV 2001). It is confident where
//! the next best disparity is clearly worse (so neither flat nor repeating patterns are), where what
//! is left of the differences can be noise, and where
//! the match of the match leads back (so what only one eye sees isn't).

use super::Search;
use crate::matte::{Borders, ramp};
use crate::plane::{Plane, Rect};
use crate::simd::{dispatch, to_u8};

/// Half the block's side.
const RADIUS: usize = 4;
/// The block's side in pixels: 3 degrees of a VR180 view at 512.
const BLOCK: usize = 2 * RADIUS + 1;
/// The block's side is three times this.
const TRIPLE: usize = BLOCK / 3;
const AREA: f32 = (BLOCK * BLOCK) as f32;
/// Disparities next to the best one that don't count as rivals: its own slopes.
const SLOPE: u16 = 2;
/// Lead over the next best disparity in gray levels a pixel: none, full confidence.
const LEAD: (f32, f32) = (0.5, 1.5);
/// The same as a share of the next best sum. Noise alone leads by some hundredths.
const RATIO: (f32, f32) = (0.1, 0.3);
/// Mean difference within the block in gray levels: the same thing under some noise, another thing.
const FIT: (f32, f32) = (6.0, 14.0);
/// Pixels by which the way there and back may miss its start.
const BACK: f32 = 1.0;

/// The disparities of one view.
#[derive(Clone, Debug, Default)]
pub struct Match {
    /// Disparity in pixels, to a fraction; meaningless where the confidence is 0.
    pub disparity: Plane<f32>,
    /// 0 (don't use) ..= 1.
    pub confidence: Plane<f32>,
}

/// Finds disparities; keeps its memory from frame to frame.
#[derive(Debug)]
pub struct Matcher {
    search: Search,
    borders: Borders,
    first: ByteRows,
    second: ByteRows,
    /// For each disparity, sums down a column of the block; one row of them.
    columns: Vec<u16>,
    /// For each disparity, sums over the block with a margin on both sides; one row of them.
    costs: Vec<u16>,
    /// Sums of three columns.
    triples: Vec<u16>,
    best: BestMatches,
    found: [Match; 2],
}

/// Rows of a view in 8 bits, its edge repeated on all sides.
#[derive(Debug, Default)]
struct ByteRows {
    data: Vec<u8>,
    stride: usize,
    /// The row of the view that is the first here.
    top: usize,
    rows: usize,
}

/// For each pixel of a row: the least sum, its disparity's number, the sums beside it and the
/// least of the others.
#[derive(Debug, Default)]
struct BestMatches {
    best: Vec<u16>,
    at: Vec<u16>,
    below: Vec<u16>,
    above: Vec<u16>,
    rival: Vec<u16>,
}

impl Matcher {
    /// A matcher for a range of disparities.
    pub fn new(search: Search) -> Self {
        Self {
            search,
            borders: Borders::default(),
            first: ByteRows::default(),
            second: ByteRows::default(),
            columns: Vec::new(),
            costs: Vec::new(),
            triples: Vec::new(),
            best: BestMatches::default(),
            found: Default::default(),
        }
    }

    /// The same, for views with such borders; an area then spans whole rows.
    #[must_use]
    pub fn with_borders(mut self, borders: Borders) -> Self {
        self.borders = borders;
        self
    }

    /// Matches the lumas (0..=1) of two views within `area`; what lies outside has no confidence.
    /// What comes back is for the first and the second view, each with the first's sign: pixel `x`
    /// of the second is seen at `x + disparity` of the first.
    ///
    /// # Panics
    /// When the views differ in size or the area lies outside of them.
    pub fn run(&mut self, first: &Plane<f32>, second: &Plane<f32>, area: Rect) -> &[Match; 2] {
        let (w, h) = (first.width(), first.height());
        assert_eq!((second.width(), second.height()), (w, h), "views that are matched have one size");
        assert!(area.x + area.w <= w && area.y + area.h <= h);
        assert!(!self.borders.wraps() || area.w == w || area.w == 0, "all columns are neighbors of others");
        for found in &mut self.found {
            found.disparity.resize(w, h);
            found.confidence.resize(w, h);
            found.confidence.data_mut().fill(0.0);
        }
        if area.w == 0 || area.h == 0 {
            return &self.found;
        }
        let (n, span) = (self.search.len(), self.search.len() - 1);
        let (x, reach) = (area.x as isize, RADIUS as isize);
        let offset = mean(first, area) - mean(second, area);
        self.first.load(first, self.borders, area, x - reach, area.w + 2 * RADIUS, 0.0);
        let left = x - reach - self.search.max as isize;
        self.second.load(second, self.borders, area, left, area.w + 2 * RADIUS + span, offset);

        let stride = area.w + 2 * RADIUS;
        self.columns.clear();
        self.columns.resize(n * stride, 0);
        // Sums of pixels that lie outside of the area are never the least.
        let margin = self.search.reach();
        let cost_stride = area.w + 2 * margin;
        self.costs.clear();
        self.costs.resize(n * cost_stride, u16::MAX);
        self.triples.resize(stride, 0);
        self.best.resize(area.w);

        for y in area.y..area.y + area.h {
            if y == area.y {
                for i in 0..BLOCK {
                    let row = (y + i).saturating_sub(RADIUS);
                    let (a, b) = (self.first.row(row), self.second.row(row));
                    add_row(&mut self.columns, stride, a, b);
                }
            } else {
                let (new, old) = (y + RADIUS, (y - 1).saturating_sub(RADIUS));
                let (a, b) = (self.first.row(new), self.second.row(new));
                slide_row(&mut self.columns, stride, a, b, self.first.row(old), self.second.row(old));
            }
            block_sums(&self.columns, stride, &mut self.triples, &mut self.costs, cost_stride, margin);
            if self.borders.wraps() {
                self.costs.chunks_exact_mut(cost_stride).for_each(|costs| self.borders.fill(costs, margin));
            }
            for (view, found) in self.found.iter_mut().enumerate() {
                // Disparity `min + k` of the second view's pixel x was summed at x + min + k.
                let shift = if view == 0 { 0 } else { 1 };
                let first = margin as isize + shift * self.search.min as isize;
                self.best.choose(&self.costs, cost_stride, first as usize, shift as usize);
                let at = y * w + area.x;
                let disparity = &mut found.disparity.data_mut()[at..at + area.w];
                let confidence = &mut found.confidence.data_mut()[at..at + area.w];
                self.best.refine(self.search.min as f32, disparity, confidence);
            }
        }
        let [a, b] = &mut self.found;
        for y in area.y..area.y + area.h {
            let row = y * w + area.x..y * w + area.x + area.w;
            let (da, db) = (&a.disparity.data()[row.clone()], &b.disparity.data()[row.clone()]);
            check(da, db, self.borders, -1.0, &mut a.confidence.data_mut()[row.clone()]);
            check(db, da, self.borders, 1.0, &mut b.confidence.data_mut()[row]);
        }
        &self.found
    }

    /// What the last [`run`](Self::run) found.
    pub fn found(&self) -> &[Match; 2] {
        &self.found
    }
}

/// Mean over every fourth row of an area.
fn mean(view: &Plane<f32>, area: Rect) -> f32 {
    let rows = (area.y..area.y + area.h).step_by(4);
    let count = rows.len() * area.w;
    let sum: f32 = rows.map(|y| view.as_ref().row(y)[area.x..area.x + area.w].iter().sum::<f32>()).sum();
    sum / count.max(1) as f32
}

impl ByteRows {
    /// Takes the rows of `area` and the block's reach above and below it, in columns from `left`
    /// (which may lie outside of the view).
    fn load(&mut self, view: &Plane<f32>, borders: Borders, area: Rect, left: isize, stride: usize, offset: f32) {
        self.top = area.y.saturating_sub(RADIUS);
        let bottom = (area.y + area.h + RADIUS).min(view.height());
        (self.stride, self.rows) = (stride, bottom - self.top);
        self.data.resize(self.stride * self.rows, 0);
        let last = view.width() as isize - 1;
        // Columns left of the view, inside and right of it.
        let before = ((-left).clamp(0, stride as isize)) as usize;
        let inside = ((last + 1 - left).clamp(before as isize, stride as isize)) as usize;
        for (i, out) in self.data.chunks_exact_mut(stride).enumerate() {
            let row = view.as_ref().row(self.top + i);
            let from = (left + before as isize).clamp(0, last + 1) as usize;
            quantize(&row[from..from + inside - before], offset, &mut out[before..inside]);
            let ends = [to_byte(row[0], offset), to_byte(row[last as usize], offset)];
            out[..before].fill(ends[0]);
            out[inside..].fill(ends[1]);
            if borders.wraps() {
                // Whole rows: both ends continue from the other.
                let w = inside - before;
                (0..before).rev().for_each(|x| out[x] = out[x + w]);
                (inside..stride).for_each(|x| out[x] = out[x - w]);
            }
        }
    }

    /// Row `y` of the view; below its end the last one.
    fn row(&self, y: usize) -> &[u8] {
        let i = y.saturating_sub(self.top).min(self.rows - 1);
        &self.data[i * self.stride..][..self.stride]
    }
}

#[inline(always)]
fn to_byte(v: f32, offset: f32) -> u8 {
    to_u8((v + offset) * 255.0 + 0.5)
}

impl BestMatches {
    fn resize(&mut self, width: usize) {
        for row in [&mut self.best, &mut self.at, &mut self.below, &mut self.above, &mut self.rival] {
            row.resize(width, 0);
        }
    }

    /// Finds the best among the sums of all disparities; those of number `k` begin at `first + k * step`.
    fn choose(&mut self, costs: &[u16], stride: usize, first: usize, step: usize) {
        choose(
            costs,
            stride,
            first,
            step,
            &mut self.best,
            &mut self.at,
            &mut self.below,
            &mut self.above,
            &mut self.rival,
        );
    }

    fn refine(&self, min: f32, disparity: &mut [f32], confidence: &mut [f32]) {
        refine(&self.best, &self.at, &self.below, &self.above, &self.rival, min, disparity, confidence);
    }
}

/// Sets the confidence of pixels whose match isn't matched with them to 0. `sign` is -1 for the first
/// view, whose pixel `x` is at `x - d` of the other.
fn check(own: &[f32], other: &[f32], borders: Borders, sign: f32, confidence: &mut [f32]) {
    for (x, (c, &d)) in confidence.iter_mut().zip(own).enumerate() {
        if *c > 0.0 {
            let there = x as f32 + sign * d + 0.5;
            let there = if borders.wraps() { there.rem_euclid(other.len() as f32) } else { there };
            let i = there.max(0.0) as i32 as usize;
            let back = there >= 0.0 && i < other.len() && (other[i] - d).abs() <= BACK;
            *c = if back { *c } else { 0.0 };
        }
    }
}

dispatch! {
    fn quantize(row: &[f32], offset: f32, out: &mut [u8]) {
        for (o, &v) in out.iter_mut().zip(row) {
            *o = to_byte(v, offset);
        }
    }

    /// Adds a row's differences to the column sums of every disparity. The second view's row
    /// begins with what belongs to the largest.
    fn add_row(columns: &mut [u16], stride: usize, a: &[u8], b: &[u8]) {
        let n = columns.len() / stride;
        for (k, sums) in columns.chunks_exact_mut(stride).enumerate() {
            for ((s, &a), &b) in sums.iter_mut().zip(a).zip(&b[n - 1 - k..][..stride]) {
                *s += u16::from(a.abs_diff(b));
            }
        }
    }

    /// Adds one row and subtracts another.
    fn slide_row(columns: &mut [u16], stride: usize, a: &[u8], b: &[u8], old_a: &[u8], old_b: &[u8]) {
        let n = columns.len() / stride;
        let (a, old_a) = (&a[..stride], &old_a[..stride]);
        for (k, sums) in columns.chunks_exact_mut(stride).enumerate() {
            let (b, old_b) = (&b[n - 1 - k..][..stride], &old_b[n - 1 - k..][..stride]);
            for i in 0..stride {
                sums[i] = sums[i] + u16::from(a[i].abs_diff(b[i])) - u16::from(old_a[i].abs_diff(old_b[i]));
            }
        }
    }

    /// Sums of whole blocks from those of their columns, for every disparity. Three columns first,
    /// then three of these: less than half the loads of nine.
    fn block_sums(columns: &[u16], stride: usize, triples: &mut [u16], costs: &mut [u16], cost_stride: usize, margin: usize) {
        let (width, three) = (stride - (BLOCK - 1), stride - (TRIPLE - 1));
        let triples = &mut triples[..three];
        for (columns, costs) in columns.chunks_exact(stride).zip(costs.chunks_exact_mut(cost_stride)) {
            let (a, b, c) = (&columns[..three], &columns[1..][..three], &columns[2..][..three]);
            for (x, out) in triples.iter_mut().enumerate() {
                *out = a[x] + b[x] + c[x];
            }
            let (a, b, c) = (&triples[..width], &triples[TRIPLE..][..width], &triples[2 * TRIPLE..][..width]);
            for (x, out) in costs[margin..][..width].iter_mut().enumerate() {
                *out = a[x] + b[x] + c[x];
            }
        }
    }

    fn choose(
        costs: &[u16],
        stride: usize,
        first: usize,
        step: usize,
        best: &mut [u16],
        at: &mut [u16],
        below: &mut [u16],
        above: &mut [u16],
        rival: &mut [u16],
    ) {
        let width = best.len();
        let (at, below, above, rival) = (&mut at[..width], &mut below[..width], &mut above[..width], &mut rival[..width]);
        best.fill(u16::MAX);
        at.fill(0);
        below.fill(u16::MAX);
        above.fill(u16::MAX);
        rival.fill(u16::MAX);
        for (k, costs) in costs.chunks_exact(stride).enumerate() {
            let costs = &costs[first + k * step..][..width];
            let k = k as u16;
            for x in 0..width {
                let better = costs[x] < best[x];
                best[x] = if better { costs[x] } else { best[x] };
                at[x] = if better { k } else { at[x] };
            }
        }
        for (k, costs) in costs.chunks_exact(stride).enumerate() {
            let costs = &costs[first + k * step..][..width];
            let k = k as u16;
            for x in 0..width {
                let (c, at) = (costs[x], at[x]);
                below[x] = if k + 1 == at { c } else { below[x] };
                above[x] = if k == at + 1 { c } else { above[x] };
                let other = if k.abs_diff(at) > SLOPE { c } else { u16::MAX };
                rival[x] = if other < rival[x] { other } else { rival[x] };
            }
        }
    }

    fn refine(
        best: &[u16],
        at: &[u16],
        below: &[u16],
        above: &[u16],
        rival: &[u16],
        min: f32,
        disparity: &mut [f32],
        confidence: &mut [f32],
    ) {
        let width = best.len();
        let (at, below, above, rival) = (&at[..width], &below[..width], &above[..width], &rival[..width]);
        let (disparity, confidence) = (&mut disparity[..width], &mut confidence[..width]);
        for x in 0..width {
            let (c, lo, hi, r) = (f32::from(best[x]), f32::from(below[x]), f32::from(above[x]), f32::from(rival[x]));
            let steep = if lo > hi { lo - c } else { hi - c };
            let part = if steep > 0.0 { 0.5 * (lo - hi) / steep } else { 0.0 };
            disparity[x] = min + f32::from(at[x]) + part;
            let lead = (r - c) * (1.0 / AREA);
            let share = (r - c) / (r + 0.5 * AREA);
            // At the end of the range the minimum may lie beyond it.
            let ended = below[x] == u16::MAX || above[x] == u16::MAX;
            let sure = ramp(lead, LEAD) * ramp(share, RATIO) * (1.0 - ramp(c * (1.0 / AREA), FIT));
            confidence[x] = if ended { 0.0 } else { sure };
        }
    }
}

#[cfg(test)]
mod tests;
