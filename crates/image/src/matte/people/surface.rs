//! What an eye's picture shows, and boxes around people on it: a flat picture, or a part of the sphere around the viewer.
//!
//! Everything that follows people works with a [`Region`]: a box on the plane that touches the surface at the box's
//! middle. On a sphere that plane is the picture of an ordinary camera that points there (gnomonic projection), so
//! a box has the same shape wherever the person stands, and a 360 degree picture has no border to the left or right.

use crate::vr::{Lens, Ray};
use serde::{Deserialize, Serialize};
use std::f64::consts::{FRAC_PI_2, PI};

/// A place on the surface: a unit vector on a sphere; `[x, y, 0]` in pixels of the eye in a flat picture.
pub type Spot = Ray;

/// A point on the plane that touches the surface somewhere, from the touching point right and down: tangents of
/// angles on a sphere, pixels of the eye in a flat picture.
pub type PlanePoint = [f64; 2];

/// The surface that an eye of some size shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surface {
    /// `None`: a flat picture.
    lens: Option<Lens>,
    width: f64,
    height: f64,
}

/// A box on the plane that touches the surface at the box's middle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Region {
    /// Its middle.
    pub center: Spot,
    /// Half of its width and height.
    pub half: PlanePoint,
}

/// The plane that touches the surface at a spot. On a sphere its axes lie along the horizon and the meridian.
#[derive(Clone, Copy, Debug)]
pub struct TangentPlane {
    spherical: bool,
    /// Right, down, away from the viewer; in a flat picture the last is the touching point.
    axes: [Ray; 3],
}

/// Directions farther than this from a plane's middle (the cosine: 87 degrees) have no place on it.
const LEAST_DEPTH: f64 = 0.05;
/// The part of a fisheye's radius that is surely picture: the rims of lenses are dark and soft.
const RIM: f64 = 0.97;

fn dot(a: Ray, b: Ray) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

impl TangentPlane {
    /// The point of the plane at which a spot is seen; `None` behind it.
    pub fn point(&self, spot: Spot) -> Option<PlanePoint> {
        let [right, down, ahead] = self.axes;
        if !self.spherical {
            return Some([spot[0] - ahead[0], spot[1] - ahead[1]]);
        }
        let depth = dot(spot, ahead);
        (depth > LEAST_DEPTH).then(|| [dot(spot, right) / depth, dot(spot, down) / depth])
    }

    /// The spot that is seen at a point.
    pub fn spot(&self, [x, y]: PlanePoint) -> Spot {
        let [right, down, ahead] = self.axes;
        if !self.spherical {
            return [ahead[0] + x, ahead[1] + y, 0.0];
        }
        let ray = [0, 1, 2].map(|i| ahead[i] + x * right[i] + y * down[i]);
        let length = dot(ray, ray).sqrt();
        ray.map(|v| v / length)
    }
}

impl Region {
    /// Its sides (left, top, right, bottom) on the plane in its own middle.
    pub(super) fn sides(&self) -> [f64; 4] {
        let [w, h] = self.half;
        [-w, -h, w, h]
    }
}

impl Surface {
    /// That of eyes of `width` x `height` pixels taken by `lens`; `None`: flat pictures.
    pub fn new(lens: Option<Lens>, width: usize, height: usize) -> Self {
        Self { lens, width: width as f64, height: height as f64 }
    }

    /// It is a part of the sphere.
    pub fn is_spherical(&self) -> bool {
        self.lens.is_some()
    }

    /// The left and the right border of the picture are neighbors.
    pub fn wraps(&self) -> bool {
        match self.lens {
            Some(Lens::Equirectangular) => true,
            Some(Lens::Part(part)) => part.is_all_around(),
            _ => false,
        }
    }

    /// Width and height of the picture in pixels.
    pub fn size(&self) -> (f64, f64) {
        (self.width, self.height)
    }

