//! Remap tables and passthrough frames, one thread, in time a frame and GB/s of what is written,
//! with a memcpy of the same bytes beside them.
//!
//! `cargo bench --bench remap`

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use vrseg::compose::{AlphaChannel, PackedFrame, PassthroughPainter, PassthroughPlan, ViewPaint};
use vrseg::matte::{MatteOptions, SmallYuv};
use vrseg::plane::{ChromaSiting, Plane, PlaneRef, Rect, Yuv, YuvColor, YuvLayout, YuvMut};
use vrseg::vr::remap::Texel;
use vrseg::vr::{Camera, Filter, Lens, Picture, RemapTable, Remapper, SampleGrid};

fn main() {
    divan::main();
}

/// Sides of an eye: side by side, frames of 2K, 4K and 8K.
const SIDES: [usize; 3] = [960, 1920, 3840];
const YUV420: YuvLayout = YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };
/// Side of the network's input.
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

fn remap<T: Texel>(b: Bencher<'_, '_>, table: &RemapTable, filter: Filter) {
    let ((w, h), (dw, dh)) = (table.source_size(), table.size());
    let source = noise::<T>(w * h);
    let mut out = Plane::<T>::new(dw, dh);
    let mut remapper = Remapper::new(filter);
    b.counter(BytesCount::new(dw * dh * size_of::<T>())).bench_local(|| {
        let source = PlaneRef::new(black_box(&source), w, w, h);
        remapper.remap(table, source, T::default(), 65535.0, out.as_mut());
        black_box(&mut out);
    });
}

const VR180: Lens = Lens::HalfEquirectangular;
const FISHEYE: Lens = Lens::Fisheye { fov: 180.0 };

#[divan::bench(args = SIDES)]
fn memcpy_eye(b: Bencher<'_, '_>, side: usize) {
    let source = noise::<u8>(side * side);
    let mut out = vec![0u8; side * side];
    b.counter(BytesCount::new(side * side)).bench_local(|| {
        out.copy_from_slice(black_box(&source));
        black_box(&mut out);
    });
}

/// Computing a table: once a job.
#[divan::bench(args = SIDES, sample_count = 3)]
fn build_table(b: Bencher<'_, '_>, side: usize) {
    b.bench_local(|| table(VR180, side, FISHEYE, side));
}

#[divan::bench(args = SIDES)]
fn bilinear_8bit(b: Bencher<'_, '_>, side: usize) {
    remap::<u8>(b, &table(VR180, side, FISHEYE, side), Filter::Bilinear);
}

#[divan::bench(args = SIDES)]
fn bilinear_10bit(b: Bencher<'_, '_>, side: usize) {
    remap::<u16>(b, &table(VR180, side, FISHEYE, side), Filter::Bilinear);
}

#[divan::bench(args = [960, 1920], sample_count = 10)]
fn lanczos_8bit(b: Bencher<'_, '_>, side: usize) {
    remap::<u8>(b, &table(VR180, side, FISHEYE, side), Filter::Lanczos3);
}

/// An eye as the network sees it through a window: pyramid and all.
#[divan::bench(args = SIDES)]
fn window_of_90_degrees(b: Bencher<'_, '_>, side: usize) {
    let window = Lens::Rectilinear { h_fov: 90.0, v_fov: 90.0 };
    remap::<u8>(b, &table(VR180, side, window, NET), Filter::Bilinear);
}

/// A whole alpha-packed frame: both eyes, chroma, mattes.
#[divan::bench(args = SIDES, sample_count = 20)]
fn passthrough_frame(b: Bencher<'_, '_>, side: usize) {
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
    let views = [0, 1].map(|e| ViewPaint { rect: rects[e], small: &small, alpha: &alpha });
    let color = YuvColor::default();
    let mut painter = PassthroughPainter::new(plan, YUV420, color, (NET, NET), MatteOptions::default());
    b.counter(BytesCount::new(YUV420.frame_bytes(2 * side, side))).bench_local(|| {
        let source = Yuv::U8(black_box(&planes).each_ref().map(Plane::as_ref));
        painter.paint(&source, &views, YuvMut::U8(out.each_mut().map(Plane::as_mut), None));
        black_box(&mut out);
    });
}
