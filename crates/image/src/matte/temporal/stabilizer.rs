//! Temporal smoothing of mattes whose model gets each frame alone.
//!
//! Each pixel of the model's alpha is low-pass filtered over time, with a weight that follows
//! what happens there, as the cut-off of the "1 euro" filter follows the speed (Casiez, Roussel,
//! Vogel, CHI 2012): where luma and alpha stand still the new value comes in slowly and flicker is
//! averaged away, where something moves it is used unchanged, so that nothing smears.

use crate::matte::{Borders, ramp};
use crate::plane::Plane;
use crate::simd::{Row, dispatch, load, save};

/// Change of luma (mean of 3x3, 0..=1) up to which a place counts as still, and from which it
/// counts as moving. Sensor noise, averaged down to the model's input size, stays below the first.
const LUMA: (f32, f32) = (0.02, 0.07);
/// The same for the change of alpha: a change that a whole neighborhood shares is no noise.
const ALPHA: (f32, f32) = (0.2, 0.5);

/// Change of a pixel's alpha that is not worth smoothing: a quarter of a step of eight bits. Most of
/// a matte is surely person or surely background and changes by less.
const STILL: f32 = 1e-3;
/// Pixels of a row that are worked on at a time.
const BLOCK: usize = 32;

/// The temporal filter of one view.
#[derive(Debug)]
pub struct Stabilizer {
    /// Weight of the new frame where nothing moves.
    floor: f32,
    primed: bool,
    borders: Borders,
    /// The last frame's picture, and its filtered matte.
    luma: Plane<f32>,
    alpha: Plane<f32>,
    changes: Changes,
}

impl Stabilizer {
    /// `strength` as in [`MatteOptions::stabilize`](crate::matte::MatteOptions::stabilize): 0 changes nothing, 1 lets a still
    /// region follow with a time constant of about 20 frames; the default of 0.6 one of about 4.
    pub fn new(strength: f32) -> Self {
        Self {
            floor: floor_of(strength),
            primed: false,
            borders: Borders::default(),
            luma: Plane::default(),
            alpha: Plane::default(),
            changes: Changes::default(),
        }
    }

    /// Uses another strength from the next frame on.
    pub fn set_strength(&mut self, strength: f32) {
        self.floor = floor_of(strength);
    }

    /// The same, with such borders.
    #[must_use]
    pub fn with_borders(mut self, borders: Borders) -> Self {
        self.borders = borders;
        self
    }

    /// The last frame's picture and its filtered matte; `None` before the first frame.
    pub fn memory(&self) -> Option<(&Plane<f32>, &Plane<f32>)> {
        self.primed.then_some((&self.luma, &self.alpha))
    }

    /// Restores the [state](Self::memory) of another stabilizer.
    pub fn remember(&mut self, memory: Option<(Plane<f32>, Plane<f32>)>) {
        self.primed = memory.is_some();
        if let Some((luma, alpha)) = memory {
            (self.luma, self.alpha) = (luma, alpha);
        }
    }

    /// Drops the last frame: the next alpha is left unchanged. For a scene cut or a seek.
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
            // Where it is strong again later, what it knew is too old.
            self.reset();
            return;
        }
        if self.primed && (self.alpha.width(), self.alpha.height()) == (w, h) {
            self.changes.resize(w);
            filter(luma, alpha, self);
            return;
        }
        for (from, to) in [(luma, &mut self.luma), (&*alpha, &mut self.alpha)] {
            to.resize(w, h);
            to.data_mut().copy_from_slice(from.data());
        }
        self.primed = true;
    }
}

/// The weight of a new frame at a strength of 0..=1.
fn floor_of(strength: f32) -> f32 {
    let strength = if strength.is_finite() { strength.clamp(0.0, 1.0) } else { 0.0 };
    (1.0 - strength).powf(1.5).max(0.05)
}

/// What changed since the last frame, in the rows around one.
#[derive(Debug, Default)]
struct Changes {
    /// Of luma (without its sign) and of alpha: row `y` is in slot `y % 3`.
    rows: [[Vec<f32>; 2]; 3],
    /// Sums of three rows, with a column more at both ends.
    columns: [Vec<f32>; 2],
}

