//! Telling stereo from mono by the picture: the two views of a stereo frame are very alike, the halves of a panorama
//! are not, but its left and right borders meet.

use super::layout::Layout;
use crate::plane::{PlaneRef, Rect, Sample};

/// Cells across and down in which a half is compared.
const CELLS: usize = 64;
/// Samples across and down of which a cell is the mean.
const SAMPLES: usize = 4;
/// Cells across the frame in which its borders are compared: neighbors have to be alike.
const COLUMNS: usize = 4 * CELLS;
/// Cells by which things may be shifted from one half to the other: 14 degrees of 180.
const SHIFT: isize = 5;
/// Mean deviation in levels of 255 below which a half shows too little to be compared.
const LEAST_DETAIL: f64 = 4.0;

/// Likeness from which on halves are two views of the same. Measured: 0.92 to 0.99 for stereo, at most 0.37 for
/// panoramas and flat pictures, up to 0.66 for two fisheyes back to back, whose circles are alike.
const ALIKE: f64 = 0.8;
/// Likeness up to which halves show different things.
const UNLIKE: f64 = 0.5;
/// Difference of the left and right borders, over that of any other two columns, up to which they meet. Measured:
/// 0.15 to 0.34 for panoramas; 0.04 to 2.8 for others, of which those below 0.5 have borders of one brightness.
const GAP: f64 = 0.5;
/// Correlation of the borders from which on they meet. Measured: 0.88 to 0.99 for panoramas, at most 0.79 for others
/// (two fisheyes back to back, whose borders are black, up to 0.97).
const BORDERS: f64 = 0.84;

/// What a comparison of a frame's halves says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Correlation of the two halves, -1.0..=1.0.
    pub likeness: f64,
    /// Difference of the frame's left and right borders, over that of columns far from each other. 0.0: they meet.
    pub border_gap: f64,
    /// Correlation of the two borders, -1.0..=1.0.
    pub border_likeness: f64,
}

impl Comparison {
    /// The halves are two views of the same.
    pub fn is_alike(&self) -> bool {
        self.likeness >= ALIKE
    }

    /// The halves show different things.
    pub fn is_unlike(&self) -> bool {
        self.likeness <= UNLIKE
    }

    /// The left and right borders show the same.
    pub fn borders_meet(&self) -> bool {
        self.border_gap <= GAP && self.border_likeness >= BORDERS
    }

    /// The mean of several frames'; `None` where there are none.
    pub fn mean(all: &[Comparison]) -> Option<Comparison> {
        let n = all.len() as f64;
        let mean = |of: fn(&Comparison) -> f64| all.iter().map(of).sum::<f64>() / n;
        (!all.is_empty()).then(|| Comparison {
            likeness: mean(|c| c.likeness),
            border_gap: mean(|c| c.border_gap),
            border_likeness: mean(|c| c.border_likeness),
        })
    }
}

/// Compares the halves of a luma plane that would be the views of `layout`. `to_full` brings a sample to full-range
/// 8 bit. `None` where there is too little to see.
pub fn compare<T: Sample>(plane: PlaneRef<'_, T>, layout: Layout, to_full: impl Fn(T) -> u8) -> Option<Comparison> {
    let rects = layout.views(plane.width, plane.height);
    let [first, second] = rects[..] else { return None };
    if plane.width < COLUMNS || plane.height < 2 * CELLS {
        return None;
    }
    let (a, b) = (cells(plane, first, CELLS, &to_full), cells(plane, second, CELLS, &to_full));
    if detail(&a) < LEAST_DETAIL || detail(&b) < LEAST_DETAIL {
        return None;
    }
    let likeness = (-SHIFT..=SHIFT).map(|shift| correlation(&a, &b, shift)).fold(-1.0, f64::max);
    let whole = cells(plane, Rect::new(0, 0, plane.width, plane.height), COLUMNS, &to_full);
    let (border_gap, border_likeness) = borders(&whole);
    Some(Comparison { likeness, border_gap, border_likeness })
}

/// The means of a rectangle's cells, row by row, `across` in each row.
fn cells<T: Sample>(plane: PlaneRef<'_, T>, rect: Rect, across: usize, to_full: &impl Fn(T) -> u8) -> Vec<f64> {
    let (columns, rows) = (across * SAMPLES, CELLS * SAMPLES);
    let mut cells = vec![0.0; across * CELLS];
    for j in 0..rows {
        let row = plane.row(rect.y + (2 * j + 1) * rect.h / (2 * rows));
        for i in 0..columns {
            let luma = f64::from(to_full(row[rect.x + (2 * i + 1) * rect.w / (2 * columns)]));
            cells[j / SAMPLES * across + i / SAMPLES] += luma / (SAMPLES * SAMPLES) as f64;
        }
    }
    cells
}

/// Mean distance of the cells from their row's mean.
fn detail(cells: &[f64]) -> f64 {
    let of_row = |row: &[f64]| {
        let mean = row.iter().sum::<f64>() / CELLS as f64;
        row.iter().map(|c| (c - mean).abs()).sum::<f64>()
    };
    cells.chunks(CELLS).map(of_row).sum::<f64>() / (CELLS * CELLS) as f64
}

