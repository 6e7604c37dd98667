//! The camera that looks at a person, and its picture: cut out of the full-size frame, so that somebody far away
//! is seen as large as the model was trained on.

use super::surface::{Region, Spot, Surface};
use crate::matte::{Sampler, SmallYuv};
use crate::plane::{Plane, Rect, Yuv, YuvColor, YuvLayout};
use crate::simd::dispatch;
use serde::{Deserialize, Serialize};

/// How a picture is stored, and what its samples mean.
#[derive(Clone, Copy, Debug)]
pub struct SourceFormat {
    /// Depth and subsampling.
    pub layout: YuvLayout,
    /// Matrix and range.
    pub color: YuvColor,
}

/// A square window on a surface.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// What lies in its middle.
    pub center: Spot,
    /// Half of its side on the plane that touches there: the tangent of half its angle, or pixels of a flat eye.
    pub half: f64,
}

/// Half of the side of the widest window on a sphere: 136 degrees.
const WIDEST: f64 = 2.5;
/// Pixels of a window from one node of its mapping to the next; between nodes positions are interpolated.
const STEP: usize = 8;
/// Sides of the part of a frame that a window is made from, in pixels after averaging, at most.
const MOST: usize = 2048;

impl Window {
    /// The window around a person whose side is `margin` times the longer side of their box. In a flat picture it is
    /// moved inside where it fits in: what lies beyond the border shows nothing.
    pub fn around(surface: &Surface, region: &Region, margin: f64) -> Self {
        let half = region.half[0].max(region.half[1]) * margin;
        if surface.is_spherical() {
            return Self { center: region.center, half: half.min(WIDEST) };
        }
        let inside = |at: f64, length: f64| {
            if 2.0 * half >= length { at } else { at.clamp(half, length - half) }
        };
        let (w, h) = surface.size();
        let [x, y, _] = region.center;
        Self { center: [inside(x, w), inside(y, h), 0.0], half }
    }

    /// Whether a spot lies in it.
    pub fn shows(&self, surface: &Surface, spot: Spot) -> bool {
        let point = surface.plane(self.center).point(spot);
        point.is_some_and(|[x, y]| x.abs() < self.half && y.abs() < self.half)
    }
}

/// Makes the pictures of windows; keeps its tables and buffers. Use one for each thread.
#[derive(Debug, Default)]
pub struct WindowSampler {
    sampler: Sampler,
    part: SmallYuv,
    /// The two sides of a part that lies across the border of a picture that wraps.
    halves: [SmallYuv; 2],
    nodes: Vec<[f32; 2]>,
    places: Vec<[f32; 2]>,
    /// The part's samples, luma and both chroma side by side: each place is looked up once.
    texels: Vec<[f32; 4]>,
    picture: SmallYuv,
}

impl WindowSampler {
    /// The picture of a window of the eye `rect`, `size` x `size` pixels, turned so that people stand upright. Where
    /// the window shows more than the eye, the eye's border is continued.
    ///
    /// # Panics
    /// When `size` is below 2 or the eye lies outside of the frame.
    pub fn cut(
        &mut self,
        planes: &Yuv<'_>,
        form: SourceFormat,
        (surface, rect): (&Surface, Rect),
        window: &Window,
        size: usize,
    ) -> &mut SmallYuv {
        let across = size.div_ceil(STEP) + 1;
        self.find_nodes(surface, window, size, across);
        let part = self.sample_part(planes, form, surface, rect, across);
        let (w, h) = (self.part.y.width(), self.part.y.height());
        let scale = ((w as f64 / (part[2] - part[0])) as f32, (h as f64 / (part[3] - part[1])) as f32);
        for node in &mut self.nodes {
            node[0] = ((node[0] - part[0] as f32) * scale.0 - 0.5).clamp(0.0, (w - 1) as f32);
            node[1] = ((node[1] - part[1] as f32) * scale.1 - 0.5).clamp(0.0, (h - 1) as f32);
        }
        interpolate(&self.nodes, across, size, &mut self.places);
        let part = self.part.y.data().iter().zip(self.part.u.data()).zip(self.part.v.data());
        self.texels.clear();
        self.texels.extend(part.map(|((y, u), v)| [*y, *u, *v, 0.0]));
        let SmallYuv { y, u, v } = &mut self.picture;
        [&mut *y, &mut *u, &mut *v].into_iter().for_each(|plane| plane.resize(size, size));
        read(&self.texels, w, h, &self.places, y.data_mut(), u.data_mut(), v.data_mut());
        &mut self.picture
    }

