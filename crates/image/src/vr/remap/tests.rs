//! Tables and kernels against the maths, sample by sample.

use super::table::TileKind;
use super::*;
use crate::plane::Plane;
use crate::simd::forced;
use crate::vr::camera::{Camera, Lens, Picture};
use proptest::prelude::*;

fn ahead(lens: Lens, w: usize, h: usize) -> Picture {
    Picture::new(Camera::ahead(lens), w, h)
}

/// A picture of gentle waves: its gradient is at most about 12 of 255 a sample.
fn waves(x: f64, y: f64) -> f64 {
    127.0 + 60.0 * (x * 0.11).sin() + 50.0 * (y * 0.09 + x * 0.02).cos()
}

fn plane<T: Texel>(w: usize, h: usize, pad: usize, factor: f64) -> (Vec<T>, usize) {
    let stride = w + pad;
    let mut data = vec![T::default(); stride * h - pad];
    for y in 0..h {
        for x in 0..w {
            data[y * stride + x] = T::from_sum((waves(x as f64, y as f64) * factor) as f32, 65535.0);
        }
    }
    (data, stride)
}

/// Bilinear in f64 with repeated borders.
fn read<T: Texel>(src: PlaneRef<'_, T>, x: f64, y: f64) -> f64 {
    let (x, y) = (x.clamp(0.0, src.width as f64 - 1.0), y.clamp(0.0, src.height as f64 - 1.0));
    let (i, j) = (x.floor() as usize, y.floor() as usize);
    let at = |i: usize, j: usize| f64::from(src.row(j.min(src.height - 1))[i.min(src.width - 1)].to_f32());
    let (fx, fy) = (x - i as f64, y - j as f64);
    (at(i, j) * (1.0 - fx) + at(i + 1, j) * fx) * (1.0 - fy) + (at(i, j + 1) * (1.0 - fx) + at(i + 1, j + 1) * fx) * fy
}

/// Every sample of a remap against its definition, at every level of instructions.
fn check<T: Texel>(from: &Picture, to: &Picture, planes: (SampleGrid, SampleGrid), pad: usize, factor: f64) {
    let (from_grid, to_grid) = planes;
    let table = RemapTable::between((from, from_grid), (to, to_grid));
    let (data, stride) = plane::<T>(from_grid.width, from_grid.height, pad, factor);
    let src = PlaneRef::new(&data, stride, from_grid.width, from_grid.height);
    let mut pyramid = Pyramid::default();
    pyramid.update(src, table.needed());
    let outside = T::from_sum(3.0, 255.0);
    let mask = table.mask();
    forced::each(|level| {
        let mut out = Plane::<T>::new(to_grid.width, to_grid.height);
        Remapper::new(Filter::Bilinear).remap(&table, src, outside, 65535.0, out.as_mut());
        for y in 0..to_grid.height {
            for x in 0..to_grid.width {
                let luma = to_grid.to_luma(x as f64, y as f64);
                let want = to.ray(luma.0, luma.1).and_then(|r| from.position(r));
                let got = out.as_ref().row(y)[x];
                assert_eq!(mask.as_ref().row(y)[x] != 0, want.is_some(), "{x} {y} {from:?} {to:?}");
                let Some(p) = want else {
                    assert_eq!(got, outside);
                    continue;
                };
                let p = from_grid.from_luma(p.0, p.1);
                let tile = table.tiles[y / TILE_H * table.tiles_x() + x / TILE_W];
                let unit = f64::from(1u32 << tile.level);
                let plane = pyramid.level(src, u32::from(tile.level));
                let want = read(plane, (p.0 + 0.5) / unit - 0.5, (p.1 + 0.5) / unit - 0.5);
                // A coarse level is steeper; 1/32 of a sample and half a step of rounding.
                let allowed = factor * 12.0 * unit / 28.0 + 0.51;
                let got = f64::from(got.to_f32());
                assert!((got - want).abs() < allowed, "{level:?} {x} {y}: {got} for {want} {tile:?} {from:?} {to:?}");
            }
        }
    });
}

