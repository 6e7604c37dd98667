//! Areas of a view: rectangles and polygons, on the picture or on the sphere.

use crate::matte::people::{Region, Surface};
use crate::plane::Plane;
use serde::{Deserialize, Serialize};

/// Samples of a side into which a matte's sample is divided to find how much of it an area covers.
const PARTS: usize = 4;

/// A part of a view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Area {
    /// Left, top, right and bottom edge as shares of the view's width and height. It covers whole samples.
    Rectangle([f32; 4]),
    /// Corners as shares of the view's width and height.
    Polygon(Vec<[f64; 2]>),
    /// Corners in degrees: to the right of straight ahead, and up from the horizon. Edges are straight lines between these
    /// numbers. It may lie across the seam of a 360 view.
    SpherePolygon(Vec<[f64; 2]>),
}

impl Area {
    /// The share of each sample of a matte that the area covers, 0..=1, in views that show `surface`. A polygon on the sphere
    /// covers nothing of a flat picture.
    pub fn mask(&self, surface: &Surface, (width, height): (usize, usize)) -> Plane<f32> {
        let mut mask = Plane::from_vec(vec![0.0; width * height], width, height);
        match self {
            Self::Rectangle(sides) => {
                let at = |share: f32, n: usize| (share * n as f32).round().clamp(0.0, n as f32) as usize;
                let (left, right) = (at(sides[0], width), at(sides[2], width));
                for row in
                    mask.data_mut().chunks_exact_mut(width.max(1)).take(at(sides[3], height)).skip(at(sides[1], height))
                {
                    row[left..right.max(left)].fill(1.0);
                }
            }
            Self::Polygon(corners) => {
                let scaled: Vec<_> = corners.iter().map(|[x, y]| [x * width as f64, y * height as f64]).collect();
                let polygon = Polygon::new(&scaled);
                cover(&mut mask, |x, y| polygon.contains([x, y]));
            }
            Self::SpherePolygon(corners) => cover_sphere(&mut mask, surface, corners),
        }
        mask
    }
}

impl Area {
    /// The box around the area in views that show `surface`; `None` where that is nothing, or all around the viewer.
    pub fn region(&self, surface: &Surface) -> Option<Region> {
        let (width, height) = surface.size();
        let at = |x: f64, y: f64| surface.spot(x * width, y * height);
        let spots: Vec<_> = match self {
            Self::Rectangle(sides) => {
                let [left, top, right, bottom] = sides.map(f64::from);
                let along = |low: f64, high: f64| [low, (low + high) / 2.0, high];
                let columns = along(left, right).into_iter();
                columns.flat_map(|x| along(top, bottom).map(|y| at(x, y))).flatten().collect()
            }
            Self::Polygon(corners) => corners.iter().filter_map(|[x, y]| at(*x, *y)).collect(),
            Self::SpherePolygon(_) if !surface.is_spherical() => Vec::new(),
            Self::SpherePolygon(corners) => {
                let spot = |[right, up]: &[f64; 2]| {
                    let ((sin, cos), (up, level)) = (right.to_radians().sin_cos(), up.to_radians().sin_cos());
                    [level * sin, -up, level * cos]
                };
                corners.iter().map(spot).collect()
            }
        };
        surface.around(&spots).filter(|region| region.half.iter().all(|half| *half > 0.0))
    }
}

/// Sets each sample to the share of its parts that are inside; positions are in samples from the left upper corner.
fn cover(mask: &mut Plane<f32>, inside: impl Fn(f64, f64) -> bool) {
    let width = mask.width().max(1);
    let part = |i: usize| (i as f64 + 0.5) / PARTS as f64;
    for (i, value) in mask.data_mut().iter_mut().enumerate() {
        let (x, y) = ((i % width) as f64, (i / width) as f64);
        let parts = (0..PARTS * PARTS).filter(|n| inside(x + part(n % PARTS), y + part(n / PARTS)));
        *value = parts.count() as f32 / (PARTS * PARTS) as f32;
    }
}

