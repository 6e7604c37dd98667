//! Which projection comes nearest to a mesh.

use super::decode::Vertex;
use crate::vr::camera::Ray;
use crate::vr::format::EyeOrder;
use crate::vr::layout::Layout;
use crate::vr::part::SpherePart;
use crate::vr::projection::Projection;

/// The projection that comes nearest to a file's meshes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeshFit {
    /// The projection of each eye.
    pub projection: Projection,
    /// Root mean square of the angle between what the meshes show and what the projection does, in degrees.
    pub error: f64,
    /// Number of meshes: one for both eyes or one for each.
    pub meshes: usize,
    /// Where the views of two meshes lie in the frame, where only the meshes tell.
    pub layout: Option<(Layout, EyeOrder)>,
}

/// Error in degrees up to which a projection describes a mesh. Lenses are never quite equidistant, and two cameras
/// never quite parallel: a VR180 camera's meshes are off by 1.4 degrees.
const FITS: f64 = 2.0;

impl MeshFit {
    /// The projection describes the mesh well.
    pub fn is_good(&self) -> bool {
        self.error <= FITS
    }
}

/// A direction and the place in its view, from -1 at the left (upper) edge to 1 at the right (lower) one.
#[derive(Clone, Copy)]
struct Point {
    ray: Ray,
    place: (f64, f64),
}

/// The nearest projection to the vertices of one or two meshes.
pub(super) fn fit(meshes: &[Vec<Vertex>]) -> Option<MeshFit> {
    let layout = match meshes {
        [left, right] => halves(left, right),
        _ => None,
    };
    let mut points = Vec::new();
    for (eye, mesh) in meshes.iter().enumerate() {
        points.extend(mesh.iter().filter_map(|vertex| point(vertex, eye, layout)));
    }
    // Three points are on every plane.
    if points.len() < 4 {
        return None;
    }
    let candidates = [part(&points), fisheye(&points)];
    let rated = candidates.into_iter().flatten().filter_map(|p| Some((p, error(p, &points)?)));
    let (projection, error) = rated.min_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(MeshFit { projection, error, meshes: meshes.len(), layout })
}

/// Where two meshes' views lie, if each has one half of the frame. What keeps within its half without reaching its
/// borders does so, too.
fn halves(left: &[Vertex], right: &[Vertex]) -> Option<(Layout, EyeOrder)> {
    let range = |mesh: &[Vertex], axis: usize| {
        mesh.iter().map(|v| f64::from(v.texture[axis])).fold((f64::MAX, f64::MIN), |(a, b), t| (a.min(t), b.max(t)))
    };
    let low = |(_, max): (f64, f64)| max <= 0.51;
    let high = |(min, _): (f64, f64)| min >= 0.49;
    let (across, down) = ([range(left, 0), range(right, 0)], [range(left, 1), range(right, 1)]);
    // Texture coordinates begin at the lower edge.
    if low(across[0]) && high(across[1]) {
        Some((Layout::SideBySide, EyeOrder::LeftFirst))
    } else if high(across[0]) && low(across[1]) {
        Some((Layout::SideBySide, EyeOrder::RightFirst))
    } else if high(down[0]) && low(down[1]) {
        Some((Layout::TopBottom, EyeOrder::LeftFirst))
    } else if low(down[0]) && high(down[1]) {
        Some((Layout::TopBottom, EyeOrder::RightFirst))
    } else {
        None
    }
}

fn point(vertex: &Vertex, eye: usize, layout: Option<(Layout, EyeOrder)>) -> Option<Point> {
    let [x, y, z] = vertex.position.map(f64::from);
    let length = (x * x + y * y + z * z).sqrt();
    if length <= 0.0 {
        return None;
    }
    let ray = [x / length, -y / length, -z / length];
    // From the frame's texture coordinates, downwards, to those of the view.
    let [mut u, mut v] = [f64::from(vertex.texture[0]), 1.0 - f64::from(vertex.texture[1])];
    if let Some((layout, order)) = layout {
        let second = (eye == 1) != (order == EyeOrder::RightFirst);
        let within = |t: f64| 2.0 * t - f64::from(u8::from(second));
        match layout {
            Layout::SideBySide => u = within(u),
            Layout::TopBottom => v = within(v),
            Layout::Mono => {}
        }
    }
    let place = (2.0 * u - 1.0, 2.0 * v - 1.0);
    (place.0.abs() <= 1.1 && place.1.abs() <= 1.1)
        .then_some(Point { ray, place: (place.0.clamp(-1.0, 1.0), place.1.clamp(-1.0, 1.0)) })
}

