//! How a stored picture is turned and mirrored before it is shown.

use super::{PlaneMut, PlaneRef, Sample};

/// One of the eight orientations of a picture: what is stored is first transposed (rows become columns), then mirrored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Orientation {
    /// Rows become columns.
    pub transposed: bool,
    /// Then left and right change places.
    pub flipped_x: bool,
    /// And above and below.
    pub flipped_y: bool,
}

/// Columns and rows of the tiles in which planes are transposed: both sides of a tile stay in the first-level cache.
const TILE: usize = 32;

impl Orientation {
    /// Shown as it is stored.
    pub const UPRIGHT: Self = Self { transposed: false, flipped_x: false, flipped_y: false };

    /// The nearest to a transformation of places by `x' = a x + c y`, `y' = b x + d y` (in any unit; x to the right, y
    /// down), which is how the display matrix of mp4 has it: ISO 14496-12, 8.3.2.
    pub fn of_matrix([a, b, c, d]: [i32; 4]) -> Self {
        let size = |p: i32, q: i32| i64::from(p).abs() + i64::from(q).abs();
        if size(a, d) >= size(b, c) {
            Self { transposed: false, flipped_x: a < 0, flipped_y: d < 0 }
        } else {
            Self { transposed: true, flipped_x: c < 0, flipped_y: b < 0 }
        }
    }

    /// Whether nothing is to be done.
    pub fn is_upright(self) -> bool {
        self == Self::UPRIGHT
    }

    /// Width and height as shown of a picture that is stored with `(width, height)`, or the reverse.
    pub fn size<T>(self, (width, height): (T, T)) -> (T, T) {
        if self.transposed { (height, width) } else { (width, height) }
    }

    /// Clockwise degrees (0, 90, 180 or 270) by which the picture is rotated, and whether it is mirrored left to right
    /// before that.
    pub fn rotation(self) -> (u32, bool) {
        let Self { transposed, flipped_x, flipped_y } = self;
        // A transposition is a mirror of its own.
        let mirrored = transposed ^ flipped_x ^ flipped_y;
        let degrees = match (transposed, flipped_y) {
            (false, false) => 0,
            (false, true) => 180,
            (true, false) => {
                if mirrored {
                    270
                } else {
                    90
                }
            }
            (true, true) => {
                if mirrored {
                    90
                } else {
                    270
                }
            }
        };
        (degrees, mirrored)
    }

    /// Writes `source` to `target` as it is shown.
    ///
    /// # Panics
    /// When the target hasn't the [size](Self::size) that the source has when shown.
    pub fn turn<T: Sample>(self, source: &PlaneRef<'_, T>, target: &mut PlaneMut<'_, T>) {
        let shown = self.size((source.width, source.height));
        assert_eq!((target.width, target.height), shown, "the size of a plane that is turned");
        if self.transposed { self.transpose(source, target) } else { self.mirror(source, target) }
    }

    fn mirror<T: Sample>(self, source: &PlaneRef<'_, T>, target: &mut PlaneMut<'_, T>) {
        for y in 0..target.height {
            let from = source.row(if self.flipped_y { source.height - 1 - y } else { y });
            let to = target.row_mut(y);
            to.copy_from_slice(from);
            if self.flipped_x {
                to.reverse();
            }
        }
    }

    fn transpose<T: Sample>(self, source: &PlaneRef<'_, T>, target: &mut PlaneMut<'_, T>) {
        let (w, h) = (target.width, target.height);
        for top in (0..h).step_by(TILE) {
            for left in (0..w).step_by(TILE) {
                let right = (left + TILE).min(w);
                for y in top..(top + TILE).min(h) {
                    let column = if self.flipped_y { h - 1 - y } else { y };
                    let to = &mut target.row_mut(y)[left..right];
                    // Column `column` of the source, downwards or upwards.
                    if self.flipped_x {
                        let last = source.height - 1;
                        to.iter_mut().zip(left..).for_each(|(v, x)| *v = source.row(last - x)[column]);
                    } else {
                        to.iter_mut().zip(left..).for_each(|(v, x)| *v = source.row(x)[column]);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the definition: each stored sample goes where the matrix puts its middle.
    fn by_matrix([a, b, c, d]: [i32; 4], source: &[u16], (w, h): (usize, usize)) -> Vec<u16> {
        let (w, h) = (w as i32, h as i32);
        let place = |x: i32, y: i32| (a * x + c * y, b * x + d * y);
        // Twice the distance from the picture's middle, so that all numbers are whole.
        let places: Vec<_> = (0..w * h).map(|i| place(2 * (i % w) - w + 1, 2 * (i / w) - h + 1)).collect();
        let shown_w = if a == 0 { h } else { w };
        let shown_h = if a == 0 { w } else { h };
        let mut out = vec![0; source.len()];
        for ((x, y), v) in places.into_iter().zip(source) {
            out[(((y + shown_h - 1) / 2) * shown_w + (x + shown_w - 1) / 2) as usize] = *v;
        }
        out
    }

    #[test]
    fn all_eight_orientations_are_what_their_matrices_say() {
        for (w, h) in [(3, 2), (70, 45), (1, 5)] {
            let source: Vec<u16> = (0..w * h).map(|v| v as u16).collect();
            for (one, other) in [(1, 1), (1, -1), (-1, 1), (-1, -1)] {
                for matrix in [[one, 0, 0, other], [0, one, other, 0]] {
                    let orientation = Orientation::of_matrix(matrix.map(|v| v << 16));
                    let (width, height) = orientation.size((w, h));
                    // Rows that are longer than the picture is wide.
                    let stride = width + 3;
                    let mut data = vec![u16::MAX; stride * height];
                    let mut target = PlaneMut { data: &mut data, stride, width, height };
                    orientation.turn(&PlaneRef::new(&source, w, w, h), &mut target);
                    let got: Vec<u16> = data.chunks(stride).flat_map(|row| &row[..width]).copied().collect();
                    assert_eq!(got, by_matrix(matrix, &source, (w, h)), "{matrix:?} {w}x{h}");
                    assert!(data.chunks(stride).all(|row| row[width..] == [u16::MAX; 3]));
                }
            }
        }
    }

    #[test]
    fn rotation_is_clockwise_after_mirroring() {
        let of = |matrix| Orientation::of_matrix(matrix).rotation();
        for (matrix, want) in [
            ([1, 0, 0, 1], (0, false)),
            ([0, 1, -1, 0], (90, false)),
            ([-1, 0, 0, -1], (180, false)),
            ([0, -1, 1, 0], (270, false)),
            ([-1, 0, 0, 1], (0, true)),
            ([1, 0, 0, -1], (180, true)),
            // Mirrored, then a quarter clockwise: (x, y) -> (-x, y) -> (-y, -x).
            ([0, -1, -1, 0], (90, true)),
            ([0, 1, 1, 0], (270, true)),
        ] {
            assert_eq!(of(matrix), want, "{matrix:?}");
        }
        assert!(Orientation::of_matrix([0; 4]).is_upright());
        assert!(Orientation::of_matrix([60_000, 9_000, -9_000, 60_000]).is_upright());
    }
}
