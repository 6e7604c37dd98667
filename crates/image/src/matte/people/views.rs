//! The detector's views of an eye: overlapping squares, as ordinary cameras would see them,
//! since a whole eye shrunk to the detector's input hides people, and a sphere's edges are drawn out.

use super::surface::{Region, Surface};
use super::window::Window;
use crate::matte::SmallYuv;
use crate::vr::{Camera, Lens};

/// Degrees to the right, degrees up, degrees from border to border.
type Direction = (f64, f64, f64);

/// Half a sphere: ahead, to both sides, down and up. Neighbors have 40 degrees and more in common.
const HALF_SPHERE: [Direction; 5] =
    [(0.0, 0.0, 100.0), (-50.0, 0.0, 90.0), (50.0, 0.0, 90.0), (0.0, -40.0, 90.0), (0.0, 40.0, 90.0)];
/// The whole sphere: around the horizon, and four times down; few people are above.
const SPHERE: [Direction; 10] = [
    (0.0, 0.0, 90.0),
    (180.0, 0.0, 90.0),
    (60.0, 0.0, 90.0),
    (-60.0, 0.0, 90.0),
    (120.0, 0.0, 90.0),
    (-120.0, 0.0, 90.0),
    (0.0, -50.0, 90.0),
    (180.0, -50.0, 90.0),
    (90.0, -50.0, 90.0),
    (-90.0, -50.0, 90.0),
];
/// Width over height (or the other way round) from which on a flat picture also gets views of its parts.
const WIDE: f64 = 1.2;
/// Sides of the views of a flat picture as shares of its longer side: of one with black around the picture, of two parts, and
/// of three closer ones along the middle. Around it, because what is shrunk is less blurred by motion, and NanoDet finds people
/// who fill the picture better where they don't (IoU of flat clips on the choosing half: 0.714 with 1, 0.760, 0.754 and 0.766 with
/// 1.25, 1.43 and 1.6). A person of a tenth of a 16:9 picture's height has 23 of the detector's pixels in the whole, too
/// few, in a close one 58.
const AROUND: f64 = 1.6;
const PART: f64 = 0.6;
const CLOSE: f64 = 0.4;

/// The detector's views of eyes that show `surface`, the most telling first.
pub fn detector_views(surface: &Surface, lens: Option<Lens>) -> Vec<Window> {
    let Some(lens) = lens else { return flat(surface) };
    let around = match lens {
        Lens::Equirectangular => true,
        Lens::Part(part) => part.left < -95.0 || part.right > 95.0,
        _ => false,
    };
    let directions: &[Direction] = if around { &SPHERE } else { &HALF_SPHERE };
    let window = |&(yaw, pitch, degrees): &Direction| {
        let camera = Camera { lens: Lens::Rectilinear { h_fov: degrees, v_fov: degrees }, yaw, pitch };
        Some(Window { center: camera.ray(0.0, 0.0)?, half: (degrees / 2.0).to_radians().tan() })
    };
    directions.iter().filter_map(window).collect()
}

fn flat(surface: &Surface) -> Vec<Window> {
    let (w, h) = surface.size();
    let longer = w.max(h);
    let whole = |share: f64| Window { center: [w / 2.0, h / 2.0, 0.0], half: share * longer / 2.0 };
    let mut views = vec![whole(AROUND)];
    if longer > WIDE * w.min(h) {
        let (part, close) = (PART * longer / 2.0, CLOSE * longer / 2.0);
        for (at, half) in
            [(part, part), (longer - part, part), (close, close), (longer / 2.0, close), (longer - close, close)]
        {
            let center = if w > h { [at, h / 2.0, 0.0] } else { [w / 2.0, at, 0.0] };
            views.push(Window { center, half });
        }
    } else {
        views.push(whole(1.0));
    }
    views
}

/// Makes black what a view shows beyond a flat picture: a border that continues there looks like somebody now and then.
/// `picture` isn't turned.
pub fn blacken_outside(surface: &Surface, view: &Window, picture: &mut SmallYuv) {
    if surface.is_spherical() {
        return;
    }
    let ((w, h), side) = (surface.size(), picture.y.width());
    let inside = |center: f64, length: f64| {
        let at = |edge: f64| ((edge - center) / view.half + 1.0) / 2.0 * side as f64;
        let (low, high) = (at(0.0).round().max(0.0) as usize, at(length).round().max(0.0) as usize);
        low.min(side)..high.min(side)
    };
    let (columns, rows) = (inside(view.center[0], w), inside(view.center[1], h));
    for plane in [&mut picture.y, &mut picture.u, &mut picture.v] {
        for (y, row) in plane.data_mut().chunks_exact_mut(side).enumerate() {
            if rows.contains(&y) {
                row[..columns.start].fill(0.0);
                row[columns.end..].fill(0.0);
            } else {
                row.fill(0.0);
            }
        }
    }
}

/// The box of all that a view shows.
pub fn shown(view: &Window) -> Region {
    Region { center: view.center, half: [view.half; 2] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn together_the_views_show_where_people_may_be() {
        let part = crate::vr::SpherePart { left: -140.0, right: 160.0, top: 70.0, bottom: -70.0 };
        for lens in [
            Lens::HalfEquirectangular,
            Lens::Equirectangular,
            Lens::Fisheye { fov: 180.0 },
            Lens::Part(part),
            Lens::FullFrameFisheye { h_fov: 124.0, v_fov: 94.0 },
        ] {
            let surface = Surface::new(Some(lens), 1000, 1000);
            let views = detector_views(&surface, Some(lens));
            for (x, y) in (0..50).flat_map(|x| (0..50).map(move |y| (20.0 * f64::from(x), 20.0 * f64::from(y)))) {
                let Some(spot) = surface.spot(x, y) else { continue };
                let latitude = spot[1].asin().to_degrees();
                let seen = views.iter().any(|view| {
                    let point = surface.plane(view.center).point(spot);
                    point.is_some_and(|[p, q]| p.abs() < view.half && q.abs() < view.half)
                });
                // Straight up nobody is; a circle's rim is beside the horizon's views and drawn out in the others.
                let rim = lens != Lens::Equirectangular && spot[2] < 0.2;
                assert!(seen || rim || latitude.abs() > 40.0, "{lens:?} {x} {y} {latitude}");
            }
        }
    }

    #[test]
    fn flat_views_show_the_whole_and_its_halves() {
        let surface = Surface::new(None, 1600, 900);
        let views = detector_views(&surface, None);
        assert_eq!(views.len(), 6);
        assert_eq!((views[0].half, views[1].half, views[3].half), (1280.0, 480.0, 320.0));
        let square = detector_views(&Surface::new(None, 900, 900), None);
        assert_eq!(square.iter().map(|view| view.half).collect::<Vec<_>>(), [720.0, 450.0]);
    }

    #[test]
    fn beyond_a_flat_picture_is_black() {
        let surface = Surface::new(None, 160, 80);
        let mut picture = SmallYuv::default();
        for plane in [&mut picture.y, &mut picture.u, &mut picture.v] {
            plane.resize(16, 16);
            plane.data_mut().fill(0.5);
        }
        blacken_outside(&surface, &detector_views(&surface, None)[0], &mut picture);
        let row = |y: usize| picture.y.data()[16 * y + 8];
        assert_eq!([0, 5, 6, 10, 11, 15].map(row), [0.0, 0.0, 0.5, 0.5, 0.0, 0.0]);
        let column = |x: usize| picture.y.data()[16 * 8 + x];
        assert_eq!([0, 2, 3, 12, 13, 15].map(column), [0.0, 0.0, 0.5, 0.5, 0.0, 0.0]);
    }
}
