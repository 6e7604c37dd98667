//! Projection maths: from a pixel of a picture to the direction that it shows, and back.
//!
//! Directions are unit vectors in the frame of FFmpeg's `v360` filter: x to the right, y **down**,
//! z forward. A place in a picture is `(u, v)` with -1 at the left (upper) edge and 1 at the right
//! (lower) edge; the center of pixel `i` of `n` is at `(2 i + 1) / n - 1`. The formulas are those
//! of `libavfilter/vf_v360.c` (unchanged from FFmpeg 5.1 to 8.1), written independently, except that a
//! fisheye's circle really ends at its rim (`v360` shows the square around it) and that pixel
//! centers are used in both directions (`v360` maps back to pixel corners).

use super::part::SpherePart;
use super::projection::Projection;
use std::f64::consts::{FRAC_PI_2, PI};

/// A direction, a unit vector: x right, y down, z forward.
pub type Ray = [f64; 3];

/// How a picture's places and directions belong together, camera at rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lens {
    /// Longitude and latitude from -90 to 90 degrees.
    HalfEquirectangular,
    /// Longitude from -180 to 180 degrees, latitude from -90 to 90.
    Equirectangular,
    /// A part of it: longitude within half of `h_fov` either way, latitude from -90 to 90 degrees.
    Sector {
        /// Angle from the left to the right edge in degrees, above 0 and at most 360.
        h_fov: f64,
    },
    /// A part of it with any edges.
    Part(SpherePart),
    /// Equidistant fisheye in the ellipse inscribed in the picture: the angle from the axis is
    /// proportional to the distance from the center.
    Fisheye {
        /// Angle across the whole circle in degrees, above 0 and at most 360.
        fov: f64,
    },
    /// Equidistant fisheye whose circle is larger than the picture: angles from the axis grow linearly across and down.
    FullFrameFisheye {
        /// Angle from the left to the right edge in degrees, above 0.
        h_fov: f64,
        /// Angle from the upper to the lower edge in degrees, above 0.
        v_fov: f64,
    },
    /// An ordinary camera: straight lines stay straight (gnomonic projection).
    Rectilinear {
        /// Angle from the left to the right edge in degrees, above 0 and below 180.
        h_fov: f64,
        /// Angle from the upper to the lower edge in degrees, above 0 and below 180.
        v_fov: f64,
    },
}

impl Projection {
    /// The lens that makes this projection; `None` for a flat screen, whose field of view is never
    /// stated.
    pub fn lens(self) -> Option<Lens> {
        match self {
            Projection::Flat => None,
            Projection::HalfEquirectangular => Some(Lens::HalfEquirectangular),
            Projection::Equirectangular => Some(Lens::Equirectangular),
            Projection::EquirectangularPart(part) => Some(Lens::Part(part)),
            Projection::Fisheye { fov } => Some(Lens::Fisheye { fov: f64::from(fov) }),
            Projection::FullFrameFisheye { h_fov, v_fov } => {
                Some(Lens::FullFrameFisheye { h_fov: f64::from(h_fov), v_fov: f64::from(v_fov) })
            }
        }
    }
}