    /// The plane that touches at `center`.
    pub fn plane(&self, center: Spot) -> TangentPlane {
        if !self.is_spherical() {
            return TangentPlane { spherical: false, axes: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], center] };
        }
        let [x, y, z] = center;
        // Straight up and down there is no horizon: any axis will do.
        let across = x.hypot(z);
        let (sin, cos) = if across > 1e-9 { (x / across, z / across) } else { (0.0, 1.0) };
        let (right, down) = ([cos, 0.0, -sin], [-y * sin, across, -y * cos]);
        TangentPlane { spherical: true, axes: [right, down, center] }
    }

    /// The spot that the picture shows at a position in pixels, 0 being the left and upper edge; `None` outside of a
    /// fisheye's circle. Positions beyond a flat picture or a sphere's longitudes continue.
    pub fn spot(&self, x: f64, y: f64) -> Option<Spot> {
        let Some(lens) = self.lens else { return Some([x, y, 0.0]) };
        let (u, v) = (2.0 * x / self.width - 1.0, (2.0 * y / self.height - 1.0).clamp(-1.0, 1.0));
        let at = |longitude: f64, latitude: f64| {
            let ((sin_lon, cos_lon), (sin_lat, cos_lat)) = (longitude.sin_cos(), latitude.sin_cos());
            Some([cos_lat * sin_lon, sin_lat, cos_lat * cos_lon])
        };
        let sphere = |longitude: f64| at(longitude, v * FRAC_PI_2);
        match lens {
            Lens::HalfEquirectangular => sphere(u * FRAC_PI_2),
            Lens::Equirectangular => sphere(u * PI),
            Lens::Sector { h_fov } => sphere(u * h_fov.to_radians() / 2.0),
            Lens::Part(part) => {
                let (yaw, pitch) = part.center();
                let (longitude, latitude) = (yaw + u * part.across() / 2.0, v * part.down() / 2.0 - pitch);
                at(longitude.to_radians(), latitude.to_radians())
            }
            Lens::Fisheye { .. } | Lens::FullFrameFisheye { .. } | Lens::Rectilinear { .. } => lens.ray(u, v),
        }
    }

    /// The position in pixels that shows a spot, 0 being the left and upper edge. Where the picture doesn't show it,
    /// the nearest position that is surely picture.
    pub fn position(&self, spot: Spot) -> (f64, f64) {
        let Some(lens) = self.lens else { return (spot[0].clamp(0.0, self.width), spot[1].clamp(0.0, self.height)) };
        let (u, v) = lens.nearest_place(spot, RIM).unwrap_or((0.0, 0.0));
        ((u + 1.0) / 2.0 * self.width, (v + 1.0) / 2.0 * self.height)
    }

    /// Whether the picture shows a spot, at `inside` pixels or more from its border.
    pub fn shows(&self, spot: Spot, inside: f64) -> bool {
        if let Some(lens) = self.lens
            && lens.place(spot).is_none()
        {
            return false;
        }
        let (x, y) = match self.lens {
            None => (spot[0], spot[1]),
            Some(_) => self.position(spot),
        };
        let across = self.wraps() || (x >= inside && x <= self.width - inside);
        across && y >= inside && y <= self.height - inside
    }

    /// The box around spots; `None` where there are none, or they are all around the viewer.
    pub fn around(&self, spots: &[Spot]) -> Option<Region> {
        let sum = spots.iter().fold([0.0; 3], |sum, spot| [0, 1, 2].map(|i| sum[i] + spot[i]));
        let scale = if self.is_spherical() { dot(sum, sum).sqrt() } else { spots.len() as f64 };
        if scale < 1e-9 {
            return None;
        }
        let mut center = sum.map(|v| v / scale);
        let mut half = [0.0; 2];
        // On a sphere the box's middle depends on where the plane touches.
        for _ in 0..3 {
            let plane = self.plane(center);
            let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
            for spot in spots {
                let point = plane.point(*spot)?;
                for i in 0..2 {
                    (low[i], high[i]) = (low[i].min(point[i]), high[i].max(point[i]));
                }
            }
            center = plane.spot([(low[0] + high[0]) / 2.0, (low[1] + high[1]) / 2.0]);
            half = [(high[0] - low[0]) / 2.0, (high[1] - low[1]) / 2.0];
        }
        Some(Region { center, half })
    }

    /// The sides (left, top, right, bottom) of a box as they lie on the plane in the middle of another; `None` where
    /// that one looks away from it.
    pub fn sides_seen_from(&self, region: &Region, other: &Region) -> Option<[f64; 4]> {
        let [x, y] = self.plane(other.center).point(region.center)?;
        let [w, h] = region.half;
        Some([x - w, y - h, x + w, y + h])
    }

    /// Intersection over union of two boxes, 0..=1.
    pub fn overlap(&self, a: &Region, b: &Region) -> f64 {
        let (shared, of_a, of_b) = self.shared(a, b);
        let all = of_a + of_b - shared;
        if all > 0.0 { shared / all } else { 0.0 }
    }

    /// The share of box `a` that lies in box `b`, 0..=1.
    pub fn covered(&self, a: &Region, b: &Region) -> f64 {
        let (shared, of_a, _) = self.shared(a, b);
        if of_a > 0.0 { shared / of_a } else { 0.0 }
    }

    /// The area that two boxes share, and their own.
    fn shared(&self, a: &Region, b: &Region) -> (f64, f64, f64) {
        let area = |r: &Region| 4.0 * r.half[0] * r.half[1];
        let Some([left, top, right, bottom]) = self.sides_seen_from(b, a) else { return (0.0, area(a), area(b)) };
        let across = (a.half[0].min(right) - left.max(-a.half[0])).max(0.0);
        let down = (a.half[1].min(bottom) - top.max(-a.half[1])).max(0.0);
        (across * down, area(a), area(b))
    }

    /// The box with other sides (left, top, right, bottom, on the plane in its own middle).
    pub fn with_sides(&self, region: &Region, [left, top, right, bottom]: [f64; 4]) -> Region {
        let center = self.plane(region.center).spot([(left + right) / 2.0, (top + bottom) / 2.0]);
        Region { center, half: [(right - left) / 2.0, (bottom - top) / 2.0] }
    }

    /// The box this many pixels further right and down in the picture.
    pub fn moved(&self, region: &Region, right: f64, down: f64) -> Region {
        if right == 0.0 && down == 0.0 {
            return *region;
        }
        let (x, y) = match self.lens {
            None => (region.center[0], region.center[1]),
            Some(_) => self.position(region.center),
        };
        Region { center: self.spot(x + right, y + down).unwrap_or(region.center), half: region.half }
    }

    /// The pixels around a box: left, top, right, bottom. Across the border of a picture that wraps they continue beyond
    /// it.
    pub fn bounds(&self, region: &Region) -> [f64; 4] {
        let plane = self.plane(region.center);
        let (middle, _) = self.position(region.center);
        let mut bounds = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        for i in 0..=8 {
            for j in 0..=8 {
                let at = |k: i32, half: f64| (f64::from(k) / 4.0 - 1.0) * half;
                let (x, y) = self.position(plane.spot([at(i, region.half[0]), at(j, region.half[1])]));
                let x = self.near(x, middle);
                bounds = [bounds[0].min(x), bounds[1].min(y), bounds[2].max(x), bounds[3].max(y)];
            }
        }
        bounds
    }

    /// The column that is `x` in a picture that wraps and lies nearest to the column `to`.
    pub(super) fn near(&self, x: f64, to: f64) -> f64 {
        if self.wraps() { x - ((x - to) / self.width).round() * self.width } else { x }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vr::SpherePart;
    use proptest::prelude::*;

    const PART: SpherePart = SpherePart { left: -70.0, right: 50.0, top: 60.0, bottom: -40.0 };

    fn surfaces() -> impl Strategy<Value = Surface> {
        prop_oneof![
            Just(Surface::new(None, 1920, 1080)),
            Just(Surface::new(Some(Lens::HalfEquirectangular), 800, 800)),
            Just(Surface::new(Some(Lens::Equirectangular), 1600, 800)),
            Just(Surface::new(Some(Lens::Fisheye { fov: 190.0 }), 900, 900)),
            Just(Surface::new(Some(Lens::Part(PART)), 900, 700)),
            Just(Surface::new(Some(Lens::FullFrameFisheye { h_fov: 124.0, v_fov: 94.0 }), 1000, 750)),
        ]
    }

    proptest! {
        #[test]
        fn positions_and_spots_are_inverse(surface in surfaces(), x in 0.02f64..0.98, y in 0.02f64..0.98) {
            let (w, h) = surface.size();
            let rim = surface.lens.is_some_and(|lens| matches!(lens, Lens::Fisheye { .. }));
            if rim && (2.0 * x - 1.0).hypot(2.0 * y - 1.0) > RIM {
                return Ok(());
            }
            if let Some(spot) = surface.spot(x * w, y * h).filter(|spot| surface.shows(*spot, 8.0)) {
                let (px, py) = surface.position(spot);
                prop_assert!((px - x * w).abs() < 1e-6 && (py - y * h).abs() < 1e-6, "{px} {py}");
            }
        }

        #[test]
        fn points_and_spots_of_a_plane_are_inverse(
            surface in surfaces(), x in 0.1f64..0.9, y in 0.1f64..0.9, p in -1.5f64..1.5, q in -1.5f64..1.5,
        ) {
            let (w, h) = surface.size();
            let Some(center) = surface.spot(x * w, y * h) else { return Ok(()) };
            let plane = surface.plane(center);
            let back = plane.point(plane.spot([p, q])).unwrap();
            prop_assert!((back[0] - p).abs() < 1e-9 && (back[1] - q).abs() < 1e-9);
            prop_assert!(plane.point(center).unwrap().iter().all(|v| v.abs() < 1e-9));
        }

        #[test]
        fn a_box_overlaps_itself_and_not_what_is_beside_it(surface in surfaces(), x in 0.3f64..0.7, y in 0.3f64..0.7) {
            let (w, h) = surface.size();
            let half = if surface.is_spherical() { [0.1, 0.2] } else { [40.0, 80.0] };
            let region = Region { center: surface.spot(x * w, y * h).unwrap(), half };
            prop_assert!((surface.overlap(&region, &region) - 1.0).abs() < 1e-9);
            let beside = surface.with_sides(&region, [2.0 * half[0], -half[1], 4.0 * half[0], half[1]]);
            prop_assert!(surface.overlap(&region, &beside) < 0.01);
            let half_in = surface.with_sides(&region, [0.0, -half[1], 2.0 * half[0], half[1]]);
            prop_assert!((surface.covered(&half_in, &region) - 0.5).abs() < 0.03);
        }

        #[test]
        fn the_box_around_a_boxs_corners_is_the_box(surface in surfaces(), x in 0.2f64..0.8, y in 0.25f64..0.75) {
            let (w, h) = surface.size();
            let half = if surface.is_spherical() { [0.2, 0.3] } else { [50.0, 90.0] };
            let Some(center) = surface.spot(x * w, y * h) else { return Ok(()) };
            let plane = surface.plane(center);
            let corners = [(-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0)];
            let found = surface.around(&corners.map(|(i, j)| plane.spot([i * half[0], j * half[1]]))).unwrap();
            prop_assert!(surface.overlap(&found, &Region { center, half }) > 0.9, "{found:?}");
        }
    }

    #[test]
    fn a_box_on_the_seam_of_360_degrees_is_one_box() {
        let surface = Surface::new(Some(Lens::Equirectangular), 1600, 800);
        let center = surface.spot(1599.0, 400.0).unwrap();
        let region = Region { center, half: [0.1, 0.2] };
        let [left, _, right, _] = surface.bounds(&region);
        assert!(left > 1560.0 && right > 1600.0 && right < 1640.0, "{left} {right}");
        assert!(surface.shows(center, 8.0));
        let across = surface.moved(&region, 3.0, 0.0);
        assert!(surface.overlap(&region, &across) > 0.8);
        assert!(surface.position(across.center).0 < 10.0);
    }
}
