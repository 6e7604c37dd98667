//! What lies beyond the left and right borders of a view.

use crate::plane::{Plane, Sample};
use crate::vr::Projection;
use serde::{Deserialize, Serialize};

/// What lies beyond the left and the right border of a view. Above and below, the border repeats itself always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Borders {
    /// Nothing: the border repeats itself.
    #[default]
    Clamp,
    /// The other border: the view goes all around.
    WrapX,
}

impl Borders {
    /// Those of views of a projection.
    pub fn of(projection: Projection) -> Self {
        if projection.is_all_around() { Self::WrapX } else { Self::Clamp }
    }

    /// Whether the left and the right border are neighbors.
    #[inline(always)]
    pub fn wraps(self) -> bool {
        self == Self::WrapX
    }

    /// Fills the `margin` first and last samples of a row from those between them.
    #[inline(always)]
    pub(crate) fn fill<T: Sample>(self, row: &mut [T], margin: usize) {
        let end = row.len() - margin;
        match self {
            Self::Clamp => {
                let (first, last) = (row[margin], row[end - 1]);
                row[..margin].fill(first);
                row[end..].fill(last);
            }
            Self::WrapX => {
                let w = end - margin;
                for i in (0..margin).rev() {
                    row[i] = row[i + w];
                }
                for i in end..row.len() {
                    row[i] = row[i - w];
                }
            }
        }
    }

    /// Number of columns that [`Self::pad`] adds to each side.
    #[inline(always)]
    pub(crate) fn padding(self) -> usize {
        usize::from(self.wraps())
    }

    /// The plane with a column of the other border at each side where the borders are neighbors.
    pub(crate) fn pad(self, plane: &mut Plane<f32>, scratch: &mut Plane<f32>) {
        if self.wraps() && plane.width() > 0 {
            let w = plane.width();
            scratch.resize(w + 2, plane.height());
            for (out, row) in scratch.data_mut().chunks_exact_mut(w + 2).zip(plane.data().chunks_exact(w)) {
                out[1..=w].copy_from_slice(row);
                self.fill(out, 1);
            }
            std::mem::swap(plane, scratch);
        }
    }
}

/// The rotation of planes by which tests see whether a step wraps.
#[cfg(test)]
pub(in crate::matte) fn turned<T: Sample>(plane: &Plane<T>, columns: usize) -> Plane<T> {
    let mut out = plane.clone();
    out.data_mut().chunks_exact_mut(plane.width().max(1)).for_each(|row| row.rotate_right(columns));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn margins_repeat_or_wrap_whatever_their_width() {
        let fill = |borders: Borders, margin: usize| {
            let mut row = vec![0u8; 3 + 2 * margin];
            row[margin..margin + 3].copy_from_slice(&[1, 2, 3]);
            borders.fill(&mut row, margin);
            row
        };
        assert_eq!(fill(Borders::Clamp, 2), [1, 1, 1, 2, 3, 3, 3]);
        assert_eq!(fill(Borders::WrapX, 2), [2, 3, 1, 2, 3, 1, 2]);
        assert_eq!(fill(Borders::WrapX, 4), [3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1]);
    }

    #[test]
    fn only_whole_spheres_wrap() {
        assert!(Borders::of(Projection::Equirectangular).wraps());
        assert!(!Borders::of(Projection::HalfEquirectangular).wraps());
    }
}
