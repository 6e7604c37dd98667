//! The small matte brought up to the size of its view, tile by tile.
//!
//! Most tiles lie wholly inside or outside of the person: where all small pixels under a tile say
//! so, it is filled without a look at the picture. In the others `a` and `b` (see
//! [`super::guided`]) are interpolated: first along the row, in runs of equal slope, one run for
//! each small pixel, then down the column while the full-size rows are made.

use super::MatteOptions;
use super::guided::Coefficients;
use super::tiles::{TILE_H, TILE_W, TileClass};
use crate::plane::{Plane, PlaneMut, PlaneRef, Sample, YuvColor};
use crate::simd::{self, dispatch};
use std::ops::Range;

/// What is done to alpha at the very end: `lo` and below become 0, `hi` and above 1, straight
/// between.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    /// Becomes 0.
    pub lo: f32,
    /// Becomes 1; greater than `lo`.
    pub hi: f32,
}

impl Default for Levels {
    /// A slight clean-up, 0.05 to 0.95: networks don't quite reach 0 and 1, and enlarging makes
    /// edges a little too soft. On the composites of [`super::guided`] it took a tenth off the
    /// error at the edges.
    fn default() -> Self {
        Self { lo: 0.05, hi: 0.95 }
    }
}

impl Levels {
    /// The levels that `options` ask for. `scale` is the size of the view in samples over that of
    /// the small matte: an edge there is about a small pixel wide, so a step of `1 / scale` in
    /// alpha is about one sample wide at full size.
    pub fn from_options(options: &MatteOptions, scale: f32) -> Self {
        let Some(t) = options.threshold else { return Self::default() };
        let t = if t.is_finite() { t.clamp(0.0, 1.0) } else { 0.5 };
        let half = 0.5 * (1.0 / scale.max(1.0)).max(0.02);
        // At either end of the range half a step remains.
        Self { lo: (t - half).max(0.0), hi: (t + half).min(1.0) }
    }
}

/// The rows of bands into which a view of `height` samples is split for `parts` threads: whole
/// rows of tiles, at most `parts` of them, none empty.
pub fn bands(height: usize, parts: usize) -> Vec<Range<usize>> {
    let tiles = height.div_ceil(TILE_H);
    let parts = parts.clamp(1, tiles.max(1));
    (0..parts)
        .map(|i| (i * tiles / parts * TILE_H)..((i + 1) * tiles / parts * TILE_H).min(height))
        .filter(|r| !r.is_empty())
        .collect()
}

/// Brings a matte up to the size of `luma` (the view's part of the luma plane of a picture with
/// `bits` a sample, coded as `color` says), so that edges follow luma.
///
/// Makes the full-size rows `rows` (which begin on a multiple of [`TILE_H`], see [`bands`]) and
/// writes them to `out`, which has just those; and for each of their tiles, row after row, a class
/// to `classes` (its part of [`super::TileMap::classes`]).
///
/// # Panics
/// When the sizes of `luma`, `rows`, `out` and `classes` don't agree.
#[allow(clippy::too_many_arguments)]
pub fn upsample_guided<T: Sample>(
    coefficients: &Coefficients,
    luma: PlaneRef<'_, T>,
    bits: u32,
    color: YuvColor,
    levels: &Levels,
    rows: Range<usize>,
    out: PlaneMut<'_, u8>,
    classes: &mut [TileClass],
) {
    let (zero, span) = color.luma(bits);
    let (a, b) = coefficients.planes();
    let small = Small { a: Some(a), b, gain: gain(levels), lo: levels.lo, luma: (zero, 1.0 / span) };
    upsample(small, Some(luma), (luma.width, luma.height), levels, rows, out, classes);
}

/// Brings a matte up to `size` (width, height of the view) bilinearly. The rest as in
/// [`upsample_guided`].
///
/// # Panics
/// When `size`, `rows`, `out` and `classes` don't agree.
pub fn upsample_bilinear(
    alpha: &Plane<f32>,
    size: (usize, usize),
    levels: &Levels,
    rows: Range<usize>,
    out: PlaneMut<'_, u8>,
    classes: &mut [TileClass],
) {
    let small = Small { a: None, b: alpha.as_ref(), gain: gain(levels), lo: levels.lo, luma: (0.0, 1.0) };
    upsample::<u8>(small, None, size, levels, rows, out, classes);
}

