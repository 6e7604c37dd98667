//! Corrections of mattes by hand: areas of a view as masks, brush strokes that follow motion, and which tracked person
//! an edit means. Pure geometry; `vrseg-engine`'s `edits` reads the file and knows the times.

mod area;
mod path;
mod stroke;

pub use area::Area;
pub use path::{PathPoint, PersonPath, assign, same_person};
pub use stroke::Brush;

use crate::plane::Plane;
use serde::{Deserialize, Serialize};

/// What an edit does where its mask is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Nobody is there: alpha becomes 0.
    Remove,
    /// Somebody is there: alpha becomes 1.
    Keep,
    /// Alpha becomes 0 everywhere else.
    Only,
    /// Models look for somebody there, as where the detector found a person; alpha is theirs.
    Find,
}

impl Action {
    /// Changes a matte where `mask` (0..=1, the same size) is set; between 0 and 1 in proportion.
    ///
    /// # Panics
    /// When the sizes differ.
    pub fn apply(self, mask: &Plane<f32>, alpha: &mut Plane<f32>) {
        assert_eq!((mask.width(), mask.height()), (alpha.width(), alpha.height()), "a mask has the size of its matte");
        let pairs = alpha.data_mut().iter_mut().zip(mask.data());
        match self {
            Self::Remove => pairs.filter(|(_, m)| **m > 0.0).for_each(|(a, m)| *a *= 1.0 - m),
            Self::Keep => pairs.for_each(|(a, m)| *a = a.max(*m)),
            Self::Only => pairs.filter(|(_, m)| **m < 1.0).for_each(|(a, m)| *a *= m),
            Self::Find => {}
        }
    }
}

/// A mask shown `by` samples further to the right. What comes in at a border is what lies there, or, where the view wraps, what
/// went out at the other.
pub fn moved(mask: &Plane<f32>, by: isize, wraps: bool) -> Plane<f32> {
    let (width, height) = (mask.width(), mask.height());
    let mut out = Plane::from_vec(vec![0.0; width * height], width, height);
    let last = width as isize - 1;
    for (source, target) in mask.data().chunks_exact(width.max(1)).zip(out.data_mut().chunks_exact_mut(width.max(1))) {
        for (x, value) in target.iter_mut().enumerate() {
            let from = x as isize - by;
            let from = if wraps { from.rem_euclid(width as isize) } else { from.clamp(0, last) };
            *value = source[from as usize];
        }
    }
    out
}

/// Left, top, right and bottom edge of where a mask is set; `None` where it is nowhere.
pub fn bounds(mask: &Plane<f32>) -> Option<[f32; 4]> {
    let width = mask.width().max(1);
    let set = mask.data().iter().enumerate().filter(|(_, m)| **m > 0.0).map(|(i, _)| (i % width, i / width));
    let all = set.fold(None, |all: Option<[usize; 4]>, (x, y)| {
        let [left, top, right, bottom] = all.unwrap_or([x, y, x, y]);
        Some([left.min(x), top.min(y), right.max(x), bottom.max(y)])
    });
    all.map(|[left, top, right, bottom]| [left, top, right + 1, bottom + 1].map(|v| v as f32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[f32]) -> Plane<f32> {
        Plane::from_vec(values.to_vec(), values.len(), 1)
    }

    #[test]
    fn actions_change_the_matte_in_proportion_to_the_mask() {
        let mask = row(&[0.0, 0.25, 1.0]);
        for (action, after) in [
            (Action::Remove, [0.8, 0.6, 0.0]),
            (Action::Keep, [0.8, 0.8, 1.0]),
            (Action::Only, [0.0, 0.2, 0.8]),
            (Action::Find, [0.8; 3]),
        ] {
            let mut alpha = row(&[0.8, 0.8, 0.8]);
            action.apply(&mask, &mut alpha);
            for (found, expected) in alpha.data().iter().zip(after) {
                assert!((found - expected).abs() < 1e-6, "{action:?}: {alpha:?}");
            }
        }
    }

    #[test]
    fn moved_masks_continue_at_the_border() {
        let mask = row(&[1.0, 0.5, 0.0, 0.25]);
        assert_eq!(moved(&mask, 1, false), row(&[1.0, 1.0, 0.5, 0.0]));
        assert_eq!(moved(&mask, -2, false), row(&[0.0, 0.25, 0.25, 0.25]));
        assert_eq!(moved(&mask, 9, false), row(&[1.0; 4]));
        assert_eq!(moved(&mask, 1, true), row(&[0.25, 1.0, 0.5, 0.0]));
        assert_eq!(moved(&mask, 0, false), mask);
        assert_eq!(bounds(&mask), Some([0.0, 0.0, 4.0, 1.0]));
        assert_eq!(bounds(&row(&[0.0, 0.1, 0.0])), Some([1.0, 0.0, 2.0, 1.0]));
        assert_eq!(bounds(&row(&[0.0; 3])), None);
    }
}
