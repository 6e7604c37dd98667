//! Kernels of mattes on one thread: time a frame and GB/s, compared with a memcpy of the same bytes. Frames
//! are side by side, with both views processed.
//!
//! `cargo bench --bench kernels`

mod timed;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use vrseg_image::matte::stereo::{Search, StereoFusion};
use vrseg_image::matte::{
    Coefficients, EdgeColors, Levels, MattedView, Morphology, Normalization, Sampler, SceneDetector, SmallYuv,
    Stabilizer, TileClass, TileMap, to_model_input, upsample_bilinear, upsample_guided,
};
use vrseg_image::plane::{Matrix, Plane, PlaneMut, PlaneRef, Rect, Sample, Yuv, YuvColor, YuvLayout};
use vrseg_image::vr::Layout;

/// Width and height of a frame.
const SIZES: [(usize, usize); 3] = [(1920, 1080), (3840, 1920), (7680, 3840)];
/// Side of the model's input.
const NET: usize = 512;
const COLOR: YuvColor = YuvColor { matrix: Matrix::Bt709, full_range: false };

fn views((w, h): (usize, usize)) -> Vec<Rect> {
    Layout::SideBySide.views(w, h)
}

fn noise<T: Sample>(len: usize, max: u32) -> Vec<T> {
    let mut state = 1u32;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            T::from_u32((state >> 16) % (max + 1))
        })
        .collect()
}

/// A small matte with one person: an ellipse as wide as a third of the view and nearly as high.
fn person(side: usize) -> Plane<f32> {
    let data = (0..side * side)
        .map(|i| {
            let x = ((i % side) as f32 / side as f32 - 0.5) / 0.17;
            let y = ((i / side) as f32 / side as f32 - 0.6) / 0.5;
            let wave = 0.05 * (20.0 * y).sin();
            (((1.0 + wave) - (x * x + y * y).sqrt()) * side as f32 * 0.06 + 0.5).clamp(0.0, 1.0)
        })
        .collect();
    Plane::from_vec(data, side, side)
}

fn guide() -> Plane<f32> {
    Plane::from_vec(noise::<u8>(NET * NET, 255).iter().map(|&v| f32::from(v) / 255.0).collect(), NET, NET)
}

/// Noise that is redder where `alpha` is high.
fn picture(alpha: &Plane<f32>) -> SmallYuv {
    let u = Plane::from_vec(guide().data().iter().map(|v| 0.2 * (v - 0.5)).collect(), NET, NET);
    let v = u.data().iter().zip(alpha.data()).map(|(v, a)| v + 0.2 * a).collect();
    SmallYuv { y: guide(), u, v: Plane::from_vec(v, NET, NET) }
}

fn coefficients(alpha: &Plane<f32>) -> Coefficients {
    let (small, mut out) = (picture(alpha), Coefficients::default());
    let rect = Rect::new(0, 0, NET, NET);
    let colors = EdgeColors::of(&small, alpha);
    vrseg_image::matte::coefficients(&MattedView { rect, small: &small, alpha, colors: &colors }, &mut out);
    out
}

/// The full-size matte of both views.
fn full_matte((w, h): (usize, usize)) -> Plane<u8> {
    let mut out = Plane::new(w, h);
    let mut map = TileMap::default();
    for v in views((w, h)) {
        map.reset(v.w, v.h);
        let view = out.as_mut().crop_into(v);
        upsample_bilinear(&person(NET), (v.w, v.h), &Levels::default(), view, &mut map.classes);
    }
    out
}

trait CropInto<'a> {
    fn crop_into(self, r: Rect) -> PlaneMut<'a, u8>;
}
impl<'a> CropInto<'a> for PlaneMut<'a, u8> {
    fn crop_into(self, r: Rect) -> PlaneMut<'a, u8> {
        let stride = self.stride;
        PlaneMut { data: &mut self.data[r.y * stride + r.x..], stride, width: r.w, height: r.h }
    }
}