fn gain(levels: &Levels) -> f32 {
    255.0 / (levels.hi - levels.lo).max(1e-3)
}

/// The small planes and the way from their values to bytes of alpha.
#[derive(Clone, Copy)]
struct Small<'a> {
    a: Option<PlaneRef<'a, f32>>,
    b: PlaneRef<'a, f32>,
    /// 255 / (hi - lo).
    gain: f32,
    lo: f32,
    /// Zero and 1 / span of luma samples.
    luma: (f32, f32),
}

/// Small pixels along an axis, seen from full size. Run `i` are the full-size samples between the
/// centres of the small pixels `i - 1` and `i`; beyond the outer centres the outer pixel holds.
struct Runs {
    /// First sample of each run, and the end of the last: small pixels + 2 entries.
    start: Vec<usize>,
    /// Small pixels a sample.
    step: f32,
}

impl Runs {
    fn new(small: usize, full: usize) -> Self {
        let step = small as f64 / full as f64;
        let mut start: Vec<usize> = (0..=small)
            .map(|i| {
                // The first sample whose position (x + 0.5) * step - 0.5 reaches small pixel i - 1.
                let x = (i as f64 - 0.5) / step - 0.5;
                if i == 0 { 0 } else { (x.ceil().max(0.0) as usize).min(full) }
            })
            .collect();
        start.push(full);
        Self { start, step: step as f32 }
    }

    /// The runs that samples `range` (not empty) lie in.
    fn covering(&self, range: &Range<usize>) -> Range<usize> {
        let first = self.start.partition_point(|&s| s <= range.start) - 1;
        let last = self.start.partition_point(|&s| s < range.end) - 1;
        first..last + 1
    }

    /// Small pixels at the two ends of run `i`.
    #[inline(always)]
    fn ends(&self, i: usize) -> (usize, usize) {
        let last = self.start.len() - 3;
        (i.saturating_sub(1).min(last), i.min(last))
    }

    /// Where sample `x` of run `i` lies between the two ends, 0..1.
    #[inline(always)]
    fn fraction(&self, i: usize, x: usize) -> f32 {
        (x as f32 + 0.5) * self.step - 0.5 - (i as f32 - 1.0)
    }
}

fn upsample<T: Sample>(
    small: Small<'_>,
    luma: Option<PlaneRef<'_, T>>,
    (width, height): (usize, usize),
    levels: &Levels,
    rows: Range<usize>,
    mut out: PlaneMut<'_, u8>,
    classes: &mut [TileClass],
) {
    let tiles_x = width.div_ceil(TILE_W);
    assert!(rows.start % TILE_H == 0 && rows.end <= height && (out.width, out.height) == (width, rows.len()));
    assert_eq!(classes.len(), tiles_x * rows.len().div_ceil(TILE_H));
    if out.height == 0 || width == 0 {
        return;
    }
    if small.b.width == 0 || small.b.height == 0 {
        out.fill(0);
        classes.fill(TileClass::Background);
        return;
    }
    let (runs_x, runs_y) = (Runs::new(small.b.width, width), Runs::new(small.b.height, height));
    let mut flat = vec![0u8; small.b.width];
    for (ty, classes) in classes.chunks_exact_mut(tiles_x).enumerate() {
        let y0 = rows.start + ty * TILE_H;
        let ys = y0..(y0 + TILE_H).min(rows.end);
        let ry = runs_y.covering(&ys);
        flat.fill(BACKGROUND | PERSON);
        for y in runs_y.ends(ry.start).0..=runs_y.ends(ry.end - 1).1 {
            let a = small.a.map_or(&[][..], |a| a.row(y));
            mark_flat(a, small.b.row(y), (levels.lo, levels.hi), &mut flat);
        }
        for (tx, class) in classes.iter_mut().enumerate() {
            let xs = tx * TILE_W..(tx * TILE_W + TILE_W).min(width);
            let rx = runs_x.covering(&xs);
            let common = flat[runs_x.ends(rx.start).0..=runs_x.ends(rx.end - 1).1]
                .iter()
                .fold(BACKGROUND | PERSON, |m, f| m & f);
            if common != 0 {
                let (value, of) =
                    if common & BACKGROUND != 0 { (0, TileClass::Background) } else { (255, TileClass::Person) };
                for y in ys.clone() {
                    out.row_mut(y - rows.start)[xs.clone()].fill(value);
                }
                *class = of;
                continue;
            }
            let tile = Tile { xs, ys: ys.clone(), rx, ry: ry.clone(), first_row: rows.start };
            let (any, all) = match luma {
                Some(luma) => mixed_tile(small, luma, &runs_x, &runs_y, &tile, &mut out),
                None => mixed_tile_bilinear(small, &runs_x, &runs_y, &tile, &mut out),
            };
            *class = match (any, all) {
                (0, _) => TileClass::Background,
                (_, 255) => TileClass::Person,
                _ => TileClass::Mixed,
            };
        }
    }
}

