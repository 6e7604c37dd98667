//! Slopes and offsets against their definition, and what outlines become.

use super::*;
use crate::plane::Rect;
use crate::simd::forced;
use proptest::prelude::*;

/// Numbers in 0..1 that look random.
fn noise(seed: u32) -> impl FnMut() -> f32 {
    let mut state = seed | 1;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    }
}

fn fitted(small: &SmallYuv, alpha: &Plane<f32>) -> (EdgeColors, Coefficients) {
    let colors = EdgeColors::of(small, alpha);
    let mut out = Coefficients::default();
    let rect = Rect::new(0, 0, alpha.width(), alpha.height());
    coefficients(&MattedView { rect, small, alpha, colors: &colors }, &mut out);
    (colors, out)
}

/// Slope, offset and range of a pixel, straight from the module's text.
fn expected(small: &SmallYuv, alpha: &Plane<f32>, colors: &EdgeColors, x: usize, y: usize) -> [f64; 4] {
    let (w, h) = (alpha.width(), alpha.height());
    let cell = EdgeColors::cell(w, h) as f64;
    let at = |p: &Plane<f32>, x: usize, y: usize| f64::from(p.data()[y * p.width() + x]);
    let field = |p: &Plane<f32>| {
        let place = |i: usize, cells: usize| ((i as f64 + 0.5) / cell - 0.5).clamp(0.0, cells as f64 - 1.0);
        let (gx, gy) = (place(x, p.width()), place(y, p.height()));
        let (x0, y0) = (gx as usize, gy as usize);
        let (x1, y1) = ((x0 + 1).min(p.width() - 1), (y0 + 1).min(p.height() - 1));
        let (tx, ty) = (gx.fract(), gy.fract());
        let row = |y| at(p, x0, y) * (1.0 - tx) + at(p, x1, y) * tx;
        row(y0) * (1.0 - ty) + row(y1) * ty
    };
    let weight = [1.0, 3.0, 3.0];
    let planes = [&small.y, &small.u, &small.v];
    let f: Vec<f64> = colors.foreground.iter().zip(weight).map(|(p, w)| w * field(p)).collect();
    let b: Vec<f64> = colors.background.iter().zip(weight).map(|(p, w)| w * field(p)).collect();
    let shown: Vec<f64> = planes.iter().zip(weight).map(|(p, w)| w * at(p, x, y)).collect();
    let squared: f64 = f.iter().zip(&b).map(|(f, b)| (f - b).powi(2)).sum();
    let along: f64 = (0..3).map(|c| (shown[c] - b[c]) * (f[c] - b[c])).sum::<f64>() / (squared + 1e-6);
    let known: f64 = colors.sure.iter().map(|p| (8.0 * field(p)).min(1.0)).product();
    let believed = (squared / (squared + 0.02)).powi(2) * known;
    let near: Vec<f64> = (y.saturating_sub(1)..(y + 2).min(h))
        .flat_map(|j| (x.saturating_sub(1)..(x + 2).min(w)).map(move |i| (i, j)))
        .map(|(i, j)| at(alpha, i, j))
        .collect();
    let (low, high) = near.iter().fold((1f64, 0f64), |(l, h), v| (l.min(*v), h.max(*v)));
    let own = at(alpha, x, y);
    if high - low <= 0.02 {
        return [0.0, own, own, own];
    }
    let moved = (own + believed * (along.clamp(0.0, 1.0) - own)).clamp(low, high);
    let steep = believed * ((high - low - 0.02) / 0.25).clamp(0.0, 1.0);
    let slope = steep * (f[0] - b[0]) / (squared + 1e-6);
    let beyond = (along - along.clamp(0.0, 1.0)).clamp(-1.0, 1.0);
    let offset = moved - slope * at(&small.y, x, y) + steep * beyond;
    let share = 1.0 - (f[0] - b[0]).powi(2) / (squared + 1e-6);
    let more = 0.3 * ((share - 0.75) / 0.25).clamp(0.0, 1.0) * slope.abs();
    [slope, offset, slope * b[0] + offset - more, slope * f[0] + offset + more]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn coefficients_match_their_definition(w in 1usize..200, h in 1usize..40, seed in any::<u32>()) {
        let mut noise = noise(seed);
        let alpha: Vec<f32> = (0..w * h).map(|i| if i % w > w / 2 { 0.9 + 0.1 * noise() } else { 0.0 }).collect();
        let mut plane = |from: f32, with: f32, unrest: f32| {
            Plane::from_vec(alpha.iter().map(|a| from + with * a + unrest * (noise() - 0.5)).collect(), w, h)
        };
        let small = SmallYuv { y: plane(0.3, 0.3, 0.3), u: plane(0.0, 0.1, 0.1), v: plane(0.1, -0.2, 0.1) };
        let alpha = Plane::from_vec(alpha, w, h);
        forced::each(|level| {
            let (colors, out) = fitted(&small, &alpha);
            for i in 0..w * h {
                let want = expected(&small, &alpha, &colors, i % w, i / w);
                let got = [&out.a, &out.b, &out.range[0], &out.range[1]].map(|plane| f64::from(plane.data()[i]));
                // Slopes are steep where the colors are close.
                let near = |(got, want): (&f64, &f64)| (got - want).abs() < 2e-3 * (1.0 + want.abs());
                assert!(got.iter().zip(&want).all(near), "{level:?} at {i}: {got:?} {want:?}");
            }
        });
    }
}

