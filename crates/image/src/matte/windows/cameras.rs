//! The lens of each window of a view, and the direction it faces.

use super::View;
use crate::vr::{Camera, Lens, Picture, Ray, SpherePart};

/// Angle across a rectilinear window, each way. Less means more windows; more draws out what is at
/// their borders, 2.7 times at 52 degrees off the axis.
const RECTILINEAR: f64 = 105.0;
/// How far the outer rectilinear windows of half a sphere face to the side, in degrees: the corners between them
/// are at least 4.9 degrees inside of one of them, and each has 39 degrees in common with the middle.
const TILT: f64 = 66.0;
/// How much further they face for each degree of a fisheye beyond half a sphere.
const TILT_BEYOND: f64 = 0.4;
/// Angle across each of the two fisheye windows of a whole sphere.
const BACK_TO_BACK: f64 = 200.0;

/// The cameras whose pictures together show all that an eye of `lens` shows; none where the eye is
/// used as it is.
pub(super) fn of(view: View, lens: Lens) -> Vec<Camera> {
    let at = |lens, yaw, pitch| Camera { lens, yaw, pitch };
    match (view, lens) {
        // A flat picture is what it is.
        (View::Eye, _) | (_, Lens::Rectilinear { .. }) => Vec::new(),
        // A sphere's longitudes and latitudes already.
        (View::Equirect, Lens::HalfEquirectangular | Lens::Equirectangular | Lens::Sector { .. } | Lens::Part(_)) => {
            Vec::new()
        }
        (View::Equirect, Lens::Fisheye { fov }) => vec![Camera::ahead(Lens::Sector { h_fov: fov })],
        (View::Equirect, Lens::FullFrameFisheye { h_fov, v_fov }) => {
            vec![Camera::ahead(Lens::Sector { h_fov: h_fov.hypot(v_fov).min(360.0) })]
        }
        // A fisheye already, without a rim.
        (View::Fisheye, Lens::FullFrameFisheye { .. }) => Vec::new(),
        // The same circle, its surroundings filled.
        (View::Fisheye, Lens::Fisheye { .. }) => vec![Camera::ahead(lens)],
        (View::Fisheye, Lens::HalfEquirectangular | Lens::Sector { .. }) => {
            vec![Camera::ahead(Lens::Fisheye { fov: 180.0 })]
        }
        (View::Fisheye, Lens::Part(part)) if reach(&part) <= BACK_TO_BACK / 2.0 => {
            let (yaw, pitch) = part.center();
            vec![at(Lens::Fisheye { fov: 2.0 * reach(&part) }, yaw, pitch)]
        }
        (View::Fisheye, Lens::Equirectangular | Lens::Part(_)) => {
            let lens = Lens::Fisheye { fov: BACK_TO_BACK };
            vec![at(lens, 0.0, 0.0), at(lens, 180.0, 0.0)]
        }
        (View::Rectilinear, _) => {
            let square = Lens::Rectilinear { h_fov: RECTILINEAR, v_fov: RECTILINEAR };
            let beyond = |fov: f64| (TILT + TILT_BEYOND * (fov - 180.0).max(0.0)).min(90.0);
            let tilt = match lens {
                Lens::Fisheye { fov } => beyond(fov),
                Lens::FullFrameFisheye { h_fov, v_fov } => beyond(h_fov.hypot(v_fov)),
                _ if is_around(lens) => 90.0,
                _ => TILT,
            };
            let mut cameras = vec![at(square, 0.0, 0.0)];
            cameras.extend([(-tilt, 0.0), (tilt, 0.0), (0.0, tilt), (0.0, -tilt)].map(|(y, p)| at(square, y, p)));
            if is_around(lens) {
                cameras.push(at(square, 180.0, 0.0));
            }
            cameras
        }
    }
}

