//! Full-size rows made from two small ones.

use super::Small;
use crate::plane::Sample;
use crate::simd::{self, LerpTable, dispatch};
use std::ops::Range;

/// Two small rows brought to full width, in units of samples and bytes, and what the rows made
/// from them hold. Only the columns of mixed tiles are kept up to date.
pub(super) struct Lines {
    /// Slope and offset of the upper small row, then of the lower one.
    a: [Vec<f32>; 2],
    b: [Vec<f32>; 2],
    /// The lower row minus the upper one.
    da: Vec<f32>,
    db: Vec<f32>,
    /// OR and AND of each column of the tile row.
    pub(super) any: Vec<u8>,
    pub(super) all: Vec<u8>,
}

impl Lines {
    pub(super) fn new(width: usize) -> Self {
        let line = || vec![0f32; width];
        Self {
            a: [line(), line()],
            b: [line(), line()],
            da: line(),
            db: line(),
            any: vec![0; width],
            all: vec![255; width],
        }
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
            self.a.swap(0, 1);
            self.b.swap(0, 1);
        }
        let (zero, per_sample) = small.luma;
        for (k, y) in [(0, upper), (1, lower)] {
            if k == 0 && known {
                continue;
            }
            for span in mixed {
                let b = &mut self.b[k][span.clone()];
                columns.apply(small.b.row(y), span.start, b);
                match small.a {
                    Some(plane) => {
                        let a = &mut self.a[k][span.clone()];
                        columns.apply(plane.row(y), span.start, a);
                        to_units(a, b, small.gain * per_sample, zero, small.lo, small.gain);
                    }
                    None => offset_to_units(b, small.lo, small.gain),
                }
            }
        }
        for span in mixed {
            let span = span.clone();
            subtract(&self.b[1][span.clone()], &self.b[0][span.clone()], &mut self.db[span.clone()]);
            if small.a.is_some() {
                subtract(&self.a[1][span.clone()], &self.a[0][span.clone()], &mut self.da[span]);
            }
        }
        lower
    }

    /// Makes one row at `f` between the two small rows.
    pub(super) fn make_row<T: Sample>(&mut self, luma: Option<&[T]>, f: f32, mixed: &[Range<usize>], out: &mut [u8]) {
        for span in mixed {
            let s = span.clone();
            let (b, db, out) = (&self.b[0][s.clone()], &self.db[s.clone()], &mut out[s.clone()]);
            match luma {
                Some(luma) => {
                    guided_row(&self.a[0][s.clone()], &self.da[s.clone()], b, db, f, &luma[s.clone()], out);
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
    fn to_units(a: &mut [f32], b: &mut [f32], k: f32, zero: f32, lo: f32, gain: f32) {
        for (a, b) in a.iter_mut().zip(b) {
            let slope = *a * k;
            *b = (*b - lo) * gain + 0.5 - slope * zero;
            *a = slope;
        }
    }

    fn offset_to_units(b: &mut [f32], lo: f32, gain: f32) {
        for b in b {
            *b = (*b - lo) * gain + 0.5;
        }
    }

    fn subtract(a: &[f32], b: &[f32], out: &mut [f32]) {
        for ((o, &a), &b) in out.iter_mut().zip(a).zip(b) {
            *o = a - b;
        }
    }

    /// `alpha = a * Y + b`, with a and b at `f` between the upper and the lower small row.
    fn guided_row[T: Sample](
        a: &[f32], da: &[f32], b: &[f32], db: &[f32], f: f32, luma: &[T], out: &mut [u8],
    ) {
        let n = out.len();
        let (a, da, b, db, luma) = (&a[..n], &da[..n], &b[..n], &db[..n], &luma[..n]);
        for x in 0..n {
            let slope = a[x] + f * da[x];
            let offset = b[x] + f * db[x];
            out[x] = simd::to_u8(slope * luma[x].to_f32() + offset);
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
