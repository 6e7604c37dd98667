//! Finding scene cuts, at which recurrent states and the stabilizer must be reset.

use crate::matte::sample::Resampler;
use crate::plane::Plane;

/// Side of the thumbnail that is compared.
const SIDE: usize = 32;
/// A cut needs a correlation below this ...
const MAX_CORRELATION: f32 = 0.6;
/// ... and a mean absolute difference above this (luma 0..=1): two nearly flat pictures correlate
/// by chance only.
const MIN_DIFFERENCE: f32 = 0.04;
/// Shifts that are tried, in thumbnail samples each way: a pan by an eighth of the picture from
/// one frame to the next is no cut.
const MAX_SHIFT: isize = 4;

/// Compares each frame with the one before.
///
/// Both are reduced to 32 x 32 means of luma. A cut is where the two don't correlate under any
/// small shift. The correlation (Pearson's) ignores gain and offset, so that a flash, a fade or
/// a change of exposure does not count, and the means ignore noise.
#[derive(Debug, Default)]
pub struct SceneDetector {
    resampler: Resampler,
    previous: Option<Plane<f32>>,
    thumb: Plane<f32>,
}

impl SceneDetector {
    /// A detector before its first frame.
    pub fn new() -> Self {
        Self::default()
    }

    /// The picture that the next frame is compared with.
    pub fn memory(&self) -> Option<&Plane<f32>> {
        self.previous.as_ref()
    }

    /// Restores the [state](Self::memory) of another detector.
    pub fn remember(&mut self, memory: Option<Plane<f32>>) {
        self.previous = memory.filter(|p| (p.width(), p.height()) == (SIDE, SIDE));
    }

    /// Drops the last frame: the next is not a cut.
    pub fn reset(&mut self) {
        self.previous = None;
    }

    /// Whether `luma` (0..=1, any size) begins a new scene. The first frame does not.
    pub fn is_cut(&mut self, luma: &Plane<f32>) -> bool {
        let (w, h) = (luma.width() as f64, luma.height() as f64);
        if luma.data().is_empty() {
            return false;
        }
        let size = (SIDE, SIDE);
        self.resampler.resample(luma.as_ref(), (0.0, w), (0.0, h), usize::MAX / 4, (1.0, 0.0), size, &mut self.thumb);
        let cut = self.previous.as_ref().is_some_and(|p| differs(p, &self.thumb));
        match &mut self.previous {
            Some(p) => std::mem::swap(p, &mut self.thumb),
            None => self.previous = Some(std::mem::take(&mut self.thumb)),
        }
        cut
    }
}

fn differs(a: &Plane<f32>, b: &Plane<f32>) -> bool {
    let n = (SIDE * SIDE) as f32;
    let mean = |p: &Plane<f32>| p.data().iter().sum::<f32>() / n;
    // What a change of brightness explains is no difference.
    let (ma, mb) = (mean(a), mean(b));
    let difference = a.data().iter().zip(b.data()).map(|(&a, &b)| ((a - ma) - (b - mb)).abs()).sum::<f32>() / n;
    if difference < MIN_DIFFERENCE {
        return false;
    }
    // From the likeliest shift outwards: an ordinary frame is done after the first.
    if correlation(a, b, 0, 0) >= MAX_CORRELATION {
        return false;
    }
    !(-MAX_SHIFT..=MAX_SHIFT)
        .flat_map(|dy| (-MAX_SHIFT..=MAX_SHIFT).map(move |dx| (dx, dy)))
        .any(|(dx, dy)| correlation(a, b, dx, dy) >= MAX_CORRELATION)
}

