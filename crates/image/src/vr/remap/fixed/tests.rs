//! Fixed point against floats, and AVX2 against the plain form.

use super::*;
use crate::simd::{features, forced};
use proptest::prelude::*;

fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

/// What the filter makes of a source with repeated borders at a position, in floats.
fn exact(filter: Filter, src: PlaneRef<'_, u8>, x: f64, y: f64) -> f64 {
    let kernel = |d: f64| match filter {
        Filter::Bilinear => (1.0 - d.abs()).max(0.0),
        Filter::Lanczos3 if d == 0.0 => 1.0,
        Filter::Lanczos3 if d.abs() >= 3.0 => 0.0,
        Filter::Lanczos3 => {
            let p = std::f64::consts::PI * d;
            3.0 * p.sin() * (p / 3.0).sin() / (p * p)
        }
    };
    let taps = -2..=3i32;
    let (mut sum, mut total) = (0.0, 0.0);
    for j in taps.clone() {
        for i in taps.clone() {
            let (sx, sy) = (x.floor() as i32 + i, y.floor() as i32 + j);
            let weight = kernel(x - f64::from(sx)) * kernel(y - f64::from(sy));
            let row = src.row(sy.clamp(0, src.height as i32 - 1) as usize);
            sum += weight * f64::from(row[sx.clamp(0, src.width as i32 - 1) as usize]);
            total += weight;
        }
    }
    sum / total
}

proptest! {
    #[test]
    fn a_row_is_what_the_filter_makes_of_the_samples(
        (w, h) in (2usize..300, 2usize..120), pad in 0usize..5, seed in 0u32..1000, lanczos in any::<bool>(),
        (left, top, across, down) in (0.0..1.0f64, 0.0..1.0f64, 0.0..1.5f64, -1.0..1.0f64),
    ) {
        let filter = if lanczos { Filter::Lanczos3 } else { Filter::Bilinear };
        let data = noise((w + pad) * h, seed);
        let src = PlaneRef::new(&data, w + pad, w, h);
        // A line through the source, its whole samples at most the last but one.
        let line = |k: usize, start: f64, step: f64, n: usize| {
            (start * n as f64 + k as f64 * step).clamp(0.0, n as f64 - 1.0 - 1.0 / 1024.0)
        };
        let positions: Vec<(f64, f64)> =
            (0..TILE_W).map(|k| (line(k, left, across, w), line(k, top, down, h))).collect();
        let first = |v: &dyn Fn(&(f64, f64)) -> f64| positions.iter().map(v).fold(f64::MAX, f64::min) as i32;
        let last = |v: &dyn Fn(&(f64, f64)) -> f64| positions.iter().map(v).fold(0.0, f64::max) as i32;
        let origin = (first(&|p| p.0), first(&|p| p.1));
        let reach = (last(&|p| p.0) - origin.0, last(&|p| p.1) - origin.1);
        let fixed = |v: f64, origin: i32| ((v - f64::from(origin)) * f64::from(1u32 << FRACTION)) as i32;
        let x: Row = std::array::from_fn(|k| fixed(positions[k].0, origin.0));
        let y: Row = std::array::from_fn(|k| fixed(positions[k].1, origin.1));
        let mut reader = Reader::default();
        let Some(place) = reader.prepare(filter, src, origin, reach) else {
            return Ok(());
        };
        let mut rows = Vec::new();
        forced::each(|_| {
            let mut row = [0u8; TILE_W];
            reader.row(features(), place, &x, &y, &mut row);
            rows.push(row);
        });
        for row in &rows {
            prop_assert_eq!(row, &rows[0]);
        }
        // Bilinear weights have steps of 1/127, Lanczos' of 1/256, whose slope is less than 1.5.
        let allowed = 0.51 + 255.0 * if lanczos { 2.0 * 1.5 / 512.0 + 0.01 } else { 0.5 / 127.0 + 0.001 };
        for (k, (x, y)) in positions.iter().enumerate() {
            let want = exact(filter, src, *x, *y).clamp(0.0, 255.0);
            prop_assert!((f64::from(rows[0][k]) - want).abs() <= allowed, "{k}: {} for {want}", rows[0][k]);
        }
    }
}

#[test]
fn a_picture_of_one_value_keeps_it() {
    for value in 0..=255u8 {
        let data = vec![value; 40 * 40];
        let src = PlaneRef::new(&data, 40, 40, 40);
        let x: Row = std::array::from_fn(|k| (k as i32) << (FRACTION - 3) | (k as i32) << 3);
        let y: Row = std::array::from_fn(|k| (k as i32) << (FRACTION - 2) | (k as i32) << 5);
        for filter in [Filter::Bilinear, Filter::Lanczos3] {
            let mut reader = Reader::default();
            let place = reader.prepare(filter, src, (3, 4), (20, 20)).expect("fits the buffer");
            forced::each(|_| {
                let mut row = [0u8; TILE_W];
                reader.row(features(), place, &x, &y, &mut row);
                assert_eq!(row, [value; TILE_W], "{filter:?}");
            });
        }
    }
}

#[test]
fn a_tile_too_spread_out_for_the_buffer_is_read_from_the_source() {
    let (w, h) = (1000, 40);
    let data = noise(w * h, 7);
    let src = PlaneRef::new(&data, w, w, h);
    let mut reader = Reader::default();
    let place = reader.prepare(Filter::Bilinear, src, (0, 0), (998, 38));
    assert!(matches!(place, Some(Place::Source(..))));
    assert!(reader.prepare(Filter::Lanczos3, src, (0, 0), (998, 38)).is_none());
    let x: Row = std::array::from_fn(|k| (k as i32 * 15) << FRACTION);
    let y: Row = std::array::from_fn(|k| (k as i32 % 38) << FRACTION);
    let mut row = [0u8; TILE_W];
    reader.row(features(), place.expect("read from the source"), &x, &y, &mut row);
    for (k, value) in row.iter().enumerate() {
        assert_eq!(*value, data[k % 38 * w + k * 15]);
    }
}
