//! The painters against a plain per-sample reference, and what the pictures must look like.

use super::composer::{Composer, Frame, Paint};
use super::*;
use crate::matte::{EdgeColors, MattedView, SmallYuv, TILE_H, TILE_W, TileMap};
use crate::plane::{Matrix, Plane, PlaneMut, PlaneRef, Rect, Sample, Yuv, YuvColor, YuvLayout, YuvMut};
use crate::simd::forced;
use proptest::prelude::*;

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

fn run<T: Variant>(case: &Case) {
    let Case { mode, layout, color, size: (w, h), small: (sw, sh), seed, .. } = case.clone();
    let max = layout.max();
    let plane = |base: usize, p: usize| {
        let (pw, ph) = layout.plane_size(p, w, h);
        Padded::<T>::new(pw, ph, case.pad, |x, y| noise(seed, base + p, x, y) % (max + 1))
    };
    let source = [plane(0, 0), plane(0, 1), plane(0, 2)];
    let other = [plane(3, 0), plane(3, 1), plane(3, 2)];
    let alpha = matte(case);
    let small_plane = |p: usize, low: f32| {
        let data = (0..sw * sh).map(|i| (noise(seed, 10 + p, i, 0) % 1000) as f32 / 1000.0 + low).collect();
        Plane::from_vec(data, sw, sh)
    };
    let small = SmallYuv { y: small_plane(0, 0.0), u: small_plane(1, -0.5), v: small_plane(2, -0.5) };
    let small_alpha = small_plane(3, 0.0);
    let rects = match case.split {
        Some(x) => vec![Rect::new(0, 0, x, h), Rect::new(x, 0, w - x, h)],
        // A border that no view covers.
        None => vec![Rect::new(w / 8, h / 8, (w * 3).div_ceil(4), (h * 3).div_ceil(4))],
    };
    let colors = EdgeColors::of(&small, &small_alpha);
    let view = |r: &Rect| MattedView { rect: *r, small: &small, alpha: &small_alpha, colors: &colors };
    let views: Vec<_> = rects.iter().map(view).collect();
    let mut tiles = TileMap::default();
    tiles.classify(alpha.get());
    let frame = Frame {
        source: T::yuv(source.each_ref().map(Padded::get)),
        layout,
        color,
        width: w,
        height: h,
        alpha: alpha.get(),
        tiles: &tiles,
        views: &views,
        background: matches!(mode, Mode::Replace { .. }).then(|| T::yuv(other.each_ref().map(Padded::get))),
    };

    let out_layout = Composer::output_layout(&mode, layout);
    let mut first: Option<Vec<Padded<T>>> = None;
    forced::each(|level| {
        let mut composer = Composer::new(&mode, layout, color, w, h);
        let mut out: Vec<_> = (0..out_layout.planes())
            .map(|p| {
                let (pw, ph) = out_layout.plane_size(p, w, h);
                Padded::<T>::new(pw, ph, case.pad + p, |_, _| 77)
            })
            .collect();
        composer.prepare(&frame);
        {
            let mut planes = out.iter_mut().map(Padded::get_mut);
            let color = [planes.next().unwrap(), planes.next().unwrap(), planes.next().unwrap()];
            let picture = T::yuv_mut(color, planes.next());
            composer.paint(&frame, picture);
        }
        match &first {
            Some(first) => {
                for (a, b) in first.iter().zip(&out) {
                    assert!(a.data == b.data, "{level:?} differs from the first level");
                }
            }
            None => {
                check(case, &composer, &frame, [&source, &other], &out);
                first = Some(out);
            }
        }
    });
}

