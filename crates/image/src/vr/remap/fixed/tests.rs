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
fn exact<S: Paired + Into<f64>>(filter: Filter, src: PlaneRef<'_, S>, x: f64, y: f64) -> f64 {
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
            let sample: f64 = row[sx.clamp(0, src.width as i32 - 1) as usize].into();
            sum += weight * sample;
            total += weight;
        }
    }
    sum / total
}

/// What `make` makes at every level of instructions, which has to be the same.
fn same_at_each_level<T: PartialEq + std::fmt::Debug>(mut make: impl FnMut() -> T) -> T {
    let mut made = Vec::new();
    forced::each(|_| made.push(make()));
    assert!(made.iter().all(|one| *one == made[0]), "{made:?}");
    made.swap_remove(0)
}

/// Positions along a line through a source.
struct Line {
    positions: Vec<(f64, f64)>,
    /// The first whole samples across and down, and how far the last ones are from them.
    origin: (i32, i32),
    reach: (i32, i32),
}

/// Begins at the shares `start` of a source, with steps of `step` samples.
fn line((w, h): (usize, usize), start: (f64, f64), step: (f64, f64)) -> Line {
    // Whole samples are at most the last but one.
    let at = |k: usize, start: f64, step: f64, n: usize| {
        (start * n as f64 + k as f64 * step).clamp(0.0, n as f64 - 1.0 - 1.0 / 1024.0)
    };
    let positions: Vec<(f64, f64)> =
        (0..TILE_W).map(|k| (at(k, start.0, step.0, w), at(k, start.1, step.1, h))).collect();
    let first = |v: &dyn Fn(&(f64, f64)) -> f64| positions.iter().map(v).fold(f64::MAX, f64::min) as i32;
    let last = |v: &dyn Fn(&(f64, f64)) -> f64| positions.iter().map(v).fold(0.0, f64::max) as i32;
    let origin = (first(&|p| p.0), first(&|p| p.1));
    let reach = (last(&|p| p.0) - origin.0, last(&|p| p.1) - origin.1);
    Line { positions, origin, reach }
}

/// The positions from `origin` as a reader has them.
fn rounded(positions: &[(f64, f64)], origin: (i32, i32)) -> (Row, Row) {
    let fixed = |v: f64, origin: i32| ((v - f64::from(origin)) * f64::from(1u32 << FRACTION)) as i16;
    let x = std::array::from_fn(|k| fixed(positions[k].0, origin.0));
    (x, std::array::from_fn(|k| fixed(positions[k].1, origin.1)))
}

proptest! {
    #[test]
    fn a_row_of_deep_samples_is_bilinear(
        (w, h) in (2usize..300, 2usize..120), pad in 0usize..5, seed in 0u32..1000, bits in 9u32..=12,
        (left, top, across, down) in (0.0..1.0f64, 0.0..1.0f64, 0.0..1.5f64, -1.0..1.0f64),
    ) {
        let max = (1u16 << bits) - 1;
        let data: Vec<u16> = noise(2 * (w + pad) * h, seed)
            .chunks_exact(2)
            .map(|b| u16::from_le_bytes([b[0], b[1]]) & max)
            .collect();
        let src = PlaneRef::new(&data, w + pad, w, h);
        let Line { positions, origin, reach } = line((w, h), (left, top), (across, down));
        let depth = Depth::of(f32::from(max)).expect("a depth that is read in fixed point");
        let mut reader = Reader::<u16>::default();
        if !reader.copy(Filter::Bilinear, src, origin, reach) {
            return Ok(());
        }
        (reader.x[3], reader.y[3]) = rounded(&positions, origin);
        let row = same_at_each_level(|| {
            let mut row = [0u16; TILE_W];
            reader.row(features(), depth, 3, &mut row);
            row
        });
        // Positions are cut to 1/128, vertical sums to 15 bits.
        let allowed = 0.51 + f64::from(max) * (2.0 / 128.0 + 1.0 / 32768.0);
        for (k, (x, y)) in positions.iter().enumerate() {
            let want = exact(Filter::Bilinear, src, *x, *y);
            prop_assert!((f64::from(row[k]) - want).abs() <= allowed, "{k}: {} for {want}", row[k]);
        }
    }

    #[test]
    fn a_row_is_what_the_filter_makes_of_the_samples(
        (w, h) in (2usize..300, 2usize..120), pad in 0usize..5, seed in 0u32..1000, lanczos in any::<bool>(),
        (left, top, across, down) in (0.0..1.0f64, 0.0..1.0f64, 0.0..1.5f64, -1.0..1.0f64),
    ) {
        let filter = if lanczos { Filter::Lanczos3 } else { Filter::Bilinear };
        let data = noise((w + pad) * h, seed);
        let src = PlaneRef::new(&data, w + pad, w, h);
        let Line { positions, origin, reach } = line((w, h), (left, top), (across, down));
        let mut reader = Reader::<u8>::default();
        if !reader.copy(filter, src, origin, reach) {
            return Ok(());
        }
        (reader.x[3], reader.y[3]) = rounded(&positions, origin);
        let row = same_at_each_level(|| {
            let mut row = [0u8; TILE_W];
            reader.row(features(), filter, 3, &mut row);
            row
        });
        // Positions are cut to 1/128; bilinear weights have steps of 1/127; the slope of Lanczos is less than 1.5.
        let allowed = 0.51 + 255.0 * if lanczos { 2.0 * 1.5 / 128.0 + 0.01 } else { 2.0 / 128.0 + 0.5 / 127.0 };
        for (k, (x, y)) in positions.iter().enumerate() {
            let want = exact(filter, src, *x, *y).clamp(0.0, 255.0);
            prop_assert!((f64::from(row[k]) - want).abs() <= allowed, "{k}: {} for {want}", row[k]);
        }
    }

    #[test]
    fn positions_between_nodes_are_near_the_finer_ones(
        start in (0..220, 0..220), across in (-180..180i32, -120..120i32), down in (-180..180i32, -120..120i32),
        reach in (0..=MOST_REACH, 0..=MOST_REACH),
    ) {
        // Nodes of a plane, in 2^15ths of a sample, and a little bent.
        let node = |start: i32, across: i32, down: i32, i: usize, j: usize| {
            (start << POSITION_BITS) + ((across * i as i32 + down * j as i32 + (i * i) as i32) << (POSITION_BITS - 4))
        };
        let nodes: Vec<NodeRow> = (0..NODES_Y)
            .map(|j| {
                [
                    std::array::from_fn(|i| node(start.0, across.0, down.0, i, j)),
                    std::array::from_fn(|i| node(start.1, across.1, down.1, i, j)),
                ]
            })
            .collect();
        let (mut x, mut y) = ([[0; TILE_W]; TILE_H], [[0; TILE_W]; TILE_H]);
        super::super::positions::interpolate(&nodes, super::super::table::limits(reach), &mut x, &mut y);
        let fits = nodes.as_flattened().as_flattened().iter().all(|v| (-4..254).contains(&(v >> POSITION_BITS)));
        let seen = same_at_each_level(|| {
            let mut reader = Reader::<u8>::default();
            assert_eq!(reader.interpolate(features(), &nodes, reach), fits);
            (reader.x, reader.y)
        });
        if !fits {
            return Ok(());
        }
        for (short, fine) in [(&seen.0, &x), (&seen.1, &y)] {
            for (short, fine) in short.as_flattened().iter().zip(fine.as_flattened()) {
                let fine = f64::from(*fine) / f64::from(1u32 << (POSITION_BITS - FRACTION));
                // Three roundings of half a step.
                prop_assert!((f64::from(*short) - fine).abs() < 2.6, "{short} {fine}");
            }
        }
    }
}

