//! Takes a hidden person out of the crops of people beside them, whose models see them, too.

use super::surface::{Region, Surface, TangentPlane};
use crate::matte::ramp;
use crate::plane::Plane;

/// Up to this distance a place can be a person's, in half sides of their box (1 is its edge).
const REACH: f32 = 1.4;
/// A place is shared out softly where the distances from two people differ by less than this.
const SOFT: f32 = 0.1;

/// Someone as seen from a place.
struct Claim {
    plane: TangentPlane,
    half: [f64; 2],
}

impl Claim {
    fn new(surface: &Surface, region: &Region) -> Self {
        Self { plane: surface.plane(region.center), half: region.half }
    }

    /// How far a place is from the person: 0 in the middle of the box, 1 on the ellipse that touches its sides.
    fn distance(&self, spot: [f64; 3]) -> f32 {
        let Some([x, y]) = self.plane.point(spot) else { return f32::INFINITY };
        (x / self.half[0].max(1e-9)).hypot(y / self.half[1].max(1e-9)) as f32
    }
}

/// Removes from an eye's matte what is nearer to one of the `hidden` people than to any who is shown, each distance in sizes
/// of the person's box.
pub fn divide(surface: &Surface, hidden: &[Region], shown: &[Region], alpha: &mut Plane<f32>) {
    let claim = |region: &Region| Claim::new(surface, region);
    let (hidden, shown): (Vec<_>, Vec<_>) = (hidden.iter().map(claim).collect(), shown.iter().map(claim).collect());
    let (width, height) = surface.size();
    let (across, down) = (alpha.width().max(1), alpha.height().max(1));
    let (sx, sy) = (width / across as f64, height / down as f64);
    let least = |claims: &[Claim], spot| claims.iter().map(|c| c.distance(spot)).fold(f32::INFINITY, f32::min);
    for (i, value) in alpha.data_mut().iter_mut().enumerate().filter(|(_, value)| **value > 0.0) {
        let (x, y) = ((i % across) as f64 + 0.5, (i / across) as f64 + 0.5);
        let Some(spot) = surface.spot(x * sx, y * sy) else { continue };
        let of_hidden = least(&hidden, spot);
        if of_hidden < REACH {
            let nearer = least(&shown, spot).min(REACH) - of_hidden;
            *value *= 1.0 - ramp(nearer, (-SOFT, SOFT));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vr::Lens;

    #[test]
    fn neighbors_keep_what_is_nearer_to_them() {
        let surface = Surface::new(None, 400, 200);
        let region = |x: f64, w: f64| Region { center: [x, 100.0, 0.0], half: [w, 80.0] };
        let mut alpha = Plane::from_vec(vec![1.0; 40 * 20], 40, 20);
        divide(&surface, &[region(200.0, 50.0)], &[region(100.0, 50.0), region(320.0, 50.0)], &mut alpha);
        let row: Vec<f32> = alpha.data()[10 * 40..11 * 40].to_vec();
        assert!(row[..14].iter().chain(&row[28..]).all(|a| *a == 1.0), "{row:?}");
        assert!(row[16..25].iter().all(|a| *a == 0.0), "{row:?}");
        // Somebody far away loses nothing, and above the box nothing is removed.
        assert_eq!((alpha.data()[0], alpha.data()[39]), (1.0, 1.0));
    }

    #[test]
    fn boxes_on_the_seam_of_a_360_view_are_divided_too() {
        let surface = Surface::new(Some(Lens::Equirectangular), 720, 360);
        let region = |yaw: f64| {
            let (sin, cos) = yaw.to_radians().sin_cos();
            Region { center: [sin, 0.0, cos], half: [0.2, 0.5] }
        };
        let mut alpha = Plane::from_vec(vec![1.0; 72 * 36], 72, 36);
        divide(&surface, &[region(180.0)], &[region(155.0)], &mut alpha);
        let row = &alpha.data()[18 * 72..][..72];
        assert_eq!((row[0], row[71], row[66], row[5]), (0.0, 0.0, 1.0, 1.0));
    }
}