/// Compares with [`expected`], and that the padding is untouched.
fn check<T: Variant>(
    case: &Case,
    composer: &Composer,
    frame: &Frame<'_>,
    inputs: [&[Padded<T>; 3]; 2],
    out: &[Padded<T>],
) {
    for (p, plane) in out.iter().enumerate() {
        for y in 0..plane.height {
            for x in 0..plane.stride.min(plane.data.len() - y * plane.stride) {
                let got = plane.data[y * plane.stride + x].to_f32();
                if x >= plane.width {
                    assert_eq!(got, 77.0, "padding of plane {p} written at {x},{y}");
                    continue;
                }
                let want = expected(composer, frame, inputs, p, x, y);
                // See `fixed`.
                let lost = if case.layout.bits == 8 { 0.115 } else { 1e-5 * want };
                assert!((got - want).abs() <= 0.51 + lost, "plane {p} at {x},{y}: {got}, not {want}; {case:?}");
            }
        }
    }
}

/// A bilinear sample of a field over a view.
fn bilinear(field: &Plane<f32>, cell: (f32, f32), x: f32, y: f32) -> f32 {
    let at = |pos: f32, n: usize| {
        let pos = pos.clamp(0.0, (n - 1) as f32);
        (pos as usize, (pos as usize + 1).min(n - 1), pos.fract())
    };
    let (x0, x1, tx) = at((x + 0.5) / cell.0 - 0.5, field.width());
    let (y0, y1, ty) = at((y + 0.5) / cell.1 - 0.5, field.height());
    let v = |x: usize, y: usize| field.data()[y * field.width() + x];
    let upper = v(x0, y0) * (1.0 - tx) + v(x1, y0) * tx;
    let lower = v(x0, y1) * (1.0 - tx) + v(x1, y1) * tx;
    upper * (1.0 - ty) + lower * ty
}

