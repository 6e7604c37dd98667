//! Alpha-packed frames: where the mattes land.

use super::*;
use crate::compose::packed::read_disc;
use crate::matte::{EdgeColors, SmallYuv};
use crate::plane::PlaneMut;

const LAYOUT: YuvLayout = YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };

fn plan(eyes: [usize; 2], rects: Vec<Rect>, lens: Lens, fov: f64, height: usize) -> PassthroughPlan {
    let frame = PackedFrame::for_height(height);
    PassthroughPlan {
        frame,
        eyes,
        rects,
        lens,
        fov,
        channel: AlphaChannel::Gray,
        filter: Filter::Bilinear,
        siting: ChromaSiting::Left,
    }
}

/// A matte that is 1 within `radius` degrees of the direction (`yaw`, 0).
fn cap(lens: Lens, n: usize, yaw: f64, radius: f64) -> Plane<f32> {
    let picture = Picture::new(Camera::ahead(lens), n, n);
    let yaw = yaw.to_radians();
    let alpha = |i: usize| {
        let ray = picture.ray((i % n) as f64, (i / n) as f64)?;
        let angle = (ray[0] * yaw.sin() + ray[2] * yaw.cos()).clamp(-1.0, 1.0).acos().to_degrees();
        Some((radius - angle + 0.5).clamp(0.0, 1.0) as f32)
    };
    Plane::from_vec((0..n * n).map(|i| alpha(i).unwrap_or(0.0)).collect(), n, n)
}

/// Paints a gray frame whose views have the mattes `alphas`, and reads the discs back.
fn packed(plan: &PassthroughPlan, size: (usize, usize), alphas: &[Plane<f32>]) -> ([Plane<u8>; 3], [Plane<f32>; 2]) {
    let source: [Plane<u8>; 3] = std::array::from_fn(|p| {
        let (w, h) = LAYOUT.plane_size(p, size.0, size.1);
        Plane::from_vec(vec![120; w * h], w, h)
    });
    let refs = source.each_ref().map(Plane::as_ref);
    let small: Vec<SmallYuv> = alphas
        .iter()
        .map(|a| {
            let flat = Plane::from_vec(vec![0.5; a.data().len()], a.width(), a.height());
            SmallYuv { y: flat.clone(), u: flat.clone(), v: flat }
        })
        .collect();
    let colors: Vec<_> = small.iter().zip(alphas).map(|(small, alpha)| EdgeColors::of(small, alpha)).collect();
    let views: Vec<_> = (0..alphas.len())
        .map(|i| MattedView { rect: plan.rects[i], small: &small[i], alpha: &alphas[i], colors: &colors[i] })
        .collect();
    let small_size = (alphas[0].width(), alphas[0].height());
    let color = YuvColor::default();
    let mut painter = PassthroughPainter::new(plan.clone(), LAYOUT, color, small_size, MatteOptions::default());
    let (w, h) = plan.frame.size();
    let mut out: [Plane<u8>; 3] = std::array::from_fn(|p| {
        let (w, h) = LAYOUT.plane_size(p, w, h);
        Plane::new(w, h)
    });
    let planes: [PlaneMut<'_, u8>; 3] = out.each_mut().map(Plane::as_mut);
    painter.paint(&Yuv::U8(refs), &views, YuvMut::U8(planes, None));
    let refs = out.each_ref().map(Plane::as_ref);
    let tiles = [0, 1].map(|eye| {
        let mut tile = Plane::default();
        read_disc(plan.frame, eye, &refs, LAYOUT, color, &mut tile);
        tile
    });
    (out, tiles)
}

#[test]
fn discs_show_the_person_where_the_circles_do() {
    let lens = Lens::HalfEquirectangular;
    let rects = vec![Rect::new(0, 0, 400, 400), Rect::new(400, 0, 400, 400)];
    for fov in [180.0, 200.0] {
        let plan = plan([0, 1], rects.clone(), lens, fov, 400);
        // The left eye sees the person to the left, the right eye to the right.
        let alphas = [cap(lens, 256, -40.0, 20.0), cap(lens, 256, 30.0, 10.0)];
        let (planes, tiles) = packed(&plan, (800, 400), &alphas);
        for (tile, (yaw, radius)) in tiles.iter().zip([(-40.0f64, 20.0f64), (30.0, 10.0)]) {
            let n = plan.frame.tile_side();
            let mut wrong = 0;
            for i in 0..n * n {
                let (u, v) = plan.frame.place((i % n) as f64, (i / n) as f64);
                let Some(ray) = (Lens::Fisheye { fov }).ray(u, v) else { continue };
                let yaw = yaw.to_radians();
                let angle = (ray[0] * yaw.sin() + ray[2] * yaw.cos()).clamp(-1.0, 1.0).acos().to_degrees();
                let clear = (angle - radius).abs() > 2.0;
                wrong += usize::from(clear && (tile.data()[i] > 0.5) != (angle < radius));
            }
            assert_eq!(wrong, 0, "{fov} {yaw}");
        }
        // In the circles the picture, between circle and disc black.
        let luma = |x: usize, y: usize| planes[0].data()[y * 800 + x];
        assert_eq!((luma(200, 200), luma(600, 200), luma(57, 57)), (120, 120, 16));
        // What a 180 degree source does not show is black, too.
        assert_eq!(luma(2, 200), if fov > 180.0 { 16 } else { 120 });
    }
}

#[test]
fn eyes_can_be_swapped_and_one_view_serves_both() {
    let lens = Lens::Fisheye { fov: 190.0 };
    let rects = vec![Rect::new(0, 0, 400, 400), Rect::new(0, 400, 400, 400)];
    let alphas = [cap(lens, 128, -40.0, 20.0), cap(lens, 128, 40.0, 20.0)];
    let share = |t: &Plane<f32>| -> f32 {
        let n = t.width();
        t.data().iter().enumerate().filter(|(i, _)| i % n < n / 2).map(|(_, v)| v).sum::<f32>()
            / t.data().iter().sum::<f32>()
    };
    let swapped = plan([1, 0], rects.clone(), lens, 190.0, 400);
    let (_, tiles) = packed(&swapped, (400, 800), &alphas);
    assert!(share(&tiles[0]) < 0.1 && share(&tiles[1]) > 0.9);
    let single = plan([0, 0], rects[..1].to_vec(), lens, 190.0, 400);
    let (planes, tiles) = packed(&single, (400, 800), &alphas[..1]);
    assert_eq!(tiles[0], tiles[1]);
    let row = planes[1].as_ref().row(100);
    assert_eq!(row[..200], row[200..]);
}
