//! Growing, shrinking and feathering a full-size matte.
//!
//! All of it works on one view's part of a plane, in place, and takes what lies beyond its border
//! to be like the border, or the other border where the two are neighbors: nothing bleeds from one eye to the other, and a person who is cut off by
//! the frame stays solid there.

use crate::matte::Borders;
use crate::plane::PlaneMut;
use crate::simd::{self, dispatch};

/// Rows that are grown at once, at least: with an 8K view they stay in the second-level cache.
const BAND: usize = 64;
/// Columns (or turned rows) that are feathered at once.
const LANES: usize = 64;

/// Full-size matte operations with their scratch memory. Use one for each thread.
#[derive(Debug, Default)]
pub struct Morphology {
    borders: Borders,
    bytes: Vec<u8>,
    above: Vec<u8>,
    line: [Vec<u8>; 2],
    wide: [Vec<u16>; 2],
}

impl Morphology {
    /// With empty scratch memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, for views with such borders.
    #[must_use]
    pub fn with_borders(mut self, borders: Borders) -> Self {
        self.borders = borders;
        self
    }

    /// Grows (`pixels > 0`) or shrinks (`pixels < 0`) the matte: every sample becomes the highest
    /// (lowest) of the square of `2 * |pixels| + 1` samples around it. Each axis takes
    /// log2(window) passes of a running maximum over windows of doubled size.
    pub fn grow(&mut self, mut alpha: PlaneMut<'_, u8>, pixels: i32) {
        let n = pixels.unsigned_abs() as usize;
        if n == 0 || alpha.width == 0 || alpha.height == 0 {
            return;
        }
        // Shrinking the person is growing the background: complement, grow, complement.
        let flip = if pixels < 0 { 255 } else { 0 };
        self.grow_rows(&mut alpha, n, flip);
        self.grow_columns(&mut alpha, n, flip);
    }

    fn grow_rows(&mut self, alpha: &mut PlaneMut<'_, u8>, n: usize, flip: u8) {
        // A window wider than the row sees all of it anyway.
        let n = n.min(alpha.width);
        let padded = alpha.width + 2 * n;
        let [cur, next] = &mut self.line;
        cur.resize(padded, 0);
        next.resize(padded, 0);
        for y in 0..alpha.height {
            let row = alpha.row_mut(y);
            if simd::all_equal(row, row[0]) {
                continue;
            }
            cur.fill(0);
            copy_flipped(row, &mut cur[n..n + row.len()], flip);
            if self.borders.wraps() {
                self.borders.fill(cur, n);
            }
            let mut have = 1;
            let mut len = padded;
            while 2 * have <= 2 * n + 1 {
                len -= have;
                max_of(&cur[..len], &cur[have..have + len], &mut next[..len]);
                std::mem::swap(cur, next);
                have *= 2;
            }
            // Two overlapping windows make one of the exact size.
            let rest = 2 * n + 1 - have;
            max_of(&cur[..row.len()], &cur[rest..rest + row.len()], &mut next[..row.len()]);
            copy_flipped(&next[..row.len()], row, flip);
        }
    }

    /// Works on bands of rows, so that memory is walked in order and a band stays in the cache.
    fn grow_columns(&mut self, alpha: &mut PlaneMut<'_, u8>, n: usize, flip: u8) {
        let (w, h) = (alpha.width, alpha.height);
        let n = n.min(h);
        let band = BAND.max(2 * n);
        // What the `n` rows above the band held before they were changed.
        let above = &mut self.above;
        above.clear();
        above.resize(n * w, 0);
        for y0 in (0..h).step_by(band) {
            let rows = band.min(h - y0);
            // Row i of the scratch is row y0 - n + i of the plane; beyond the plane it is 0.
            self.bytes.resize((rows + 2 * n) * w, 0);
            self.bytes[..n * w].copy_from_slice(above);
            for (y, dst) in (y0..).zip(self.bytes[n * w..].chunks_exact_mut(w)) {
                if y < h {
                    copy_flipped(&alpha.data[y * alpha.stride..][..w], dst, flip);
                } else {
                    dst.fill(0);
                }
            }
            above.copy_from_slice(&self.bytes[rows * w..][..n * w]);
            if simd::all_equal(&self.bytes, self.bytes[0]) {
                continue;
            }
            let mut have = 1;
            let mut left = rows + 2 * n;
            while 2 * have <= 2 * n + 1 {
                left -= have;
                fold_rows(&mut self.bytes, w, left, have);
                have *= 2;
            }
            fold_rows(&mut self.bytes, w, rows, 2 * n + 1 - have);
            for (y, src) in (y0..y0 + rows).zip(self.bytes.chunks_exact(w)) {
                copy_flipped(src, alpha.row_mut(y), flip);
            }
        }
    }