impl Lens {
    /// The direction that the place `(u, v)` shows; `None` outside the picture or its circle.
    pub fn ray(self, u: f64, v: f64) -> Option<Ray> {
        if !(u.abs() <= 1.0 && v.abs() <= 1.0) {
            return None;
        }
        let sphere = |longitude: f64, latitude: f64| {
            let (sin_lon, cos_lon) = longitude.sin_cos();
            let (sin_lat, cos_lat) = latitude.sin_cos();
            [cos_lat * sin_lon, sin_lat, cos_lat * cos_lon]
        };
        match self {
            Lens::HalfEquirectangular => Some(sphere(u * FRAC_PI_2, v * FRAC_PI_2)),
            Lens::Equirectangular => Some(sphere(u * PI, v * FRAC_PI_2)),
            Lens::Sector { h_fov } => Some(sphere(u * h_fov.to_radians() / 2.0, v * FRAC_PI_2)),
            Lens::Part(part) => {
                let longitude = part.center().0 + u * part.across() / 2.0;
                let latitude = v * part.down() / 2.0 - part.center().1;
                Some(sphere(longitude.to_radians(), latitude.to_radians()))
            }
            Lens::FullFrameFisheye { h_fov, v_fov } => {
                let (a, b) = (u * h_fov.to_radians() / 2.0, v * v_fov.to_radians() / 2.0);
                let off_axis = a.hypot(b);
                if off_axis > PI {
                    return None;
                }
                let k = if off_axis > 0.0 { off_axis.sin() / off_axis } else { 1.0 };
                Some([a * k, b * k, off_axis.cos()])
            }
            Lens::Fisheye { fov } => {
                let r = u.hypot(v);
                if r > 1.0 {
                    return None;
                }
                let (sin, cos) = (r * fov.to_radians() / 2.0).sin_cos();
                // On the axis the direction of (u, v) does not matter.
                let k = if r > 0.0 { sin / r } else { 0.0 };
                Some([u * k, v * k, cos])
            }
            Lens::Rectilinear { h_fov, v_fov } => {
                let (x, y) = (u * half_tangent(h_fov), v * half_tangent(v_fov));
                let scale = 1.0 / (x * x + y * y + 1.0).sqrt();
                Some([x * scale, y * scale, scale])
            }
        }
    }

    /// The place that shows the direction; `None` outside the field of view.
    pub fn place(self, [x, y, z]: Ray) -> Option<(f64, f64)> {
        let (u, v) = match self {
            Lens::HalfEquirectangular => (x.atan2(z) / FRAC_PI_2, latitude(x, y, z) / FRAC_PI_2),
            Lens::Equirectangular => (x.atan2(z) / PI, latitude(x, y, z) / FRAC_PI_2),
            Lens::Sector { h_fov } => (x.atan2(z) / (h_fov.to_radians() / 2.0), latitude(x, y, z) / FRAC_PI_2),
            Lens::Part(part) => part_place(&part, [x, y, z]),
            Lens::FullFrameFisheye { h_fov, v_fov } => full_frame_place((h_fov, v_fov), [x, y, z]),
            Lens::Fisheye { fov } => {
                let h = x.hypot(y);
                let r = h.atan2(z) / (fov.to_radians() / 2.0);
                if r > 1.0 + ROUNDING {
                    return None;
                }
                if h > 0.0 { (x / h * r, y / h * r) } else { (0.0, 0.0) }
            }
            Lens::Rectilinear { h_fov, v_fov } => {
                if z <= 0.0 {
                    return None;
                }
                (x / z / half_tangent(h_fov), y / z / half_tangent(v_fov))
            }
        };
        (u.abs() <= 1.0 + ROUNDING && v.abs() <= 1.0 + ROUNDING).then(|| (u.clamp(-1.0, 1.0), v.clamp(-1.0, 1.0)))
    }
}

impl Lens {
    /// The place that shows the direction, or the nearest one at the border of what the lens surely shows: the same
    /// latitude at the edge of half a sphere, `rim` of a fisheye's radius, the edge of a part or of a full-frame
    /// fisheye. `None` where an ordinary camera or a sector doesn't see it.
    pub(crate) fn nearest_place(self, ray: Ray, rim: f64) -> Option<(f64, f64)> {
        let [x, y, z] = ray;
        match self {
            Lens::HalfEquirectangular => {
                Some(((x.atan2(z) / FRAC_PI_2).clamp(-1.0, 1.0), latitude(x, y, z) / FRAC_PI_2))
            }
            Lens::Fisheye { fov } => {
                let across = x.hypot(y);
                let r = (across.atan2(z) / (fov.to_radians() / 2.0)).min(rim);
                Some(if across > 0.0 { (x / across * r, y / across * r) } else { (0.0, 0.0) })
            }
            Lens::Part(part) => {
                let (u, v) = part_place(&part, ray);
                Some((u.clamp(-1.0, 1.0), v.clamp(-1.0, 1.0)))
            }
            Lens::FullFrameFisheye { h_fov, v_fov } => {
                let (u, v) = full_frame_place((h_fov, v_fov), ray);
                let beyond = u.abs().max(v.abs()).max(1.0);
                Some((u / beyond, v / beyond))
            }
            Lens::Equirectangular | Lens::Sector { .. } | Lens::Rectilinear { .. } => self.place(ray),
        }
    }
}

