//! Calming the mattes of networks that see each frame alone.
//!
//! Each pixel of the network's alpha is low-pass filtered over time, with a weight that follows
//! what happens there, as the cut-off of the "1 euro" filter follows the speed (Casiez, Roussel,
//! Vogel, CHI 2012): where luma and alpha stand still the new value comes in slowly and flicker is
//! averaged away, where something moves it is taken as it is, so that nothing smears.

use super::ramp;
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
    /// The last frame's picture, and its matte as it was given out.
    luma: Plane<f32>,
    alpha: Plane<f32>,
    /// Change of luma and of alpha in three rows, row `y` in slot `y % 3`.
    change: [[Vec<f32>; 2]; 3],
    /// Sums of three rows of each, with a repeated pixel at either end.
    sums: [Vec<f32>; 2],
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
            sums: Default::default(),
        }
    }

    /// The last frame's picture and its matte as it was given out; `None` before the first frame.
    pub fn memory(&self) -> Option<(&Plane<f32>, &Plane<f32>)> {
        self.primed.then_some((&self.luma, &self.alpha))
    }

    /// Takes over the [memory](Self::memory) of another stabiliser.
    pub fn remember(&mut self, memory: Option<(Plane<f32>, Plane<f32>)>) {
        self.primed = memory.is_some();
        if let Some((luma, alpha)) = memory {
            (self.luma, self.alpha) = (luma, alpha);
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
            self.filter(luma, alpha);
        } else {
            self.luma.clone_from(luma);
            self.alpha.clone_from(alpha);
            self.primed = true;
        }
    }

    /// One pass over the planes, row by row, so that what lies between is never out of the cache.
    fn filter(&mut self, luma: &Plane<f32>, alpha: &mut Plane<f32>) {
        let (w, h) = (alpha.width(), alpha.height());
        self.change.iter_mut().flatten().for_each(|row| row.resize(w, 0.0));
        self.sums.iter_mut().for_each(|row| row.resize(w + 2, 0.0));
        let row = |y: usize| y * w..(y + 1) * w;
        for y in 0..=h {
            if y < h {
                let [dy, da] = &mut self.change[y % 3];
                // Rows are filtered one behind, so `alpha` and the last frame's are still as they came.
                let alpha = (&alpha.data()[row(y)], &self.alpha.data()[row(y)]);
                changes(&luma.data()[row(y)], &mut self.luma.data_mut()[row(y)], alpha.0, alpha.1, dy, da);
            }
            if let Some(y) = y.checked_sub(1) {
                let near = [y.saturating_sub(1), y, (y + 1).min(h - 1)].map(|y| &self.change[y % 3]);
                let (now, last) = (&mut alpha.data_mut()[row(y)], &mut self.alpha.data_mut()[row(y)]);
                blend(near, &mut self.sums, now, last, self.floor);
            }
        }
    }
}

dispatch! {
    /// How much luma and alpha differ from the last frame's; `last_luma` becomes `luma`. Alpha's change
    /// keeps its sign, so that noise cancels out in the neighbourhood's mean.
    fn changes(
        luma: &[f32], last_luma: &mut [f32], alpha: &[f32], last_alpha: &[f32], dy: &mut [f32], da: &mut [f32],
    ) {
        let n = luma.len();
        let (last_luma, alpha, last_alpha) = (&mut last_luma[..n], &alpha[..n], &last_alpha[..n]);
        let (dy, da) = (&mut dy[..n], &mut da[..n]);
        for x in 0..n {
            dy[x] = (luma[x] - last_luma[x]).abs();
            da[x] = alpha[x] - last_alpha[x];
            last_luma[x] = luma[x];
        }
    }

    /// Filters a row; `near` are the changes in the row above, in it and below. `last`, the filtered
    /// row of the last frame, becomes that of this one.
    fn blend(near: [&[Vec<f32>; 2]; 3], sums: &mut [Vec<f32>; 2], alpha: &mut [f32], last: &mut [f32], floor: f32) {
        let n = alpha.len();
        for (k, sums) in sums.iter_mut().enumerate() {
            let [a, b, c] = near.map(|row| &row[k][..n]);
            let inner = &mut sums[1..=n];
            for x in 0..n {
                inner[x] = a[x] + b[x] + c[x];
            }
            sums[0] = sums[1];
            sums[n + 1] = sums[n];
        }
        let [dy, da] = sums;
        let (dy, da, last) = (&dy[..n + 2], &da[..n + 2], &mut last[..n]);
        for x in 0..n {
            let dy = (dy[x] + dy[x + 1] + dy[x + 2]) * (1.0 / 9.0);
            let da = (da[x] + da[x + 1] + da[x + 2]) * (1.0 / 9.0);
            let (moving, changing) = (ramp(dy, LUMA), ramp(da.abs(), ALPHA));
            let motion = if moving > changing { moving } else { changing };
            let k = floor + (1.0 - floor) * motion;
            let calm = last[x] + k * (alpha[x] - last[x]);
            alpha[x] = calm;
            last[x] = calm;
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
