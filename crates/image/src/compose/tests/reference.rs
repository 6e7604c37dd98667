//! The painters against a plain per-sample reference.

use super::*;

fn run<T: Variant>(case: &Case) {
    let scene = Scene::<T>::new(case);
    let mut first: Option<Vec<Padded<T>>> = None;
    forced::each(|level| {
        let (composer, out) = scene.paint();
        match &first {
            Some(first) => {
                for (a, b) in first.iter().zip(&out) {
                    assert!(a.data == b.data, "{level:?} differs from the first level");
                }
            }
            None => {
                scene.with_frame(|frame| check(case, &composer, frame, [&scene.source, &scene.background], &out));
                first = Some(out);
            }
        }
    });
}

/// Compares with [`expected`], and that the padding is untouched.
fn check<T: Variant>(
    case: &Case,
    composer: &Composer,
    frame: &Frame<'_>,
    inputs: [&[Padded<T>; 3]; 2],
    out: &[Padded<T>],
) {
    for (p, plane) in out.iter().enumerate() {
        for y in 0..plane.height {
            for x in 0..plane.stride.min(plane.data.len() - y * plane.stride) {
                let got = plane.data[y * plane.stride + x].to_f32();
                if x >= plane.width {
                    assert_eq!(got, 77.0, "padding of plane {p} written at {x},{y}");
                    continue;
                }
                let want = expected(composer, frame, inputs, p, x, y);
                // See `fixed`.
                let lost = if case.layout.bits == 8 { 0.115 } else { 1e-5 * want };
                assert!((got - want).abs() <= 0.51 + lost, "plane {p} at {x},{y}: {got}, not {want}; {case:?}");
            }
        }
    }
}

/// A bilinear sample of a field over a view.
fn bilinear(field: &Plane<f32>, cell: (f32, f32), x: f32, y: f32) -> f32 {
    let at = |pos: f32, n: usize| {
        let pos = pos.clamp(0.0, (n - 1) as f32);
        (pos as usize, (pos as usize + 1).min(n - 1), pos.fract())
    };
    let (x0, x1, tx) = at((x + 0.5) / cell.0 - 0.5, field.width());
    let (y0, y1, ty) = at((y + 0.5) / cell.1 - 0.5, field.height());
    let v = |x: usize, y: usize| field.data()[y * field.width() + x];
    let upper = v(x0, y0) * (1.0 - tx) + v(x1, y0) * tx;
    let lower = v(x0, y1) * (1.0 - tx) + v(x1, y1) * tx;
    upper * (1.0 - ty) + lower * ty
}

/// What a sample must be, before rounding: straight from the modes' descriptions, with no tiles.
fn expected<T: Sample>(
    composer: &Composer,
    frame: &Frame<'_>,
    [source, other]: [&[Padded<T>; 3]; 2],
    p: usize,
    x: usize,
    y: usize,
) -> f32 {
    let layout = composer.layout;
    let (sx, sy) = if p.is_multiple_of(3) { (0, 0) } else { (layout.chroma_shift_x, layout.chroma_shift_y) };
    let max = layout.max() as f32;
    let (luma, chroma) = (composer.color.luma(layout.bits), composer.color.chroma(layout.bits));
    let alpha_at = |x: usize, y: usize| f32::from(frame.alpha.row(y.min(frame.height - 1))[x.min(frame.width - 1)]);
    let mut a = 0.0;
    for dy in 0..1usize << sy {
        for dx in 0..1usize << sx {
            a += alpha_at((x << sx) + dx, (y << sy) + dy) / 255.0 / (1 << (sx + sy)) as f32;
        }
    }
    if p == 3 {
        return a * max;
    }
    let s = source[p].get().row(y)[x].to_f32();
    let black = if p == 0 { luma.0 } else { chroma.0 };
    let view = composer.views.iter().rev().find(|v| {
        let r = v.rect(p);
        (r.x..r.x + r.w).contains(&x) && (r.y..r.y + r.h).contains(&y)
    });
    let field = |plane: &Plane<f32>, cell: (f32, f32)| {
        let r = view.unwrap().rect(p);
        let cell = (cell.0 / (1 << sx) as f32, cell.1 / (1 << sy) as f32);
        bilinear(plane, cell, (x - r.x) as f32, (y - r.y) as f32)
    };
    let hats = view.map(|v| {
        let cell = v.mapping.cell();
        [field(&v.foreground[p], cell), field(&v.background[p], cell)]
    });
    let f = hats.map_or(s, |[fh, bh]| {
        let range = if p == 0 {
            [luma.0, luma.0 + luma.1]
        } else {
            [(chroma.0 - chroma.1 / 2.0).max(0.0), (chroma.0 + chroma.1 / 2.0).min(max)]
        };
        (fh + a * (s - a * fh - (1.0 - a) * bh)).clamp(range[0].min(s), range[1].max(s))
    });
    let over = |b: f32| a * f + (1.0 - a) * b;
    match composer.paint {
        Paint::Green { key } => over(key[p]),
        Paint::Matte if p == 0 => luma.0 + luma.1 * a,
        Paint::Matte => chroma.0,
        Paint::Alpha => {
            let (tx, ty) = ((x << sx) / TILE_W, (y << sy) / TILE_H);
            let tile_empty = |tx: usize, ty: usize| {
                (ty * TILE_H..(ty + 1) * TILE_H)
                    .all(|y| (tx * TILE_W..(tx + 1) * TILE_W).all(|x| alpha_at(x, y) == 0.0))
            };
            let near = (ty.saturating_sub(1)..(ty + 2).min(frame.tiles.tiles_y))
                .any(|ty| (tx.saturating_sub(1)..(tx + 2).min(frame.tiles.tiles_x)).any(|tx| !tile_empty(tx, ty)));
            match (near, tile_empty(tx, ty), hats) {
                (true, true, Some([fh, _])) => fh.clamp(0.0, max),
                (_, true, _) => black,
                _ => f,
            }
        }
        Paint::Blur { .. } => match view {
            Some(v) => over(field(&v.backdrop.colors[p], v.backdrop_mapping.cell())).clamp(0.0, max),
            None => s,
        },
        Paint::Replace => over(other[p].get().row(y)[x].to_f32()),
        Paint::Overlay { planes } => {
            let c = planes[p];
            let mixed = a * (s + c.share * (c.tint - s)) + (1.0 - a) * (c.black + c.keep * (s - c.black));
            let outline = 1.0 - (2.0 * a - 1.0).abs();
            mixed + outline * (c.tint - mixed)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn every_mode_matches_the_plain_reference(case in cases()) {
        if case.layout.bits == 8 { run::<u8>(&case) } else { run::<u16>(&case) }
    }
}
