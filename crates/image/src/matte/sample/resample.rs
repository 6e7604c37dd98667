//! Separable resampling of one plane to a small plane of `f32`.
//!
//! Reduction averages the area that an output sample covers; enlargement is bilinear. First the
//! rows under an output row are summed with their weights (long contiguous loops). That one row is
//! halved, by the mean of neighbors, until less than twice as wide as the output, and then
//! interpolated: the samples that an output covers all count, at its ends by nearness.

use crate::plane::{Plane, PlaneRef, Sample};
use crate::simd::{LerpTable, dispatch};

/// Weighted source samples of every output sample along one axis.
#[derive(Clone, Debug, Default)]
struct Axis {
    /// First tap and weights (they add up to 1) of each output sample.
    taps: Vec<(usize, Vec<f32>)>,
}

/// The weights that map source `from..to` (edges in samples, may be fractional) of a line of
/// `len` samples to `n` outputs.
fn weights(len: usize, from: f64, to: f64, n: usize) -> Axis {
    let step = (to - from) / n as f64;
    let taps = (0..n)
        .map(|i| {
            let (a, b) = (from + i as f64 * step, from + (i + 1) as f64 * step);
            let mut w: Vec<(usize, f64)> = Vec::new();
            let mut add = |i: f64, weight: f64| {
                // Beyond the border the last sample repeats.
                let i = i.clamp(0.0, len as f64 - 1.0) as usize;
                match w.last_mut() {
                    Some(last) if last.0 == i => last.1 += weight,
                    _ => w.push((i, weight)),
                }
            };
            if step >= 2.0 {
                // The part of each sample that lies in a..b.
                let mut s = a.floor();
                while s < b {
                    add(s, (b.min(s + 1.0) - a.max(s)).max(0.0));
                    s += 1.0;
                }
            } else {
                // A triangle as wide as two steps (two samples when enlarging): bilinear, but
                // without aliasing for a slight reduction.
                let half = step.max(1.0);
                let center = (a + b) / 2.0 - 0.5;
                let mut s = (center - half).ceil();
                while s <= center + half {
                    add(s, 1.0 - (s - center).abs() / half);
                    s += 1.0;
                }
            }
            let sum: f64 = w.iter().map(|t| t.1).sum();
            (w[0].0, w.iter().map(|t| (t.1 / sum) as f32).collect())
        })
        .collect();
    Axis { taps }
}

impl Axis {
    /// Keeps at most `rows` taps of each output, spread evenly and of equal weight.
    fn thinned(mut self, rows: usize) -> Self {
        for (_, w) in &mut self.taps {
            let n = w.len();
            // Two border taps are partial ones, so up to rows + 2 is the same work.
            if n > rows + 2 {
                let mut thin = vec![0.0; n];
                for i in 0..rows {
                    thin[(2 * i + 1) * n / (2 * rows)] = 1.0 / rows as f32;
                }
                *w = thin;
            }
        }
        self
    }
}

/// The tables for one geometry: sizes and the part of the source.
#[derive(Debug)]
struct Plan {
    key: (usize, usize, [u64; 4], usize, (usize, usize)),
    /// Source rows and their weights for each output row.
    rows: Vec<Vec<(usize, f32)>>,
    /// How often the summed row is halved.
    halvings: u32,
    /// First source column read.
    left: usize,
    /// Source columns read.
    span: usize,
    /// Places of the output columns in the halved row.
    columns: LerpTable,
}

impl Plan {
    fn new(key: (usize, usize, [u64; 4], usize, (usize, usize))) -> Self {
        let (width, height, edges, max_rows, (dw, dh)) = key;
        let [x0, x1, y0, y1] = edges.map(f64::from_bits);
        let rows = weights(height, y0, y1, dh)
            .thinned(max_rows)
            .taps
            .into_iter()
            .map(|(first, w)| w.into_iter().enumerate().filter(|t| t.1 > 0.0).map(|(i, w)| (first + i, w)).collect())
            .collect();
        let left = (x0.floor().max(0.0) as usize).min(width - 1);
        let right = (x1.ceil() as usize).clamp(left + 1, width);
        let span = right - left;
        let step = (x1 - x0) / dw as f64;
        let mut halvings = 0;
        while step / f64::from(1u32 << halvings) >= 2.0 {
            halvings += 1;
        }
        let unit = f64::from(1u32 << halvings);
        // A row of a single sample gets a second, equal one.
        let reduced = span.div_ceil(1 << halvings).max(2);
        let places = (0..dw).map(|i| (x0 - left as f64 + (i as f64 + 0.5) * step) / unit - 0.5);
        Self { key, rows, halvings, left, span, columns: LerpTable::new(reduced, places) }
    }
}