impl Changes {
    fn resize(&mut self, width: usize) {
        self.rows.iter_mut().flatten().for_each(|row| row.resize(width, 0.0));
        self.columns.iter_mut().for_each(|row| row.resize(width + 2, 0.0));
    }

    /// Adds row `y` of this frame and the last one.
    #[inline(always)]
    fn add_row(&mut self, y: usize, luma: [&[f32]; 2], alpha: [&[f32]; 2]) {
        let [of_luma, of_alpha] = &mut self.rows[y % 3];
        let n = of_luma.len();
        let (of_luma, of_alpha) = (&mut of_luma[..n], &mut of_alpha[..n]);
        let ([luma, last_luma], [alpha, last_alpha]) = (luma, alpha);
        let (luma, last_luma, alpha, last_alpha) = (&luma[..n], &last_luma[..n], &alpha[..n], &last_alpha[..n]);
        for x in 0..n {
            of_luma[x] = (luma[x] - last_luma[x]).abs();
            of_alpha[x] = alpha[x] - last_alpha[x];
        }
    }

    /// Sums the rows `ys`; beyond the left and right border lies what `borders` says.
    #[inline(always)]
    fn sum(&mut self, ys: [usize; 3], borders: Borders) {
        for (which, sums) in self.columns.iter_mut().enumerate() {
            let row = |y: usize| &self.rows[y % 3][which];
            let (above, here, below) = (row(ys[0]), row(ys[1]), row(ys[2]));
            let n = here.len();
            {
                let (sums, above, here, below) = (&mut sums[1..=n], &above[..n], &here[..n], &below[..n]);
                for x in 0..n {
                    sums[x] = above[x] + here[x] + below[x];
                }
            }
            borders.fill(sums, 1);
        }
    }

    /// The weights of the new alpha for the pixels from `x` on, by the mean change around each; those beyond
    /// the border mean nothing. Alpha's change keeps its sign, so that noise cancels out.
    #[inline(always)]
    fn weights(&self, x: usize, floor: f32) -> Row<BLOCK> {
        let [luma, alpha] = &self.columns;
        let end = (x + BLOCK + 2).min(luma.len());
        let (luma, alpha) = (load::<f32, { BLOCK + 2 }>(&luma[x..end]), load::<f32, { BLOCK + 2 }>(&alpha[x..end]));
        let mut out = [0.0; BLOCK];
        for i in 0..BLOCK {
            let dy = (luma[i] + luma[i + 1] + luma[i + 2]) * (1.0 / 9.0);
            let da = (alpha[i] + alpha[i + 1] + alpha[i + 2]) * (1.0 / 9.0);
            let (moving, changing) = (ramp(dy, LUMA), ramp(da.abs(), ALPHA));
            let motion = if moving > changing { moving } else { changing };
            out[i] = floor + (1.0 - floor) * motion;
        }
        out
    }
}

dispatch! {
    /// Filters `alpha`, and copies it and `luma` to the state of `by`, each row after its last use.
    fn filter(luma: &Plane<f32>, alpha: &mut Plane<f32>, by: &mut Stabilizer) {
        let (w, h) = (alpha.width(), alpha.height());
        for y in 0..h {
            // Only the row below is new, except at the first row.
            let new = if y == 0 { 0 } else { y + 1 };
            for y in new..(y + 2).min(h) {
                let luma = luma.as_ref().row(y);
                let last = by.luma.data_mut();
                let last = &mut last[y * w..][..w];
                by.changes.add_row(y, [luma, last], [alpha.as_ref().row(y), by.alpha.as_ref().row(y)]);
                last.copy_from_slice(luma);
            }
            by.changes.sum([y.saturating_sub(1), y, (y + 1).min(h - 1)], by.borders);
            let (mut alpha, mut last) = (alpha.as_mut(), by.alpha.as_mut());
            let (alpha, last) = (alpha.row_mut(y), last.row_mut(y));
            for x in (0..w).step_by(BLOCK) {
                let block = x..(x + BLOCK).min(w);
                let (alpha, last) = (&mut alpha[block.clone()], &mut last[block]);
                let (now, before) = (load::<f32, BLOCK>(alpha), load::<f32, BLOCK>(last));
                if is_still(&now, &before) {
                    save(last, &now);
                    continue;
                }
                let weights = by.changes.weights(x, by.floor);
                let mut out = [0.0; BLOCK];
                for i in 0..BLOCK {
                    out[i] = before[i] + weights[i] * (now[i] - before[i]);
                }
                save(alpha, &out);
                save(last, &out);
            }
        }
    }
}

