//! Telling a fisheye picture from an equirectangular one: a fisheye's circle leaves the corners of
//! the view black.

use crate::plane::{PlaneRef, Rect, Sample};

/// Samples across and down that are examined.
const GRID: usize = 256;
/// Radius, in half views, from which on a fisheye is black. A little outside the circle, where
/// scaling and compression have smeared its edge.
const OUTSIDE: f64 = 1.03;
/// Radii between which a picture that isn't black as a whole shows something.
const RING: (f64, f64) = (0.75, 0.95);
/// 99th percentile of full-range luma below which the corners are black.
const BLACK: u8 = 16;
/// 99th percentile of full-range luma above which the ring shows something.
const LIT: u8 = 64;

/// What a view shows inside and outside of the inscribed circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CornerContent {
    /// Black outside the inscribed circle, a picture inside.
    Circle,
    /// Picture content outside the circle.
    Filled,
    /// Too dark to decide.
    Dark,
}

/// Classifies the view `rect` of a luma plane. `to_full` brings a sample to full-range 8 bit.
///
/// The 99th percentile and not the mean decides: a few bright pixels in the corners, of a watermark
/// or a packed alpha channel, are picture content, and a mean would hide them.
pub fn corner_content<T: Sample>(plane: PlaneRef<'_, T>, rect: Rect, to_full: impl Fn(T) -> u8) -> CornerContent {
    let (w, h) = (rect.w.min(plane.width.saturating_sub(rect.x)), rect.h.min(plane.height.saturating_sub(rect.y)));
    if w == 0 || h == 0 {
        return CornerContent::Dark;
    }
    let (mut corners, mut ring) = ([0u32; 256], [0u32; 256]);
    for j in 0..GRID {
        let row = plane.row(rect.y + (2 * j + 1) * h / (2 * GRID));
        let v = (2 * j + 1) as f64 / GRID as f64 - 1.0;
        for i in 0..GRID {
            let u = (2 * i + 1) as f64 / GRID as f64 - 1.0;
            let r = u.hypot(v);
            let luma = || usize::from(to_full(row[rect.x + (2 * i + 1) * w / (2 * GRID)]));
            if r > OUTSIDE {
                corners[luma()] += 1;
            } else if (RING.0..=RING.1).contains(&r) {
                ring[luma()] += 1;
            }
        }
    }
    match (percentile_99(&corners), percentile_99(&ring)) {
        (corner, _) if corner >= BLACK => CornerContent::Filled,
        (_, ring) if ring > LIT => CornerContent::Circle,
        _ => CornerContent::Dark,
    }
}

/// The value that 99 of 100 samples don't exceed.
fn percentile_99(histogram: &[u32; 256]) -> u8 {
    let total: u32 = histogram.iter().sum();
    let mut seen = 0;
    for (value, n) in histogram.iter().enumerate() {
        seen += n;
        if u64::from(seen) * 100 >= u64::from(total) * 99 {
            return value as u8;
        }
    }
    255
}

/// The verdict on several views of several frames: a circle where every view that can be judged
/// has one, and there is at least one.
pub fn verdict(contents: impl IntoIterator<Item = CornerContent>) -> CornerContent {
    let mut verdict = CornerContent::Dark;
    for corner_content in contents {
        match corner_content {
            CornerContent::Filled => return CornerContent::Filled,
            CornerContent::Circle => verdict = CornerContent::Circle,
            CornerContent::Dark => {}
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A view of `size` where `paint` gives the luma at (u, v) in -1..1.
    fn view(size: usize, paint: impl Fn(f64, f64) -> u8) -> Vec<u8> {
        let at = |i: usize| (2 * i + 1) as f64 / size as f64 - 1.0;
        (0..size * size).map(|i| paint(at(i % size), at(i / size))).collect()
    }

    fn content_of(picture: &[u8], size: usize) -> CornerContent {
        corner_content(PlaneRef::new(picture, size, size, size), Rect::new(0, 0, size, size), |v| v)
    }

    #[test]
    fn fisheye_circles_are_distinguished_from_filled_and_dark_views() {
        let texture = |u: f64, v: f64| 60 + ((u * 40.0).sin() * 30.0 + (v * 23.0).cos() * 60.0).abs() as u8;
        for size in [100, 400, 1001] {
            let fisheye = view(size, |u, v| if u.hypot(v) < 1.0 { texture(u, v) } else { 3 });
            assert_eq!(content_of(&fisheye, size), CornerContent::Circle, "{size}");
            assert_eq!(content_of(&view(size, texture), size), CornerContent::Filled, "{size}");
            assert_eq!(content_of(&view(size, |_, _| 5), size), CornerContent::Dark, "{size}");
            // A watermark in one corner, 2 % of what lies outside the circle.
            let marked = view(size, |u, v| match (u > 0.9 && v > 0.9, u.hypot(v) < 1.0) {
                (true, _) => 200,
                (_, true) => texture(u, v),
                _ => 3,
            });
            assert_eq!(content_of(&marked, size), CornerContent::Filled, "{size}");
        }
    }

    #[test]
    fn one_filled_view_decides_the_verdict() {
        assert_eq!(verdict([CornerContent::Dark, CornerContent::Circle, CornerContent::Circle]), CornerContent::Circle);
        assert_eq!(verdict([CornerContent::Circle, CornerContent::Filled]), CornerContent::Filled);
        assert_eq!(verdict([CornerContent::Dark]), CornerContent::Dark);
        assert_eq!(verdict([]), CornerContent::Dark);
    }
}
