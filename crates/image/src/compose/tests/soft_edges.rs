//! What edges must look like, on a picture whose foreground, background and opacity are known.

use super::*;

/// A picture whose foreground, background and opacity are known: a round body with a soft rim
/// and radial strands like hair.
struct Known {
    size: usize,
    foreground: [Plane<f32>; 3],
    background: [Plane<f32>; 3],
    alpha: Plane<f32>,
}

impl Known {
    fn new(size: usize, small: usize) -> (Self, SmallYuv, Plane<f32>) {
        let at = |f: &dyn Fn(f32, f32) -> f32| {
            let n = size as f32;
            Plane::from_vec(
                (0..size * size).map(|i| f((i % size) as f32 / n, (i / size) as f32 / n)).collect(),
                size,
                size,
            )
        };
        let known = Self {
            size,
            // A dark reddish person whose color drifts, before a bright, coarsely striped wall.
            foreground: [
                at(&|x, y| 0.25 + 0.15 * x + 0.03 * (40.0 * y).sin()),
                at(&|x, _| -0.05 - 0.05 * x),
                at(&|_, y| 0.1 + 0.1 * y),
            ],
            background: [
                at(&|x, _| 0.75 + 0.1 * (12.0 * x).sin()),
                at(&|_, y| 0.15 - 0.1 * y),
                at(&|x, _| -0.2 + 0.1 * x),
            ],
            alpha: at(&|x, y| {
                let (dx, dy) = (x - 0.5, y - 0.5);
                let r = (dx * dx + dy * dy).sqrt();
                let body = ((0.26 - r) / 0.02 + 0.5).clamp(0.0, 1.0);
                let strand = (80.0 * dy.atan2(dx)).cos().max(0.0) * ((0.36 - r) / 0.1).clamp(0.0, 1.0);
                // 8 bits, as the full-size matte has them.
                ((body.max(0.8 * strand)) * 255.0).round() / 255.0
            }),
        };
        let k = size / small;
        let shrink = |plane: &dyn Fn(usize) -> f32| {
            let mut out = Plane::new(small, small);
            for i in 0..size * size {
                let (x, y) = (i % size / k, i / size / k);
                out.data_mut()[y * small + x] += plane(i) / (k * k) as f32;
            }
            out
        };
        let small_yuv = SmallYuv {
            y: shrink(&|i| known.mixed(0, i)),
            u: shrink(&|i| known.mixed(1, i)),
            v: shrink(&|i| known.mixed(2, i)),
        };
        let small_alpha = shrink(&|i| known.alpha.data()[i]);
        (known, small_yuv, small_alpha)
    }

    fn mixed(&self, p: usize, i: usize) -> f32 {
        let a = self.alpha.data()[i];
        a * self.foreground[p].data()[i] + (1.0 - a) * self.background[p].data()[i]
    }
}

/// Paints a known picture in 10-bit 4:4:4 and gives the planes.
fn paint_known(mode: &Mode, known: &Known, small: &SmallYuv, small_alpha: &Plane<f32>) -> [Plane<u16>; 4] {
    let layout = YuvLayout { bits: 10, chroma_shift_x: 0, chroma_shift_y: 0, alpha: false };
    let color = YuvColor { matrix: Matrix::Bt709, full_range: true };
    let n = known.size;
    let source = [0, 1, 2].map(|p| {
        let zero = if p == 0 { 0.0 } else { 512.0 };
        let data = (0..n * n).map(|i| (known.mixed(p, i) * 1023.0 + zero + 0.5) as u16).collect();
        Plane::from_vec(data, n, n)
    });
    let alpha = Plane::from_vec(known.alpha.data().iter().map(|a| (a * 255.0).round() as u8).collect(), n, n);
    let mut tiles = TileMap::default();
    tiles.classify(alpha.as_ref());
    let colors = EdgeColors::of(small, small_alpha);
    let views = [MattedView { rect: Rect::new(0, 0, n, n), small, alpha: small_alpha, colors: &colors }];
    let frame = Frame {
        source: Yuv::U16(source.each_ref().map(|p| p.as_ref())),
        layout,
        color,
        width: n,
        height: n,
        alpha: alpha.as_ref(),
        tiles: &tiles,
        views: &views,
        background: None,
    };
    let mut out = [(); 4].map(|()| Plane::new(n, n));
    let [y, u, v, a] = &mut out;
    let picture = YuvMut::U16([y.as_mut(), u.as_mut(), v.as_mut()], Some(a.as_mut()));
    Composer::new(mode, layout, color, n, n).compose(&frame, picture);
    out
}

#[test]
fn foreground_is_recovered_at_soft_edges() {
    let (known, small, small_alpha) = Known::new(1024, 256);
    let out = paint_known(&Mode::Alpha, &known, &small, &small_alpha);
    for (p, plane) in out[..3].iter().enumerate() {
        let (mut with, mut without, mut count) = (0.0, 0.0, 0);
        for (i, a) in known.alpha.data().iter().enumerate() {
            if *a > 0.0 && *a < 1.0 {
                let zero = if p == 0 { 0.0 } else { 512.0 };
                let f = (f32::from(plane.data()[i]) - zero) / 1023.0;
                let want = known.foreground[p].data()[i];
                // What is seen of an error is its share in the blend.
                with += (a * (f - want)).abs();
                without += (a * (known.mixed(p, i) - want)).abs();
                count += 1;
            }
        }
        let (with, without) = (with / count as f32, without / count as f32);
        println!("plane {p}: error {with:.4}, untreated {without:.4}, {count} samples");
        assert!(with < 0.2 * without, "plane {p}: {with} of {without}");
    }
}

#[test]
fn person_does_not_glow_into_the_blurred_background() {
    let (known, small, small_alpha) = Known::new(512, 128);
    for strength in [0.001, 0.02, 0.1] {
        let out = paint_known(&Mode::Blur { strength }, &known, &small, &small_alpha);
        for i in 0..512 * 512 {
            // Away from the edge band, the dark person must not have darkened the bright wall.
            let r = ((i % 512) as f32 - 256.0).hypot((i / 512) as f32 - 256.0) / 512.0;
            if known.alpha.data()[i] == 0.0 && r > 0.37 {
                let y = f32::from(out[0].data()[i]) / 1023.0;
                assert!(y > 0.62, "strength {strength}: {y} at {i}");
            }
        }
    }
}