/// Directions that lie on the very border count as inside, whatever the arithmetic makes of them.
const ROUNDING: f64 = 1e-9;

fn half_tangent(fov: f64) -> f64 {
    (fov.to_radians() / 2.0).tan()
}

/// Where a part of the sphere shows a direction, or how far beyond its edges it lies, on the nearer side.
fn part_place(part: &SpherePart, [x, y, z]: Ray) -> (f64, f64) {
    let (yaw, pitch) = part.center();
    let mut longitude = x.atan2(z).to_degrees() - yaw;
    if longitude.abs() > 180.0 + ROUNDING {
        longitude -= longitude.signum() * 360.0;
    }
    (longitude / (part.across() / 2.0), (latitude(x, y, z).to_degrees() + pitch) / (part.down() / 2.0))
}

/// Where a full-frame fisheye shows a direction, or how far beyond its edges it lies.
fn full_frame_place((h_fov, v_fov): (f64, f64), [x, y, z]: Ray) -> (f64, f64) {
    let h = x.hypot(y);
    let k = if h > 0.0 { h.atan2(z) / h } else { 0.0 };
    (x * k / (h_fov.to_radians() / 2.0), y * k / (v_fov.to_radians() / 2.0))
}

/// The angle down from the horizon: `asin(y)`, written so that it is exact near the poles too.
fn latitude(x: f64, y: f64, z: f64) -> f64 {
    y.atan2(x.hypot(z))
}

/// A lens and where it looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    /// The lens that the picture was taken with.
    pub lens: Lens,
    /// Degrees to the right of straight ahead.
    pub yaw: f64,
    /// Degrees above the horizon, -90..=90.
    pub pitch: f64,
}

impl Camera {
    /// A camera that looks straight ahead, as the eye of a VR picture does.
    pub const fn ahead(lens: Lens) -> Self {
        Self { lens, yaw: 0.0, pitch: 0.0 }
    }

    /// The direction in the world that the place `(u, v)` shows.
    pub fn ray(&self, u: f64, v: f64) -> Option<Ray> {
        let [x, y, z] = self.lens.ray(u, v)?;
        let ((sin_p, cos_p), (sin_w, cos_w)) = (self.pitch.to_radians().sin_cos(), self.yaw.to_radians().sin_cos());
        let (y, z) = (y * cos_p - z * sin_p, y * sin_p + z * cos_p);
        Some([x * cos_w + z * sin_w, y, z * cos_w - x * sin_w])
    }

    /// The place that shows a direction of the world.
    pub fn place(&self, [x, y, z]: Ray) -> Option<(f64, f64)> {
        let ((sin_p, cos_p), (sin_w, cos_w)) = (self.pitch.to_radians().sin_cos(), self.yaw.to_radians().sin_cos());
        let (x, z) = (x * cos_w - z * sin_w, z * cos_w + x * sin_w);
        self.lens.place([x, y * cos_p + z * sin_p, z * cos_p - y * sin_p])
    }
}

/// A picture of some size, taken by a camera. Positions are in pixels, (0.0, 0.0) being the
/// **center** of the first one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Picture {
    /// The camera that took it.
    pub camera: Camera,
    /// Number of pixels in a row; at least 1.
    pub width: usize,
    /// Number of rows; at least 1.
    pub height: usize,
}

impl Picture {
    /// A picture of `width` x `height` taken by `camera`.
    pub const fn new(camera: Camera, width: usize, height: usize) -> Self {
        Self { camera, width, height }
    }