    /// Where the nodes of the window lie in the eye, in its pixels.
    fn find_nodes(&mut self, surface: &Surface, window: &Window, size: usize, across: usize) {
        let plane = surface.plane(window.center);
        let (middle, _) = surface.position(window.center);
        self.nodes.clear();
        for j in 0..across {
            for i in 0..across {
                let at = |k: usize| (2.0 * (k * STEP) as f64 / size as f64 - 1.0) * window.half;
                let (x, y) = surface.position(plane.spot([at(i), at(j)]));
                self.nodes.push([surface.near(x, middle) as f32, y as f32]);
            }
        }
    }

    /// Averages the part of the eye in which the nodes lie to about the window's resolution. Returns its edges.
    fn sample_part(
        &mut self,
        planes: &Yuv<'_>,
        form: SourceFormat,
        surface: &Surface,
        rect: Rect,
        across: usize,
    ) -> [f64; 4] {
        let (width, height) = surface.size();
        let mut edges = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        for [x, y] in self.nodes.iter().map(|n| n.map(f64::from)) {
            edges = [edges[0].min(x), edges[1].min(y), edges[2].max(x), edges[3].max(y)];
        }
        let node = |i: usize, j: usize| self.nodes[j * across + i].map(f64::from);
        let (a, b) = (across / 2 - 1, (across / 2 + 1).min(across - 1));
        let apart = |p: [f64; 2], q: [f64; 2]| (p[0] - q[0]).hypot(p[1] - q[1]) / ((b - a) * STEP) as f64;
        let middle = across / 2;
        // Pixels of the eye for each of the window: what is drawn out on the eye is averaged along its length.
        let scale =
            (apart(node(b, middle), node(a, middle)).max(1.0), apart(node(middle, b), node(middle, a)).max(1.0));
        // Interpolation reads a pixel beyond each end.
        let (x0, x1) = (edges[0] - 2.0 * scale.0, edges[2] + 2.0 * scale.0);
        let (x0, x1) = if !surface.wraps() {
            (x0.clamp(0.0, width - 1.0), x1.clamp(1.0, width))
        } else if x1 - x0 >= width {
            // All around: the part begins behind the window's back.
            let middle = (x0 + x1) / 2.0;
            (middle - width / 2.0, middle + width / 2.0)
        } else {
            (x0, x1)
        };
        let (y0, y1) =
            ((edges[1] - 2.0 * scale.1).clamp(0.0, height - 1.0), (edges[3] + 2.0 * scale.1).clamp(1.0, height));
        let fit = |length: f64, scale: f64| ((length / scale).ceil() as usize).clamp(2, MOST);
        let size = (fit(x1 - x0, scale.0), fit(y1 - y0, scale.1));
        let rows = (rect.y as f64 + y0, rect.y as f64 + y1);
        let column = |x: f64| rect.x as f64 + x;
        let (layout, color) = (form.layout, form.color);
        // In a picture that wraps the part may lie across the border, or wholly beyond it.
        let turns = if surface.wraps() { (x0 / width).floor() * width } else { 0.0 };
        let (from, to) = (x0 - turns, x1 - turns);
        let left = ((width - from) / (to - from) * size.0 as f64).round() as usize;
        if to <= width + 1e-9 || left >= size.0 {
            let columns = (column(from), column(to.min(width)));
            self.sampler.sample_part(planes, layout, color, (columns, rows), size, &mut self.part);
        } else if left == 0 {
            let columns = (column(0.0), column(to - width));
            self.sampler.sample_part(planes, layout, color, (columns, rows), size, &mut self.part);
        } else {
            let both = [((column(from), column(width)), left), ((column(0.0), column(to - width)), size.0 - left)];
            for ((columns, n), half) in both.into_iter().zip(&mut self.halves) {
                self.sampler.sample_part(planes, layout, color, (columns, rows), (n, size.1), half);
            }
            let [a, b] = &self.halves;
            join(&a.y, &b.y, &mut self.part.y);
            join(&a.u, &b.u, &mut self.part.u);
            join(&a.v, &b.v, &mut self.part.v);
        }
        [x0, y0, x1, y1]
    }
}

