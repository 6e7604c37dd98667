//! Painting whole frames on one thread, compared with a memcpy of the same bytes.
//!
//! 8-bit 4:2:0 stereo frames side by side; each eye holds a person of about 30 % of the picture
//! with soft edges of about 5 %. "Bytes" are those of the frame that is written.

mod timed;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::path::PathBuf;
use vrseg_image::compose::{Composer, Frame, Mode, Rgb};
use vrseg_image::matte::{EdgeColors, MattedView, SmallYuv, TileMap};
use vrseg_image::plane::{Plane, Rect, Yuv, YuvColor, YuvLayout, YuvMut};

/// Width and height of a stereo frame.
const SIZES: [(&str, usize, usize); 3] = [("2k", 2048, 1024), ("4k", 3840, 1920), ("8k", 7680, 3840)];
/// The model's input size for one eye.
const SMALL: usize = 512;

const LAYOUT: YuvLayout = YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };

/// Opacity at (`x`, `y`) of an eye, both 0..=1: an upright ellipse with a soft rim.
fn opacity(x: f32, y: f32) -> f32 {
    let (dx, dy) = ((x - 0.5) / 0.24, (y - 0.55) / 0.40);
    let r = (dx * dx + dy * dy).sqrt();
    ((1.0 - r) / 0.08 + 0.5).clamp(0.0, 1.0)
}

struct Scene {
    width: usize,
    height: usize,
    source: [Plane<u8>; 3],
    alpha: Plane<u8>,
    tiles: TileMap,
    small: SmallYuv,
    small_alpha: Plane<f32>,
    colors: EdgeColors,
}

impl Scene {
    fn new(width: usize, height: usize) -> Self {
        let texture = |w: usize, h: usize| {
            Plane::from_vec((0..w * h).map(|i| (16 + (i * 7 + i / w * 13) % 200) as u8).collect(), w, h)
        };
        let eye = width / 2;
        let matte = |i: usize| {
            let (x, y) = (i % width % eye, i / width);
            (opacity(x as f32 / eye as f32, y as f32 / height as f32) * 255.0).round() as u8
        };
        let alpha = Plane::from_vec((0..width * height).map(matte).collect(), width, height);
        let mut tiles = TileMap::default();
        tiles.classify(alpha.as_ref());
        let small = |f: &dyn Fn(f32, f32) -> f32| {
            let n = SMALL as f32;
            let data = (0..SMALL * SMALL).map(|i| f((i % SMALL) as f32 / n, (i / SMALL) as f32 / n)).collect();
            Plane::from_vec(data, SMALL, SMALL)
        };
        let picture = SmallYuv { y: small(&|x, _| x), u: small(&|_, y| y - 0.5), v: small(&|x, y| 0.5 * (x - y)) };
        let small_alpha = small(&opacity);
        Self {
            width,
            height,
            source: [texture(width, height), texture(width / 2, height / 2), texture(width / 2, height / 2)],
            alpha,
            tiles,
            colors: EdgeColors::of(&picture, &small_alpha),
            small: picture,
            small_alpha,
        }
    }

    fn views(&self) -> [MattedView<'_>; 2] {
        let w = self.width / 2;
        [0, w].map(|x| MattedView {
            rect: Rect::new(x, 0, w, self.height),
            small: &self.small,
            alpha: &self.small_alpha,
            colors: &self.colors,
        })
    }

    fn frame<'a>(&'a self, views: &'a [MattedView<'a>], mode: &Mode) -> Frame<'a> {
        let source = Yuv::U8(self.source.each_ref().map(|p| p.as_ref()));
        Frame {
            source,
            layout: LAYOUT,
            color: YuvColor::default(),
            width: self.width,
            height: self.height,
            alpha: self.alpha.as_ref(),
            tiles: &self.tiles,
            views,
            background: matches!(mode, Mode::Replace { .. }).then_some(source),
        }
    }
}

fn bytes(width: usize, height: usize, layout: YuvLayout) -> u64 {
    (0..layout.planes()).map(|p| layout.plane_size(p, width, height)).map(|(w, h)| (w * h) as u64).sum()
}

/// The estimates and the picture.
fn compose(c: &mut Criterion, name: &str, mode: &Mode) {
    let layout = Composer::output_layout(mode, LAYOUT);
    let mut group = c.benchmark_group(name);
    for (size, width, height) in SIZES {
        group.throughput(Throughput::BytesDecimal(bytes(width, height, layout)));
        timed::bench(&mut group, size, || {
            let scene = Scene::new(width, height);
            let mut composer = Composer::new(mode, LAYOUT, YuvColor::default(), width, height);
            let mut out: Vec<Plane<u8>> = (0..4)
                .map(|p| {
                    let (w, h) = layout.plane_size(p, width, height);
                    Plane::from_vec(vec![1; w * h], w, h)
                })
                .collect();
            move || {
                let views = scene.views();
                let frame = scene.frame(&views, mode);
                if let [y, u, v, a] = &mut out[..] {
                    let alpha = layout.alpha.then(|| a.as_mut());
                    composer.compose(black_box(&frame), YuvMut::U8([y.as_mut(), u.as_mut(), v.as_mut()], alpha));
                }
            }
        });
    }
    group.finish();
}

fn green(c: &mut Criterion) {
    compose(c, "green", &Mode::Green { key: Rgb::KEY_GREEN });
}

fn matte(c: &mut Criterion) {
    compose(c, "matte", &Mode::Matte);
}

fn alpha(c: &mut Criterion) {
    compose(c, "alpha", &Mode::Alpha);
}

fn blur(c: &mut Criterion) {
    compose(c, "blur", &Mode::Blur { strength: 0.02 });
}

fn blur_fine(c: &mut Criterion) {
    compose(c, "blur_fine", &Mode::Blur { strength: 0.001 });
}

fn replace(c: &mut Criterion) {
    compose(c, "replace", &Mode::Replace { background: PathBuf::new() });
}

fn overlay(c: &mut Criterion) {
    compose(c, "overlay", &Mode::Overlay { tint: Rgb(255, 0, 0) });
}

/// Preparing edge colors for both views; independent of the frame's size.
fn prepare_two_views(c: &mut Criterion) {
    let mode = Mode::Green { key: Rgb::KEY_GREEN };
    let mut group = c.benchmark_group("prepare_two_views");
    timed::bench(&mut group, SMALL, || {
        let scene = Scene::new(2048, 1024);
        let mut composer = Composer::new(&mode, LAYOUT, YuvColor::default(), scene.width, scene.height);
        let mode = &mode;
        move || {
            let views = scene.views();
            composer.prepare(black_box(&scene.frame(&views, mode)));
        }
    });
    group.finish();
}

fn memcpy(c: &mut Criterion) {
    let mut group = c.benchmark_group("memcpy");
    for (size, width, height) in SIZES {
        let n = bytes(width, height, LAYOUT);
        group.throughput(Throughput::BytesDecimal(n));
        timed::bench(&mut group, size, || {
            let (source, mut out) = (vec![1u8; n as usize], vec![2u8; n as usize]);
            move || {
                out.copy_from_slice(black_box(&source));
                black_box(&mut out);
            }
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = timed::criterion();
    targets = memcpy, green, matte, alpha, blur, blur_fine, replace, overlay, prepare_two_views
}
criterion_main!(benches);