/// Pearson's correlation of `a` with `b` moved by (`dx`, `dy`), over the part that both show.
fn correlation(a: &Plane<f32>, b: &Plane<f32>, dx: isize, dy: isize) -> f32 {
    let side = SIDE as isize;
    let (mut n, mut sa, mut sb, mut saa, mut sbb, mut sab) = (0f32, 0f32, 0f32, 0f32, 0f32, 0f32);
    for y in dy.max(0)..side + dy.min(0) {
        let from = dx.max(0);
        let len = (side - dx.abs()) as usize;
        let ra = &a.data()[(y * side + from) as usize..][..len];
        let rb = &b.data()[((y - dy) * side + from - dx) as usize..][..len];
        for (&p, &q) in ra.iter().zip(rb) {
            n += 1.0;
            sa += p;
            sb += q;
            saa += p * p;
            sbb += q * q;
            sab += p * q;
        }
    }
    let covariance = sab - sa * sb / n;
    let variance = (saa - sa * sa / n).max(0.0) * (sbb - sb * sb / n).max(0.0);
    if variance < 1e-9 { 0.0 } else { covariance / variance.sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Rng(u32);
    impl Rng {
        fn next(&mut self) -> f32 {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (self.0 >> 8) as f32 / (1 << 24) as f32
        }
    }

    /// A picture of soft blobs and boxes of all sizes, like a photograph's distribution of detail.
    fn picture(seed: u32, w: usize, h: usize) -> Plane<f32> {
        let mut rng = Rng(seed.wrapping_mul(2_654_435_761) | 1);
        let mut data = vec![0.2 + 0.5 * rng.next(); w * h];
        for _ in 0..60 {
            let size = w as f32 * 0.4 * rng.next().powi(2) + 2.0;
            let (cx, cy) = (rng.next() * w as f32, rng.next() * h as f32);
            let (value, boxy) = (rng.next(), rng.next() < 0.5);
            for y in 0..h {
                for x in 0..w {
                    let (dx, dy) = ((x as f32 - cx).abs() / size, (y as f32 - cy).abs() / size);
                    let inside = if boxy { dx.max(dy) < 1.0 } else { dx * dx + dy * dy < 1.0 };
                    if inside {
                        data[y * w + x] = value;
                    }
                }
            }
        }
        Plane::from_vec(data, w, h)
    }

    fn window(big: &Plane<f32>, x: usize, y: usize, w: usize, h: usize, f: impl Fn(f32) -> f32) -> Plane<f32> {
        let data = (0..w * h).map(|i| f(big.data()[(y + i / w) * big.width() + x + i % w])).collect();
        Plane::from_vec(data, w, h)
    }

    #[test]
    fn hard_cuts_are_detected_once() {
        let mut cuts = 0;
        for seed in 0..40 {
            let mut d = SceneDetector::new();
            assert!(!d.is_cut(&picture(seed, 128, 96)), "nothing comes before the first frame");
            assert!(!d.is_cut(&picture(seed, 128, 96)));
            cuts += usize::from(d.is_cut(&picture(seed + 1000, 128, 96)));
            assert!(!d.is_cut(&picture(seed + 1000, 128, 96)), "a cut is one frame");
        }
        assert!(cuts >= 37, "{cuts} of 40 cuts found");
    }

    #[test]
    fn pans_flashes_fades_and_noise_are_no_cuts() {
        for seed in 0..12 {
            let big = picture(seed, 320, 120);
            let mut rng = Rng(seed + 7);
            let mut d = SceneDetector::new();
            for t in 0..15 {
                // A quick pan: a tenth of the picture each frame, with noise.
                let noisy = window(&big, t * 12, 0, 128, 96, |v| v);
                let data = noisy.data().iter().map(|v| v + 0.1 * (rng.next() - 0.5)).collect();
                assert!(!d.is_cut(&Plane::from_vec(data, 128, 96)), "pan {seed} {t}");
            }
            let still = |f: &dyn Fn(f32) -> f32| window(&big, 180, 0, 128, 96, f);
            d.reset();
            assert!(!d.is_cut(&still(&|v| v)));
            assert!(!d.is_cut(&still(&|v| (0.5 + 0.7 * v).min(1.0))), "flash {seed}");
            assert!(!d.is_cut(&still(&|v| v)), "after the flash {seed}");
            for t in (0..10).rev() {
                assert!(!d.is_cut(&still(&|v| v * t as f32 / 10.0)), "fade {seed} {t}");
            }
        }
    }

    #[test]
    fn reset_and_changes_of_size_are_no_cuts() {
        let mut d = SceneDetector::new();
        d.is_cut(&picture(1, 64, 64));
        d.reset();
        assert!(!d.is_cut(&picture(2, 33, 17)));
        assert!(!d.is_cut(&Plane::new(0, 0)));
        d.is_cut(&Plane::from_vec(vec![0.5], 1, 1));
    }
}