/// The line `a + b t` through values at `t` with weights that is off least.
fn line(points: impl Iterator<Item = (f64, f64, f64)>) -> Option<(f64, f64)> {
    let (mut n, mut t, mut tt, mut s, mut ts) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (at, value, weight) in points {
        n += weight;
        t += weight * at;
        tt += weight * at * at;
        s += weight * value;
        ts += weight * at * value;
    }
    let determinant = n * tt - t * t;
    (determinant > 1e-9).then(|| ((tt * s - t * ts) / determinant, (n * ts - t * s) / determinant))
}

/// The part of the equirectangular sphere that comes nearest.
fn part(points: &[Point]) -> Option<Projection> {
    let latitude = |[x, y, z]: Ray| y.atan2(x.hypot(z)).to_degrees();
    let across = line(points.iter().map(|p| {
        let longitude = p.ray[0].atan2(p.ray[2]).to_degrees();
        // Straight behind the viewer is at both borders.
        let longitude = if longitude.abs() > 175.0 { longitude.abs().copysign(p.place.0) } else { longitude };
        (p.place.0, longitude, p.ray[0].powi(2) + p.ray[2].powi(2))
    }))?;
    let down = line(points.iter().map(|p| (p.place.1, latitude(p.ray), 1.0)))?;
    let part = SpherePart {
        left: (across.0 - across.1).max(-180.0),
        right: (across.0 + across.1).min(180.0),
        top: (down.1 - down.0).min(90.0),
        bottom: (-down.0 - down.1).max(-90.0),
    };
    part.is_sound().then(|| Projection::of_part(part))
}

/// The equidistant fisheye, looking straight ahead, that comes nearest.
fn fisheye(points: &[Point]) -> Option<Projection> {
    let mut sums = [(0.0, 0.0); 2];
    let mut rim = 0.0f64;
    for p in points {
        let [x, y, z] = p.ray;
        let off_axis = x.hypot(y);
        let angle = off_axis.atan2(z).to_degrees();
        if angle > 175.0 {
            continue;
        }
        let k = if off_axis > 0.0 { angle / off_axis } else { 0.0 };
        for (sum, (place, seen)) in sums.iter_mut().zip([(p.place.0, x * k), (p.place.1, y * k)]) {
            sum.0 += place * seen;
            sum.1 += place * place;
        }
        rim = rim.max(p.place.0.hypot(p.place.1));
    }
    let [h_fov, v_fov] = sums.map(|(product, square)| if square > 0.0 { 2.0 * product / square } else { 0.0 });
    if !(10.0..=360.0).contains(&h_fov) || !(10.0..=360.0).contains(&v_fov) {
        return None;
    }
    let fov = (h_fov + v_fov) / 2.0;
    // Tenths are more than any lens keeps.
    let round = |degrees: f64| ((degrees * 10.0).round() / 10.0) as f32;
    let is_circle = (h_fov - v_fov).abs() <= 0.03 * fov && rim <= 1.02 && (90.0..=270.0).contains(&fov);
    Some(if is_circle {
        Projection::Fisheye { fov: round(fov) }
    } else {
        Projection::FullFrameFisheye { h_fov: round(h_fov), v_fov: round(v_fov) }
    })
}

/// Root mean square angle in degrees between the points' directions and those of the projection.
fn error(projection: Projection, points: &[Point]) -> Option<f64> {
    let lens = projection.lens()?;
    let mut sum = 0.0;
    for p in points {
        let (u, v) = p.place;
        let beyond = if matches!(projection, Projection::Fisheye { .. }) { u.hypot(v).max(1.0) } else { 1.0 };
        let [x, y, z] = lens.ray(u / beyond, v / beyond)?;
        let cosine = (x * p.ray[0] + y * p.ray[1] + z * p.ray[2]).clamp(-1.0, 1.0);
        sum += cosine.acos().to_degrees().powi(2);
    }
    Some((sum / points.len() as f64).sqrt())
}
