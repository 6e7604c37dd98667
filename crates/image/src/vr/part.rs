//! A part of an equirectangular sphere, as crops and bounds cut it out.

use std::fmt;

/// One turn of a 0.32 fixed-point fraction.
const WHOLE: f64 = 4_294_967_296.0;

/// The longitudes and latitudes that a picture covers, linear in both, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpherePart {
    /// Longitude of the left edge, -180.0 to 180.0, 0 straight ahead.
    pub left: f64,
    /// Longitude of the right edge, greater than that of the left one.
    pub right: f64,
    /// Latitude of the upper edge, -90.0 (down) to 90.0 (up).
    pub top: f64,
    /// Latitude of the lower edge, less than that of the upper one.
    pub bottom: f64,
}

/// The least extent of a part in degrees: what is smaller is damage.
const LEAST: f64 = 1.0;

impl SpherePart {
    /// The whole sphere.
    pub const WHOLE: SpherePart = SpherePart { left: -180.0, right: 180.0, top: 90.0, bottom: -90.0 };
    /// Its front half (VR180).
    pub const FRONT_HALF: SpherePart = SpherePart { left: -90.0, right: 90.0, top: 90.0, bottom: -90.0 };

    /// What is left of the sphere when `bounds` (left, top, right, bottom as 0.32 fixed-point fractions of its width
    /// or height) are cut off. `None` where nothing is left.
    pub fn of_bounds(bounds: [u32; 4]) -> Option<Self> {
        let [left, top, right, bottom] = bounds.map(|b| f64::from(b) / WHOLE);
        Self::of_fractions([left, top, right, bottom])
    }

    /// The same of fractions 0.0 to 1.0.
    pub fn of_fractions([left, top, right, bottom]: [f64; 4]) -> Option<Self> {
        let part = SpherePart {
            left: -180.0 + 360.0 * left,
            right: 180.0 - 360.0 * right,
            top: 90.0 - 180.0 * top,
            bottom: -90.0 + 180.0 * bottom,
        };
        part.is_sound().then_some(part)
    }

    /// What is cut off the sphere at the left, top, right and bottom, as 0.32 fixed-point fractions.
    pub fn bounds(&self) -> [u32; 4] {
        // Casts from floating point saturate.
        let fixed = |share: f64| (share * WHOLE).round() as u32;
        [
            fixed((self.left + 180.0) / 360.0),
            fixed((90.0 - self.top) / 180.0),
            fixed((180.0 - self.right) / 360.0),
            fixed((self.bottom + 90.0) / 180.0),
        ]
    }

    /// Degrees from the left to the right edge.
    pub fn across(&self) -> f64 {
        self.right - self.left
    }

    /// Degrees from the upper to the lower edge.
    pub fn down(&self) -> f64 {
        self.top - self.bottom
    }

    /// Longitude and latitude of its middle.
    pub fn center(&self) -> (f64, f64) {
        ((self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0)
    }

    /// Its left and right edges meet behind the viewer.
    pub fn is_all_around(&self) -> bool {
        self.across() >= 359.5
    }

    /// Whether each edge lies within `degrees` of the other's.
    pub fn is_near(&self, other: &SpherePart, degrees: f64) -> bool {
        let near = |a: f64, b: f64| (a - b).abs() <= degrees;
        near(self.left, other.left)
            && near(self.right, other.right)
            && near(self.top, other.top)
            && near(self.bottom, other.bottom)
    }

    /// Whether the edges are in order and inside the sphere.
    pub(crate) fn is_sound(&self) -> bool {
        let inside = |v: f64, most: f64| v.is_finite() && v.abs() <= most + 1e-6;
        inside(self.left, 180.0)
            && inside(self.right, 180.0)
            && inside(self.top, 90.0)
            && inside(self.bottom, 90.0)
            && self.across() >= LEAST
            && self.down() >= LEAST
    }
}

impl fmt::Display for SpherePart {
    /// Its size, and where its middle is unless that is straight ahead: `180x135 degrees`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}x{:.0} degrees", self.across(), self.down())?;
        let (yaw, pitch) = self.center();
        let mut separator = " around ";
        for (value, [more, less]) in [(yaw, ["right", "left"]), (pitch, ["up", "down"])] {
            if value.abs() >= 0.5 {
                write!(f, "{separator}{:.0} {}", value.abs(), if value > 0.0 { more } else { less })?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_and_edges_are_inverse() {
        for bounds in [[0, 0, 0, 0], [0x4000_0000, 0, 0x4000_0000, 0], [0x1234_5678, 0x2000_0000, 3, 0x789a_bcde]] {
            assert_eq!(SpherePart::of_bounds(bounds).expect("a part").bounds(), bounds);
        }
        assert_eq!(SpherePart::of_bounds([0x4000_0000, 0, 0x4000_0000, 0]), Some(SpherePart::FRONT_HALF));
    }

    #[test]
    fn bounds_that_leave_nothing_are_no_part() {
        for bounds in [[0x8000_0000, 0, 0x8000_0000, 0], [0, u32::MAX, 0, 0], [u32::MAX; 4]] {
            assert_eq!(SpherePart::of_bounds(bounds), None);
        }
        assert_eq!(SpherePart::of_fractions([f64::NAN, 0.0, 0.0, 0.0]), None);
    }

    #[test]
    fn text_has_size_and_folder() {
        let part = SpherePart { left: -90.0, right: 90.0, top: 67.5, bottom: -67.5 };
        assert_eq!(part.to_string(), "180x135 degrees");
        let part = SpherePart { left: -30.0, right: 90.0, top: 40.0, bottom: -80.0 };
        assert_eq!(part.to_string(), "120x120 degrees around 30 right, 20 down");
    }
}