const BACKGROUND: u8 = 1;
const PERSON: u8 = 2;

struct Tile {
    xs: Range<usize>,
    ys: Range<usize>,
    /// Runs under the tile.
    rx: Range<usize>,
    ry: Range<usize>,
    /// Full-size row that is row 0 of the output.
    first_row: usize,
}

/// A row of a tile, and room for the last run to be written in steps of [`RUN`].
type Line = [f32; TILE_W + RUN];
const RUN: usize = 8;

/// Row `y` of small plane values, interpolated along the tile. `map` turns them into the wanted unit.
#[inline(always)]
fn expand(row: &[f32], map: impl Fn(usize, f32) -> f32, runs: &Runs, tile: &Tile, out: &mut Line) {
    for i in tile.rx.clone() {
        let from = runs.start[i].max(tile.xs.start);
        let to = runs.start[i + 1].min(tile.xs.end);
        let (left, right) = runs.ends(i);
        let (left, right) = (map(left, row[left]), map(right, row[right]));
        let slope = (right - left) * runs.step;
        let base = left + (right - left) * runs.fraction(i, from);
        let mut at = from;
        while at < to {
            // Whole steps; what is too much is written over by the next run.
            let value = base + slope * (at - from) as f32;
            let dst = &mut out[at - tile.xs.start..][..RUN];
            for (k, d) in dst.iter_mut().enumerate() {
                *d = value + slope * k as f32;
            }
            at += RUN;
        }
    }
}

