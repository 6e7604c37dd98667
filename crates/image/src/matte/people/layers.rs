//! Bringing the mattes of windows back onto the eye.

use super::surface::{Region, Spot, Surface};
use super::window::Window;
use crate::matte::ramp;
use crate::plane::Plane;

/// A person's mattes in one eye.
#[derive(Debug)]
pub struct PersonMatte<'a> {
    /// The box around them.
    pub region: Region,
    /// The weight of the mattes, 0..=1: people are faded in and out.
    pub strength: f32,
    /// The detector was sure that it is a person: then one model that sees them is enough.
    pub sure: bool,
    /// For each model whether it remembers the frames before, its window, and what it found there; see
    /// [`PersonLayers::add`]. All windows have the same middle, but for flat ones that were moved inside.
    pub seen: Vec<(bool, Window, &'a Plane<f32>)>,
}

/// Outside of the person's box the matte counts fully up to this share of the box's size ...
const NEAR: f32 = 0.25;
/// ... and not at all from this one on: what is further away is another person, who has a window too.
const FAR: f32 = 0.5;
/// Somebody fills at least the second share of their box in the matte of some model, or isn't there; below the first
/// nothing of the mattes counts. Every true person of the choosing half filled .33 or more, but for people blurred by
/// motion in the eyes of one model or another; lamps and wheels that the detector took for people mostly less.
const FILLED: (f32, f32) = (0.12, 0.25);
/// Where the detector wasn't sure, models that remember must see this share: RVM saw nobody in chessmen that the
/// detector and both other models took for people. (Multiclass sees nobody in true people who are blurred.)
const AGREED: (f32, f32) = (0.04, 0.10);
/// A model that sees less than this share of what another sees has lost the person, and doesn't count.
const LOST: f32 = 0.35;
/// Share of half a window's side over which its matte fades at the border.
const RIM: f32 = 0.04;
/// Samples of the eye's matte from one node to the next; between nodes positions are interpolated.
const STEP: usize = 8;

/// Puts mattes of people onto an eye's matte of some size.
#[derive(Debug)]
pub struct PersonLayers {
    surface: Surface,
    grid: (usize, usize),
    /// The spots of the nodes, row by row; the first is in the middle of the first sample.
    nodes: Vec<Spot>,
    /// Nodes in a row.
    across: usize,
    /// 0 outside of a fisheye's circle, 1 inside; empty where the eye fills its picture.
    circle: Vec<f32>,
    /// For a row of nodes and the next, the points on the plane of the person at hand; `None` behind it.
    points: [Vec<Option<[f32; 2]>>; 2],
}

/// A window as it lies on a person's plane.
struct Layer<'a> {
    matte: &'a Plane<f32>,
    middle: [f32; 2],
    half: f32,
    /// Whether it fades at its left, upper, right and lower side: not where the eye ends there.
    fades: [bool; 4],
}

/// A person as they lie on their plane.
struct Person<'a> {
    /// Left, top, right, bottom of the box.
    sides: [f32; 4],
    strength: f32,
    layers: Vec<Layer<'a>>,
    /// Left, top, right, bottom of where the matte may be above 0.
    bounds: [f32; 4],
}

impl PersonLayers {
    /// For eyes that show `surface`, whose mattes have `grid` samples.
    pub fn new(surface: Surface, grid: (usize, usize)) -> Self {
        let (w, h) = surface.size();
        let (sx, sy) = (w / grid.0 as f64, h / grid.1 as f64);
        let (across, down) = ((grid.0 - 1) / STEP + 2, (grid.1 - 1) / STEP + 2);
        let node = |n: usize| ((n % across * STEP) as f64 + 0.5, (n / across * STEP) as f64 + 0.5);
        let nodes = (0..across * down).map(|n| {
            let (x, y) = node(n);
            // Outside of a fisheye's circle the nearest spot will do: nothing is shown there.
            surface.spot(x * sx, y * sy).unwrap_or_else(|| {
                let (u, v) = (2.0 * x * sx / w - 1.0, 2.0 * y * sy / h - 1.0);
                let r = u.hypot(v) * (1.0 + 1e-9);
                surface.spot((u / r + 1.0) / 2.0 * w, (v / r + 1.0) / 2.0 * h).unwrap_or([0.0, 0.0, 1.0])
            })
        });
        let inside =
            |i: usize| surface.spot(((i % grid.0) as f64 + 0.5) * sx, ((i / grid.0) as f64 + 0.5) * sy).is_some();
        let circle: Vec<f32> = (0..grid.0 * grid.1).map(|i| f32::from(u8::from(inside(i)))).collect();
        let nodes = nodes.collect();
        let circle = if circle.contains(&0.0) { circle } else { Vec::new() };
        Self { surface, grid, nodes, across, circle, points: Default::default() }
    }

