//! Remap tables and passthrough frames on one thread: time a frame and GB/s written, compared with a memcpy
//! of the same bytes.
//!
//! `cargo bench --bench remap`

mod timed;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use vrseg_image::compose::{AlphaChannel, PackedFrame, PassthroughPainter, PassthroughPlan};
use vrseg_image::matte::{EdgeColors, MatteOptions, MattedView, SmallYuv};
use vrseg_image::plane::{ChromaSiting, Plane, PlaneRef, Rect, Yuv, YuvColor, YuvLayout, YuvMut};
use vrseg_image::vr::remap::Texel;
use vrseg_image::vr::{Camera, Filter, Lens, Picture, RemapTable, Remapper, SampleGrid};

/// Sides of an eye: side by side, frames of 2K, 4K and 8K.
const SIDES: [usize; 3] = [960, 1920, 3840];
const YUV420: YuvLayout = YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };
/// Side of the model's input.
const NET: usize = 512;

fn noise<T: Texel>(len: usize) -> Vec<T> {
    let mut state = 1u32;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            T::from_u32(state >> 24)
        })
        .collect()
}

fn picture(lens: Lens, side: usize) -> (Picture, SampleGrid) {
    (Picture::new(Camera::ahead(lens), side, side), SampleGrid::luma(side, side))
}

fn table(from: Lens, n: usize, to: Lens, m: usize) -> RemapTable {
    let ((from, from_grid), (to, to_grid)) = (picture(from, n), picture(to, m));
    RemapTable::between((&from, from_grid), (&to, to_grid))
}

const VR180: Lens = Lens::HalfEquirectangular;
const FISHEYE: Lens = Lens::Fisheye { fov: 180.0 };

/// Remapping a VR180 eye to the camera `to`, in a picture with sides of `to_side(side)`.
fn remap<T: Texel>(
    c: &mut Criterion,
    name: &str,
    filter: Filter,
    sides: &[usize],
    to: Lens,
    to_side: impl Fn(usize) -> usize,
) {
    let mut group = c.benchmark_group(name);
    for &side in sides {
        let out_side = to_side(side);
        group.throughput(Throughput::BytesDecimal((out_side * out_side * size_of::<T>()) as u64));
        timed::bench(&mut group, side, || {
            let table = table(VR180, side, to, out_side);
            let ((w, h), (dw, dh)) = (table.source_size(), table.size());
            let source = noise::<T>(w * h);
            let mut out = Plane::<T>::new(dw, dh);
            let mut remapper = Remapper::new(filter);
            // 10 bits; bytes have their own.
            let max = 1023.0;
            move || {
                let source = PlaneRef::new(black_box(&source), w, w, h);
                remapper.remap(&table, source, T::default(), max, out.as_mut());
                black_box(&mut out);
            }
        });
    }
    group.finish();
}

fn memcpy_eye(c: &mut Criterion) {
    let mut group = c.benchmark_group("memcpy_eye");
    for side in SIDES {
        group.throughput(Throughput::BytesDecimal((side * side) as u64));
        timed::bench(&mut group, side, || {
            let source = noise::<u8>(side * side);
            let mut out = vec![0u8; side * side];
            move || {
                out.copy_from_slice(black_box(&source));
                black_box(&mut out);
            }
        });
    }
    group.finish();
}

/// Computing a table: once a job.
fn build_table(c: &mut Criterion) {
    let mut group = c.benchmark_group("build_table");
    group.sample_size(10);
    for side in SIDES {
        group.bench_function(BenchmarkId::from_parameter(side), |b| {
            // Freeing a table is not timed.
            b.iter_batched(|| (), |()| table(VR180, side, FISHEYE, side), BatchSize::PerIteration);
        });
    }
    group.finish();
}

fn bilinear_8bit(c: &mut Criterion) {
    remap::<u8>(c, "bilinear_8bit", Filter::Bilinear, &SIDES, FISHEYE, |side| side);
}

fn bilinear_10bit(c: &mut Criterion) {
    remap::<u16>(c, "bilinear_10bit", Filter::Bilinear, &SIDES, FISHEYE, |side| side);
}

fn lanczos_8bit(c: &mut Criterion) {
    remap::<u8>(c, "lanczos_8bit", Filter::Lanczos3, &SIDES[..2], FISHEYE, |side| side);
}

/// The model's input from an eye through a window, image pyramid included.
fn window_of_90_degrees(c: &mut Criterion) {
    let window = Lens::Rectilinear { h_fov: 90.0, v_fov: 90.0 };
    remap::<u8>(c, "window_of_90_degrees", Filter::Bilinear, &SIDES, window, |_| NET);
}

/// A whole alpha-packed frame: both eyes, chroma, mattes.
fn passthrough_frame(c: &mut Criterion) {
    let mut group = c.benchmark_group("passthrough_frame");
    for side in SIDES {
        group.throughput(Throughput::BytesDecimal(YUV420.frame_bytes(2 * side, side) as u64));
        timed::bench(&mut group, side, || passthrough(side));
    }
    group.finish();
}

fn passthrough(side: usize) -> impl FnMut() {
    let rects = vec![Rect::new(0, 0, side, side), Rect::new(side, 0, side, side)];
    let plan = PassthroughPlan {
        frame: PackedFrame::for_height(side),
        eyes: [0, 1],
        rects: rects.clone(),
        lens: VR180,
        fov: 180.0,
        channel: AlphaChannel::Red,
        filter: Filter::Bilinear,
        siting: ChromaSiting::Left,
    };
    let planes: [Plane<u8>; 3] = std::array::from_fn(|p| {
        let (w, h) = YUV420.plane_size(p, 2 * side, side);
        Plane::from_vec(noise(w * h), w, h)
    });
    let mut out = planes.clone();
    let alpha = Plane::from_vec(
        (0..NET * NET).map(|i| ((NET as f32 * 0.4 - (i % NET) as f32) / 8.0).clamp(0.0, 1.0)).collect(),
        NET,
        NET,
    );
    let flat = Plane::from_vec(vec![0.5; NET * NET], NET, NET);
    let small = SmallYuv { y: flat.clone(), u: flat.clone(), v: flat };
    let colors = EdgeColors::of(&small, &alpha);
    let color = YuvColor::default();
    let mut painter = PassthroughPainter::new(plan, YUV420, color, (NET, NET), MatteOptions::default());
    move || {
        let views = [0, 1].map(|e| MattedView { rect: rects[e], small: &small, alpha: &alpha, colors: &colors });
        let source = Yuv::U8(black_box(&planes).each_ref().map(Plane::as_ref));
        painter.paint(&source, &views, YuvMut::U8(out.each_mut().map(Plane::as_mut), None));
        black_box(&mut out);
    }
}

criterion_group! {
    name = benches;
    config = timed::criterion();
    targets = memcpy_eye, build_table, bilinear_8bit, bilinear_10bit, lanczos_8bit, window_of_90_degrees,
        passthrough_frame
}
criterion_main!(benches);
