//! Tests of the painters, and the pictures that they share.

use super::composer::{Composer, Frame, Paint};
use super::*;
use crate::matte::{EdgeColors, MattedView, SmallYuv, TILE_H, TILE_W, TileMap};
use crate::plane::{Matrix, Plane, PlaneMut, PlaneRef, Rect, Sample, Yuv, YuvColor, YuvLayout, YuvMut};
use crate::simd::forced;
use proptest::prelude::*;

mod depths;
mod recorded;
mod reference;
mod soft_edges;

/// Planes whose stride is wider than their width.
struct Padded<T> {
    data: Vec<T>,
    stride: usize,
    width: usize,
    height: usize,
}

impl<T: Sample> Padded<T> {
    fn new(width: usize, height: usize, pad: usize, f: impl Fn(usize, usize) -> u32) -> Self {
        let stride = width + pad;
        let data = (0..stride * height).map(|i| T::from_u32(f(i % stride, i / stride))).collect();
        Self { data, stride, width, height }
    }

    fn get(&self) -> PlaneRef<'_, T> {
        PlaneRef::new(&self.data, self.stride, self.width, self.height)
    }

    fn get_mut(&mut self) -> PlaneMut<'_, T> {
        PlaneMut::new(&mut self.data, self.stride, self.width, self.height)
    }
}

/// A hash as a source of reproducible noise.
fn noise(seed: u32, p: usize, x: usize, y: usize) -> u32 {
    let mut h = seed ^ (x as u32).wrapping_mul(0x9E37_79B1) ^ (y as u32).wrapping_mul(0x85EB_CA77) ^ ((p as u32) << 28);
    h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
    h = (h ^ (h >> 12)).wrapping_mul(0x297A_2D39);
    h ^ (h >> 15)
}

/// Sample types with their variants of the picture enums.
trait Variant: Sample {
    fn yuv(planes: [PlaneRef<'_, Self>; 3]) -> Yuv<'_>;
    fn yuv_mut<'a>(planes: [PlaneMut<'a, Self>; 3], alpha: Option<PlaneMut<'a, Self>>) -> YuvMut<'a>;
}

impl Variant for u8 {
    fn yuv(planes: [PlaneRef<'_, Self>; 3]) -> Yuv<'_> {
        Yuv::U8(planes)
    }
    fn yuv_mut<'a>(planes: [PlaneMut<'a, Self>; 3], alpha: Option<PlaneMut<'a, Self>>) -> YuvMut<'a> {
        YuvMut::U8(planes, alpha)
    }
}

impl Variant for u16 {
    fn yuv(planes: [PlaneRef<'_, Self>; 3]) -> Yuv<'_> {
        Yuv::U16(planes)
    }
    fn yuv_mut<'a>(planes: [PlaneMut<'a, Self>; 3], alpha: Option<PlaneMut<'a, Self>>) -> YuvMut<'a> {
        YuvMut::U16(planes, alpha)
    }
}

fn modes() -> Vec<Mode> {
    vec![
        Mode::Green { key: Rgb::KEY_GREEN },
        Mode::Matte,
        Mode::Alpha,
        Mode::Blur { strength: 0.05 },
        Mode::Blur { strength: 0.001 },
        Mode::Replace { background: PathBuf::new() },
        Mode::Overlay { tint: Rgb(255, 0, 128) },
    ]
}

#[derive(Clone, Debug)]
struct Case {
    mode: Mode,
    layout: YuvLayout,
    color: YuvColor,
    size: (usize, usize),
    small: (usize, usize),
    split: Option<usize>,
    pad: usize,
    seed: u32,
}

fn cases() -> impl Strategy<Value = Case> {
    let layout =
        (prop::sample::select(vec![8u32, 9, 10, 16]), prop::sample::select(vec![(0, 0), (1, 0), (1, 1), (2, 0)]))
            .prop_map(|(bits, (x, y))| YuvLayout { bits, chroma_shift_x: x, chroma_shift_y: y, alpha: false });
    let color = (any::<bool>(), prop::sample::select(vec![Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020]))
        .prop_map(|(full_range, matrix)| YuvColor { matrix, full_range });
    (
        prop::sample::select(modes()),
        layout,
        color,
        (1usize..300, 1usize..90),
        (1usize..40, 1usize..40),
        prop::option::of(1usize..299),
        0usize..40,
        any::<u32>(),
    )
        .prop_map(|(mode, layout, color, size, small, split, pad, seed)| {
            let split = split.filter(|s| *s < size.0);
            Case { mode, layout, color, size, small, split, pad, seed }
        })
}

/// A matte with whole tiles of all kinds.
fn matte(case: &Case) -> Padded<u8> {
    let seed = case.seed;
    Padded::new(case.size.0, case.size.1, case.pad, |x, y| match noise(seed, 7, x / TILE_W, y / TILE_H) % 4 {
        0 | 1 => 0,
        2 => 255,
        _ => match noise(seed, 8, x, y) % 4 {
            0 => 0,
            1 => 255,
            _ => noise(seed, 9, x, y) % 256,
        },
    })
}

struct Scene<T> {
    case: Case,
    source: [Padded<T>; 3],
    background: [Padded<T>; 3],
    alpha: Padded<u8>,
    tiles: TileMap,
    small: SmallYuv,
    small_alpha: Plane<f32>,
    colors: EdgeColors,
}

impl<T: Variant> Scene<T> {
    fn new(case: &Case) -> Self {
        let Case { layout, size: (w, h), small: (sw, sh), seed, .. } = *case;
        let plane = |base: usize, p: usize| {
            let (pw, ph) = layout.plane_size(p, w, h);
            Padded::<T>::new(pw, ph, case.pad, |x, y| noise(seed, base + p, x, y) % (layout.max() + 1))
        };
        let small_plane = |p: usize, low: f32| {
            let data = (0..sw * sh).map(|i| (noise(seed, 10 + p, i, 0) % 1000) as f32 / 1000.0 + low).collect();
            Plane::from_vec(data, sw, sh)
        };
        let small = SmallYuv { y: small_plane(0, 0.0), u: small_plane(1, -0.5), v: small_plane(2, -0.5) };
        let small_alpha = small_plane(3, 0.0);
        let alpha = matte(case);
        let mut tiles = TileMap::default();
        tiles.classify(alpha.get());
        Self {
            case: case.clone(),
            source: [plane(0, 0), plane(0, 1), plane(0, 2)],
            background: [plane(3, 0), plane(3, 1), plane(3, 2)],
            alpha,
            tiles,
            colors: EdgeColors::of(&small, &small_alpha),
            small,
            small_alpha,
        }
    }

