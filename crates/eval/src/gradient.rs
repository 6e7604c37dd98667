//! Gradient error.

use super::{assert_same_size, sum};
use vrseg_image::plane::Plane;
use vrseg_image::simd::dispatch;

/// Half the filter's size: where a Gaussian of sigma 1.4 falls below 0.01,
/// `ceil(sigma * sqrt(-2 ln(sqrt(2 pi) * sigma * 0.01)))`.
const HALF: usize = 4;
const TAPS: usize = 2 * HALF + 1;

/// Gradient error: sum over the picture of the squared difference of the two alphas' gradient
/// magnitudes, over 1000. Gradients are first-order Gaussian derivatives (sigma 1.4, unit L2 norm,
/// border repeated) of the alphas stretched to 0..=1 (Rhemann et al., CVPR 2009).
///
/// Keeps its memory from frame to frame.
#[derive(Debug, Default)]
pub struct Gradient {
    pred: Magnitude,
    truth: Magnitude,
}

impl Gradient {
    /// The error of `pred` against `truth`, both 0..=1.
    ///
    /// # Panics
    /// When the planes differ in size.
    pub fn error(&mut self, pred: &Plane<f32>, truth: &Plane<f32>) -> f64 {
        assert_same_size(pred, truth);
        let kernel = Kernel::new();
        let mut total = 0.0;
        self.pred.start(pred);
        self.truth.start(truth);
        for y in 0..pred.height() {
            let (p, t) = (self.pred.row(&kernel, pred, y), self.truth.row(&kernel, truth, y));
            total += f64::from(squared_difference(p, t));
        }
        total / 1000.0
    }
}

/// The separable filter: a smoothing and a differentiating row, scaled so that their outer product
/// has the norm 1.
struct Kernel {
    smooth: [f32; TAPS],
    derive: [f32; TAPS],
}

impl Kernel {
    fn new() -> Self {
        const SIGMA: f64 = 1.4;
        let gauss = |x: f64| (-x * x / (2.0 * SIGMA * SIGMA)).exp();
        let places: [f64; TAPS] = std::array::from_fn(|i| i as f64 - HALF as f64);
        let smooth = places.map(gauss);
        let derive = places.map(|x| -x * gauss(x));
        let unit = |k: [f64; TAPS]| {
            let norm = k.iter().map(|v| v * v).sum::<f64>().sqrt();
            k.map(|v| (v / norm) as f32)
        };
        Self { smooth: unit(smooth), derive: unit(derive) }
    }
}

/// Gradient magnitudes of one alpha, row by row from the top.
#[derive(Debug, Default)]
struct Magnitude {
    /// 1 / (max - min) of the plane: stretching it to 0..=1 only scales its gradient.
    scale: f32,
    padded: Vec<f32>,
    /// The last [`TAPS`] rows, smoothed and differentiated horizontally.
    smooth: [Vec<f32>; TAPS],
    derive: [Vec<f32>; TAPS],
    /// Rows that are in the ring: all above this number.
    filtered: usize,
    out: Vec<f32>,
}

impl Magnitude {
    fn start(&mut self, plane: &Plane<f32>) {
        let (min, max) = range(plane.data());
        self.scale = if max > min { 1.0 / (max - min) } else { 0.0 };
        self.padded.resize(plane.width() + 2 * HALF, 0.0);
        for row in self.smooth.iter_mut().chain(&mut self.derive).chain([&mut self.out]) {
            row.resize(plane.width(), 0.0);
        }
        self.filtered = 0;
    }

    /// Magnitudes of row `y`; rows must be requested in order.
    fn row(&mut self, kernel: &Kernel, plane: &Plane<f32>, y: usize) -> &[f32] {
        let last = plane.height() - 1;
        while self.filtered <= (y + HALF).min(last) {
            let row = plane.as_ref().row(self.filtered);
            let w = row.len();
            self.padded[HALF..HALF + w].copy_from_slice(row);
            self.padded[..HALF].fill(row[0]);
            self.padded[HALF + w..].fill(row[w - 1]);
            let slot = self.filtered % TAPS;
            horizontal(&self.padded, &kernel.smooth, &mut self.smooth[slot]);
            horizontal(&self.padded, &kernel.derive, &mut self.derive[slot]);
            self.filtered += 1;
        }
        let rows: [usize; TAPS] = std::array::from_fn(|i| (y + i).saturating_sub(HALF).min(last) % TAPS);
        let smooth = rows.map(|r| self.smooth[r].as_slice());
        let derive = rows.map(|r| self.derive[r].as_slice());
        magnitudes(&smooth, &derive, &kernel.smooth, &kernel.derive, self.scale, &mut self.out);
        &self.out
    }
}

dispatch! {
    fn range(data: &[f32]) -> (f32, f32) {
        let (mut min, mut max) = (f32::INFINITY, f32::NEG_INFINITY);
        for &v in data {
            min = if v < min { v } else { min };
            max = if v > max { v } else { max };
        }
        (min, max)
    }

    fn horizontal(padded: &[f32], kernel: &[f32; TAPS], out: &mut [f32]) {
        let n = out.len();
        let taps: [&[f32]; TAPS] = std::array::from_fn(|i| &padded[i..][..n]);
        for (x, out) in out.iter_mut().enumerate() {
            let mut v = 0.0;
            for i in 0..TAPS {
                v += kernel[i] * taps[i][x];
            }
            *out = v;
        }
    }

    /// `smooth` and `derive` are the rows around the one to compute.
    fn magnitudes(
        smooth: &[&[f32]; TAPS],
        derive: &[&[f32]; TAPS],
        smoothing: &[f32; TAPS],
        deriving: &[f32; TAPS],
        scale: f32,
        out: &mut [f32],
    ) {
        let n = out.len();
        let smooth = smooth.map(|r| &r[..n]);
        let derive = derive.map(|r| &r[..n]);
        for (x, out) in out.iter_mut().enumerate() {
            let (mut across, mut down) = (0.0, 0.0);
            for i in 0..TAPS {
                across += smoothing[i] * derive[i][x];
                down += deriving[i] * smooth[i][x];
            }
            *out = (across * across + down * down).sqrt() * scale;
        }
    }

    fn squared_difference(a: &[f32], b: &[f32]) -> f32 {
        sum(a, b, |a, b| (a - b) * (a - b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filter_half_size_follows_the_definition() {
        let sigma = 1.4f64;
        let half = (sigma * (-2.0 * ((2.0 * std::f64::consts::PI).sqrt() * sigma * 0.01).ln()).sqrt()).ceil();
        assert_eq!(half as usize, HALF);
    }

    #[test]
    fn equal_and_stretched_mattes_have_no_error() {
        let a = Plane::from_vec((0..30 * 20).map(|i| ((i * 37) % 64) as f32 / 63.0).collect(), 30, 20);
        let dim = Plane::from_vec(a.data().iter().map(|v| 0.2 + 0.5 * v).collect(), 30, 20);
        let mut gradient = Gradient::default();
        assert_eq!(gradient.error(&a, &a), 0.0);
        assert!(gradient.error(&dim, &a) < 1e-6);
        // Nothing against something: the sum of the squared magnitudes of `a` alone.
        assert!(gradient.error(&Plane::new(30, 20), &a) > 100.0 * gradient.error(&dim, &a) + 1e-4);
        // One that was used for another size.
        assert_eq!(gradient.error(&Plane::new(3, 2), &Plane::new(3, 2)), 0.0);
    }
}