/// The largest angle in degrees between a part's middle and what it shows, at least 1.
pub(super) fn reach(part: &SpherePart) -> f64 {
    let (yaw, pitch) = part.center();
    let middle = Camera { lens: Lens::Part(*part), yaw: 0.0, pitch: 0.0 };
    let ahead = Camera { lens: Lens::Equirectangular, yaw, pitch }.ray(0.0, 0.0);
    let at = |i: usize| i as f64 / 32.0 - 1.0;
    let border = (0..65).flat_map(|i| [(at(i), -1.0), (at(i), 1.0), (-1.0, at(i)), (1.0, at(i))]);
    let angle = |(u, v): (f64, f64)| {
        let (a, b) = (middle.ray(u, v)?, ahead?);
        Some((a[0] * b[0] + a[1] * b[1] + a[2] * b[2]).clamp(-1.0, 1.0).acos().to_degrees())
    };
    // Between the samples a border reaches a little further.
    border.filter_map(angle).fold(1.0, f64::max) * 1.001 + 0.01
}

/// Whether an eye shows what is behind the viewer.
fn is_around(lens: Lens) -> bool {
    match lens {
        Lens::Equirectangular => true,
        Lens::Part(part) => part.left < -90.5 || part.right > 90.5,
        _ => false,
    }
}

/// Pixels for each radian in the middle of a picture, in the direction in which it has more.
pub(super) fn density(picture: &Picture) -> f64 {
    let (w, h) = (picture.width as f64, picture.height as f64);
    let linear = |h_fov: f64, v_fov: f64| (w / h_fov.to_radians()).max(h / v_fov.to_radians());
    match picture.camera.lens {
        Lens::HalfEquirectangular => linear(180.0, 180.0),
        Lens::Equirectangular => linear(360.0, 180.0),
        Lens::Sector { h_fov } => linear(h_fov, 180.0),
        Lens::Part(part) => linear(part.across(), part.down()),
        Lens::Fisheye { fov } => linear(fov, fov),
        Lens::FullFrameFisheye { h_fov, v_fov } => linear(h_fov, v_fov),
        Lens::Rectilinear { h_fov, v_fov } => {
            let half = |n: f64, fov: f64| n / 2.0 / (fov.to_radians() / 2.0).tan();
            half(w, h_fov).max(half(h, v_fov))
        }
    }
}

/// The place in a window's picture that shows a direction; `None` where the window doesn't see it.
/// What a fisheye of more than half a sphere sees behind the poles is beyond the longitudes of a
/// sector; it lies nearest to the sector's edge.
pub(super) fn seen_at(window: &Camera, ray: Ray) -> Option<(f64, f64)> {
    let Lens::Sector { h_fov } = window.lens else { return window.place(ray) };
    let (u, v) = Camera { lens: Lens::Equirectangular, ..*window }.place(ray)?;
    Some(((u * 360.0 / h_fov).clamp(-1.0, 1.0), v))
}

/// The place in an eye of `lens` whose color pixel (`x`, `y`) of a window gets. Where the window
/// shows more than the eye, it is the nearest place at the border, which so continues.
/// With black instead, models took floors and walls for people (Selfie called 41 % of empty rooms
/// one, and 15 % with the border continued).
pub(super) fn nearest_place(window: &Picture, lens: Lens, x: f64, y: f64) -> Option<(f64, f64)> {
    let (u, v) = window.place_of(x, y);
    let (mut u, mut v) = (u.clamp(-1.0, 1.0), v.clamp(-1.0, 1.0));
    if let Lens::Fisheye { .. } = window.camera.lens {
        let beyond = u.hypot(v) / RIM;
        if beyond > 1.0 {
            (u, v) = (u / beyond, v / beyond);
        }
    }
    // Behind the viewer of half a sphere that is the same latitude at its edge.
    lens.nearest_place(window.camera.ray(u, v)?, RIM)
}

/// The outermost part of a fisheye's radius that is surely picture: lenses' rims are dark and soft.
const RIM: f64 = 0.985;