#[test]
fn flat_parts_of_the_matte_ignore_the_texture_of_the_picture() {
    let (w, h) = (32, 32);
    let texture = Plane::from_vec((0..w * h).map(|i| if (i / 2) % 2 == 0 { 0.1 } else { 0.9 }).collect(), w, h);
    let small = SmallYuv { y: texture.clone(), u: texture.clone(), v: texture };
    // Slight unrest of the model's output is flat too.
    let alpha: Vec<f32> = (0..w * h).map(|i| if i % w < 16 { 0.01 * (i % 2) as f32 } else { 1.0 }).collect();
    let alpha = Plane::from_vec(alpha, w, h);
    let (_, out) = fitted(&small, &alpha);
    for (i, (&a, &b)) in out.a.data().iter().zip(out.b.data()).enumerate() {
        if !(15..=16).contains(&(i % w)) {
            assert_eq!((a, b), (0.0, alpha.data()[i]), "at {i}");
        }
    }
}

/// A person whose outline the model draws a pixel off, softly.
#[test]
fn outline_moves_to_the_color_edge() {
    let (w, h) = (512, 16);
    let truth = |x: usize| if x < 300 { 1.0 } else { 0.0 };
    let plane = |person: f32, background: f32| {
        let at = |x: usize| background + (person - background) * truth(x);
        Plane::from_vec((0..w * h).map(|i| at(i % w)).collect(), w, h)
    };
    let small = SmallYuv { y: plane(0.4, 0.5), u: plane(-0.1, 0.2), v: plane(0.2, 0.0) };
    let drawn = |x: usize| ((300.5 - x as f32) / 3.0 + 0.5).clamp(0.0, 1.0);
    let alpha = Plane::from_vec((0..w * h).map(|i| drawn(i % w)).collect(), w, h);
    let (_, out) = fitted(&small, &alpha);
    let refined = |x: usize| out.a.data()[8 * w + x] * small.y.data()[x] + out.b.data()[8 * w + x];
    let error = |f: &dyn Fn(usize) -> f32| (0..w).map(|x| (f(x) - truth(x)).abs()).sum::<f32>();
    assert!(error(&refined) < 0.5 * error(&drawn), "{} {}", error(&refined), error(&drawn));
}

/// Where person and background have similar colors, only the model's alpha is left.
#[test]
fn similar_colors_leave_the_matte_alone() {
    let (w, h) = (64, 48);
    let mut noise = noise(7);
    let mut plane = || Plane::from_vec((0..w * h).map(|_| 0.4 + 0.02 * noise()).collect(), w, h);
    let small = SmallYuv { y: plane(), u: plane(), v: plane() };
    let drawn = |x: usize| ((32.0 - x as f32) / 4.0 + 0.5).clamp(0.0, 1.0);
    let alpha = Plane::from_vec((0..w * h).map(|i| drawn(i % w)).collect(), w, h);
    let (_, out) = fitted(&small, &alpha);
    for (i, (a, b)) in out.a.data().iter().zip(out.b.data()).enumerate() {
        let refined = a * small.y.data()[i] + b;
        assert!((refined - alpha.data()[i]).abs() < 0.02, "at {i}: {refined} {}", alpha.data()[i]);
    }
}
