//! The arithmetic of edges in floats: for samples of more than 8 bits, and where there is no view.

use super::edge::{Coverage, EdgeArithmetic};
use super::kernels::{round, widen};
use crate::matte::foreground::field::Sampler;
use crate::plane::{PlaneRef, Sample};
use crate::simd::{self, Row};

/// The arithmetic, for samples of which the highest is `max`.
#[derive(Clone, Copy, Debug)]
pub(in crate::compose) struct Float {
    pub(super) max: f32,
}

impl<T: Sample> EdgeArithmetic<T> for Float {
    type Value = f32;
    type Fields<'a, const N: usize, const W: usize> = Sampler<'a, N, W>;

    #[inline(always)]
    fn fields<'a, const N: usize, const W: usize>(self, sampler: Sampler<'a, N, W>) -> Sampler<'a, N, W> {
        sampler
    }

    #[inline(always)]
    fn value(self, v: f32) -> f32 {
        v
    }

    #[inline(always)]
    fn opacity<const W: usize>(
        self,
        alpha: PlaneRef<'_, u8>,
        shift: (u32, u32),
        at: (usize, usize),
        n: usize,
        out: &mut Row<W>,
    ) -> Coverage {
        *out = opacity(alpha, shift, at, n);
        if count(out, 1.0) == n {
            Coverage::Full
        } else if count(out, 0.0) == W {
            Coverage::None
        } else {
            Coverage::Mixed
        }
    }

    #[inline(always)]
    fn load<const W: usize>(self, samples: &[T]) -> Row<W> {
        widen(&simd::load::<T, W>(samples))
    }

    #[inline(always)]
    fn foreground<const W: usize>(
        self,
        samples: &[T],
        a: &Row<W>,
        smooth: &mut Sampler<'_, 2, W>,
        y: usize,
        range: [f32; 2],
    ) -> Row<W> {
        foreground(&widen(&simd::load::<T, W>(samples)), a, &smooth.row(y), range)
    }

    #[inline(always)]
    fn field<const W: usize>(self, field: &mut Sampler<'_, 1, W>, y: usize) -> Row<W> {
        let [row] = field.row(y);
        row
    }

    #[inline(always)]
    fn over<const W: usize>(self, a: &Row<W>, f: &Row<W>, background: &Row<W>) -> Row<W> {
        let mut out = [0.0; W];
        for i in 0..W {
            out[i] = background[i] + a[i] * (f[i] - background[i]);
        }
        out
    }

    #[inline(always)]
    fn save<const W: usize>(self, values: &Row<W>, out: &mut [T]) {
        simd::save(out, &round::<T, W>(values, self.max));
    }
}

/// How many of a row's values are `value`; unlike a search that ends early, this is vectorized.
#[inline(always)]
fn count<const W: usize>(row: &Row<W>, value: f32) -> usize {
    let mut n = 0u32;
    for v in row {
        n += u32::from(*v == value);
    }
    n as usize
}

/// The opacity, 0..=1, of the first `n` of `W` samples from `x` on in row `y` of a plane that is
/// subsampled by `2^sx` x `2^sy`: the mean of the luma-size `alpha` under each sample, border
/// samples repeated. The other samples are 0.
#[inline(always)]
pub(super) fn opacity<const W: usize>(
    alpha: PlaneRef<'_, u8>,
    (sx, sy): (u32, u32),
    (x, y): (usize, usize),
    n: usize,
) -> Row<W> {
    let scale = 1.0 / (255u32 << (sx + sy)) as f32;
    let last = alpha.height - 1;
    let mut out = [0.0; W];
    if n == W && (sx, sy) == (0, 0) {
        let row: [u8; W] = simd::load(&alpha.row(y)[x..x + W]);
        for i in 0..W {
            out[i] = f32::from(row[i]) * scale;
        }
    } else if n == W && sx == 1 && sy <= 1 && 2 * (x + W) <= alpha.width {
        let lower = alpha.row(((y << sy) + sy as usize).min(last));
        let upper = &alpha.row(y << sy)[2 * x..2 * (x + W)];
        let (upper, lower) = (upper.as_chunks::<2>().0, lower[2 * x..2 * (x + W)].as_chunks::<2>().0);
        // Without vertical subsampling both rows are the same one.
        let scale = 1.0 / 1020.0;
        for ((o, u), l) in out.iter_mut().zip(upper).zip(lower) {
            *o = f32::from(u16::from(u[0]) + u16::from(u[1]) + u16::from(l[0]) + u16::from(l[1])) * scale;
        }
    } else {
        for (i, o) in out[..n].iter_mut().enumerate() {
            let mut sum = 0u32;
            for dy in 0..1 << sy {
                let row = alpha.row(((y << sy) + dy).min(last));
                for dx in 0..1 << sx {
                    sum += u32::from(row[(((x + i) << sx) + dx).min(alpha.width - 1)]);
                }
            }
            *o = sum as f32 * scale;
        }
    }
    out
}

/// The foreground's own color: `F = Fh + a (I - a Fh - (1 - a) Bh)` (Forte and Pitié 2021,
/// equation 4), `smooth` being the estimates `Fh` and `Bh`. Clamped to the legal `range`, widened
/// to the source's own value where that is outside (super-white and the like), so that `a = 1`
/// always gives the source back.
#[inline(always)]
fn foreground<const W: usize>(src: &Row<W>, a: &Row<W>, [fh, bh]: &[Row<W>; 2], range: [f32; 2]) -> Row<W> {
    let mut out = [0.0; W];
    for i in 0..W {
        let s = src[i];
        let f = fh[i] + a[i] * (s - a[i] * fh[i] - (1.0 - a[i]) * bh[i]);
        // Comparisons rather than `max` and `min`, whose care for NaN costs as much as the rest.
        let low = if s < range[0] { s } else { range[0] };
        let high = if s > range[1] { s } else { range[1] };
        let f = if f < low { low } else { f };
        out[i] = if f > high { high } else { f };
    }
    out
}
