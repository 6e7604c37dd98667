//! Turning small pictures by quarter turns.

use crate::matte::SmallYuv;
use crate::plane::{Plane, Sample};

/// `plane` turned clockwise by a multiple of 90 degrees (negative: counter-clockwise), for frames
/// whose container carries a rotation.
///
/// # Panics
/// When `clockwise_degrees` is no multiple of 90.
pub fn rotate<T: Sample>(plane: &Plane<T>, clockwise_degrees: i32) -> Plane<T> {
    assert_eq!(clockwise_degrees % 90, 0, "a plane turns by quarter turns");
    let (w, h) = (plane.width(), plane.height());
    let src = plane.data();
    match clockwise_degrees.rem_euclid(360) {
        0 => plane.clone(),
        180 => Plane::from_vec(src.iter().rev().copied().collect(), w, h),
        turn => {
            let mut out = Vec::with_capacity(w * h);
            for y in 0..w {
                for x in 0..h {
                    // The new picture is h wide and w high.
                    out.push(if turn == 90 { src[(h - 1 - x) * w + y] } else { src[x * w + (w - 1 - y)] });
                }
            }
            Plane::from_vec(out, h, w)
        }
    }
}

impl SmallYuv {
    /// All three planes turned, see [`rotate`].
    pub fn rotated(&self, clockwise_degrees: i32) -> SmallYuv {
        SmallYuv {
            y: rotate(&self.y, clockwise_degrees),
            u: rotate(&self.u, clockwise_degrees),
            v: rotate(&self.v, clockwise_degrees),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_quarter_turns_are_none() {
        let p = Plane::from_vec((0..6).map(|v| v as f32).collect(), 3, 2);
        // 0 1 2      3 0
        // 3 4 5  ->  4 1
        //            5 2
        assert_eq!(rotate(&p, 90).data(), [3.0, 0.0, 4.0, 1.0, 5.0, 2.0]);
        assert_eq!((rotate(&p, 90).width(), rotate(&p, 90).height()), (2, 3));
        assert_eq!(rotate(&p, -90), rotate(&p, 270));
        assert_eq!(rotate(&rotate(&p, 90), 90), rotate(&p, 180));
        assert_eq!(rotate(&rotate(&p, 90), 270), p);
        assert_eq!(rotate(&p, 360), p);
    }
}
