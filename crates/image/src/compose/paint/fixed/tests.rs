//! Fixed point against the formulas in floats, and the same bits at every instruction set.

use super::*;
use crate::simd::{features, forced};
use proptest::prelude::*;

proptest! {
    /// The formulas in floats, for colors as far out as estimates may be, and the same bits at every level.
    #[test]
    fn rounding_loses_at_most_an_eighth_of_a_sample(
        src in any::<[u8; 32]>(), alpha in any::<[u8; 32]>(), far in any::<[i8; 32]>(), key in any::<u8>(),
        share in 0i16..=32767,
    ) {
        // From -256 to 509.
        let color = |i: usize| 128.0 + 3.0 * f32::from(far[i % 32]);
        let rows: [[Row<32>; 2]; 2] = [0, 1].map(|row| [0, 1].map(|n| std::array::from_fn(|i| color(i + 5 * n + 9 * row))));
        let [upper, lower] = rows.map(|row| row.map(|field| values_of(&field)));
        let range = [16.0, 235.0].map(to_fixed);
        let mut first = None;
        forced::each(|level| {
            let avx2 = features().avx2();
            let mut a = [0; 32];
            opacity(avx2, PlaneRef::new(&alpha, 32, 32, 1), (0, 0), (0, 0), 32, &mut a);
            let f = foreground(avx2, &src, &a, (&upper, &lower, share), range);
            let got = round(avx2, &over(avx2, &a, &f, &[to_fixed(f32::from(key)); 32]));
            assert_eq!(*first.get_or_insert(got), got, "{level:?}");
            for i in 0..32 {
                let (s, a, t) = (f32::from(src[i]), f32::from(alpha[i]) / 255.0, f32::from(share) / 32767.0);
                let [fh, bh] = [0, 1].map(|n| rows[0][n][i] + t * (rows[1][n][i] - rows[0][n][i]));
                let f = fh + a * (s - a * fh - (1.0 - a) * bh);
                let want = a * f.clamp(s.min(16.0), s.max(235.0)) + (1.0 - a) * f32::from(key);
                assert!((f32::from(got[i]) - want).abs() <= 0.625, "{level:?} {i}: {} for {want}", got[i]);
            }
        });
    }

    /// Whatever the place and the subsampling.
    #[test]
    fn opacities_are_the_means_of_alpha(
        (sx, sy) in prop::sample::select(vec![(0, 0), (1, 0), (1, 1), (2, 0), (2, 2)]),
        alpha in prop::collection::vec(prop::sample::select(vec![0u8, 0, 0, 1, 130, 254, 255, 255, 255]), 80 * 3),
        flat in prop::option::of(prop::sample::select(vec![0u8, 255])), x in 0usize..8, y in 0usize..2, n in 1usize..=16,
    ) {
        let alpha: Vec<u8> = alpha.into_iter().map(|a| flat.unwrap_or(a)).collect();
        let alpha = PlaneRef::new(&alpha, 80, 80, 3);
        let (y, n) = (y >> sy, if n > 8 { 16 } else { n });
        let (mut plain, mut out) = ([7; 16], [9; 16]);
        let want = opacity(None, alpha, (sx, sy), (x, y), n, &mut plain);
        forced::each(|level| {
            let avx2 = features().avx2();
            assert_eq!(opacity(avx2, alpha, (sx, sy), (x, y), n, &mut out), want, "{level:?}");
            assert_eq!(out, plain, "{level:?}");
        });
        prop_assert_eq!(want == Coverage::Full, plain[..n].iter().all(|a| *a == 32767));
        prop_assert_eq!(want == Coverage::None, plain.iter().all(|a| *a == 0));
        for (i, a) in plain.iter().enumerate() {
            let mut sum = 0.0;
            for (dx, dy) in (0..1 << sx).flat_map(|dx| (0..1 << sy).map(move |dy| (dx, dy))) {
                sum += f32::from(alpha.row(((y << sy) + dy).min(2))[(((x + i) << sx) + dx).min(79)]) / 255.0;
            }
            let mean = if i < n { sum / (1 << (sx + sy)) as f32 } else { 0.0 };
            prop_assert!((f32::from(*a) - 32767.0 * mean).abs() <= 1.0, "{} for {}", a, 32767.0 * mean);
        }
    }
}