/// Whether no pixel changes by more than [`STILL`].
#[inline(always)]
fn is_still(now: &Row<BLOCK>, before: &Row<BLOCK>) -> bool {
    // Without their sign the bits of floats are in the order of the numbers, and integers' greatest
    // is vectorized.
    let mut greatest = 0;
    for i in 0..BLOCK {
        greatest = greatest.max((now[i] - before[i]).abs().to_bits());
    }
    f32::from_bits(greatest) <= STILL
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matte::MatteOptions;
    use crate::simd::forced;
    use proptest::prelude::*;

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

    /// The filter pixel by pixel, as the module's text has it.
    fn reference(luma: [&Plane<f32>; 2], alpha: [&Plane<f32>; 2], floor: f64) -> Vec<f64> {
        let (w, h) = (alpha[0].width(), alpha[0].height());
        let at = |p: &Plane<f32>, i: usize| f64::from(p.data()[i]);
        (0..w * h)
            .map(|i| {
                let around = (0..9).map(|k| {
                    let x = (i % w + k % 3).saturating_sub(1).min(w - 1);
                    (i / w + k / 3).saturating_sub(1).min(h - 1) * w + x
                });
                let dy = around.clone().map(|k| (at(luma[0], k) - at(luma[1], k)).abs()).sum::<f64>() / 9.0;
                let da = around.map(|k| at(alpha[0], k) - at(alpha[1], k)).sum::<f64>() / 9.0;
                let moving = ((dy - 0.02) / 0.05).clamp(0.0, 1.0);
                let changing = ((da.abs() - 0.2) / 0.3).clamp(0.0, 1.0);
                let k = floor + (1.0 - floor) * moving.max(changing);
                at(alpha[1], i) + k * (at(alpha[0], i) - at(alpha[1], i))
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn filter_matches_its_definition(
            w in 1usize..100, h in 1usize..9, flat in 0usize..100, noise in 0f32..0.5, seed in any::<u32>(),
        ) {
            let mut rng = Rng(seed | 1);
            // On the left the matte stands still, on the right it does not.
            let mut plane = |level: f32, still: bool| {
                let mut value = |i: usize| if still && i % w < flat { 0.5 } else { level + noise * rng.next() };
                Plane::from_vec((0..w * h).map(&mut value).collect(), w, h)
            };
            let (luma, alpha) = ([plane(0.5, false), plane(0.5, false)], [plane(0.5, true), plane(0.6, true)]);
            let want = reference([&luma[1], &luma[0]], [&alpha[1], &alpha[0]], 0.4f64.powf(1.5));
            forced::each(|level| {
                let mut stab = Stabilizer::new(0.6);
                stab.apply(&luma[0], &mut alpha[0].clone());
                let mut out = alpha[1].clone();
                stab.apply(&luma[1], &mut out);
                for (got, want) in out.data().iter().zip(&want) {
                    assert!((f64::from(*got) - want).abs() < 1.1e-3, "{level:?}: {got} {want}");
                }
            });
        }
    }

    #[test]
    fn flicker_of_a_still_picture_falls_to_a_third() {
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
    fn variance_of_a_still_noisy_matte_falls_to_a_third() {
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
    fn moving_edge_lags_less_than_a_frame() {
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
                // Without any contrast between person and background only alpha shows it.
                let limit = if contrast > 0.0 { 0.35 } else { 1.0 };
                if contrast > 0.0 || speed >= 2.0 {
                    assert!(worst < limit, "contrast {contrast}, {speed} px a frame: {worst} frames late");
                }
            }
        }
    }

    #[test]
    fn reset_zero_strength_and_a_new_size_leave_the_matte_alone() {
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