/// Two planes of the same height side by side.
fn join(left: &Plane<f32>, right: &Plane<f32>, out: &mut Plane<f32>) {
    let (a, b) = (left.width(), right.width());
    out.resize(a + b, left.height());
    let rows = left.data().chunks_exact(a).zip(right.data().chunks_exact(b));
    for (to, (left, right)) in out.data_mut().chunks_exact_mut(a + b).zip(rows) {
        to[..a].copy_from_slice(left);
        to[a..].copy_from_slice(right);
    }
}

/// Positions for all pixels of a square picture between its nodes, `across` of them in a row.
fn interpolate(nodes: &[[f32; 2]], across: usize, size: usize, out: &mut Vec<[f32; 2]>) {
    out.resize(size * size, [0.0; 2]);
    for (y, row) in out.chunks_exact_mut(size).enumerate() {
        let (j, ty) = (y / STEP, ((y % STEP) as f32 + 0.5) / STEP as f32);
        for (i, block) in row.chunks_mut(STEP).enumerate() {
            let at = |i: usize, k: usize| {
                let (upper, lower) = (nodes[j * across + i][k], nodes[(j + 1) * across + i][k]);
                upper + (lower - upper) * ty
            };
            let (left, right) = ([at(i, 0), at(i, 1)], [at(i + 1, 0), at(i + 1, 1)]);
            for (x, place) in block.iter_mut().enumerate() {
                let tx = (x as f32 + 0.5) / STEP as f32;
                *place = [left[0] + (right[0] - left[0]) * tx, left[1] + (right[1] - left[1]) * tx];
            }
        }
    }
}

