//! How a view's pixels lie on the sphere around the camera.

use super::part::SpherePart;
use std::fmt;

/// The projection of a view (of one eye, where there are two).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Projection {
    /// An ordinary camera's picture, on a flat screen.
    Flat,
    /// Half a sphere: longitude and latitude from -90 to 90 degrees, linear in both (VR180).
    HalfEquirectangular,
    /// The whole sphere: longitude from -180 to 180 degrees, latitude from -90 to 90 (360).
    Equirectangular,
    /// A part of it, neither the whole nor the front half.
    EquirectangularPart(SpherePart),
    /// Equidistant fisheye: a circle inscribed in the view, the angle from the optical axis grows
    /// linearly with the radius, `fov / 2` degrees at the rim.
    Fisheye {
        /// Field of view in degrees, 90.0..=270.0.
        fov: f32,
    },
    /// Equidistant fisheye whose circle is larger than the view, which is picture up to its corners.
    FullFrameFisheye {
        /// Degrees from the left to the right edge, above 0.
        h_fov: f32,
        /// Degrees from the upper to the lower edge, above 0.
        v_fov: f32,
    },
}

/// How far the edges of a part may be from those of the sphere's front half or whole to be called so, in degrees:
/// encoders have rounded to pixels.
const NEAR: f64 = 2.0;

impl Projection {
    /// The projection of a part of the equirectangular sphere, which for the whole and the front half has a name.
    pub fn of_part(part: SpherePart) -> Self {
        if part.is_near(&SpherePart::FRONT_HALF, NEAR) {
            Projection::HalfEquirectangular
        } else if part.is_near(&SpherePart::WHOLE, NEAR) {
            Projection::Equirectangular
        } else {
            Projection::EquirectangularPart(part)
        }
    }

    /// The part of the sphere, where it is an equirectangular one.
    pub fn part(self) -> Option<SpherePart> {
        match self {
            Projection::HalfEquirectangular => Some(SpherePart::FRONT_HALF),
            Projection::Equirectangular => Some(SpherePart::WHOLE),
            Projection::EquirectangularPart(part) => Some(part),
            Projection::Flat | Projection::Fisheye { .. } | Projection::FullFrameFisheye { .. } => None,
        }
    }

    /// The left and right borders of a view meet behind the viewer.
    pub fn is_all_around(self) -> bool {
        self.part().is_some_and(|part| part.is_all_around())
    }

    /// The word by which machine-readable output and, but for parts and full frames, the command line know it.
    pub fn name(self) -> &'static str {
        match self {
            Projection::Flat => "flat",
            Projection::HalfEquirectangular => "hequirect",
            Projection::Equirectangular => "equirect",
            Projection::EquirectangularPart(_) => "equirect-part",
            Projection::Fisheye { .. } => "fisheye",
            Projection::FullFrameFisheye { .. } => "fisheye-full-frame",
        }
    }
}

impl fmt::Display for Projection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Projection::Flat => f.write_str("flat"),
            Projection::HalfEquirectangular => f.write_str("half-equirectangular (180)"),
            Projection::Equirectangular => f.write_str("equirectangular (360)"),
            Projection::EquirectangularPart(part) => write!(f, "equirectangular, {part}"),
            Projection::Fisheye { fov } => write!(f, "fisheye {fov} degrees"),
            Projection::FullFrameFisheye { h_fov, v_fov } => {
                write!(f, "full-frame fisheye, {h_fov:.0}x{v_fov:.0} degrees")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_with_a_name_are_called_by_it() {
        let of = |left, right, top, bottom| Projection::of_part(SpherePart { left, right, top, bottom });
        assert_eq!(of(-90.3, 90.3, 90.0, -90.0), Projection::HalfEquirectangular);
        assert_eq!(of(-180.0, 179.6, 90.0, -90.0), Projection::Equirectangular);
        let part = of(-90.0, 90.0, 67.5, -67.5);
        assert_eq!(part.to_string(), "equirectangular, 180x135 degrees");
        assert!(!part.is_all_around());
        assert!(of(-180.0, 180.0, 75.0, -75.0).is_all_around());
    }
}