fn cover_sphere(mask: &mut Plane<f32>, surface: &Surface, corners: &[[f64; 2]]) {
    if !surface.is_spherical() {
        return;
    }
    // Longitudes are counted from the polygon's first corner, so that the seam behind the viewer is none.
    let Some([origin, _]) = corners.first().copied() else { return };
    let turned = |degrees: f64| (degrees - origin + 180.0).rem_euclid(360.0) - 180.0;
    let mut last = 0.0;
    let unrolled: Vec<[f64; 2]> = corners
        .iter()
        .map(|[yaw, pitch]| {
            // Each corner is on the side of the one before from which the way is the shorter.
            last += (yaw - origin - last + 180.0).rem_euclid(360.0) - 180.0;
            [last, *pitch]
        })
        .collect();
    let polygon = Polygon::new(&unrolled);
    let (width, height) = surface.size();
    let (sx, sy) = (width / mask.width().max(1) as f64, height / mask.height().max(1) as f64);
    cover(mask, |x, y| {
        surface.spot(x * sx, y * sy).is_some_and(|[right, down, ahead]| {
            let (yaw, pitch) = (right.atan2(ahead).to_degrees(), -down.clamp(-1.0, 1.0).asin().to_degrees());
            let yaw = turned(yaw);
            // A polygon that reaches further than half a turn from its first corner shows up a turn away.
            [yaw, yaw - 360.0, yaw + 360.0].into_iter().any(|yaw| polygon.contains([yaw, pitch]))
        })
    });
}

/// Strips into which a polygon is divided at most.
const STRIPS: usize = 1024;

/// A polygon, divided from top to bottom into strips, so that a point is compared only with edges at its height.
struct Polygon {
    top: f64,
    /// Strips for each unit of height.
    scale: f64,
    /// The two ends of each edge that reaches into a strip.
    strips: Vec<Vec<[[f64; 2]; 2]>>,
}