dispatch! {
    /// Keeps in `flat` the marks of the pixels that are flat in this row too.
    fn mark_flat(a: &[f32], b: &[f32], levels: (f32, f32), flat: &mut [u8]) {
        let n = flat.len();
        let b = &b[..n];
        for i in 0..n {
            let low = if b[i] <= levels.0 { BACKGROUND } else { 0 };
            let high = if b[i] >= levels.1 { PERSON } else { 0 };
            flat[i] &= low | high;
        }
        if !a.is_empty() {
            let a = &a[..n];
            for i in 0..n {
                flat[i] = if a[i] == 0.0 { flat[i] } else { 0 };
            }
        }
    }

    /// Makes a tile from luma; returns the OR and the AND of its samples.
    fn mixed_tile[T: Sample](
        small: Small<'_>,
        luma: PlaneRef<'_, T>,
        runs_x: &Runs,
        runs_y: &Runs,
        tile: &Tile,
        out: &mut PlaneMut<'_, u8>,
    ) -> (u8, u8) {
        let Some(plane_a) = small.a else { return (0, 0) };
        // In units of alpha's bytes and luma's samples; half a byte rounds.
        let (zero, per_sample) = small.luma;
        let k = small.gain;
        let map_a = |v: f32| v * (k * per_sample);
        let map_b = |a: f32, b: f32| (b - a * (zero * per_sample) - small.lo) * k + 0.5;
        let mut lines = [[0f32; TILE_W + RUN]; 4];
        let load = |y: usize, a: &mut Line, b: &mut Line| {
            let (row_a, row_b) = (plane_a.row(y), small.b.row(y));
            expand(row_a, |_, v| map_a(v), runs_x, tile, a);
            expand(row_b, |x, v| map_b(row_a[x], v), runs_x, tile, b);
        };
        let w = tile.xs.len();
        let (mut any, mut all) = ([0u8; TILE_W], [255u8; TILE_W]);
        let mut below: Option<usize> = None;
        for j in tile.ry.clone() {
            let ys = runs_y.start[j].max(tile.ys.start)..runs_y.start[j + 1].min(tile.ys.end);
            if ys.is_empty() {
                continue;
            }
            let (top, bottom) = runs_y.ends(j);
            let [a0, b0, a1, b1] = &mut lines;
            if below == Some(top) {
                std::mem::swap(a0, a1);
                std::mem::swap(b0, b1);
            } else {
                load(top, a0, b0);
            }
            load(bottom, a1, b1);
            below = Some(bottom);
            let (a0, b0, a1, b1) = (&a0[..TILE_W], &b0[..TILE_W], &a1[..TILE_W], &b1[..TILE_W]);
            for y in ys {
                let f = runs_y.fraction(j, y);
                let src = &luma.row(y)[tile.xs.clone()];
                let dst = &mut out.row_mut(y - tile.first_row)[tile.xs.clone()];
                let alpha = |src: &[T], dst: &mut [u8]| {
                    for x in 0..TILE_W {
                        let a = a0[x] + f * (a1[x] - a0[x]);
                        let b = b0[x] + f * (b1[x] - b0[x]);
                        dst[x] = simd::to_u8(a * src[x].to_f32() + b);
                    }
                };
                if let (Some(src), Some(dst)) = (src.first_chunk::<TILE_W>(), dst.first_chunk_mut::<TILE_W>()) {
                    alpha(src, dst);
                    for x in 0..TILE_W {
                        any[x] |= dst[x];
                        all[x] &= dst[x];
                    }
                } else {
                    let (mut padded, mut made) = ([T::default(); TILE_W], [0u8; TILE_W]);
                    padded[..w].copy_from_slice(src);
                    alpha(&padded, &mut made);
                    dst.copy_from_slice(&made[..w]);
                    for x in 0..w {
                        any[x] |= made[x];
                        all[x] &= made[x];
                    }
                }
            }
        }
        (any.iter().fold(0, |m, v| m | v), all.iter().fold(255, |m, v| m & v))
    }

    /// The same without luma.
    fn mixed_tile_bilinear(
        small: Small<'_>,
        runs_x: &Runs,
        runs_y: &Runs,
        tile: &Tile,
        out: &mut PlaneMut<'_, u8>,
    ) -> (u8, u8) {
        let map = |_: usize, b: f32| (b - small.lo) * small.gain + 0.5;
        let mut lines = [[0f32; TILE_W + RUN]; 2];
        let w = tile.xs.len();
        let (mut any, mut all) = ([0u8; TILE_W], [255u8; TILE_W]);
        let mut below: Option<usize> = None;
        for j in tile.ry.clone() {
            let ys = runs_y.start[j].max(tile.ys.start)..runs_y.start[j + 1].min(tile.ys.end);
            if ys.is_empty() {
                continue;
            }
            let (top, bottom) = runs_y.ends(j);
            let [b0, b1] = &mut lines;
            if below == Some(top) {
                std::mem::swap(b0, b1);
            } else {
                expand(small.b.row(top), map, runs_x, tile, b0);
            }
            expand(small.b.row(bottom), map, runs_x, tile, b1);
            below = Some(bottom);
            let (b0, b1) = (&b0[..TILE_W], &b1[..TILE_W]);
            for y in ys {
                let f = runs_y.fraction(j, y);
                let mut made = [0u8; TILE_W];
                for x in 0..TILE_W {
                    made[x] = simd::to_u8(b0[x] + f * (b1[x] - b0[x]));
                }
                let dst = &mut out.row_mut(y - tile.first_row)[tile.xs.clone()];
                match dst.first_chunk_mut::<TILE_W>() {
                    Some(dst) => *dst = made,
                    None => dst.copy_from_slice(&made[..w]),
                }
                for x in 0..w {
                    any[x] |= made[x];
                    all[x] &= made[x];
                }
            }
        }
        (any.iter().fold(0, |m, v| m | v), all.iter().fold(255, |m, v| m & v))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matte::TileMap;
    use crate::plane::Matrix;
    use crate::simd::forced;
    use proptest::prelude::*;

    struct Rng(u32);
    impl Rng {
        fn next(&mut self) -> f32 {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (self.0 >> 8) as f32 / (1 << 24) as f32
        }
    }

    fn bilinear(p: &Plane<f32>, x: usize, y: usize, w: usize, h: usize) -> f64 {
        let at = |v: usize, full: usize, small: usize| {
            let u = ((v as f64 + 0.5) * small as f64 / full as f64 - 0.5).clamp(0.0, small as f64 - 1.0);
            (u.floor() as usize, (u.floor() as usize + 1).min(small - 1), u.fract())
        };
        let (x0, x1, fx) = at(x, w, p.width());
        let (y0, y1, fy) = at(y, h, p.height());
        let s = |x: usize, y: usize| f64::from(p.data()[y * p.width() + x]);
        (s(x0, y0) * (1.0 - fx) + s(x1, y0) * fx) * (1.0 - fy) + (s(x0, y1) * (1.0 - fx) + s(x1, y1) * fx) * fy
    }

    /// Slopes and offsets with flat parts of both kinds and rough ones.
    fn coefficients(sw: usize, sh: usize, rng: &mut Rng) -> Coefficients {
        let (mut a, mut b) = (Plane::new(sw, sh), Plane::new(sw, sh));
        let (cut, wide) = (rng.next() * sw as f32, rng.next() * 4.0);
        for i in 0..sw * sh {
            let d = (i % sw) as f32 - cut;
            if d.abs() < wide {
                a.data_mut()[i] = 4.0 * (rng.next() - 0.5);
                b.data_mut()[i] = rng.next();
            } else {
                b.data_mut()[i] = if d > 0.0 { 1.0 - 0.01 * rng.next() } else { 0.01 * rng.next() };
            }
        }
        Coefficients { a, b }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn upsampling_is_interpolation(
            (sw, sh) in (1usize..40, 1usize..30),
            (w, h, pad) in (1usize..300, 1usize..120, 0usize..9),
            parts in 1usize..4,
            deep in any::<bool>(),
            threshold in proptest::option::of(0.0f32..1.0),
            seed in any::<u32>(),
        ) {
            let mut rng = Rng(seed | 1);
            let c = coefficients(sw, sh, &mut rng);
            let bits = if deep { 10 } else { 8 };
            let color = YuvColor { matrix: Matrix::Bt709, full_range: seed % 2 == 0 };
            let stride = w + pad;
            let luma: Vec<u16> = (0..stride * h).map(|_| (rng.next() * ((1 << bits) - 1) as f32) as u16).collect();
            let bytes: Vec<u8> = luma.iter().map(|&v| v as u8).collect();
            let levels = Levels::from_options(&MatteOptions { threshold, ..MatteOptions::default() }, 4.0);
            let (zero, span) = color.luma(bits);
            forced::each(|level| {
                for guided in [true, false] {
                    let mut out = vec![77u8; stride * h];
                    let mut map = TileMap::default();
                    map.reset(w, h);
                    let tiles_x = map.tiles_x;
                    let mut classes = &mut map.classes[..];
                    for rows in bands(h, parts) {
                        let (mine, rest) = classes.split_at_mut(tiles_x * rows.len().div_ceil(TILE_H));
                        classes = rest;
                        let band = PlaneMut { data: &mut out[rows.start * stride..], stride, width: w, height: rows.len() };
                        if !guided {
                            upsample_bilinear(&c.b, (w, h), &levels, rows, band, mine);
                        } else if deep {
                            let luma = PlaneRef::new(&luma, stride, w, h);
                            upsample_guided(&c, luma, bits, color, &levels, rows, band, mine);
                        } else {
                            let luma = PlaneRef::new(&bytes, stride, w, h);
                            upsample_guided(&c, luma, bits, color, &levels, rows, band, mine);
                        }
                    }
                    assert!(classes.is_empty());
                    for y in 0..h {
                        for x in 0..stride {
                            let got = out[y * stride + x];
                            if x >= w {
                                assert_eq!(got, 77, "wrote beside the view");
                                continue;
                            }
                            let sample = luma[y * stride + x];
                            let sample = if deep { sample } else { u16::from(sample as u8) };
                            let y01 = (f64::from(sample) - f64::from(zero)) / f64::from(span);
                            let a = if guided { bilinear(&c.a, x, y, w, h) } else { 0.0 };
                            let alpha = a * y01 + bilinear(&c.b, x, y, w, h);
                            let v = (alpha - f64::from(levels.lo)) / f64::from(levels.hi - levels.lo);
                            let want = (v * 255.0).clamp(0.0, 255.0);
                            // f32 against f64, made steeper by a threshold.
                            assert!((f64::from(got) - want).abs() <= 0.6, "{level:?} {guided}: {got} {want} at {x},{y}");
                        }
                    }
                    let mut scanned = TileMap::default();
                    scanned.classify(PlaneRef::new(&out, stride, w, h));
                    assert_eq!(map, scanned, "{level:?}");
                }
            });
        }

        #[test]
        fn classes_are_what_the_tiles_hold(w in 1usize..200, h in 1usize..70, pad in 0usize..9, seed in any::<u32>()) {
            let mut rng = Rng(seed | 1);
            let stride = w + pad;
            let mut data = vec![0u8; stride * h];
            for ty in 0..h.div_ceil(TILE_H) {
                for tx in 0..w.div_ceil(TILE_W) {
                    let kind = (rng.next() * 4.0) as u32;
                    let odd = rng.next();
                    for y in ty * TILE_H..((ty + 1) * TILE_H).min(h) {
                        for x in tx * TILE_W..((tx + 1) * TILE_W).min(w) {
                            data[y * stride + x] = if kind % 2 == 0 { 0 } else { 255 };
                        }
                    }
                    if kind > 1 {
                        let x = tx * TILE_W + (odd * ((w - tx * TILE_W).min(TILE_W)) as f32) as usize;
                        data[ty * TILE_H * stride + x] ^= 1 + (odd * 200.0) as u8;
                    }
                }
            }
            let want: Vec<TileClass> = (0..h.div_ceil(TILE_H) * w.div_ceil(TILE_W)).map(|i| {
                let (tx, ty) = (i % w.div_ceil(TILE_W), i / w.div_ceil(TILE_W));
                let mut values = (ty * TILE_H..((ty + 1) * TILE_H).min(h))
                    .flat_map(|y| (tx * TILE_W..((tx + 1) * TILE_W).min(w)).map(move |x| (x, y)))
                    .map(|(x, y)| data[y * stride + x]);
                if values.clone().all(|v| v == 0) {
                    TileClass::Background
                } else if values.all(|v| v == 255) {
                    TileClass::Person
                } else {
                    TileClass::Mixed
                }
            }).collect();
            forced::each(|level| {
                let mut map = TileMap::default();
                map.classify(PlaneRef::new(&data, stride, w, h));
                assert_eq!(&map.classes, &want, "{level:?}");
                assert_eq!(map.class(0, 0), want[0]);
            });
        }
    }

    #[test]
    fn bands_are_whole_tile_rows_that_cover_the_view() {
        for (height, parts) in [(1, 4), (16, 2), (100, 3), (1080, 2), (0, 3)] {
            let bands = bands(height, parts);
            assert!(bands.len() <= parts && bands.iter().all(|b| b.start % TILE_H == 0));
            assert_eq!(bands.iter().map(ExactSizeIterator::len).sum::<usize>(), height);
            assert!(bands.windows(2).all(|w| w[0].end == w[1].start));
        }
    }

    #[test]
    fn thresholds_keep_black_black_and_white_white() {
        for t in [0.0, 0.3, 0.5, 1.0] {
            let levels = Levels::from_options(&MatteOptions { threshold: Some(t), ..MatteOptions::default() }, 8.0);
            assert!(
                levels.lo >= 0.0 && levels.hi <= 1.0 && levels.hi - levels.lo > 0.05 && levels.hi - levels.lo < 0.2
            );
        }
        assert_eq!(Levels::from_options(&MatteOptions::default(), 8.0), Levels::default());
    }
}
