//! Calming the mattes of networks that see each frame alone.
//!
//! Each pixel of the network's alpha is low-pass filtered over time, with a weight that follows
//! what happens there, as the cut-off of the "1 euro" filter follows the speed (Casiez, Roussel,
//! Vogel, CHI 2012): where luma and alpha stand still the new value comes in slowly and flicker is
//! averaged away, where something moves it is taken as it is, so that nothing smears.

use crate::plane::Plane;
use crate::simd::dispatch;

/// Change of luma (mean of 3x3, 0..=1) up to which a place counts as still, and from which it
/// counts as moving. Sensor noise, averaged down to the network's size, stays below the first.
const LUMA: (f32, f32) = (0.02, 0.07);
/// The same for the change of alpha: a change that a whole neighbourhood shares is no noise.
const ALPHA: (f32, f32) = (0.2, 0.5);

/// The temporal filter of one view.
#[derive(Debug)]
pub struct Stabilizer {
    /// Weight of the new frame where nothing moves.
    floor: f32,
    primed: bool,
    luma: Plane<f32>,
    alpha: Plane<f32>,
    change: [Plane<f32>; 2],
    scratch: Vec<f32>,
    blurred: [Plane<f32>; 2],
}

impl Stabilizer {
    /// `strength` as in [`super::MatteOptions::stabilize`]: 0 changes nothing, 1 lets a still
    /// region follow with a time constant of about 20 frames; the default of 0.6 one of about 4.
    pub fn new(strength: f32) -> Self {
        let strength = if strength.is_finite() { strength.clamp(0.0, 1.0) } else { 0.0 };
        Self {
            floor: (1.0 - strength).powf(1.5).max(0.05),
            primed: false,
            luma: Plane::default(),
            alpha: Plane::default(),
            change: Default::default(),
            scratch: Vec::new(),
            blurred: Default::default(),
        }
    }

    /// Forgets the past: the next alpha is taken as it is. For a scene cut or a seek.
    pub fn reset(&mut self) {
        self.primed = false;
    }

    /// Filters `alpha` (0..=1) in place; `luma` (0..=1) is the picture it was made from, of the
    /// same size. A frame of another size than the last resets the filter.
    ///
    /// # Panics
    /// When the two planes differ in size.
    pub fn apply(&mut self, luma: &Plane<f32>, alpha: &mut Plane<f32>) {
        let (w, h) = (alpha.width(), alpha.height());
        assert_eq!((luma.width(), luma.height()), (w, h), "the matte has the size of its picture");
        if self.floor >= 1.0 || w == 0 || h == 0 {
            return;
        }
        if self.primed && (self.alpha.width(), self.alpha.height()) == (w, h) {
            for plane in self.change.iter_mut().chain(&mut self.blurred) {
                plane.resize(w, h);
            }
            let [dy, da] = &mut self.change;
            differences(luma.data(), self.luma.data(), dy.data_mut(), true);
            // Signed, so that noise cancels out in the neighbourhood's mean.
            differences(alpha.data(), self.alpha.data(), da.data_mut(), false);
            for (src, dst) in self.change.iter().zip(&mut self.blurred) {
                mean3x3(src, &mut self.scratch, dst);
            }
            let [dy, da] = &self.blurred;
            blend(alpha.data_mut(), self.alpha.data(), dy.data(), da.data(), self.floor);
        }
        self.primed = true;
        self.luma.resize(w, h);
        self.luma.data_mut().copy_from_slice(luma.data());
        self.alpha.resize(w, h);
        self.alpha.data_mut().copy_from_slice(alpha.data());
    }
}

/// 0 below `range.0`, 1 above `range.1`, straight between.
#[inline(always)]
fn ramp(v: f32, range: (f32, f32)) -> f32 {
    ((v - range.0) * (1.0 / (range.1 - range.0))).clamp(0.0, 1.0)
}

/// Mean of the 3 x 3 pixels around each; at the border the edge pixels repeat.
fn mean3x3(src: &Plane<f32>, padded: &mut Vec<f32>, dst: &mut Plane<f32>) {
    let (w, h) = (src.width(), src.height());
    padded.clear();
    padded.resize(w + 2, 0.0);
    for (y, out) in dst.data_mut().chunks_exact_mut(w).enumerate() {
        let row = |y: usize| &src.data()[y * w..][..w];
        sum3(row(y.saturating_sub(1)), row(y), row((y + 1).min(h - 1)), &mut padded[1..=w]);
        padded[0] = padded[1];
        padded[w + 1] = padded[w];
        sum3(&padded[..w], &padded[1..=w], &padded[2..], out);
        for v in out {
            *v *= 1.0 / 9.0;
        }
    }
}

