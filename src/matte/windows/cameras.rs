//! Where the windows of a view look, and through which lens.

use super::View;
use crate::vr::{Camera, Lens, Picture};

/// Angle across a rectilinear window, each way. Less means more windows; more draws out what is at
/// their borders, 2.4 times at 50 degrees off the axis.
const RECTILINEAR: f64 = 100.0;
/// How far the outer rectilinear windows of half a sphere look to the side.
const TILT: f64 = 58.0;
/// How far rectilinear windows reach beyond the edge of what a fisheye eye shows.
const MARGIN: f64 = 18.0;
/// Angle across each of the two fisheye windows of a whole sphere.
const BACK_TO_BACK: f64 = 200.0;

/// The cameras whose pictures together show all that an eye of `lens` shows; none where the eye is
/// seen as it is.
pub(super) fn of(view: View, lens: Lens) -> Vec<Camera> {
    let at = |lens, yaw, pitch| Camera { lens, yaw, pitch };
    match (view, lens) {
        // A flat picture, and a fisheye as a fisheye, are what they are.
        (View::Eye, _) | (_, Lens::Rectilinear { .. }) | (View::Fisheye, Lens::Fisheye { .. }) => Vec::new(),
        (View::Fisheye, Lens::HalfEquirectangular) => vec![Camera::ahead(Lens::Fisheye { fov: 180.0 })],
        (View::Fisheye, Lens::Equirectangular) => {
            let lens = Lens::Fisheye { fov: BACK_TO_BACK };
            vec![at(lens, 0.0, 0.0), at(lens, 180.0, 0.0)]
        }
        (View::Rectilinear, _) => {
            let square = Lens::Rectilinear { h_fov: RECTILINEAR, v_fov: RECTILINEAR };
            let tilt = match lens {
                Lens::Fisheye { fov } => (fov / 2.0 + MARGIN - RECTILINEAR / 2.0).max(TILT),
                Lens::Equirectangular => 90.0,
                _ => TILT,
            };
            let mut cameras = vec![at(square, 0.0, 0.0)];
            cameras.extend([(-tilt, 0.0), (tilt, 0.0), (0.0, tilt), (0.0, -tilt)].map(|(y, p)| at(square, y, p)));
            if lens == Lens::Equirectangular {
                cameras.push(at(square, 180.0, 0.0));
            }
            cameras
        }
    }
}

/// Pixels for each radian in the middle of a picture, in the direction in which it has more.
pub(super) fn density(picture: &Picture) -> f64 {
    let (w, h) = (picture.width as f64, picture.height as f64);
    let linear = |h_fov: f64, v_fov: f64| (w / h_fov.to_radians()).max(h / v_fov.to_radians());
    match picture.camera.lens {
        Lens::HalfEquirectangular => linear(180.0, 180.0),
        Lens::Equirectangular => linear(360.0, 180.0),
        Lens::Fisheye { fov } => linear(fov, fov),
        Lens::Rectilinear { h_fov, v_fov } => {
            let half = |n: f64, fov: f64| n / 2.0 / (fov.to_radians() / 2.0).tan();
            half(w, h_fov).max(half(h, v_fov))
        }
    }
}