impl Polygon {
    fn new(corners: &[[f64; 2]]) -> Self {
        let (top, bottom) =
            corners.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(t, b), [_, y]| (t.min(*y), b.max(*y)));
        let count = corners.len().clamp(1, STRIPS);
        let scale = if bottom > top { count as f64 / (bottom - top) } else { 0.0 };
        let mut polygon = Self { top, scale, strips: vec![Vec::new(); count] };
        let before = corners.iter().cycle().skip(corners.len().saturating_sub(1));
        for (a, b) in corners.iter().zip(before).filter(|(a, b)| a[1] != b[1]) {
            let (first, last) = (polygon.strip(a[1].min(b[1])), polygon.strip(a[1].max(b[1])));
            polygon.strips[first..=last].iter_mut().for_each(|strip| strip.push([*a, *b]));
        }
        polygon
    }

    fn strip(&self, y: f64) -> usize {
        (((y - self.top) * self.scale) as usize).min(self.strips.len() - 1)
    }

    /// Whether a point lies inside, by the number of edges to its right (even-odd rule).
    fn contains(&self, [x, y]: [f64; 2]) -> bool {
        let crossed = self.strips[self.strip(y)]
            .iter()
            .filter(|[[ax, ay], [bx, by]]| (*ay > y) != (*by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax);
        crossed.count() % 2 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vr::Lens;
    use proptest::prelude::*;

    fn total(mask: &Plane<f32>) -> f64 {
        mask.data().iter().map(|v| f64::from(*v)).sum()
    }

    #[test]
    fn rectangles_cover_whole_samples() {
        let mask = Area::Rectangle([0.26, 0.0, 0.74, 0.5]).mask(&Surface::new(None, 100, 100), (4, 2));
        assert_eq!(mask.data(), [0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        let nothing = Area::Rectangle([0.8, 0.0, 0.2, 1.0]).mask(&Surface::new(None, 100, 100), (4, 2));
        assert_eq!(total(&nothing), 0.0);
    }

    #[test]
    fn polygons_have_their_area_and_soft_edges() {
        let surface = Surface::new(None, 100, 100);
        let triangle = Area::Polygon(vec![[0.1, 0.1], [0.9, 0.1], [0.1, 0.9]]).mask(&surface, (50, 50));
        assert!((total(&triangle) - 0.32 * 2500.0).abs() < 8.0, "{}", total(&triangle));
        assert!(triangle.data().iter().any(|v| *v > 0.1 && *v < 0.9));
        assert_eq!(total(&Area::Polygon(Vec::new()).mask(&surface, (5, 5))), 0.0);
    }

    #[test]
    fn polygons_on_the_sphere_cross_the_seam_of_a_360_view() {
        let surface = Surface::new(Some(Lens::Equirectangular), 720, 360);
        let corners = vec![[170.0, 10.0], [-170.0, 10.0], [-170.0, -10.0], [170.0, -10.0]];
        let mask = Area::SpherePolygon(corners).mask(&surface, (72, 36));
        assert_eq!(total(&mask), 16.0);
        let row = &mask.data()[18 * 72..][..72];
        assert_eq!((row[0], row[1], row[2], row[69], row[70], row[71]), (1.0, 1.0, 0.0, 0.0, 1.0, 1.0));
    }

    #[test]
    fn up_is_up_and_right_is_right_in_every_lens() {
        for lens in [Lens::HalfEquirectangular, Lens::Fisheye { fov: 180.0 }] {
            let surface = Surface::new(Some(lens), 200, 200);
            let corners = vec![[20.0, 40.0], [50.0, 40.0], [50.0, 15.0], [20.0, 15.0]];
            let mask = Area::SpherePolygon(corners).mask(&surface, (40, 40));
            let [left, top, right, bottom] = crate::edits::bounds(&mask).unwrap();
            assert!(left > 20.0 && right < 36.0 && top > 5.0 && bottom < 20.0, "{lens:?}");
        }
        let flat = Area::SpherePolygon(vec![[0.0, 0.0], [9.0, 0.0], [9.0, 9.0]]);
        assert_eq!(total(&flat.mask(&Surface::new(None, 9, 9), (9, 9))), 0.0);
    }

    #[test]
    fn the_box_around_an_area_is_where_the_area_is() {
        let surface = Surface::new(None, 400, 200);
        let region = Area::Rectangle([0.25, 0.5, 0.5, 1.0]).region(&surface).unwrap();
        assert_eq!((region.center, region.half), ([150.0, 150.0, 0.0], [50.0, 50.0]));
        let ball = Surface::new(Some(Lens::Equirectangular), 720, 360);
        let around = Area::SpherePolygon(vec![[170.0, 10.0], [-170.0, 10.0], [-170.0, -10.0], [170.0, -10.0]]);
        let region = around.region(&ball).unwrap();
        assert!(region.center[2] < -0.999 && (region.half[0].atan().to_degrees() - 10.0).abs() < 0.3, "{region:?}");
        let view = Area::Rectangle([0.45, 0.4, 0.55, 0.6]).region(&ball).unwrap();
        assert!(view.center[2] > 0.999 && view.half[0] > 0.2, "{view:?}");
        assert_eq!(around.region(&surface), None);
        assert_eq!(Area::Polygon(Vec::new()).region(&surface), None);
    }

    proptest! {
        /// The rule agrees with the sum of angles around the point.
        #[test]
        fn a_convex_polygon_contains_what_is_on_the_same_side_of_all_edges(
            x in -1.5f64..1.5, y in -1.5f64..1.5, turn in 0.0f64..6.0, n in 3usize..9,
        ) {
            let corner = |i: usize| {
                let angle = turn + i as f64 * std::f64::consts::TAU / n as f64;
                [angle.cos(), angle.sin()]
            };
            let corners: Vec<_> = (0..n).map(corner).collect();
            let left_of = |i: usize| {
                let ([ax, ay], [bx, by]) = (corners[i], corners[(i + 1) % n]);
                (bx - ax) * (y - ay) - (by - ay) * (x - ax)
            };
            let least = (0..n).map(left_of).fold(f64::INFINITY, f64::min);
            prop_assume!(least.abs() > 1e-9);
            prop_assert_eq!(Polygon::new(&corners).contains([x, y]), least > 0.0);
        }
    }
}