trait AsYuv: Sample {
    fn yuv(planes: [PlaneRef<'_, Self>; 3]) -> Yuv<'_>;
}
impl AsYuv for u8 {
    fn yuv(planes: [PlaneRef<'_, u8>; 3]) -> Yuv<'_> {
        Yuv::U8(planes)
    }
}
impl AsYuv for u16 {
    fn yuv(planes: [PlaneRef<'_, u16>; 3]) -> Yuv<'_> {
        Yuv::U16(planes)
    }
}

/// A kernel on frames of all sizes, `bytes` of width and height each.
fn frames<F: FnMut()>(
    c: &mut Criterion,
    name: &str,
    bytes: impl Fn(usize, usize) -> usize,
    ready: impl Fn(usize, usize) -> F,
) {
    let mut group = c.benchmark_group(name);
    for (w, h) in SIZES {
        group.throughput(Throughput::BytesDecimal(bytes(w, h) as u64));
        timed::bench(&mut group, format!("{w}x{h}"), || ready(w, h));
    }
    group.finish();
}

/// A kernel at the model's input size, on `planes` of floats.
fn small<R, F: FnMut() -> R>(c: &mut Criterion, name: &str, planes: usize, ready: impl Fn() -> F) {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::BytesDecimal((planes * NET * NET * 4) as u64));
    timed::bench(&mut group, NET, ready);
    group.finish();
}

fn memcpy(c: &mut Criterion, name: &str, bytes: impl Fn(usize, usize) -> usize) {
    frames(c, name, &bytes, |w, h| {
        let src = noise::<u8>(bytes(w, h), 255);
        let mut dst = vec![0u8; bytes(w, h)];
        move || {
            dst.copy_from_slice(black_box(&src));
            black_box(&mut dst);
        }
    });
}

fn memcpy_luma(c: &mut Criterion) {
    memcpy(c, "memcpy_luma", |w, h| w * h);
}

fn memcpy_420(c: &mut Criterion) {
    memcpy(c, "memcpy_420", |w, h| w * h * 3 / 2);
}

fn sample<T: AsYuv>(c: &mut Criterion, name: &str, bits: u32) {
    let layout = YuvLayout { bits, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };
    let bytes = |w, h| w * h * 3 / 2 * layout.sample_bytes();
    frames(c, name, bytes, |w, h| {
        let planes: Vec<Vec<T>> =
            [(w, h), (w / 2, h / 2), (w / 2, h / 2)].map(|(w, h)| noise(w * h, layout.max())).into();
        let (mut sampler, mut small) = (Sampler::new(), SmallYuv::default());
        move || {
            let refs: [PlaneRef<'_, T>; 3] = std::array::from_fn(|i| {
                let (w, h) = layout.plane_size(i, w, h);
                PlaneRef::new(&planes[i], w, w, h)
            });
            for view in views((w, h)) {
                sampler.sample(&T::yuv(refs), layout, COLOR, view, (NET, NET), &mut small);
            }
            black_box(&small);
        }
    });
}

fn sample_8bit(c: &mut Criterion) {
    sample::<u8>(c, "sample_8bit", 8);
}

fn sample_10bit(c: &mut Criterion) {
    sample::<u16>(c, "sample_10bit", 10);
}

fn to_model_input_pair(c: &mut Criterion) {
    small(c, "to_model_input_pair", 2 * 3, || {
        let y = guide();
        let chroma = Plane::from_vec(y.data().iter().map(|v| v - 0.5).collect(), NET, NET);
        let small = SmallYuv { y, u: chroma.clone(), v: chroma };
        let mut out = vec![0f32; 3 * NET * NET];
        move || {
            for _ in 0..2 {
                to_model_input(black_box(&small), Matrix::Bt709, &Normalization::default(), &mut out);
            }
        }
    });
}

fn edge_colors_pair(c: &mut Criterion) {
    small(c, "edge_colors_pair", 2 * 4, || {
        let alpha = person(NET);
        let small = picture(&alpha);
        let mut colors = EdgeColors::default();
        move || {
            for _ in 0..2 {
                colors.update(black_box(&small), &alpha);
            }
        }
    });
}

fn coefficients_pair(c: &mut Criterion) {
    small(c, "coefficients_pair", 2 * 2, || {
        let alpha = person(NET);
        let small = picture(&alpha);
        let colors = EdgeColors::of(&small, &alpha);
        let (rect, mut out) = (Rect::new(0, 0, NET, NET), Coefficients::default());
        move || {
            for _ in 0..2 {
                let view = MattedView { rect, small: &small, alpha: &alpha, colors: &colors };
                vrseg_image::matte::coefficients(black_box(&view), &mut out);
            }
        }
    });
}

fn stabilize_pair(c: &mut Criterion) {
    small(c, "stabilize_pair", 2 * 2, || {
        let (guide, mut work) = (guide(), person(NET));
        let mut stab = Stabilizer::new(0.6);
        move || {
            for _ in 0..2 {
                stab.apply(black_box(&guide), &mut work);
            }
        }
    });
}

/// Both eyes of a textured room with a person in each; the second matte has a hole.
fn stereo_pair() -> [(SmallYuv, Plane<f32>); 2] {
    let noise = noise::<u8>(NET * NET, 255);
    let view = |shift: usize| {
        let pixel = |i: usize| f32::from(noise[i / NET / 4 * NET + (i % NET + shift) / 4]) / 255.0;
        let y = Plane::from_vec((0..NET * NET).map(pixel).collect(), NET, NET);
        let flat = Plane::new(NET, NET);
        SmallYuv { y, u: flat.clone(), v: flat }
    };
    let mut second = person(NET);
    for y in NET / 2..NET / 2 + 40 {
        second.as_mut().row_mut(y)[NET / 2..NET / 2 + 40].fill(0.2);
    }
    [(view(0), person(NET)), (view(8), second)]
}

fn stereo_fusion_pair(c: &mut Criterion) {
    small(c, "stereo_fusion_pair", 2 * 2, || {
        let [(first, alpha), (second, other)] = stereo_pair();
        let (mut a, mut b) = (alpha.clone(), other.clone());
        let mut fusion = StereoFusion::new(1.0, Search::new(-6, 29));
        move || {
            a.data_mut().copy_from_slice(alpha.data());
            b.data_mut().copy_from_slice(other.data());
            fusion.apply((black_box(&first), &mut a), (black_box(&second), &mut b));
        }
    });
}

fn scene_cut(c: &mut Criterion) {
    small(c, "scene_cut", 1, || {
        let guide = guide();
        let mut detector = SceneDetector::new();
        move || detector.is_cut(black_box(&guide))
    });
}

fn upsample<T: Sample>(c: &mut Criterion, name: &str, alpha: fn() -> Plane<f32>, bits: u32, guided: bool) {
    frames(
        c,
        name,
        |w, h| w * h * size_of::<T>(),
        |w, h| {
            let alpha = alpha();
            let coefficients = coefficients(&alpha);
            let luma = noise::<T>(w * h, (1 << bits) - 1);
            let (mut out, mut map) = (Plane::<u8>::new(w, h), TileMap::default());
            move || {
                let luma = PlaneRef::new(&luma, w, w, h);
                for v in views((w, h)) {
                    map.reset(v.w, v.h);
                    map.classes.fill(TileClass::Mixed);
                    let (view, levels) = (out.as_mut().crop_into(v), Levels::default());
                    if guided {
                        upsample_guided(&coefficients, luma.crop(v), bits, COLOR, &levels, view, &mut map.classes);
                    } else {
                        upsample_bilinear(&alpha, (v.w, v.h), &levels, view, &mut map.classes);
                    }
                }
                black_box(out.data());
            }
        },
    );
}

fn upsample_guided_person(c: &mut Criterion) {
    upsample::<u8>(c, "upsample_guided_person", || person(NET), 8, true);
}

fn upsample_guided_person_10bit(c: &mut Criterion) {
    upsample::<u16>(c, "upsample_guided_person_10bit", || person(NET), 10, true);
}

/// The worst case: every tile is an edge.
fn upsample_guided_all_mixed(c: &mut Criterion) {
    upsample::<u8>(c, "upsample_guided_all_mixed", guide, 8, true);
}

fn upsample_bilinear_person(c: &mut Criterion) {
    upsample::<u8>(c, "upsample_bilinear_person", || person(NET), 8, false);
}

fn classify(c: &mut Criterion) {
    frames(
        c,
        "classify",
        |w, h| w * h,
        |w, h| {
            let matte = full_matte((w, h));
            let mut map = TileMap::default();
            move || {
                for v in views((w, h)) {
                    map.classify(black_box(&matte).as_ref().crop(v));
                }
            }
        },
    );
}

/// An in-place operation on the full-size matte of both views. Each iteration gets a fresh copy, which is not
/// timed: a matte grown again and again would be all person and take little time.
fn morphology(c: &mut Criterion, name: &str, change: impl Fn(&mut Morphology, PlaneMut<'_, u8>)) {
    let mut group = c.benchmark_group(name);
    for (w, h) in SIZES {
        group.throughput(Throughput::BytesDecimal((w * h) as u64));
        let (mut matte, mut morphology) = (None, Morphology::new());
        group.bench_function(BenchmarkId::from_parameter(format!("{w}x{h}")), |b| {
            let matte = matte.get_or_insert_with(|| full_matte((w, h)));
            let run = |matte: &mut Plane<u8>| {
                for v in views((w, h)) {
                    change(&mut morphology, matte.as_mut().crop_into(v));
                }
            };
            b.iter_batched_ref(|| matte.clone(), run, BatchSize::PerIteration);
        });
    }
    group.finish();
}

fn grow_5px(c: &mut Criterion) {
    morphology(c, "grow_5px", |morphology, view| morphology.grow(view, 5));
}

fn feather_3px(c: &mut Criterion) {
    morphology(c, "feather_3px", |morphology, view| morphology.feather(view, 3.0));
}

criterion_group! {
    name = benches;
    config = timed::criterion();
    targets = memcpy_luma, memcpy_420, sample_8bit, sample_10bit, to_model_input_pair, edge_colors_pair,
        coefficients_pair, stabilize_pair, stereo_fusion_pair, scene_cut, upsample_guided_person, upsample_guided_person_10bit,
        upsample_guided_all_mixed, upsample_bilinear_person, classify, grow_5px, feather_3px
}
criterion_main!(benches);