    /// The place, -1..=1 inside of the picture, of a position.
    pub fn place_of(&self, x: f64, y: f64) -> (f64, f64) {
        let place = |i: f64, n: usize| (2.0 * i + 1.0) / n as f64 - 1.0;
        (place(x, self.width), place(y, self.height))
    }

    /// The position of a place.
    pub fn position_of(&self, (u, v): (f64, f64)) -> (f64, f64) {
        let pixel = |u: f64, n: usize| ((u + 1.0) * n as f64 - 1.0) / 2.0;
        (pixel(u, self.width), pixel(v, self.height))
    }

    /// The direction in the world that a position shows.
    pub fn ray(&self, x: f64, y: f64) -> Option<Ray> {
        let (u, v) = self.place_of(x, y);
        self.camera.ray(u, v)
    }

    /// The position, -0.5..=width-0.5 and -0.5..=height-0.5, that shows a direction of the world.
    pub fn position(&self, ray: Ray) -> Option<(f64, f64)> {
        self.camera.place(ray).map(|place| self.position_of(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lenses() -> impl Strategy<Value = Lens> {
        prop_oneof![
            Just(Lens::HalfEquirectangular),
            Just(Lens::Equirectangular),
            (90.0..=270.0).prop_map(|h_fov| Lens::Sector { h_fov }),
            (90.0..=270.0).prop_map(|fov| Lens::Fisheye { fov }),
            (-180.0..0.0, 5.0..180.0, 5.0..90.0, -90.0..0.0)
                .prop_map(|(left, right, top, bottom)| Lens::Part(SpherePart { left, right, top, bottom })),
            (60.0..=170.0, 60.0..=170.0).prop_map(|(h_fov, v_fov)| Lens::FullFrameFisheye { h_fov, v_fov }),
            (30.0..=140.0, 30.0..=140.0).prop_map(|(h_fov, v_fov)| Lens::Rectilinear { h_fov, v_fov }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

        #[test]
        fn forward_and_backward_are_inverse(
            lens in lenses(), yaw in -180.0..180.0, pitch in -90.0..90.0,
            (w, h) in (16usize..8192, 16usize..4096), (i, j) in (0.0f64..1.0, 0.0f64..1.0),
        ) {
            let picture = Picture::new(Camera { lens, yaw, pitch }, w, h);
            let (x, y) = ((i * w as f64).floor(), (j * h as f64).floor());
            if let Some(ray) = picture.ray(x, y) {
                prop_assert!((ray.iter().map(|c| c * c).sum::<f64>() - 1.0).abs() < 1e-12);
                let back = picture.position(ray);
                prop_assert!(back.is_some_and(|b| (b.0 - x).hypot(b.1 - y) < 0.01), "{x} {y} -> {ray:?} -> {back:?}");
            } else {
                prop_assert!(matches!(lens, Lens::Fisheye { .. }), "only a circle leaves a part of its picture out");
            }
        }

        #[test]
        fn every_direction_in_the_field_of_view_has_a_place(
            lens in lenses(), longitude in -180.0f64..180.0, latitude in -90.0f64..90.0,
        ) {
            let (lon, lat) = (longitude.to_radians(), latitude.to_radians());
            let ray = [lat.cos() * lon.sin(), lat.sin(), lat.cos() * lon.cos()];
            let off_axis = ray[2].acos().to_degrees();
            let seen = match lens {
                Lens::HalfEquirectangular => longitude.abs() <= 90.0,
                Lens::Equirectangular => true,
                Lens::Sector { h_fov } => longitude.abs() <= h_fov / 2.0,
                Lens::Part(part) => {
                    (part.left..=part.right).contains(&longitude) && (part.bottom..=part.top).contains(&-latitude)
                }
                Lens::FullFrameFisheye { h_fov, v_fov } => {
                    let across = ray[0].hypot(ray[1]);
                    let per = off_axis / across;
                    (ray[0] * per).abs() <= h_fov / 2.0 && (ray[1] * per).abs() <= v_fov / 2.0
                }
                Lens::Fisheye { fov } => off_axis <= fov / 2.0,
                Lens::Rectilinear { h_fov, v_fov } => {
                    ray[2] > 0.0
                        && (ray[0] / ray[2]).atan().to_degrees().abs() <= h_fov / 2.0
                        && (ray[1] / ray[2]).atan().to_degrees().abs() <= v_fov / 2.0
                }
            };
            let place = lens.place(ray);
            prop_assert_eq!(place.is_some(), seen);
            if let Some((u, v)) = place {
                let again = lens.ray(u, v).map_or(9.0, |r| (0..3).map(|i| (r[i] - ray[i]).abs()).sum());
                prop_assert!(again < 1e-6, "{} {:?}", again, place);
            }
        }
    }

    #[test]
    fn lenses_show_known_directions() {
        let close = |a: Option<Ray>, b: Ray| a.is_some_and(|a| (0..3).all(|i| (a[i] - b[i]).abs() < 1e-12));
        // The right edge of a VR180 eye looks right, its lower edge down.
        assert!(close(Lens::HalfEquirectangular.ray(1.0, 0.0), [1.0, 0.0, 0.0]));
        assert!(close(Lens::HalfEquirectangular.ray(0.3, 1.0), [0.0, 1.0, 0.0]));
        assert!(close(Lens::Equirectangular.ray(0.5, 0.0), [1.0, 0.0, 0.0]));
        // The rim of a 180 degree fisheye is the plane of the camera; halfway is 45 degrees.
        let d = std::f64::consts::FRAC_1_SQRT_2;
        assert!(close(Lens::Fisheye { fov: 180.0 }.ray(0.0, -1.0), [0.0, -1.0, 0.0]));
        assert!(close(Lens::Fisheye { fov: 180.0 }.ray(0.5, 0.0), [d, 0.0, d]));
        assert_eq!(Lens::Fisheye { fov: 180.0 }.ray(0.8, 0.8), None);
        // A part that reaches from 0 to 90 degrees to the right and 45 down.
        let part = Lens::Part(SpherePart { left: 0.0, right: 90.0, top: 0.0, bottom: -45.0 });
        assert!(close(part.ray(1.0, -1.0), [1.0, 0.0, 0.0]));
        assert!(close(part.ray(-1.0, 1.0), [0.0, d, d]));
        assert_eq!(part.place([-1.0, 0.0, 0.0]), None);
        // A full-frame fisheye shows the corners, too: 90 degrees across, 90 down, 64 to the corner.
        let corner = Lens::FullFrameFisheye { h_fov: 90.0, v_fov: 90.0 }.ray(1.0, 1.0).expect("picture");
        assert!((corner[2].acos().to_degrees() - 45.0 * 2f64.sqrt()).abs() < 1e-9);
        assert!(close(Lens::Rectilinear { h_fov: 90.0, v_fov: 60.0 }.ray(-1.0, 0.0), [-d, 0.0, d]));
        // A camera turned 30 degrees to the right and 20 up looks there.
        let camera = Camera { lens: Lens::Fisheye { fov: 100.0 }, yaw: 30.0, pitch: 20.0 };
        let (yaw, pitch) = (30f64.to_radians(), 20f64.to_radians());
        assert!(close(camera.ray(0.0, 0.0), [pitch.cos() * yaw.sin(), -pitch.sin(), pitch.cos() * yaw.cos()]));
    }

    #[test]
    fn two_equidistant_fisheyes_differ_by_a_radial_scale() {
        let (wide, narrow) = (Lens::Fisheye { fov: 190.0 }, Lens::Fisheye { fov: 180.0 });
        let ray = narrow.ray(0.6, -0.3).unwrap();
        let (u, v) = wide.place(ray).unwrap();
        assert!((u - 0.6 * 180.0 / 190.0).abs() < 1e-12 && (v + 0.3 * 180.0 / 190.0).abs() < 1e-12);
    }
}