dispatch! {
    /// Reads `w` x `h` samples bilinearly at places that lie among them.
    fn read(
        texels: &[[f32; 4]],
        w: usize,
        h: usize,
        places: &[[f32; 2]],
        luma: &mut [f32],
        blue: &mut [f32],
        red: &mut [f32],
    ) {
        let out = luma.iter_mut().zip(blue).zip(red);
        for (((luma, blue), red), &[x, y]) in out.zip(places) {
            let (i, j) = ((x as usize).min(w - 2), (y as usize).min(h - 2));
            let (tx, ty) = (x - i as f32, y - j as f32);
            let (upper, lower) = (&texels[j * w + i..][..2], &texels[(j + 1) * w + i..][..2]);
            let mut sum = [0.0; 4];
            for k in 0..4 {
                let above = upper[0][k] + (upper[1][k] - upper[0][k]) * tx;
                let below = lower[0][k] + (lower[1][k] - lower[0][k]) * tx;
                sum[k] = above + (below - above) * ty;
            }
            (*luma, *blue, *red) = (sum[0], sum[1], sum[2]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::PlaneRef;
    use crate::vr::{Camera, Lens, Picture};

    const W: usize = 256;

    fn form() -> SourceFormat {
        let layout = YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };
        SourceFormat { layout, color: YuvColor { full_range: true, ..YuvColor::default() } }
    }

    /// Luma of an eye that shows `value` in each direction or at each place.
    fn eye(surface: &Surface, value: impl Fn(Spot) -> f64) -> Vec<u8> {
        let (w, h) = surface.size();
        let pixel = |i: usize| {
            let spot = surface.spot((i % w as usize) as f64 + 0.5, (i / w as usize) as f64 + 0.5);
            spot.map_or(0, |spot| (value(spot) * 255.0).round() as u8)
        };
        (0..(w * h) as usize).map(pixel).collect()
    }

    fn cut(surface: &Surface, luma: &[u8], window: Window, size: usize) -> SmallYuv {
        let (w, h) = (surface.size().0 as usize, surface.size().1 as usize);
        let chroma = vec![128u8; w * h / 4];
        let chroma = || PlaneRef::new(&chroma, w / 2, w / 2, h / 2);
        let planes = Yuv::U8([PlaneRef::new(luma, w, w, h), chroma(), chroma()]);
        let rect = Rect::new(0, 0, w, h);
        WindowSampler::default().cut(&planes, form(), (surface, rect), &window, size).clone()
    }

    /// A smooth pattern over all directions.
    fn pattern([x, y, z]: Spot) -> f64 {
        0.5 + 0.2 * (3.0 * x + 1.0).sin() + 0.15 * (4.0 * y).cos() - 0.1 * (2.0 * z).sin()
    }

    #[test]
    fn a_window_shows_what_an_ordinary_camera_would() {
        let lenses = [Lens::HalfEquirectangular, Lens::Equirectangular, Lens::Fisheye { fov: 180.0 }];
        for lens in lenses {
            let width = if lens == Lens::Equirectangular { 2 * W } else { W };
            let surface = Surface::new(Some(lens), width, W);
            let luma = eye(&surface, pattern);
            let yaws: &[f64] = if lens == Lens::Equirectangular { &[0.0, 100.0, 179.0, -178.0] } else { &[0.0, 30.0] };
            for (yaw, pitch) in yaws.iter().flat_map(|yaw| [(*yaw, 0.0), (*yaw, -35.0)]) {
                let angle = 60.0f64;
                let camera = Camera { lens: Lens::Rectilinear { h_fov: angle, v_fov: angle }, yaw, pitch };
                let window = Window { center: camera.ray(0.0, 0.0).unwrap(), half: (angle / 2.0).to_radians().tan() };
                let seen = cut(&surface, &luma, window, 64);
                let picture = Picture::new(camera, 64, 64);
                for (i, got) in seen.y.data().iter().enumerate() {
                    let want = pattern(picture.ray((i % 64) as f64, (i / 64) as f64).unwrap());
                    assert!((f64::from(*got) - want).abs() < 0.02, "{lens:?} {yaw} {pitch} {i}: {got} {want}");
                }
            }
        }
    }

    #[test]
    fn flat_windows_are_cut_out() {
        let surface = Surface::new(None, W, W);
        let luma = eye(&surface, |[x, y, _]| (x + 0.5 * y) / 400.0);
        let window = Window { center: [100.0, 80.0, 0.0], half: 40.0 };
        let seen = cut(&surface, &luma, window, 40);
        for (i, got) in seen.y.data().iter().enumerate() {
            let (x, y) = (61.0 + 2.0 * (i % 40) as f64, 41.0 + 2.0 * (i / 40) as f64);
            assert!((f64::from(*got) - (x + 0.5 * y) / 400.0).abs() < 0.01);
        }
    }

    #[test]
    fn crops_wrap_around_the_border() {
        let surface = Surface::new(Some(Lens::Fisheye { fov: 180.0 }), W, W);
        let luma = eye(&surface, |_| 0.75);
        let window = Window { center: [1.0, 0.0, 0.0], half: 0.7 };
        let seen = cut(&surface, &luma, window, 64);
        assert!(seen.y.data().iter().all(|v| (v - 0.75).abs() < 0.02), "no black from outside of the circle");
    }

    #[test]
    fn windows_are_moved_into_flat_pictures() {
        let surface = Surface::new(None, 640, 360);
        let region = |x: f64, half: [f64; 2]| Region { center: [x, 180.0, 0.0], half };
        let near = Window::around(&surface, &region(10.0, [10.0, 100.0]), 1.1);
        assert!((near.center[0] - 110.0).abs() < 1e-9 && (near.half - 110.0).abs() < 1e-9);
        let tall = Window::around(&surface, &region(300.0, [50.0, 180.0]), 1.1);
        assert_eq!(tall.center, [300.0, 180.0, 0.0]);
    }
}