/// Correlation of `a` with `b` moved to the right by `shift` cells. Each row counts by what is in it beside its mean:
/// bright skies above dark floors are alike everywhere.
fn correlation(a: &[f64], b: &[f64], shift: isize) -> f64 {
    let by = shift.unsigned_abs();
    let (from_a, from_b) = if shift >= 0 { (by, 0) } else { (0, by) };
    let (mut product, mut square_a, mut square_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.chunks(CELLS).zip(b.chunks(CELLS)) {
        let (a, b) = (&a[from_a..CELLS - from_b], &b[from_b..CELLS - from_a]);
        let mean = |row: &[f64]| row.iter().sum::<f64>() / row.len() as f64;
        let (mean_a, mean_b) = (mean(a), mean(b));
        for (a, b) in a.iter().zip(b) {
            let (a, b) = (a - mean_a, b - mean_b);
            product += a * b;
            square_a += a * a;
            square_b += b * b;
        }
    }
    if square_a > 0.0 && square_b > 0.0 { product / (square_a * square_b).sqrt() } else { 0.0 }
}

/// [`Comparison::border_gap`] and [`Comparison::border_likeness`]. The outermost rows don't count: at the poles all
/// columns are alike.
fn borders(whole: &[f64]) -> (f64, f64) {
    let column = |i: usize| {
        let rows = CELLS / 8..CELLS * 7 / 8;
        rows.map(move |row| whole[row * COLUMNS + i])
    };
    let difference = |i, j| column(i).zip(column(j)).map(|(a, b)| (a - b).abs()).sum::<f64>();
    let steps = [COLUMNS / 8, COLUMNS / 4, COLUMNS * 3 / 8, COLUMNS / 2];
    let far = (0..COLUMNS).flat_map(|i| steps.map(|step| difference(i, (i + step) % COLUMNS)));
    let far = far.sum::<f64>() / (COLUMNS * steps.len()) as f64;
    let gap = if far > 0.0 { difference(0, COLUMNS - 1) / far } else { 0.0 };

    let mean = |i| column(i).sum::<f64>() / column(i).count() as f64;
    let (mean_a, mean_b) = (mean(0), mean(COLUMNS - 1));
    let (mut product, mut square_a, mut square_b) = (0.0, 0.0, 0.0);
    for (a, b) in column(0).zip(column(COLUMNS - 1)) {
        let (a, b) = (a - mean_a, b - mean_b);
        product += a * b;
        square_a += a * a;
        square_b += b * b;
    }
    (gap, if square_a > 0.0 && square_b > 0.0 { product / (square_a * square_b).sqrt() } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of `w` x `h` where `paint` gives the luma at (x, y) in 0..1.
    fn picture(w: usize, h: usize, paint: impl Fn(f64, f64) -> f64) -> Vec<u8> {
        let at = |i: usize, n: usize| (i as f64 + 0.5) / n as f64;
        (0..w * h).map(|i| paint(at(i % w, w), at(i / w, h)).clamp(0.0, 255.0) as u8).collect()
    }

    fn of(picture: &[u8], w: usize, h: usize, layout: Layout) -> Option<Comparison> {
        compare(PlaneRef::new(picture, w, w, h), layout, |v| v)
    }

    /// Something to see: smooth noise, ten patches across the picture; where `around`, its borders meet.
    fn scene(x: f64, y: f64, around: bool) -> f64 {
        let patch = |i: i64, j: i64| {
            let i = if around { i.rem_euclid(10) } else { i };
            let n = (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (j as u64).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
            let n = (n ^ n >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            ((n >> 40) % 256) as f64
        };
        let (x, y) = (x * 10.0, y * 5.0);
        let (i, j) = (x.floor() as i64, y.floor() as i64);
        let (s, t) = (x - x.floor(), y - y.floor());
        let row = |j| patch(i, j) * (1.0 - s) + patch(i + 1, j) * s;
        row(j) * (1.0 - t) + row(j + 1) * t
    }

    #[test]
    fn stereo_views_are_alike_also_when_shifted() {
        let views =
            picture(
                512,
                256,
                |x, y| {
                    if x < 0.5 { scene(2.0 * x, y, false) } else { scene(2.0 * x - 1.0 + 0.03, y, false) }
                },
            );
        let found = of(&views, 512, 256, Layout::SideBySide).expect("something to see");
        assert!(found.is_alike() && !found.is_unlike() && !found.borders_meet(), "{found:?}");
        let views = picture(300, 300, |x, y| scene(x + if y < 0.5 { 0.0 } else { 0.02 }, (2.0 * y) % 1.0, true));
        let found = of(&views, 300, 300, Layout::TopBottom).expect("something to see");
        assert!(found.is_alike(), "{found:?}");
    }

    #[test]
    fn halves_of_a_panorama_are_unlike_and_its_borders_meet() {
        let panorama = picture(512, 256, |x, y| scene(x, y, true));
        let found = of(&panorama, 512, 256, Layout::SideBySide).expect("something to see");
        assert!(found.is_unlike() && found.borders_meet(), "{found:?}");
    }

    #[test]
    fn flat_picture_has_neither() {
        let flat = picture(512, 256, |x, y| scene(x, y, false));
        let found = of(&flat, 512, 256, Layout::SideBySide).expect("something to see");
        assert!(!found.is_alike() && !found.borders_meet(), "{found:?}");
    }

    #[test]
    fn dark_and_tiny_pictures_tell_nothing() {
        assert_eq!(of(&[3; 512 * 256], 512, 256, Layout::SideBySide), None);
        let tiny = picture(64, 32, |x, y| scene(x, y, false));
        assert_eq!(of(&tiny, 64, 32, Layout::SideBySide), None);
        assert_eq!(of(&tiny, 64, 32, Layout::Mono), None);
        assert_eq!(Comparison::mean(&[]), None);
    }
}