    fn with_frame<R>(&self, f: impl FnOnce(&Frame<'_>) -> R) -> R {
        let Case { layout, color, size: (w, h), .. } = self.case;
        let rects = match self.case.split {
            Some(x) => vec![Rect::new(0, 0, x, h), Rect::new(x, 0, w - x, h)],
            // A border that no view covers.
            None => vec![Rect::new(w / 8, h / 8, (w * 3).div_ceil(4), (h * 3).div_ceil(4))],
        };
        let view =
            |r: &Rect| MattedView { rect: *r, small: &self.small, alpha: &self.small_alpha, colors: &self.colors };
        let views: Vec<_> = rects.iter().map(view).collect();
        let replace = matches!(self.case.mode, Mode::Replace { .. });
        f(&Frame {
            source: T::yuv(self.source.each_ref().map(Padded::get)),
            layout,
            color,
            width: w,
            height: h,
            alpha: self.alpha.get(),
            tiles: &self.tiles,
            views: &views,
            background: replace.then(|| T::yuv(self.background.each_ref().map(Padded::get))),
        })
    }

    /// The painted planes, and the painter. Their padding is 77.
    fn paint(&self) -> (Composer, Vec<Padded<T>>) {
        let Case { layout, color, size: (w, h), pad, ref mode, .. } = self.case;
        let out_layout = Composer::output_layout(mode, layout);
        let mut composer = Composer::new(mode, layout, color, w, h);
        let mut out: Vec<_> = (0..out_layout.planes())
            .map(|p| {
                let (pw, ph) = out_layout.plane_size(p, w, h);
                Padded::<T>::new(pw, ph, pad + p, |_, _| 77)
            })
            .collect();
        self.with_frame(|frame| {
            composer.prepare(frame);
            let mut planes = out.iter_mut().map(Padded::get_mut);
            let color = [planes.next().unwrap(), planes.next().unwrap(), planes.next().unwrap()];
            let picture = T::yuv_mut(color, planes.next());
            composer.paint(frame, picture);
        });
        (composer, out)
    }
}
