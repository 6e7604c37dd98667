//! Matching on pictures whose disparity is known.

use super::*;
use crate::matte::stereo::pictures::texture;
use crate::simd::forced;
use proptest::prelude::*;

const W: usize = 96;
const H: usize = 40;

fn whole() -> Rect {
    Rect::new(0, 0, W, H)
}

#[test]
fn constant_disparity_is_found_to_a_quarter_of_a_pixel() {
    forced::each(|level| {
        for d in [-3.0f32, 0.0, 0.3, 1.5, 4.75, 9.0] {
            // Pixel x of the first is at x - d of the second.
            let (first, second) = (texture(1, W, H, |_, _| 0.0), texture(1, W, H, |_, _| d));
            let mut matcher = Matcher::new(Search::new(-5, 11));
            for (view, found) in matcher.run(&first, &second, whole()).iter().enumerate() {
                let mut sure = 0;
                for y in 0..H {
                    for x in 20..W - 20 {
                        if found.confidence.as_ref().row(y)[x] > 0.5 {
                            let error = (found.disparity.as_ref().row(y)[x] - d).abs();
                            assert!(error <= 0.25, "{level:?}, view {view}, {x} {y}: {error} beside {d}");
                            sure += 1;
                        }
                    }
                }
                assert!(sure > H * (W - 40) * 3 / 4, "{level:?}, {d}: only {sure} sure");
            }
        }
    });
}

#[test]
fn swapped_eyes_flip_the_sign() {
    let (left, right) = (texture(2, W, H, |_, _| 0.0), texture(2, W, H, |_, _| 6.0));
    let search = Search::new(-2, 10);
    let mut matcher = Matcher::new(search.flipped());
    let [a, b] = matcher.run(&right, &left, whole());
    for found in [a, b] {
        assert!(found.confidence.as_ref().row(20)[48] > 0.9);
        assert!((found.disparity.as_ref().row(20)[48] + 6.0).abs() < 0.25);
    }
}

fn most_confident(first: &Plane<f32>, second: &Plane<f32>) -> f32 {
    let mut matcher = Matcher::new(Search::new(-5, 11));
    let found = matcher.run(first, second, whole());
    // Towards the sides repeating patterns meet the repeated edge.
    let inner = |f: &Match| (0..H).flat_map(|y| f.confidence.as_ref().row(y)[20..W - 20].to_vec()).fold(0.0, f32::max);
    found.iter().map(inner).fold(0.0, f32::max)
}

#[test]
fn flat_and_repeating_pictures_are_not_confident() {
    // Nothing but noise of two gray levels, another in each eye.
    let noise = |seed| {
        let grain = texture(seed, 3 * W, 3 * H, |_, _| 0.0);
        let data = (0..W * H).map(|i| 0.5 + 0.03 * (grain.data()[i / W * 9 * W + i % W * 3] - 0.5)).collect();
        Plane::from_vec(data, W, H)
    };
    assert!(most_confident(&noise(1), &noise(2)) < 0.1);
    assert_eq!(most_confident(&Plane::new(W, H), &Plane::new(W, H)), 0.0);
    // Bars that are alike every six pixels fit in three places.
    let bars = |shift: usize| {
        Plane::from_vec((0..W * H).map(|i| if (i % W + shift) % 6 < 3 { 0.2 } else { 0.8 }).collect(), W, H)
    };
    assert_eq!(most_confident(&bars(0), &bars(1)), 0.0);
}

#[test]
fn texture_in_one_eye_only_has_no_confidence() {
    // A patch of other texture in the first view only.
    let mut first = texture(4, W, H, |_, _| 0.0);
    let second = texture(4, W, H, |_, _| 2.0);
    let patch = texture(5, W, H, |_, _| 0.0);
    for y in 8..32 {
        first.as_mut().row_mut(y)[36..60].copy_from_slice(&patch.as_ref().row(y)[36..60]);
    }
    let mut matcher = Matcher::new(Search::new(-5, 11));
    let found = &matcher.run(&first, &second, whole())[0];
    let sure = (14..26).flat_map(|y| (42..54).map(move |x| (x, y)));
    let sure = sure.filter(|&(x, y)| found.confidence.as_ref().row(y)[x] > 0.5).count();
    assert!(sure <= 4, "{sure} of 144");
    assert!(found.confidence.as_ref().row(20)[20] > 0.9, "beside it all is well");
}

#[test]
fn only_the_given_area_is_matched() {
    let (first, second) = (texture(6, W, H, |_, _| 0.0), texture(6, W, H, |_, _| 3.0));
    let mut matcher = Matcher::new(Search::new(-2, 8));
    matcher.run(&first, &second, whole());
    let area = Rect::new(20, 10, 50, 12);
    let found = &matcher.run(&first, &second, area)[0];
    for (i, c) in found.confidence.data().iter().enumerate() {
        let inside = (20..70).contains(&(i % W)) && (10..22).contains(&(i / W));
        assert!(inside || *c == 0.0);
    }
    assert!(found.confidence.as_ref().row(15)[45] > 0.9);
    matcher.run(&first, &second, Rect::new(5, 5, 0, 0));
    assert!(matcher.found().iter().flat_map(|f| f.confidence.data()).all(|c| *c == 0.0));
}

/// The sum over the block around `x`, `y` of the first view, written plainly.
fn cost(first: &Plane<f32>, second: &Plane<f32>, (x, y): (usize, usize), d: i32, offset: f32) -> u16 {
    let at = |p: &Plane<f32>, x: i32, y: i32, offset: f32| {
        let row = p.as_ref().row(y.clamp(0, p.height() as i32 - 1) as usize);
        to_byte(row[x.clamp(0, p.width() as i32 - 1) as usize], offset)
    };
    let (x, y, r) = (x as i32, y as i32, RADIUS as i32);
    let block = (y - r..=y + r).flat_map(|y| (x - r..=x + r).map(move |x| (x, y)));
    block.map(|(x, y)| u16::from(at(first, x, y, 0.0).abs_diff(at(second, x - d, y, offset)))).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Sliding sums, areas and edges give what the plain sum gives, at every instruction set.
    #[test]
    fn matching_finds_the_least_sum(seed: u32, w in 12usize..50, h in 3usize..24, min in -6i32..4, n in 1i32..12, cut in 0usize..6) {
        let (first, second) = (texture(seed, w, h, |_, _| 0.0), texture(seed, w, h, |x, _| x as f32 * 0.05));
        let area = Rect::new(cut.min(w / 3), cut.min(h / 3), w - 2 * cut.min(w / 3), h - 2 * cut.min(h / 3));
        let offset = mean(&first, area) - mean(&second, area);
        forced::each(|level| {
            let mut matcher = Matcher::new(Search::new(min, min + n));
            let found = &matcher.run(&first, &second, area)[0];
            for y in area.y..area.y + area.h {
                for x in area.x..area.x + area.w {
                    let d = found.disparity.as_ref().row(y)[x];
                    if found.confidence.as_ref().row(y)[x] == 0.0 { continue; }
                    let got = cost(&first, &second, (x, y), d.round() as i32, offset);
                    let least = (min..=min + n).map(|d| cost(&first, &second, (x, y), d, offset)).min();
                    // A remainder of exactly a half rounds to the neighbor.
                    let tie = (d - d.round()).abs() > 0.499;
                    assert!(Some(got) == least || tie, "{level:?} {x} {y}: {got} at {d}, least {least:?}");
                }
            }
        });
    }
}
