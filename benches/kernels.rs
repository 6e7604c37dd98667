//! The matte's kernels, one thread, in time a frame and GB/s, with a memcpy of the same bytes
//! beside them. A frame is side by side: both views are worked on.
//!
//! `cargo bench --bench kernels`

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use vrseg::matte::stereo::{Search, StereoFusion};
use vrseg::matte::{
    Coefficients, Levels, Morphology, Normalization, Sampler, SceneDetector, SmallYuv, Stabilizer, TileMap, to_network,
    upsample_bilinear, upsample_guided,
};
use vrseg::plane::{Matrix, Plane, PlaneMut, PlaneRef, Rect, Sample, Yuv, YuvColor, YuvLayout};
use vrseg::vr::Layout;

fn main() {
    divan::main();
}

/// Width and height of a frame.
const SIZES: [(usize, usize); 3] = [(1920, 1080), (3840, 1920), (7680, 3840)];
/// Side of the network's input.
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

fn coefficients(alpha: &Plane<f32>) -> Coefficients {
    let mut c = Coefficients::default();
    vrseg::matte::coefficients(&guide(), alpha, &mut c);
    c
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

fn sample<T: AsYuv>(b: Bencher<'_, '_>, (w, h): (usize, usize), bits: u32) {
    let layout = YuvLayout { bits, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };
    let planes: Vec<Vec<T>> = [(w, h), (w / 2, h / 2), (w / 2, h / 2)].map(|(w, h)| noise(w * h, layout.max())).into();
    let (mut sampler, mut small) = (Sampler::new(), SmallYuv::default());
    b.counter(BytesCount::new(w * h * 3 / 2 * layout.sample_bytes())).bench_local(|| {
        let refs: [PlaneRef<'_, T>; 3] = std::array::from_fn(|i| {
            let (w, h) = layout.plane_size(i, w, h);
            PlaneRef::new(&planes[i], w, w, h)
        });
        for view in views((w, h)) {
            sampler.sample(&T::yuv(refs), layout, COLOR, view, (NET, NET), &mut small);
        }
        black_box(&small);
    });
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

#[divan::bench(args = SIZES)]
fn memcpy_luma(b: Bencher<'_, '_>, (w, h): (usize, usize)) {
    let src = noise::<u8>(w * h, 255);
    let mut dst = vec![0u8; w * h];
    b.counter(BytesCount::new(w * h)).bench_local(|| {
        dst.copy_from_slice(black_box(&src));
        black_box(&mut dst);
    });
}

#[divan::bench(args = SIZES)]
fn memcpy_420(b: Bencher<'_, '_>, (w, h): (usize, usize)) {
    let src = noise::<u8>(w * h * 3 / 2, 255);
    let mut dst = vec![0u8; w * h * 3 / 2];
    b.counter(BytesCount::new(w * h * 3 / 2)).bench_local(|| {
        dst.copy_from_slice(black_box(&src));
        black_box(&mut dst);
    });
}

#[divan::bench(args = SIZES)]
fn sample_8bit(b: Bencher<'_, '_>, size: (usize, usize)) {
    sample::<u8>(b, size, 8);
}

#[divan::bench(args = SIZES)]
fn sample_10bit(b: Bencher<'_, '_>, size: (usize, usize)) {
    sample::<u16>(b, size, 10);
}

#[divan::bench]
fn to_network_pair(b: Bencher<'_, '_>) {
    let y = guide();
    let c = Plane::from_vec(y.data().iter().map(|v| v - 0.5).collect(), NET, NET);
    let small = SmallYuv { y, u: c.clone(), v: c };
    let mut out = vec![0f32; 3 * NET * NET];
    b.counter(BytesCount::new(2 * 3 * NET * NET * 4)).bench_local(|| {
        for _ in 0..2 {
            to_network(black_box(&small), Matrix::Bt709, &Normalization::default(), &mut out);
        }
    });
}

#[divan::bench]
fn coefficients_pair(b: Bencher<'_, '_>) {
    let (guide, alpha) = (guide(), person(NET));
    let mut c = Coefficients::default();
    b.counter(BytesCount::new(2 * 2 * NET * NET * 4)).bench_local(|| {
        for _ in 0..2 {
            vrseg::matte::coefficients(black_box(&guide), &alpha, &mut c);
        }
    });
}

#[divan::bench]
fn stabilize_pair(b: Bencher<'_, '_>) {
    let (guide, alpha) = (guide(), person(NET));
    let (mut stab, mut work) = (Stabilizer::new(0.6), alpha.clone());
    b.counter(BytesCount::new(2 * 2 * NET * NET * 4)).bench_local(|| {
        for _ in 0..2 {
            stab.apply(black_box(&guide), &mut work);
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

#[divan::bench]
fn stereo_fusion_pair(b: Bencher<'_, '_>) {
    let [(first, alpha), (second, other)] = stereo_pair();
    let mut fusion = StereoFusion::new(1.0, Search::new(-6, 29));
    b.counter(BytesCount::new(2 * 2 * NET * NET * 4)).bench_local(|| {
        let (mut a, mut c) = (alpha.clone(), other.clone());
        fusion.apply((black_box(&first), &mut a), (black_box(&second), &mut c));
        (a, c)
    });
}

#[divan::bench]
fn scene_cut(b: Bencher<'_, '_>) {
    let guide = guide();
    let mut detector = SceneDetector::new();
    b.counter(BytesCount::new(NET * NET * 4)).bench_local(|| detector.is_cut(black_box(&guide)));
}

fn upsample<T: Sample>(b: Bencher<'_, '_>, (w, h): (usize, usize), alpha: &Plane<f32>, bits: u32, guided: bool) {
    let c = coefficients(alpha);
    let luma = noise::<T>(w * h, (1 << bits) - 1);
    let luma = PlaneRef::new(&luma, w, w, h);
    let (mut out, mut map) = (Plane::<u8>::new(w, h), TileMap::default());
    b.counter(BytesCount::new(w * h * size_of::<T>())).bench_local(|| {
        for v in views((w, h)) {
            map.reset(v.w, v.h);
            let view = out.as_mut().crop_into(v);
            if guided {
                upsample_guided(&c, luma.crop(v), bits, COLOR, &Levels::default(), view, &mut map.classes);
            } else {
                upsample_bilinear(alpha, (v.w, v.h), &Levels::default(), view, &mut map.classes);
            }
        }
        black_box(out.data());
    });
}

#[divan::bench(args = SIZES)]
fn upsample_guided_person(b: Bencher<'_, '_>, size: (usize, usize)) {
    upsample::<u8>(b, size, &person(NET), 8, true);
}

#[divan::bench(args = SIZES)]
fn upsample_guided_person_10bit(b: Bencher<'_, '_>, size: (usize, usize)) {
    upsample::<u16>(b, size, &person(NET), 10, true);
}

/// The worst case: every tile is an edge.
#[divan::bench(args = SIZES)]
fn upsample_guided_all_mixed(b: Bencher<'_, '_>, size: (usize, usize)) {
    upsample::<u8>(b, size, &guide(), 8, true);
}

#[divan::bench(args = SIZES)]
fn upsample_bilinear_person(b: Bencher<'_, '_>, size: (usize, usize)) {
    upsample::<u8>(b, size, &person(NET), 8, false);
}

#[divan::bench(args = SIZES)]
fn classify(b: Bencher<'_, '_>, (w, h): (usize, usize)) {
    let matte = full_matte((w, h));
    let mut map = TileMap::default();
    b.counter(BytesCount::new(w * h)).bench_local(|| {
        for v in views((w, h)) {
            map.classify(black_box(&matte).as_ref().crop(v));
        }
    });
}

#[divan::bench(args = SIZES)]
fn grow_5px(b: Bencher<'_, '_>, (w, h): (usize, usize)) {
    let mut matte = full_matte((w, h));
    let mut morphology = Morphology::new();
    b.counter(BytesCount::new(w * h)).bench_local(|| {
        for v in views((w, h)) {
            morphology.grow(matte.as_mut().crop_into(v), 5);
        }
    });
}

#[divan::bench(args = SIZES)]
fn feather_3px(b: Bencher<'_, '_>, (w, h): (usize, usize)) {
    let mut matte = full_matte((w, h));
    let mut morphology = Morphology::new();
    b.counter(BytesCount::new(w * h)).bench_local(|| {
        for v in views((w, h)) {
            morphology.feather(matte.as_mut().crop_into(v), 3.0);
        }
    });
}