fn lens() -> impl Strategy<Value = Lens> {
    prop_oneof![
        Just(Lens::HalfEquirectangular),
        Just(Lens::Equirectangular),
        (90.0..=220.0).prop_map(|fov| Lens::Fisheye { fov }),
        (40.0..=120.0, 40.0..=120.0).prop_map(|(h_fov, v_fov)| Lens::Rectilinear { h_fov, v_fov }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn remapping_matches_the_lens_formulas(
        (from, to) in (lens(), lens()), yaw in -90.0..90.0, pitch in -60.0..60.0,
        (w, h) in (20usize..400, 20usize..300), (dw, dh) in (1usize..300, 1usize..200), pad in 0usize..9,
    ) {
        let from = ahead(from, w, h);
        let to = Picture::new(Camera { lens: to, yaw, pitch }, dw, dh);
        let luma = (SampleGrid::luma(w, h), SampleGrid::luma(dw, dh));
        check::<u8>(&from, &to, luma, pad, 1.0);
        let layout = YuvLayout { bits: 10, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };
        let chroma = |w, h| SampleGrid::plane(1, w, h, layout, ChromaSiting::Left);
        check::<u16>(&from, &to, (chroma(w, h), chroma(dw, dh)), pad, 4.0);
        check::<f32>(&from, &to, (chroma(w, h), luma.1), pad, 1.0);
    }
}

#[test]
fn a_field_of_a_few_samples_is_found_wherever_it_lies() {
    // 40 degrees of 360 are fewer samples than lie between the places that a tile is judged by.
    let from = ahead(Lens::Rectilinear { h_fov: 40.0, v_fov: 40.0 }, 40, 40);
    for (w, h, yaw) in (1..=80).flat_map(|w| (0..30).map(move |i| (w, 34, f64::from(i) * 5.3 - 80.0))) {
        let to = Picture::new(Camera { lens: Lens::Equirectangular, yaw, pitch: 0.0 }, w, h);
        let table = RemapTable::between((&from, SampleGrid::luma(40, 40)), (&to, SampleGrid::luma(w, h)));
        for (i, shown) in table.mask().data().iter().enumerate() {
            let seen = to.ray((i % w) as f64, (i / w) as f64).and_then(|ray| from.position(ray));
            assert_eq!(*shown != 0, seen.is_some(), "{w}x{h}, yaw {yaw}, sample {i}");
        }
    }
}

#[test]
fn the_same_lens_changes_nothing() {
    for lens in [Lens::HalfEquirectangular, Lens::Rectilinear { h_fov: 80.0, v_fov: 60.0 }] {
        for (w, h) in [(200, 130), (256, 128)] {
            let picture = ahead(lens, w, h);
            let layout = YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };
            for (p, siting) in [(0, ChromaSiting::Left), (1, ChromaSiting::Left), (1, ChromaSiting::TopLeft)] {
                let grid = SampleGrid::plane(p, w, h, layout, siting);
                let table = RemapTable::between((&picture, grid), (&picture, grid));
                let (data, stride) = plane::<u8>(grid.width, grid.height, 0, 1.0);
                let src = PlaneRef::new(&data, stride, grid.width, grid.height);
                for filter in [Filter::Bilinear, Filter::Lanczos3] {
                    let mut out = Plane::<u8>::new(grid.width, grid.height);
                    Remapper::new(filter).remap(&table, src, 0, 255.0, out.as_mut());
                    let worst = out.data().iter().zip(&data).map(|(a, b)| a.abs_diff(*b)).max();
                    assert!(worst <= Some(1), "{lens:?} {p} {filter:?} {worst:?}");
                }
            }
        }
    }
}

#[test]
fn what_is_not_moved_is_copied() {
    let (n, lens) = (640, Lens::Fisheye { fov: 190.0 });
    let picture = ahead(lens, n, n);
    let table = RemapTable::between((&picture, SampleGrid::luma(n, n)), (&picture, SampleGrid::luma(n, n)));
    let copied = table.tiles.iter().filter(|t| t.kind == TileKind::Copy).count();
    assert!(2 * copied > table.tiles.len(), "{copied} of {}", table.tiles.len());
    let (data, stride) = plane::<u8>(n, n, 3, 1.0);
    let src = PlaneRef::new(&data, stride, n, n);
    let mask = table.mask();
    for filter in [Filter::Bilinear, Filter::Lanczos3] {
        let mut out = Plane::<u8>::new(n, n);
        Remapper::new(filter).remap(&table, src, 9, 255.0, out.as_mut());
        for (i, value) in out.data().iter().enumerate() {
            let want = if mask.data()[i] == 0 { 9 } else { src.row(i / n)[i % n] };
            assert_eq!(*value, want, "{filter:?} {i}");
        }
    }
}

#[test]
fn tiles_of_one_value_are_as_if_they_were_read() {
    // A matte: one square person, the rest nobody; the tiles of its border read both.
    let (from, to) = (ahead(Lens::HalfEquirectangular, 128, 128), ahead(Lens::Fisheye { fov: 180.0 }, 384, 384));
    let table = RemapTable::between((&from, SampleGrid::luma(128, 128)), (&to, SampleGrid::luma(384, 384)));
    let data: Vec<f32> = (0..128 * 128)
        .map(|i| if (40..90).contains(&(i % 128)) && (30..100).contains(&(i / 128)) { 1.0 } else { 0.0 })
        .collect();
    let src = PlaneRef::new(&data, 128, 128, 128);
    let mut out = Plane::<f32>::new(384, 384);
    Remapper::new(Filter::Bilinear).remap(&table, src, -1.0, 1.0, out.as_mut());
    for (i, value) in out.data().iter().enumerate() {
        let (x, y) = ((i % 384) as f64, (i / 384) as f64);
        let want = to.ray(x, y).and_then(|ray| from.position(ray)).map_or(-1.0, |p| read(src, p.0, p.1));
        assert!((f64::from(*value) - want).abs() < 0.08, "{i}: {value} for {want}");
    }
}

#[test]
fn lanczos_follows_a_wave_better_than_bilinear() {
    // Three and a half samples a wave, shifted by a third of a sample.
    let wave = |x: f64| 127.5 + 100.0 * (x * 1.8).sin();
    let (w, h) = (300, 40);
    let data: Vec<u8> = (0..w * h).map(|i| wave((i % w) as f64).round() as u8).collect();
    let src = PlaneRef::new(&data, w, w, h);
    let table = RemapTable::new((w, h), (w, h), &|x, y| Some((x + 0.33, y)));
    let error = |filter| {
        let mut out = Plane::<f32>::new(w, h);
        Remapper::new(filter).remap(&table, src, 0.0, 255.0, out.as_mut());
        (8..w - 8).map(|x| (f64::from(out.as_ref().row(20)[x]) - wave(x as f64 + 0.33)).abs()).sum::<f64>() / 284.0
    };
    let (bilinear, lanczos) = (error(Filter::Bilinear), error(Filter::Lanczos3));
    forced::each(|_| assert!(error(Filter::Lanczos3) < 6.0));
    assert!(lanczos < 6.0 && bilinear > 3.0 * lanczos, "{bilinear} {lanczos}");
}

#[test]
fn every_filter_draws_a_field_that_ends_between_samples() {
    // VR180 and a fisheye of 180 degrees: the field's edge meets tiles with half a sample.
    for n in [240, 480, 960] {
        let (from, to) = (ahead(Lens::HalfEquirectangular, n, n), ahead(Lens::Fisheye { fov: 180.0 }, n, n));
        for (from, to) in [(&from, &to), (&to, &from)] {
            let table = RemapTable::between((from, SampleGrid::luma(n, n)), (to, SampleGrid::luma(n, n)));
            let (data, stride) = plane::<u8>(n, n, 0, 1.0);
            let src = PlaneRef::new(&data, stride, n, n);
            let mut pyramid = Pyramid::default();
            pyramid.update(src, table.needed());
            for filter in [Filter::Bilinear, Filter::Lanczos3] {
                let mut out = Plane::<u8>::new(n, n);
                Remapper::new(filter).remap(&table, src, 3, 255.0, out.as_mut());
                let middle = out.as_ref().row(n / 2)[n / 2];
                assert!(f64::from(middle) - waves(n as f64 / 2.0, n as f64 / 2.0) < 15.0, "{filter:?} {n}");
            }
        }
    }
}

#[test]
fn minifying_averages() {
    // A checkerboard of single samples must become gray, not one of its colors.
    let (w, h) = (1024, 1024);
    let data: Vec<u8> = (0..w * h).map(|i| if (i % w + i / w) % 2 == 0 { 0 } else { 254 }).collect();
    let (from, to) = (ahead(Lens::HalfEquirectangular, w, h), ahead(Lens::Fisheye { fov: 180.0 }, 128, 128));
    let table = RemapTable::between((&from, SampleGrid::luma(w, h)), (&to, SampleGrid::luma(128, 128)));
    assert_eq!(table.needed().levels(), 3);
    let mut out = Plane::<u8>::new(128, 128);
    Remapper::new(Filter::Bilinear).remap(&table, PlaneRef::new(&data, w, w, h), 127, 255.0, out.as_mut());
    assert!(out.data().iter().all(|v| v.abs_diff(127) < 2));
}

#[test]
fn tables_are_small() {
    let n = 1920;
    let (from, to) = (ahead(Lens::HalfEquirectangular, n, n), ahead(Lens::Fisheye { fov: 180.0 }, n, n));
    let table = RemapTable::between((&from, SampleGrid::luma(n, n)), (&to, SampleGrid::luma(n, n)));
    let smooth = table.tiles.iter().filter(|t| matches!(t.kind, TileKind::Smooth(_))).count();
    let empty = table.tiles.iter().filter(|t| t.kind == TileKind::Empty).count();
    assert!(smooth * 10 > table.tiles.len() * 5 && empty * 10 > table.tiles.len(), "{smooth} {empty}");
    // Two floats a sample would be eight bytes.
    assert!(table.bytes() < 2 * n * n, "{} bytes", table.bytes());
}
