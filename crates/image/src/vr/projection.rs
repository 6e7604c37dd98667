//! How a view's pixels lie on the sphere around the camera.

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
    /// Equidistant fisheye: a circle inscribed in the view, the angle from the optical axis grows
    /// linearly with the radius, `fov / 2` degrees at the rim.
    Fisheye {
        /// Field of view in degrees, 90.0..=270.0.
        fov: f32,
    },
}

impl Projection {
    /// The word by which the command line knows the projection.
    pub fn name(self) -> &'static str {
        match self {
            Projection::Flat => "flat",
            Projection::HalfEquirectangular => "hequirect",
            Projection::Equirectangular => "equirect",
            Projection::Fisheye { .. } => "fisheye",
        }
    }
}

impl fmt::Display for Projection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Projection::Flat => f.write_str("flat"),
            Projection::HalfEquirectangular => f.write_str("half-equirectangular (180)"),
            Projection::Equirectangular => f.write_str("equirectangular (360)"),
            Projection::Fisheye { fov } => write!(f, "fisheye {fov} degrees"),
        }
    }
}