/// Resamples planes; keeps the tables of the geometries it has seen and its row buffers.
#[derive(Debug, Default)]
pub(crate) struct Resampler {
    plans: Vec<Plan>,
    row: Vec<f32>,
    half: Vec<f32>,
}

/// Geometries that are remembered: those of the luma and the chroma of two eyes, of people in them, and of the parts
/// that a detector is run on.
const MAX_PLANS: usize = 64;

impl Resampler {
    /// Averages columns `x.0..x.1` and rows `y.0..y.1` of `src` to `size` and applies
    /// `v * affine.0 + affine.1`. At most about `max_rows` source rows go into an output row.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn resample<T: Sample>(
        &mut self,
        src: PlaneRef<'_, T>,
        x: (f64, f64),
        y: (f64, f64),
        max_rows: usize,
        affine: (f32, f32),
        size: (usize, usize),
        dst: &mut Plane<f32>,
    ) {
        assert!(size.0 > 0 && size.1 > 0 && x.1 > x.0 && y.1 > y.0, "an empty view cannot be sampled");
        dst.resize(size.0, size.1);
        let edges = [x.0, x.1, y.0, y.1].map(f64::to_bits);
        let key = (src.width, src.height, edges, max_rows, size);
        let at = match self.plans.iter().position(|p| p.key == key) {
            Some(at) => at,
            None => {
                if self.plans.len() == MAX_PLANS {
                    self.plans.remove(0);
                }
                self.plans.push(Plan::new(key));
                self.plans.len() - 1
            }
        };
        let plan = &self.plans[at];
        // Room for a repeated last sample.
        self.row.resize(plan.span + 2, 0.0);
        self.half.resize(plan.span + 2, 0.0);
        for (rows, out) in plan.rows.iter().zip(dst.data_mut().chunks_exact_mut(size.0)) {
            for (i, group) in rows.chunks(4).enumerate() {
                let row = |k: usize| &src.row(group[k].0)[plan.left..][..plan.span];
                // All that follows is means, which keep what is applied here.
                let w = |k: usize| group[k].1 * affine.0;
                let from = (i == 0).then_some(affine.1);
                let acc = &mut self.row[..plan.span];
                match group.len() {
                    1 => add_rows(acc, [row(0)], [w(0)], from),
                    2 => add_rows(acc, [row(0), row(1)], [w(0), w(1)], from),
                    3 => add_rows(acc, [row(0), row(1), row(2)], [w(0), w(1), w(2)], from),
                    _ => add_rows(acc, [row(0), row(1), row(2), row(3)], [w(0), w(1), w(2), w(3)], from),
                }
            }
            let mut n = plan.span;
            for _ in 0..plan.halvings {
                // An odd last sample is repeated.
                if n % 2 == 1 {
                    self.row[n] = self.row[n - 1];
                }
                n = n.div_ceil(2);
                halve(&self.row[..2 * n], &mut self.half[..n]);
                std::mem::swap(&mut self.row, &mut self.half);
            }
            if n == 1 {
                self.row[1] = self.row[0];
                n = 2;
            }
            plan.columns.apply(&self.row[..n], 0, out);
        }
    }
}