    /// Starts with an eye in which nobody is.
    pub fn begin(&self, alpha: &mut Plane<f32>) {
        alpha.resize(self.grid.0, self.grid.1);
        alpha.data_mut().fill(0.0);
    }

    /// Adds a person to the eye's matte; where several overlap, the highest counts. A model that lost the person
    /// doesn't count, and who fills nothing of their box isn't there.
    pub fn add(&mut self, person: &PersonMatte<'_>, alpha: &mut Plane<f32>) {
        let Some((_, first, _)) = person.seen.first() else { return };
        let Some(on_plane) = self.on_plane(person, first) else { return };
        let plane = self.surface.plane(first.center);
        let points = |nodes: &[Spot], out: &mut Vec<Option<[f32; 2]>>| {
            out.clear();
            out.extend(nodes.iter().map(|node| plane.point(*node).map(|p| p.map(|v| v as f32))));
        };
        let [mut upper, mut lower] = std::mem::take(&mut self.points);
        let (width, height) = self.grid;
        let mut rows = self.nodes.chunks_exact(self.across);
        if let Some(nodes) = rows.next() {
            points(nodes, &mut upper);
        }
        for (y0, nodes) in (0..height).step_by(STEP).zip(rows) {
            points(nodes, &mut lower);
            for (i, x0) in (0..width).step_by(STEP).enumerate() {
                let corners = [upper[i], upper[i + 1], lower[i], lower[i + 1]];
                // Windows are far from the places behind the plane.
                let [Some(a), Some(b), Some(c), Some(d)] = corners else { continue };
                if on_plane.reaches([a, b, c, d]) {
                    for y in y0..height.min(y0 + STEP) {
                        let from = y * width + x0;
                        let n = STEP.min(width - x0);
                        let circle = self.circle.get(from..from + n);
                        let row = &mut alpha.data_mut()[from..from + n];
                        on_plane.add_row([a, b, c, d], y - y0, circle, row);
                    }
                }
            }
            std::mem::swap(&mut upper, &mut lower);
        }
        self.points = [upper, lower];
    }

    /// A person on the plane in the middle of a window; `None` where that looks away from them.
    fn on_plane<'a>(&self, person: &PersonMatte<'a>, window: &Window) -> Option<Person<'a>> {
        let base = Region { center: window.center, half: [window.half; 2] };
        let sides = self.surface.sides_seen_from(&person.region, &base)?.map(|v| v as f32);
        let plane = self.surface.plane(window.center);
        let (width, height) = self.surface.size();
        let mut filled = Vec::with_capacity(person.seen.len());
        let mut bounds = [f32::INFINITY, f32::INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY];
        let mut layers = Vec::with_capacity(person.seen.len());
        let mut least = 1.0f32;
        for (remembers, window, matte) in &person.seen {
            let [x, y] = plane.point(window.center)?.map(|v| v as f32);
            let half = window.half as f32;
            bounds =
                [bounds[0].min(x - half), bounds[1].min(y - half), bounds[2].max(x + half), bounds[3].max(y + half)];
            let [cx, cy, _] = window.center;
            let at_border = |edge: f64, border: f64| self.surface.is_spherical() || (edge - border).abs() > 1.0;
            let fades = [
                at_border(cx - window.half, 0.0),
                at_border(cy - window.half, 0.0),
                at_border(cx + window.half, width),
                at_border(cy + window.half, height),
            ];
            let layer = Layer { matte, middle: [x, y], half, fades };
            let share = layer.filled(sides);
            if *remembers {
                least = least.min(share);
            }
            filled.push(share);
            layers.push(layer);
        }
        let most = filled.iter().copied().fold(0.0, f32::max);
        let mut strength = person.strength * ramp(most, FILLED);
        if !person.sure {
            strength *= ramp(least, AGREED);
        }
        let mut kept = filled.iter().map(|f| *f >= LOST * most);
        layers.retain(|_| kept.next().unwrap_or(false));
        // Beyond this the person's box is too far away.
        let (far_x, far_y) = (FAR * (sides[2] - sides[0]), FAR * (sides[3] - sides[1]));
        let bounds = [
            bounds[0].max(sides[0] - far_x),
            bounds[1].max(sides[1] - far_y),
            bounds[2].min(sides[2] + far_x),
            bounds[3].min(sides[3] + far_y),
        ];
        (strength > 0.0).then_some(Person { sides, strength, layers, bounds })
    }
}

