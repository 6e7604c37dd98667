//! Full-size rows made from two small ones.

use super::Small;
use crate::plane::Sample;
use crate::simd::{self, LerpTable, dispatch};
use std::ops::Range;

/// Two small rows brought to full width, in units of samples and bytes, and what the rows made
/// from them hold. Only the columns of mixed tiles are kept up to date.
pub(super) struct Lines {
    /// Slope, offset, and the least and the greatest alpha, of the upper small row and the lower one.
    rows: [[Vec<f32>; 4]; 2],
    /// The lower row minus the upper one.
    differences: [Vec<f32>; 4],
    /// OR and AND of each column of the tile row.
    pub(super) any: Vec<u8>,
    pub(super) all: Vec<u8>,
}

impl Lines {
    pub(super) fn new(width: usize) -> Self {
        let lines = || std::array::from_fn(|_| vec![0f32; width]);
        Self { rows: [lines(), lines()], differences: lines(), any: vec![0; width], all: vec![255; width] }
    }

    /// Makes the small rows `(upper, lower)` current; `below` is the lower one of the last call.
    /// Returns the lower one.
    pub(super) fn load(
        &mut self,
        small: Small<'_>,
        columns: &LerpTable,
        (upper, lower): (usize, usize),
        below: Option<usize>,
        mixed: &[Range<usize>],
    ) -> usize {
        let known = below == Some(upper);
        if known {
            self.rows.swap(0, 1);
        }
        let (zero, per_sample) = small.luma;
        for (k, y) in [(0, upper), (1, lower)] {
            if k == 0 && known {
                continue;
            }
            for span in mixed {
                let [a, b, low, high] = self.rows[k].each_mut().map(|row| &mut row[span.clone()]);
                columns.apply(small.b.row(y), span.start, b);
                let Some([slopes, least, greatest]) = small.guided else {
                    to_units(b, small.lo, small.gain);
                    continue;
                };
                columns.apply(slopes.row(y), span.start, a);
                line_to_units(a, b, small.gain * per_sample, zero, small.lo, small.gain);
                for (plane, row) in [(least, low), (greatest, high)] {
                    columns.apply(plane.row(y), span.start, row);
                    to_units(row, small.lo, small.gain);
                }
            }
        }
        let [upper, below] = &self.rows;
        // Without slopes there are only offsets.
        let which = if small.guided.is_some() { 0..4 } else { 1..2 };
        for i in which {
            for span in mixed {
                let span = span.clone();
                subtract(&below[i][span.clone()], &upper[i][span.clone()], &mut self.differences[i][span]);
            }
        }
        lower
    }

    /// Makes one row at `f` between the two small rows.
    pub(super) fn make_row<T: Sample>(&mut self, luma: Option<&[T]>, f: f32, mixed: &[Range<usize>], out: &mut [u8]) {
        for span in mixed {
            let s = span.clone();
            let [a, b, low, high] = self.rows[0].each_ref().map(|row| &row[s.clone()]);
            let [da, db, dlow, dhigh] = self.differences.each_ref().map(|row| &row[s.clone()]);
            let out = &mut out[s.clone()];
            match luma {
                Some(luma) => {
                    guided_row([a, b, low, high], [da, db, dlow, dhigh], f, &luma[s.clone()], out);
                }
                None => bilinear_row(b, db, f, out),
            }
            gather(out, &mut self.any[s.clone()], &mut self.all[s]);
        }
    }
}

dispatch! {
    /// `a = a * k`, `b = (b - lo) * gain + 0.5 - a * zero`: slopes and offsets in units of luma's
    /// samples and alpha's bytes; half a byte rounds. `k` is the gain a sample.
    fn line_to_units(a: &mut [f32], b: &mut [f32], k: f32, zero: f32, lo: f32, gain: f32) {
        for (a, b) in a.iter_mut().zip(b) {
            let slope = *a * k;
            *b = (*b - lo) * gain + 0.5 - slope * zero;
            *a = slope;
        }
    }

    fn to_units(b: &mut [f32], lo: f32, gain: f32) {
        for b in b {
            *b = (*b - lo) * gain + 0.5;
        }
    }

    fn subtract(a: &[f32], b: &[f32], out: &mut [f32]) {
        for ((o, &a), &b) in out.iter_mut().zip(a).zip(b) {
            *o = a - b;
        }
    }

    /// `alpha = a * Y + b` within its range, all at `f` between the upper and the lower small row.
    fn guided_row[T: Sample](upper: [&[f32]; 4], differences: [&[f32]; 4], f: f32, luma: &[T], out: &mut [u8]) {
        let n = out.len();
        let [a, b, low, high] = upper.map(|row| &row[..n]);
        let [da, db, dlow, dhigh] = differences.map(|row| &row[..n]);
        let luma = &luma[..n];
        for x in 0..n {
            let slope = a[x] + f * da[x];
            let offset = b[x] + f * db[x];
            let (low, high) = (low[x] + f * dlow[x], high[x] + f * dhigh[x]);
            let alpha = slope * luma[x].to_f32() + offset;
            let alpha = if alpha > low { alpha } else { low };
            out[x] = simd::to_u8(if alpha < high { alpha } else { high });
        }
    }

    fn bilinear_row(b: &[f32], db: &[f32], f: f32, out: &mut [u8]) {
        for ((o, &b), &db) in out.iter_mut().zip(b).zip(db) {
            *o = simd::to_u8(b + f * db);
        }
    }

    fn gather(row: &[u8], any: &mut [u8], all: &mut [u8]) {
        for ((&v, any), all) in row.iter().zip(any).zip(all) {
            *any |= v;
            *all &= v;
        }
    }
}