dispatch! {
    /// `acc = from + sum w * row`; without `from` what `acc` holds stands in for it.
    fn add_rows[T: Sample, const N: usize](acc: &mut [f32], rows: [&[T]; N], w: [f32; N], from: Option<f32>) {
        let n = acc.len();
        // A slice of each, made in a loop: `map` on an array would be a function of its own.
        let mut cut = rows;
        for row in &mut cut {
            *row = &row[..n];
        }
        if let Some(from) = from {
            for x in 0..n {
                let mut s = from;
                for k in 0..N {
                    s += w[k] * cut[k][x].to_f32();
                }
                acc[x] = s;
            }
        } else {
            for x in 0..n {
                let mut s = acc[x];
                for k in 0..N {
                    s += w[k] * cut[k][x].to_f32();
                }
                acc[x] = s;
            }
        }
    }

    fn halve(src: &[f32], dst: &mut [f32]) {
        for (d, s) in dst.iter_mut().zip(src.chunks_exact(2)) {
            *d = 0.5 * (s[0] + s[1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::forced;
    use proptest::prelude::*;

    /// Mean over the area, sample by sample, in f64.
    fn area_mean(src: PlaneRef<'_, u16>, x: (f64, f64), y: (f64, f64)) -> f64 {
        let cover = |i: usize, (a, b): (f64, f64)| (b.min(i as f64 + 1.0) - a.max(i as f64)).max(0.0);
        let (mut sum, mut area) = (0.0, 0.0);
        for j in 0..src.height {
            for i in 0..src.width {
                let w = cover(i, x) * cover(j, y);
                sum += w * f64::from(src.row(j)[i]);
                area += w;
            }
        }
        sum / area
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        #[test]
        fn reduction_is_the_mean_of_the_area(
            (w, h, pad) in (40usize..150, 30usize..80, 0usize..9),
            (dw, dh) in (1usize..9, 3usize..9),
            (cut, odd) in (0usize..8, 0usize..2),
            seed in any::<u32>(),
        ) {
            let stride = w + pad;
            let mut state = seed | 1;
            let data: Vec<u16> = (0..stride * h - pad)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 22) as u16
                })
                .collect();
            let src = PlaneRef::new(&data, stride, w, h);
            // Half samples at the edges, as the chroma of a view on an odd luma sample has.
            let x = (cut as f64 + 0.5 * odd as f64, w as f64 - 0.5 * odd as f64);
            let y = (0.5 * odd as f64, h as f64);
            let expected: Vec<f64> = (0..dw * dh)
                .map(|i| {
                    let (sx, sy) = ((x.1 - x.0) / dw as f64, (y.1 - y.0) / dh as f64);
                    let (i, j) = ((i % dw) as f64, (i / dw) as f64);
                    area_mean(src, (x.0 + i * sx, x.0 + (i + 1.0) * sx), (y.0 + j * sy, y.0 + (j + 1.0) * sy))
                })
                .collect();
            forced::each(|level| {
                let mut out = Plane::default();
                Resampler::default().resample(src, x, y, 1000, (2.0, -1.0), (dw, dh), &mut out);
                // Noise is the worst case: along a row the ends of the area are soft. Down a column the
                // weights are exact, which the one-column case shows.
                let one = dw == 1 && x == (0.0, w as f64) && w.is_power_of_two();
                let tolerance = if one { 0.05 } else { 220.0 };
                for (got, want) in out.data().iter().zip(&expected) {
                    assert!((f64::from((got + 1.0) / 2.0) - want).abs() < tolerance, "{level:?}: {got} {want}");
                }
                let mean = |v: &mut dyn Iterator<Item = f64>| v.sum::<f64>() / (dw * dh) as f64;
                let got = mean(&mut out.data().iter().map(|&v| (f64::from(v) + 1.0) / 2.0));
                let want = mean(&mut expected.iter().copied());
                assert!((got - want).abs() < 60.0, "{level:?}: mean {got} for {want}");
            });
        }

        #[test]
        fn a_ramp_stays_a_ramp(w in 9usize..200, dw in 3usize..260) {
            // Values proportional to the position: a filter that is centered keeps them, so a shift
            // of half a sample would show. Away from the borders, where samples repeat.
            let data: Vec<u8> = (0..w).map(|x| x as u8).collect();
            let src = PlaneRef::new(&data, w, w, 1);
            let mut out = Plane::default();
            Resampler::default().resample(src, (0.0, w as f64), (0.0, 1.0), 4, (1.0, 0.0), (dw, 1), &mut out);
            let step = w as f64 / dw as f64;
            for (i, &v) in out.data().iter().enumerate() {
                let center = (i as f64 + 0.5) * step - 0.5;
                if center >= step && center <= w as f64 - 1.0 - 2.0 * step {
                    prop_assert!((f64::from(v) - center).abs() < 1e-3, "{}: {} for {}", i, v, center);
                }
            }
        }
    }

    #[test]
    fn thinned_rows_still_see_the_whole_height() {
        // 75 rows to 10: every output row averages four of its 7.5 rows.
        let data: Vec<u8> = (0..75).map(|y| y as u8).collect();
        let mut out = Plane::default();
        Resampler::default().resample(
            PlaneRef::new(&data, 1, 1, 75),
            (0.0, 1.0),
            (0.0, 75.0),
            4,
            (1.0, 0.0),
            (1, 10),
            &mut out,
        );
        for (i, &v) in out.data().iter().enumerate() {
            let center = (i as f32 + 0.5) * 7.5 - 0.5;
            assert!((v - center).abs() < 0.8, "{i}: {v} for {center}");
        }
    }
}