    /// Softens the matte by about a Gaussian of standard deviation `sigma` samples: three box
    /// blurs an axis, in 16 bits. (Kovesi, "Fast almost-Gaussian filtering", DICTA 2010.)
    pub fn feather(&mut self, mut alpha: PlaneMut<'_, u8>, sigma: f32) {
        let radii = box_radii(sigma);
        if radii[2] == 0 || alpha.width == 0 || alpha.height == 0 {
            return;
        }
        self.feather_axis::<true>(&mut alpha, radii);
        self.feather_axis::<false>(&mut alpha, radii);
    }

    /// Blurs along columns, or along rows by turning bands of [`LANES`] rows.
    fn feather_axis<const ROWS: bool>(&mut self, alpha: &mut PlaneMut<'_, u8>, radii: [usize; 3]) {
        let (across, inside) = if ROWS { (alpha.height, alpha.width) } else { (alpha.width, alpha.height) };
        // How far the three boxes reach together.
        let reach: usize = radii.iter().sum();
        // Rows that go all around are blurred between parts of their other ends.
        let margin = if ROWS && self.borders.wraps() { reach } else { 0 };
        let along = inside + 2 * margin;
        let [a, b] = &mut self.wide;
        for from in (0..across).step_by(LANES) {
            let lanes = LANES.min(across - from);
            a.clear();
            a.resize(along * LANES, 0);
            if ROWS {
                // In squares, so that both sides stay in the first-level cache.
                let middle = &mut a[margin * LANES..][..inside * LANES];
                for (x, square) in (0..inside).step_by(LANES).zip(middle.chunks_mut(LANES * LANES)) {
                    for lane in 0..lanes {
                        let row = &alpha.data[(from + lane) * alpha.stride + x..];
                        for (dst, &v) in square.chunks_exact_mut(LANES).zip(row) {
                            dst[lane] = u16::from(v) * 257;
                        }
                    }
                }
            } else {
                for (y, dst) in a.chunks_exact_mut(LANES).enumerate() {
                    widen(&alpha.data[y * alpha.stride + from..][..lanes], dst);
                }
            }
            for i in (0..margin).rev() {
                a.copy_within((i + inside) * LANES..(i + inside + 1) * LANES, i * LANES);
            }
            for i in margin + inside..along {
                a.copy_within((i - inside) * LANES..(i - inside + 1) * LANES, i * LANES);
            }
            // Steps at either end that are all alike stay as they are.
            let Some((first, last)) = changing_span(a) else { continue };
            let span = first.saturating_sub(reach)..(last + reach + 1).min(along);
            let part = span.start * LANES..span.end * LANES;
            b.clear();
            b.resize(along * LANES, 0);
            box_blur(&a[part.clone()], &mut b[part.clone()], radii[0]);
            box_blur(&b[part.clone()], &mut a[part.clone()], radii[1]);
            box_blur(&a[part.clone()], &mut b[part], radii[2]);
            let span = span.start.max(margin)..span.end.min(margin + inside);
            if span.is_empty() {
                continue;
            }
            if ROWS {
                let turned = &b[span.start * LANES..span.end * LANES];
                for (x, square) in (span.start - margin..).step_by(LANES).zip(turned.chunks(LANES * LANES)) {
                    for lane in 0..lanes {
                        let row = &mut alpha.data[(from + lane) * alpha.stride + x..];
                        for (v, src) in row.iter_mut().zip(square.chunks_exact(LANES)) {
                            *v = narrow_one(src[lane]);
                        }
                    }
                }
            } else {
                for y in span {
                    narrow(&b[y * LANES..][..lanes], &mut alpha.data[y * alpha.stride + from..][..lanes]);
                }
            }
        }
    }
}

