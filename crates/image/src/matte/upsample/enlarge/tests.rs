//! Upsampling against plain interpolation, and the classes of tiles against a scan.

use super::*;
use crate::matte::{MatteOptions, TileMap};
use crate::plane::Matrix;
use crate::simd::forced;
use proptest::prelude::*;

struct Rng(u32);
impl Rng {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as f32 / (1 << 24) as f32
    }
}

fn bilinear(p: &Plane<f32>, x: usize, y: usize, w: usize, h: usize) -> f64 {
    let at = |v: usize, full: usize, small: usize| {
        let u = ((v as f64 + 0.5) * small as f64 / full as f64 - 0.5).clamp(0.0, small as f64 - 1.0);
        (u.floor() as usize, (u.floor() as usize + 1).min(small - 1), u.fract())
    };
    let (x0, x1, fx) = at(x, w, p.width());
    let (y0, y1, fy) = at(y, h, p.height());
    let s = |x: usize, y: usize| f64::from(p.data()[y * p.width() + x]);
    (s(x0, y0) * (1.0 - fx) + s(x1, y0) * fx) * (1.0 - fy) + (s(x0, y1) * (1.0 - fx) + s(x1, y1) * fx) * fy
}

/// Slopes, offsets and ranges with flat parts of both kinds and rough ones.
fn coefficients(sw: usize, sh: usize, rng: &mut Rng) -> Coefficients {
    let [mut a, mut b, mut low, mut high] = [(); 4].map(|()| Plane::new(sw, sh));
    let (cut, wide) = (rng.next() * sw as f32, rng.next() * 4.0);
    for i in 0..sw * sh {
        let d = (i % sw) as f32 - cut;
        if d.abs() < wide {
            a.data_mut()[i] = 4.0 * (rng.next() - 0.5);
            b.data_mut()[i] = rng.next();
            low.data_mut()[i] = b.data()[i] - rng.next();
            high.data_mut()[i] = b.data()[i] + rng.next();
        } else {
            b.data_mut()[i] = if d > 0.0 { 1.0 - 0.01 * rng.next() } else { 0.01 * rng.next() };
            (low.data_mut()[i], high.data_mut()[i]) = (b.data()[i], b.data()[i]);
        }
    }
    Coefficients { a, b, range: [low, high], borders: Borders::Clamp }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn upsampling_matches_plain_interpolation(
        (sw, sh) in (1usize..40, 1usize..30),
        (w, h, pad) in (1usize..300, 1usize..120, 0usize..9),
        deep in any::<bool>(),
        threshold in proptest::option::of(0.0f32..1.0),
        seed in any::<u32>(),
    ) {
        // Wider mattes are thinned first, see below.
        prop_assume!(sw <= 2 * w);
        let mut rng = Rng(seed | 1);
        let c = coefficients(sw, sh, &mut rng);
        let bits = if deep { 10 } else { 8 };
        let color = YuvColor { matrix: Matrix::Bt709, full_range: seed % 2 == 0 };
        let stride = w + pad;
        let luma: Vec<u16> = (0..stride * h).map(|_| (rng.next() * ((1 << bits) - 1) as f32) as u16).collect();
        let bytes: Vec<u8> = luma.iter().map(|&v| v as u8).collect();
        let levels = Levels::from_options(&MatteOptions { threshold, ..MatteOptions::default() }, 4.0);
        let (zero, span) = color.luma(bits);
        forced::each(|level| {
            for guided in [true, false] {
                let mut out = vec![77u8; stride * h];
                let mut map = TileMap::default();
                map.reset(w, h);
                map.classes.fill(TileClass::Mixed);
                let whole = PlaneMut { data: &mut out, stride, width: w, height: h };
                if !guided {
                    upsample_bilinear(&c.b, (w, h), &levels, whole, &mut map.classes);
                } else if deep {
                    let luma = PlaneRef::new(&luma, stride, w, h);
                    upsample_guided(&c, luma, bits, color, &levels, whole, &mut map.classes);
                } else {
                    let luma = PlaneRef::new(&bytes, stride, w, h);
                    upsample_guided(&c, luma, bits, color, &levels, whole, &mut map.classes);
                }
                for y in 0..h {
                    for x in 0..stride {
                        let got = out[y * stride + x];
                        if x >= w {
                            assert_eq!(got, 77, "wrote beside the view");
                            continue;
                        }
                        let sample = luma[y * stride + x];
                        let sample = if deep { sample } else { u16::from(sample as u8) };
                        let y01 = (f64::from(sample) - f64::from(zero)) / f64::from(span);
                        let of = |plane| bilinear(plane, x, y, w, h);
                        let alpha = if guided {
                            (of(&c.a) * y01 + of(&c.b)).max(of(&c.range[0])).min(of(&c.range[1]))
                        } else {
                            of(&c.b)
                        };
                        let v = (alpha - f64::from(levels.lo)) / f64::from(levels.hi - levels.lo);
                        let want = (v * 255.0).clamp(0.0, 255.0);
                        // f32 against f64, made steeper by a threshold.
                        assert!((f64::from(got) - want).abs() <= 0.6, "{level:?} {guided}: {got} {want} at {x},{y}");
                    }
                }
                let mut scanned = TileMap::default();
                scanned.classify(PlaneRef::new(&out, stride, w, h));
                assert_eq!(map, scanned, "{level:?}");
            }
        });
    }

    #[test]
    fn tiles_left_by_the_last_matte_are_reused_only_where_right(
        (sw, sh) in (2usize..40, 1usize..30),
        (w, h) in (20usize..300, 1usize..120),
        seed in any::<u32>(),
    ) {
        prop_assume!(sw <= 2 * w);
        let mut rng = Rng(seed | 1);
        let levels = Levels::default();
        let (mut kept, mut map) = (Plane::from_vec(vec![99u8; w * h], w, h), TileMap::default());
        map.reset(w, h);
        map.classes.fill(TileClass::Mixed);
        for frame in 0..4 {
            let c = coefficients(sw, sh, &mut rng);
            upsample_bilinear(&c.b, (w, h), &levels, kept.as_mut(), &mut map.classes);
            let (mut fresh, mut scanned) = (Plane::<u8>::new(w, h), TileMap::default());
            scanned.reset(w, h);
            upsample_bilinear(&c.b, (w, h), &levels, fresh.as_mut(), &mut scanned.classes);
            prop_assert!(kept == fresh, "frame {frame}");
            prop_assert_eq!(&map, &scanned);
        }
    }

    #[test]
    fn tile_classes_match_their_samples(w in 1usize..200, h in 1usize..70, pad in 0usize..9, seed in any::<u32>()) {
        let mut rng = Rng(seed | 1);
        let stride = w + pad;
        let mut data = vec![0u8; stride * h];
        for ty in 0..h.div_ceil(TILE_H) {
            for tx in 0..w.div_ceil(TILE_W) {
                let kind = (rng.next() * 4.0) as u32;
                let odd = rng.next();
                for y in ty * TILE_H..((ty + 1) * TILE_H).min(h) {
                    for x in tx * TILE_W..((tx + 1) * TILE_W).min(w) {
                        data[y * stride + x] = [0, 255][kind as usize & 1];
                    }
                }
                if kind > 1 {
                    let x = tx * TILE_W + (odd * ((w - tx * TILE_W).min(TILE_W)) as f32) as usize;
                    data[ty * TILE_H * stride + x] ^= 1 + (odd * 200.0) as u8;
                }
            }
        }
        let want: Vec<TileClass> = (0..h.div_ceil(TILE_H) * w.div_ceil(TILE_W)).map(|i| {
            let (tx, ty) = (i % w.div_ceil(TILE_W), i / w.div_ceil(TILE_W));
            let mut values = (ty * TILE_H..((ty + 1) * TILE_H).min(h))
                .flat_map(|y| (tx * TILE_W..((tx + 1) * TILE_W).min(w)).map(move |x| (x, y)))
                .map(|(x, y)| data[y * stride + x]);
            if values.clone().all(|v| v == 0) {
                TileClass::Background
            } else if values.all(|v| v == 255) {
                TileClass::Person
            } else {
                TileClass::Mixed
            }
        }).collect();
        forced::each(|level| {
            let mut map = TileMap::default();
            map.classify(PlaneRef::new(&data, stride, w, h));
            assert_eq!(&map.classes, &want, "{level:?}");
            assert_eq!(map.class(0, 0), want[0]);
        });
    }
}

#[test]
fn matte_much_larger_than_its_view_still_covers_it() {
    let half = Plane::from_vec((0..600 * 40).map(|i| if i % 600 < 300 { 1.0 } else { 0.0 }).collect(), 600, 40);
    for (w, h) in [(10, 3), (1, 1), (70, 20)] {
        let mut out = Plane::new(w, h);
        let mut map = TileMap::default();
        map.reset(w, h);
        upsample_bilinear(&half, (w, h), &Levels::default(), out.as_mut(), &mut map.classes);
        for (i, &v) in out.data().iter().enumerate() {
            let x = i % w;
            if w > 1 && x != w / 2 && x + 1 != w / 2 {
                assert_eq!(v, if x < w / 2 { 255 } else { 0 }, "{w} {x}");
            }
        }
    }
}
