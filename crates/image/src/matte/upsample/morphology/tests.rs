//! Growing and feathering against plain windows and boxes.

use super::*;
use crate::plane::Plane;
use crate::simd::forced;
use proptest::prelude::*;

fn reference_grow(src: &[u8], w: usize, h: usize, n: i32) -> Vec<u8> {
    let r = n.unsigned_abs() as usize;
    let mut out = vec![0; w * h];
    for y in 0..h {
        for x in 0..w {
            let window = (y.saturating_sub(r)..=(y + r).min(h - 1))
                .flat_map(|j| (x.saturating_sub(r)..=(x + r).min(w - 1)).map(move |i| src[j * w + i]));
            out[y * w + x] = if n > 0 { window.max() } else { window.min() }.unwrap_or(0);
        }
    }
    out
}

fn reference_blur(src: &[u8], w: usize, h: usize, radii: [usize; 3]) -> Vec<f64> {
    let mut cur: Vec<f64> = src.iter().map(|&v| f64::from(v)).collect();
    for horizontal in [true, false] {
        for r in radii {
            let at =
                |x: isize, y: isize| cur[y.clamp(0, h as isize - 1) as usize * w + x.clamp(0, w as isize - 1) as usize];
            let r = r as isize;
            cur = (0..(w * h) as isize)
                .map(|i| {
                    let (x, y) = (i % w as isize, i / w as isize);
                    let sum: f64 = (-r..=r).map(|d| if horizontal { at(x + d, y) } else { at(x, y + d) }).sum();
                    sum / (2 * r + 1) as f64
                })
                .collect();
        }
    }
    cur
}

/// A plane with margins that must stay as they are, as a view beside another has.
fn run(src: &[u8], w: usize, h: usize, pad: usize, f: impl Fn(PlaneMut<'_, u8>)) -> Vec<u8> {
    let stride = w + 2 * pad;
    let mut data = vec![77u8; stride * h];
    for y in 0..h {
        data[y * stride + pad..][..w].copy_from_slice(&src[y * w..][..w]);
    }
    f(PlaneMut { data: &mut data[pad..], stride, width: w, height: h });
    let mut out = Vec::new();
    for y in 0..h {
        let row = &data[y * stride..][..stride];
        assert!(row[..pad].iter().chain(&row[pad + w..]).all(|&v| v == 77), "wrote beside the view");
        out.extend_from_slice(&row[pad..pad + w]);
    }
    out
}

fn blobs(w: usize, h: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 16
    };
    let mut data = vec![0u8; w * h];
    for _ in 0..next() % 4 {
        let (x, y) = (next() as usize % w, next() as usize % h);
        let (x1, y1) = ((x + 1 + next() as usize % w).min(w), (y + 1 + next() as usize % h).min(h));
        let v = [255, 255, next() as u8][next() as usize % 3];
        for row in data.chunks_exact_mut(w).take(y1).skip(y) {
            row[x..x1].fill(v);
        }
    }
    data
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn grow_is_the_window_maximum(
        w in 1usize..160, h in 1usize..60, pad in 0usize..5, n in -70i32..70, seed in any::<u32>(),
    ) {
        let src = blobs(w, h, seed);
        let want = if n == 0 { src.clone() } else { reference_grow(&src, w, h, n) };
        forced::each(|level| {
            let got = run(&src, w, h, pad, |p| Morphology::new().grow(p, n));
            assert!(got == want, "{level:?}");
        });
    }

    #[test]
    fn feather_is_three_boxes(
        w in 1usize..100, h in 1usize..90, pad in 0usize..5, sigma in 0.0f32..12.0, seed in any::<u32>(),
    ) {
        let src = blobs(w, h, seed);
        let want = reference_blur(&src, w, h, box_radii(sigma));
        forced::each(|level| {
            let got = run(&src, w, h, pad, |p| Morphology::new().feather(p, sigma));
            for (g, w) in got.iter().zip(&want) {
                // Between the axes the matte is 8 bits once.
                assert!((f64::from(*g) - w).abs() <= 1.05, "{level:?}: {g} {w}");
            }
        });
    }
}

#[test]
fn box_radii_have_the_requested_variance() {
    for sigma in [0.6f32, 1.0, 2.0, 3.3, 8.0, 40.0] {
        let variance: f64 = box_radii(sigma).iter().map(|&r| (((2 * r + 1) * (2 * r + 1) - 1) as f64) / 12.0).sum();
        let got = variance.sqrt();
        assert!((got - f64::from(sigma)).abs() < 0.25, "{sigma}: {got}");
    }
    assert_eq!(box_radii(0.0), [0; 3]);
    assert_eq!(box_radii(f32::NAN), [0; 3]);
}

#[test]
fn scratch_of_a_larger_plane_does_not_leak_into_a_smaller_one() {
    let mut m = Morphology::new();
    let mut big = Plane::from_vec(vec![255; 300 * 200], 300, 200);
    big.data_mut()[0] = 0;
    m.grow(big.as_mut(), 3);
    m.feather(big.as_mut(), 3.0);
    let mut small = Plane::<u8>::new(20, 20);
    small.data_mut()[210] = 255;
    m.grow(small.as_mut(), 1);
    assert_eq!(
        small.data(),
        reference_grow(
            &{
                let mut v = vec![0; 400];
                v[210] = 255;
                v
            },
            20,
            20,
            1
        )
    );
}
