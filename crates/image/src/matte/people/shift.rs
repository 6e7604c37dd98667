//! The horizontal shift of a person between the two eyes.

use crate::plane::Plane;

/// Rows and columns of a box that are compared, at most.
const SAMPLES: usize = 48;

/// How many samples further right the luma `second` shows what `first` shows in a box (left, top, right,
/// bottom), searched up to `reach` samples either way: the whole number of samples by which the sum of
/// absolute differences is the least, of equal ones the nearest to 0.
///
/// # Panics
/// When the two planes differ in size.
pub fn shift(first: &Plane<f32>, second: &Plane<f32>, sides: [f32; 4], reach: usize) -> f32 {
    let (w, h) = (first.width(), first.height());
    assert_eq!((second.width(), second.height()), (w, h), "both eyes have the same size");
    let at = |v: f32, limit: usize| (v.round().max(0.0) as usize).min(limit);
    let (x0, x1, y0, y1) = (at(sides[0], w), at(sides[2], w), at(sides[1], h), at(sides[3], h));
    if x1 <= x0 || y1 <= y0 {
        return 0.0;
    }
    let (step_x, step_y) = ((x1 - x0).div_ceil(SAMPLES), (y1 - y0).div_ceil(SAMPLES));
    let difference = |by: isize| {
        let (mut sum, mut n) = (0.0f64, 0u32);
        for y in (y0..y1).step_by(step_y) {
            for x in (x0..x1).step_by(step_x) {
                let there = x as isize + by;
                if (0..w as isize).contains(&there) {
                    sum += f64::from((first.data()[y * w + x] - second.data()[y * w + there as usize]).abs());
                    n += 1;
                }
            }
        }
        if n == 0 { f64::INFINITY } else { sum / f64::from(n) }
    };
    let mut best = (difference(0), 0);
    for by in (1..=reach as isize).flat_map(|n| [n, -n]) {
        let one = difference(by);
        if one < best.0 {
            best = (one, by);
        }
    }
    best.1 as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shift_of_texture_is_found_and_flat_pictures_have_none() {
        let (w, h) = (80, 40);
        let picture = |by: isize| {
            let value = |x: isize, y: isize| ((x * 37 + y * 91 + x * y * 13).rem_euclid(101)) as f32 / 101.0;
            Plane::from_vec(
                (0..w * h).map(|i| value(i as isize % w as isize - by, i as isize / w as isize)).collect(),
                w,
                h,
            )
        };
        for by in [0, 5, -7] {
            assert_eq!(shift(&picture(0), &picture(by), [20.0, 5.0, 50.0, 35.0], 8), by as f32);
        }
        let plain = Plane::from_vec(vec![0.5; w * h], w, h);
        assert_eq!(shift(&plain, &plain, [20.0, 5.0, 50.0, 35.0], 8), 0.0);
        assert_eq!(shift(&plain, &plain, [90.0, 5.0, 95.0, 35.0], 8), 0.0);
    }
}