impl Person<'_> {
    /// Whether a tile with these corners may show a window.
    fn reaches(&self, corners: [[f32; 2]; 4]) -> bool {
        let [left, top, right, bottom] = self.bounds;
        !(corners.iter().all(|c| c[0] < left)
            || corners.iter().all(|c| c[0] > right)
            || corners.iter().all(|c| c[1] < top)
            || corners.iter().all(|c| c[1] > bottom))
    }

    /// Adds row number `y` of a tile with these corners (both upper, both lower ones).
    fn add_row(&self, [a, b, c, d]: [[f32; 2]; 4], y: usize, circle: Option<&[f32]>, out: &mut [f32]) {
        let share = |from: f32, to: f32, t: usize| from + (to - from) * (t as f32 / STEP as f32);
        let left = [share(a[0], c[0], y), share(a[1], c[1], y)];
        let right = [share(b[0], d[0], y), share(b[1], d[1], y)];
        for (x, out) in out.iter_mut().enumerate() {
            let point = [share(left[0], right[0], x), share(left[1], right[1], x)];
            let inside = circle.map_or(1.0, |circle| circle[x]);
            let value = self.at(point) * inside;
            *out = if value > *out { value } else { *out };
        }
    }

    /// The matte at a point.
    fn at(&self, [x, y]: [f32; 2]) -> f32 {
        let [left, top, right, bottom] = self.sides;
        let outside = |low: f32, high: f32, at: f32| (low - at).max(at - high).max(0.0) / (high - low).max(1e-6);
        let near = 1.0 - ramp(outside(left, right, x).max(outside(top, bottom, y)), (NEAR, FAR));
        if near <= 0.0 {
            return 0.0;
        }
        let (mut sum, mut weights, mut most) = (0.0, 0.0, 0.0f32);
        for layer in &self.layers {
            let (u, v) = ((x - layer.middle[0]) / layer.half, (y - layer.middle[1]) / layer.half);
            let weight = layer.weight(u, v);
            if weight > 0.0 {
                sum += weight * layer.matte_at(u, v);
                weights += weight;
                most = most.max(weight);
            }
        }
        if weights > 0.0 { self.strength * near * most * sum / weights } else { 0.0 }
    }
}

/// The share of a box that the matte of a window on it fills, 0..=1.
pub fn filled(surface: &Surface, region: &Region, window: &Window, matte: &Plane<f32>) -> f32 {
    let plane = surface.plane(region.center);
    let Some([x, y]) = plane.point(window.center).map(|p| p.map(|v| v as f32)) else { return 0.0 };
    let [w, h] = region.half.map(|v| v as f32);
    let layer = Layer { matte, middle: [x, y], half: window.half as f32, fades: [false; 4] };
    layer.filled([-w, -h, w, h])
}