/// Radii of three boxes whose variances add up to about `sigma^2`; a box of radius r has the
/// variance ((2r + 1)^2 - 1) / 12.
fn box_radii(sigma: f32) -> [usize; 3] {
    if sigma.is_nan() || sigma <= 0.0 {
        return [0; 3];
    }
    let sigma = f64::from(sigma.min(1000.0));
    let ideal = (12.0 * sigma * sigma / 3.0 + 1.0).sqrt();
    let small = ((ideal - 1.0) / 2.0).floor() as usize;
    let variance = |r: usize| ((2 * r + 1) as f64).powi(2) / 12.0 - 1.0 / 12.0;
    let error = |large: &usize| {
        ((3 - large) as f64 * variance(small) + *large as f64 * variance(small + 1) - sigma * sigma).abs()
    };
    let large = (0..=3).min_by(|a, b| error(a).total_cmp(&error(b))).unwrap_or(0);
    std::array::from_fn(|i| if i + large >= 3 { small + 1 } else { small })
}

/// First and last step of a strip that differs from the one before it; `None` where all are alike.
fn changing_span(strip: &[u16]) -> Option<(usize, usize)> {
    let steps = strip.len() / LANES;
    let differs = |i: usize| strip[(i - 1) * LANES..i * LANES] != strip[i * LANES..(i + 1) * LANES];
    let first = (1..steps).find(|&i| differs(i))?;
    let last = (1..steps).rev().find(|&i| differs(i))?;
    Some((first - 1, last))
}

#[inline(always)]
fn narrow_one(v: u16) -> u8 {
    ((u32::from(v) + 128) / 257) as u8
}

/// `row[y] = max(row[y], row[y + distance])` for `rows` rows of `width` samples.
fn fold_rows(data: &mut [u8], width: usize, rows: usize, distance: usize) {
    if distance == 0 {
        return;
    }
    for y in 0..rows {
        let (head, tail) = data.split_at_mut((y + distance) * width);
        // A function of its own, so that the compiler knows the two rows to be apart.
        max_in_place(&mut head[y * width..][..width], &tail[..width]);
    }
}

dispatch! {
    fn copy_flipped(src: &[u8], dst: &mut [u8], flip: u8) {
        for (d, s) in dst.iter_mut().zip(src) {
            *d = *s ^ flip;
        }
    }

    fn max_of(a: &[u8], b: &[u8], out: &mut [u8]) {
        for ((o, &a), &b) in out.iter_mut().zip(a).zip(b) {
            *o = a.max(b);
        }
    }

    fn max_in_place(a: &mut [u8], b: &[u8]) {
        for (a, &b) in a.iter_mut().zip(b) {
            *a = (*a).max(b);
        }
    }

    fn widen(src: &[u8], dst: &mut [u16]) {
        for (d, &s) in dst.iter_mut().zip(src) {
            *d = u16::from(s) * 257;
        }
    }

    fn narrow(src: &[u16], dst: &mut [u8]) {
        for (d, &s) in dst.iter_mut().zip(src) {
            *d = narrow_one(s);
        }
    }

    /// The mean of `2 * radius + 1` steps of [`LANES`] samples, the ends repeated.
    fn box_blur(src: &[u16], dst: &mut [u16], radius: usize) {
        let steps = src.len() / LANES;
        if steps == 0 {
            return;
        }
        let step = |i: usize| -> &[u16; LANES] {
            match src[i * LANES..].first_chunk::<LANES>() {
                Some(s) => s,
                None => unreachable!("a strip is whole steps"),
            }
        };
        let recip = 1.0 / (2 * radius + 1) as f32;
        let mut sum = [0u32; LANES];
        for i in 0..=2 * radius {
            // Steps -radius..=radius around step 0.
            let s = step(i.saturating_sub(radius).min(steps - 1));
            for (sum, &v) in sum.iter_mut().zip(s) {
                *sum += u32::from(v);
            }
        }
        for i in 0..steps {
            for (d, &sum) in dst[i * LANES..][..LANES].iter_mut().zip(&sum) {
                *d = simd::to_u16(sum as f32 * recip + 0.5, 65535.0);
            }
            let enters = step((i + radius + 1).min(steps - 1));
            let leaves = step(i.saturating_sub(radius));
            for ((sum, &e), &l) in sum.iter_mut().zip(enters).zip(leaves) {
                // Never below 0: what leaves had entered.
                *sum = sum.wrapping_add(u32::from(e)).wrapping_sub(u32::from(l));
            }
        }
    }
}

#[cfg(test)]
mod tests;