#[test]
fn a_picture_of_one_value_keeps_it() {
    for value in 0..=255u8 {
        let data = vec![value; 40 * 40];
        let src = PlaneRef::new(&data, 40, 40, 40);
        for filter in [Filter::Bilinear, Filter::Lanczos3] {
            let mut reader = Reader::<u8>::default();
            assert!(reader.copy(filter, src, (3, 4), (20, 20)));
            reader.x[0] = std::array::from_fn(|k| (k as i16) << (FRACTION - 3) | (k as i16 & 7));
            reader.y[0] = std::array::from_fn(|k| (k as i16) << (FRACTION - 2) | (k as i16 & 15));
            forced::each(|_| {
                let mut row = [0u8; TILE_W];
                reader.row(features(), filter, 0, &mut row);
                assert_eq!(row, [value; TILE_W], "{filter:?}");
            });
        }
    }
}

#[test]
fn a_deep_picture_of_one_value_keeps_it() {
    for bits in 9..=12u32 {
        let max = (1u16 << bits) - 1;
        for value in (0..=max).step_by(13).chain([max]) {
            let data = vec![value; 40 * 40];
            let mut reader = Reader::<u16>::default();
            assert!(reader.copy(Filter::Bilinear, PlaneRef::new(&data, 40, 40, 40), (3, 4), (20, 20)));
            reader.x[0] = std::array::from_fn(|k| (k as i16) << (FRACTION - 3) | (k as i16 & 7));
            reader.y[0] = std::array::from_fn(|k| (k as i16) << (FRACTION - 2) | (k as i16 & 15));
            forced::each(|_| {
                let mut row = [0u16; TILE_W];
                reader.row(features(), Depth::of(f32::from(max)).unwrap(), 0, &mut row);
                assert_eq!(row, [value; TILE_W], "{bits} bits");
            });
        }
    }
    assert_eq!([255.0, 8191.0, 65535.0, 1000.0].map(Depth::of), [None; 4]);
}

#[test]
fn samples_above_their_depth_count_as_the_greatest() {
    let data = vec![u16::MAX; 40 * 40];
    let mut reader = Reader::<u16>::default();
    assert!(reader.copy(Filter::Bilinear, PlaneRef::new(&data, 40, 40, 40), (3, 4), (20, 20)));
    forced::each(|_| {
        let mut row = [0u16; TILE_W];
        reader.row(features(), Depth::of(1023.0).unwrap(), 0, &mut row);
        assert_eq!(row, [1023; TILE_W]);
    });
}

#[test]
fn a_tile_too_spread_out_for_the_buffer_is_refused() {
    let (w, h) = (1000, 400);
    let data = noise(w * h, 7);
    let src = PlaneRef::new(&data, w, w, h);
    for filter in [Filter::Bilinear, Filter::Lanczos3] {
        for (reach, fits) in [((998, 3), false), ((3, 398), false), ((200, 200), false), ((120, 80), true)] {
            assert_eq!(Reader::<u8>::default().copy(filter, src, (0, 0), reach), fits, "{filter:?} {reach:?}");
        }
    }
}