dispatch! {
    fn differences(a: &[f32], b: &[f32], out: &mut [f32], absolute: bool) {
        for ((o, &a), &b) in out.iter_mut().zip(a).zip(b) {
            let d = a - b;
            *o = if absolute { d.abs() } else { d };
        }
    }

    fn sum3(a: &[f32], b: &[f32], c: &[f32], out: &mut [f32]) {
        for (((o, &a), &b), &c) in out.iter_mut().zip(a).zip(b).zip(c) {
            *o = a + b + c;
        }
    }

    fn blend(alpha: &mut [f32], previous: &[f32], luma_change: &[f32], alpha_change: &[f32], floor: f32) {
        for (((alpha, &p), &dy), &da) in alpha.iter_mut().zip(previous).zip(luma_change).zip(alpha_change) {
            let motion = ramp(dy, LUMA).max(ramp(da.abs(), ALPHA));
            let k = floor + (1.0 - floor) * motion;
            *alpha = p + k * (*alpha - p);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matte::MatteOptions;
    use crate::simd::forced;

    const W: usize = 40;
    const H: usize = 24;

    struct Rng(u32);
    impl Rng {
        /// Uniform in -1..=1.
        fn next(&mut self) -> f32 {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (self.0 >> 8) as f32 / (1 << 23) as f32 - 1.0
        }
    }

    fn plane(f: impl FnMut(usize, usize) -> f32) -> Plane<f32> {
        let mut f = f;
        Plane::from_vec((0..W * H).map(|i| f(i % W, i / W)).collect(), W, H)
    }

    /// A person whose edge stands at column `edge`, brighter than the background by `contrast`.
    fn scene(edge: f32, contrast: f32) -> (Plane<f32>, Plane<f32>) {
        let cover = move |x: usize| (edge - x as f32 + 0.5).clamp(0.0, 1.0);
        (plane(|x, _| 0.3 + contrast * cover(x)), plane(|x, _| cover(x)))
    }

    #[test]
    fn a_flickering_matte_of_a_still_picture_calms_down() {
        forced::each(|level| {
            let mut rng = Rng(5);
            let mut stab = Stabilizer::new(MatteOptions::default().stabilize);
            let (mut before, mut after) = (0.0, 0.0);
            let (mut last_raw, mut last_out) = (None::<Plane<f32>>, None::<Plane<f32>>);
            for t in 0..60 {
                let (luma, alpha) = scene(20.0, 0.4);
                let luma = plane(|x, y| luma.data()[y * W + x] + 0.01 * rng.next());
                let raw = plane(|x, y| (0.1 + 0.8 * alpha.data()[y * W + x]) + 0.1 * rng.next());
                let mut out = raw.clone();
                stab.apply(&luma, &mut out);
                if t > 10 {
                    let energy = |a: &Plane<f32>, b: &Option<Plane<f32>>| -> f32 {
                        b.iter().flat_map(|b| a.data().iter().zip(b.data()).map(|(a, b)| (a - b).powi(2))).sum()
                    };
                    before += energy(&raw, &last_raw);
                    after += energy(&out, &last_out);
                }
                (last_raw, last_out) = (Some(raw), Some(out));
            }
            assert!(after * 3.0 < before, "{level:?}: flicker {before} only fell to {after}");
        });
    }

    #[test]
    fn a_still_noisy_matte_varies_at_least_three_times_less() {
        let mut rng = Rng(9);
        let mut stab = Stabilizer::new(MatteOptions::default().stabilize);
        let (luma, _) = scene(20.0, 0.4);
        let (mut raw_squares, mut squares) = (0.0, 0.0);
        for t in 0..80 {
            let raw = plane(|_, _| 0.5 + 0.15 * rng.next());
            let mut out = raw.clone();
            stab.apply(&luma, &mut out);
            if t > 10 {
                raw_squares += raw.data().iter().map(|v| (v - 0.5).powi(2)).sum::<f32>();
                squares += out.data().iter().map(|v| (v - 0.5).powi(2)).sum::<f32>();
            }
        }
        assert!(squares * 3.0 < raw_squares, "variance {raw_squares} only fell to {squares}");
    }

    #[test]
    fn a_moving_edge_lags_less_than_a_frame() {
        // The edge's place is the sum of alpha along a row.
        for contrast in [0.4, 0.0] {
            for speed in [0.5f32, 1.0, 2.0, 4.0] {
                let mut stab = Stabilizer::new(MatteOptions::default().stabilize);
                let mut worst: f32 = 0.0;
                for t in 0..8 {
                    let edge = 4.0 + speed * t as f32;
                    let (luma, mut alpha) = scene(edge, contrast);
                    let truth: f32 = alpha.data()[W * 12..][..W].iter().sum();
                    stab.apply(&luma, &mut alpha);
                    let got: f32 = alpha.data()[W * 12..][..W].iter().sum();
                    worst = worst.max((truth - got) / speed);
                }
                // Without any contrast between person and background only alpha tells.
                let limit = if contrast > 0.0 { 0.35 } else { 1.0 };
                if contrast > 0.0 || speed >= 2.0 {
                    assert!(worst < limit, "contrast {contrast}, {speed} px a frame: {worst} frames late");
                }
            }
        }
    }

    #[test]
    fn reset_strength_zero_and_a_new_size_take_the_matte_as_it_is() {
        let (luma, alpha) = scene(10.0, 0.4);
        let mut stab = Stabilizer::new(0.6);
        stab.apply(&luma, &mut plane(|_, _| 0.45));
        let mut filtered = plane(|_, _| 0.5);
        stab.apply(&luma, &mut filtered);
        assert!(filtered.data()[0] < 0.49);
        stab.reset();
        let mut out = alpha.clone();
        stab.apply(&luma, &mut out);
        assert_eq!(out, alpha);
        let mut small = Plane::from_vec(vec![0.5; 12], 4, 3);
        stab.apply(&Plane::from_vec(vec![0.9; 12], 4, 3), &mut small);
        assert_eq!(small.data(), [0.5; 12]);

        let mut off = Stabilizer::new(0.0);
        off.apply(&luma, &mut plane(|_, _| 0.0));
        let mut out = plane(|_, _| 0.1);
        off.apply(&luma, &mut out);
        assert_eq!(out.data(), plane(|_, _| 0.1).data());
    }
}