/// What a sample must be, before rounding: straight from the modes' descriptions, with no tiles.
fn expected<T: Sample>(
    composer: &Composer,
    frame: &Frame<'_>,
    [source, other]: [&[Padded<T>; 3]; 2],
    p: usize,
    x: usize,
    y: usize,
) -> f32 {
    let layout = composer.layout;
    let (sx, sy) = if p.is_multiple_of(3) { (0, 0) } else { (layout.chroma_shift_x, layout.chroma_shift_y) };
    let max = layout.max() as f32;
    let (luma, chroma) = (composer.color.luma(layout.bits), composer.color.chroma(layout.bits));
    let alpha_at = |x: usize, y: usize| f32::from(frame.alpha.row(y.min(frame.height - 1))[x.min(frame.width - 1)]);
    let mut a = 0.0;
    for dy in 0..1usize << sy {
        for dx in 0..1usize << sx {
            a += alpha_at((x << sx) + dx, (y << sy) + dy) / 255.0 / (1 << (sx + sy)) as f32;
        }
    }
    if p == 3 {
        return a * max;
    }
    let s = source[p].get().row(y)[x].to_f32();
    let black = if p == 0 { luma.0 } else { chroma.0 };
    let view = composer.views.iter().rev().find(|v| {
        let r = v.rect(p);
        (r.x..r.x + r.w).contains(&x) && (r.y..r.y + r.h).contains(&y)
    });
    let field = |plane: &Plane<f32>, cell: (f32, f32)| {
        let r = view.unwrap().rect(p);
        let cell = (cell.0 / (1 << sx) as f32, cell.1 / (1 << sy) as f32);
        bilinear(plane, cell, (x - r.x) as f32, (y - r.y) as f32)
    };
    let hats = view.map(|v| {
        let cell = v.mapping.cell();
        [field(&v.foreground[p], cell), field(&v.background[p], cell)]
    });
    let f = hats.map_or(s, |[fh, bh]| {
        let range = if p == 0 {
            [luma.0, luma.0 + luma.1]
        } else {
            [(chroma.0 - chroma.1 / 2.0).max(0.0), (chroma.0 + chroma.1 / 2.0).min(max)]
        };
        (fh + a * (s - a * fh - (1.0 - a) * bh)).clamp(range[0].min(s), range[1].max(s))
    });
    let over = |b: f32| a * f + (1.0 - a) * b;
    match composer.paint {
        Paint::Green { key } => over(key[p]),
        Paint::Matte if p == 0 => luma.0 + luma.1 * a,
        Paint::Matte => chroma.0,
        Paint::Alpha => {
            let (tx, ty) = ((x << sx) / TILE_W, (y << sy) / TILE_H);
            let tile_empty = |tx: usize, ty: usize| {
                (ty * TILE_H..(ty + 1) * TILE_H)
                    .all(|y| (tx * TILE_W..(tx + 1) * TILE_W).all(|x| alpha_at(x, y) == 0.0))
            };
            let near = (ty.saturating_sub(1)..(ty + 2).min(frame.tiles.tiles_y))
                .any(|ty| (tx.saturating_sub(1)..(tx + 2).min(frame.tiles.tiles_x)).any(|tx| !tile_empty(tx, ty)));
            match (near, tile_empty(tx, ty), hats) {
                (true, true, Some([fh, _])) => fh.clamp(0.0, max),
                (_, true, _) => black,
                _ => f,
            }
        }
        Paint::Blur { .. } => match view {
            Some(v) => over(field(&v.backdrop.colors[p], v.backdrop_mapping.cell())).clamp(0.0, max),
            None => s,
        },
        Paint::Replace => over(other[p].get().row(y)[x].to_f32()),
        Paint::Overlay { planes } => {
            let c = planes[p];
            let mixed = a * (s + c.share * (c.tint - s)) + (1.0 - a) * (c.black + c.keep * (s - c.black));
            let outline = 1.0 - (2.0 * a - 1.0).abs();
            mixed + outline * (c.tint - mixed)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn every_mode_is_what_it_says(case in cases()) {
        if case.layout.bits == 8 { run::<u8>(&case) } else { run::<u16>(&case) }
    }
}

/// A picture whose foreground, background and opacity are known: a round body with a soft rim
/// and radial strands like hair.
struct Known {
    size: usize,
    foreground: [Plane<f32>; 3],
    background: [Plane<f32>; 3],
    alpha: Plane<f32>,
}

impl Known {
    fn new(size: usize, small: usize) -> (Self, SmallYuv, Plane<f32>) {
        let at = |f: &dyn Fn(f32, f32) -> f32| {
            let n = size as f32;
            Plane::from_vec(
                (0..size * size).map(|i| f((i % size) as f32 / n, (i / size) as f32 / n)).collect(),
                size,
                size,
            )
        };
        let known = Self {
            size,
            // A dark reddish person whose color drifts, before a bright, coarsely striped wall.
            foreground: [
                at(&|x, y| 0.25 + 0.15 * x + 0.03 * (40.0 * y).sin()),
                at(&|x, _| -0.05 - 0.05 * x),
                at(&|_, y| 0.1 + 0.1 * y),
            ],
            background: [
                at(&|x, _| 0.75 + 0.1 * (12.0 * x).sin()),
                at(&|_, y| 0.15 - 0.1 * y),
                at(&|x, _| -0.2 + 0.1 * x),
            ],
            alpha: at(&|x, y| {
                let (dx, dy) = (x - 0.5, y - 0.5);
                let r = (dx * dx + dy * dy).sqrt();
                let body = ((0.26 - r) / 0.02 + 0.5).clamp(0.0, 1.0);
                let strand = (80.0 * dy.atan2(dx)).cos().max(0.0) * ((0.36 - r) / 0.1).clamp(0.0, 1.0);
                // 8 bits, as the full-size matte has them.
                ((body.max(0.8 * strand)) * 255.0).round() / 255.0
            }),
        };
        let k = size / small;
        let shrink = |plane: &dyn Fn(usize) -> f32| {
            let mut out = Plane::new(small, small);
            for i in 0..size * size {
                let (x, y) = (i % size / k, i / size / k);
                out.data_mut()[y * small + x] += plane(i) / (k * k) as f32;
            }
            out
        };
        let small_yuv = SmallYuv {
            y: shrink(&|i| known.mixed(0, i)),
            u: shrink(&|i| known.mixed(1, i)),
            v: shrink(&|i| known.mixed(2, i)),
        };
        let small_alpha = shrink(&|i| known.alpha.data()[i]);
        (known, small_yuv, small_alpha)
    }

    fn mixed(&self, p: usize, i: usize) -> f32 {
        let a = self.alpha.data()[i];
        a * self.foreground[p].data()[i] + (1.0 - a) * self.background[p].data()[i]
    }
}

/// Paints a known picture in 10-bit 4:4:4 and gives the planes.
fn paint_known(mode: &Mode, known: &Known, small: &SmallYuv, small_alpha: &Plane<f32>) -> [Plane<u16>; 4] {
    let layout = YuvLayout { bits: 10, chroma_shift_x: 0, chroma_shift_y: 0, alpha: false };
    let color = YuvColor { matrix: Matrix::Bt709, full_range: true };
    let n = known.size;
    let source = [0, 1, 2].map(|p| {
        let zero = if p == 0 { 0.0 } else { 512.0 };
        let data = (0..n * n).map(|i| (known.mixed(p, i) * 1023.0 + zero + 0.5) as u16).collect();
        Plane::from_vec(data, n, n)
    });
    let alpha = Plane::from_vec(known.alpha.data().iter().map(|a| (a * 255.0).round() as u8).collect(), n, n);
    let mut tiles = TileMap::default();
    tiles.classify(alpha.as_ref());
    let colors = EdgeColors::of(small, small_alpha);
    let views = [MattedView { rect: Rect::new(0, 0, n, n), small, alpha: small_alpha, colors: &colors }];
    let frame = Frame {
        source: Yuv::U16(source.each_ref().map(|p| p.as_ref())),
        layout,
        color,
        width: n,
        height: n,
        alpha: alpha.as_ref(),
        tiles: &tiles,
        views: &views,
        background: None,
    };
    let mut out = [(); 4].map(|()| Plane::new(n, n));
    let [y, u, v, a] = &mut out;
    let picture = YuvMut::U16([y.as_mut(), u.as_mut(), v.as_mut()], Some(a.as_mut()));
    Composer::new(mode, layout, color, n, n).compose(&frame, picture);
    out
}

#[test]
fn the_foreground_is_recovered_at_soft_edges() {
    let (known, small, small_alpha) = Known::new(1024, 256);
    let out = paint_known(&Mode::Alpha, &known, &small, &small_alpha);
    for (p, plane) in out[..3].iter().enumerate() {
        let (mut with, mut without, mut count) = (0.0, 0.0, 0);
        for (i, a) in known.alpha.data().iter().enumerate() {
            if *a > 0.0 && *a < 1.0 {
                let zero = if p == 0 { 0.0 } else { 512.0 };
                let f = (f32::from(plane.data()[i]) - zero) / 1023.0;
                let want = known.foreground[p].data()[i];
                // What is seen of an error is its share in the blend.
                with += (a * (f - want)).abs();
                without += (a * (known.mixed(p, i) - want)).abs();
                count += 1;
            }
        }
        let (with, without) = (with / count as f32, without / count as f32);
        println!("plane {p}: error {with:.4}, untreated {without:.4}, {count} samples");
        assert!(with < 0.2 * without, "plane {p}: {with} of {without}");
    }
}

#[test]
fn the_person_does_not_glow_into_the_blurred_background() {
    let (known, small, small_alpha) = Known::new(512, 128);
    for strength in [0.001, 0.02, 0.1] {
        let out = paint_known(&Mode::Blur { strength }, &known, &small, &small_alpha);
        for i in 0..512 * 512 {
            // Away from the edge band, the dark person must not have darkened the bright wall.
            let r = ((i % 512) as f32 - 256.0).hypot((i / 512) as f32 - 256.0) / 512.0;
            if known.alpha.data()[i] == 0.0 && r > 0.37 {
                let y = f32::from(out[0].data()[i]) / 1023.0;
                assert!(y > 0.62, "strength {strength}: {y} at {i}");
            }
        }
    }
}