impl Layer<'_> {
    /// The share of a box (left, top, right, bottom on the person's plane) that the matte fills.
    fn filled(&self, [left, top, right, bottom]: [f32; 4]) -> f32 {
        let (w, h) = (self.matte.width(), self.matte.height());
        let at = |v: f32, middle: f32, n: usize| {
            (((v - middle) / self.half + 1.0) * 0.5 * n as f32).clamp(0.0, n as f32) as usize
        };
        let (x0, x1) = (at(left, self.middle[0], w), at(right, self.middle[0], w));
        let (y0, y1) = (at(top, self.middle[1], h), at(bottom, self.middle[1], h));
        let rows = self.matte.data().chunks_exact(w.max(1)).take(y1).skip(y0);
        let on: usize = rows.map(|row| row[x0..x1.max(x0)].iter().filter(|v| **v >= 0.5).count()).sum();
        on as f32 / ((x1.max(x0 + 1) - x0) * (y1.max(y0 + 1) - y0)) as f32
    }

    /// How much the matte counts at a place of the window, -1..=1 either way.
    fn weight(&self, u: f32, v: f32) -> f32 {
        if u.abs() >= 1.0 || v.abs() >= 1.0 {
            return 0.0;
        }
        let [left, top, right, bottom] = self.fades;
        let side = |fades: bool, inside: f32| if fades { (inside / RIM).min(1.0) } else { 1.0 };
        side(left, 1.0 + u).min(side(right, 1.0 - u)).min(side(top, 1.0 + v)).min(side(bottom, 1.0 - v))
    }

    /// The matte there, between its samples.
    fn matte_at(&self, u: f32, v: f32) -> f32 {
        let (w, h) = (self.matte.width(), self.matte.height());
        let x = ((u + 1.0) * 0.5 * w as f32 - 0.5).clamp(0.0, (w - 1) as f32);
        let y = ((v + 1.0) * 0.5 * h as f32 - 0.5).clamp(0.0, (h - 1) as f32);
        let (i, j) = (x as usize, y as usize);
        let (i1, j1) = ((i + 1).min(w - 1), (j + 1).min(h - 1));
        let (tx, ty) = (x - i as f32, y - j as f32);
        let data = self.matte.data();
        let (a, b, c, d) = (data[j * w + i], data[j * w + i1], data[j1 * w + i], data[j1 * w + i1]);
        let (upper, lower) = (a + (b - a) * tx, c + (d - c) * tx);
        upper + (lower - upper) * ty
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vr::Lens;

    const GRID: (usize, usize) = (160, 160);

    /// A white matte of somebody, as a window sees them.
    fn laid(surface: Surface, grid: (usize, usize), region: Region, margin: f64) -> Plane<f32> {
        let white = Plane::from_vec(vec![1.0; 64 * 64], 64, 64);
        let window = Window::around(&surface, &region, margin);
        let mut layers = PersonLayers::new(surface, grid);
        let mut alpha = Plane::default();
        layers.begin(&mut alpha);
        layers.add(&PersonMatte { region, strength: 1.0, sure: true, seen: vec![(true, window, &white)] }, &mut alpha);
        alpha
    }

    #[test]
    fn a_matte_lands_on_its_box_wherever_the_camera_points() {
        let lenses = [Lens::HalfEquirectangular, Lens::Equirectangular, Lens::Fisheye { fov: 180.0 }];
        for lens in lenses {
            let wide = if lens == Lens::Equirectangular { 2 } else { 1 };
            let surface = Surface::new(Some(lens), 800 * wide, 800);
            let grid = (GRID.0 * wide, GRID.1);
            for (x, y) in [(0.5, 0.5), (0.35, 0.4), (0.6, 0.8), (0.999, 0.5)] {
                let Some(center) = surface.spot(x * 800.0 * wide as f64, y * 800.0) else { continue };
                let region = Region { center, half: [0.15, 0.3] };
                let alpha = laid(surface, grid, region, 1.2);
                let plane = surface.plane(center);
                for (i, got) in alpha.data().iter().enumerate() {
                    let at = |i: usize, n: usize, pixels: f64| (i as f64 + 0.5) / n as f64 * pixels;
                    let (w, h) = surface.size();
                    let spot = surface.spot(at(i % grid.0, grid.0, w), at(i / grid.0, grid.1, h));
                    let Some([p, q]) = spot.and_then(|spot| plane.point(spot)) else {
                        assert_eq!(*got, 0.0);
                        continue;
                    };
                    if p.abs() < 0.14 && q.abs() < 0.29 {
                        assert!(*got > 0.99, "{lens:?} {x} {y}: {got} at {p} {q}");
                    } else if p.abs() > 0.31 || q.abs() > 0.37 {
                        assert_eq!(*got, 0.0, "{lens:?} {x} {y} at {p} {q}");
                    }
                }
            }
        }
    }

    #[test]
    fn people_at_a_flat_border_are_not_faded() {
        let surface = Surface::new(None, 640, 360);
        let region = Region { center: [30.0, 180.0, 0.0], half: [30.0, 120.0] };
        let alpha = laid(surface, (320, 180), region, 1.1);
        assert_eq!(alpha.data()[90 * 320], 1.0);
        assert_eq!(alpha.data()[90 * 320 + 100], 0.0, "far outside of the box");
    }

    #[test]
    fn models_are_averaged_and_people_combined_by_maximum() {
        let surface = Surface::new(None, 160, 160);
        let region = Region { center: [80.0, 80.0, 0.0], half: [40.0, 40.0] };
        let (white, gray) = ([1.0, 0.5]).map(|v| Plane::from_vec(vec![v; 16], 4, 4)).into();
        let window = |margin| Window::around(&surface, &region, margin);
        let mut layers = PersonLayers::new(surface, GRID);
        let mut alpha = Plane::default();
        layers.begin(&mut alpha);
        let seen = vec![(true, window(1.2), &white), (true, window(1.6), &gray)];
        layers.add(&PersonMatte { region, strength: 1.0, sure: true, seen }, &mut alpha);
        assert!((alpha.data()[80 * 160 + 80] - 0.75).abs() < 1e-6);
        // Beyond the first model's window the other's counts alone.
        assert!((alpha.data()[80 * 160 + 80 + 52] - 0.5).abs() < 1e-6);
        layers.add(
            &PersonMatte { region, strength: 0.25, sure: true, seen: vec![(true, window(1.2), &white)] },
            &mut alpha,
        );
        assert!((alpha.data()[80 * 160 + 80] - 0.75).abs() < 1e-6);
    }

    /// The matte of somebody in whose box two models see these shares, from above.
    fn seen_by(shares: [f32; 2], sure: bool) -> f32 {
        let surface = Surface::new(None, 160, 160);
        let region = Region { center: [80.0, 80.0, 0.0], half: [40.0, 40.0] };
        let window = Window::around(&surface, &region, 1.0);
        let matte = |share: f32| {
            let rows = (64.0 * share) as usize;
            Plane::from_vec((0..64 * 64).map(|i| f32::from(u8::from(i / 64 < rows))).collect(), 64, 64)
        };
        let [a, b] = shares.map(matte);
        let mut alpha = Plane::default();
        let mut layers = PersonLayers::new(surface, GRID);
        layers.begin(&mut alpha);
        layers.add(
            &PersonMatte { region, strength: 1.0, sure, seen: vec![(false, window, &a), (true, window, &b)] },
            &mut alpha,
        );
        alpha.data()[45 * 160 + 80]
    }

    #[test]
    fn models_that_lost_a_person_are_ignored() {
        assert_eq!(seen_by([0.9, 0.9], true), 1.0);
        assert_eq!(seen_by([0.9, 0.5], true), 1.0);
        assert_eq!(seen_by([0.9, 0.0], true), 1.0, "the other one alone");
    }

    #[test]
    fn empty_or_doubted_people_are_dropped() {
        assert_eq!(seen_by([0.1, 0.0], true), 0.0);
        assert_eq!(seen_by([0.9, 0.0], false), 0.0, "the detector wasn't sure, and a model sees nobody");
        assert_eq!(seen_by([0.9, 0.3], false), 1.0);
    }
}
