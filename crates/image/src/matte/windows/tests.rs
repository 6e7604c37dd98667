//! Windows against what they promise: nothing of the eye is omitted, and what goes there and back
//! comes back where it was.

use super::*;
use crate::plane::{PlaneRef, Rect, Yuv, YuvColor, YuvLayout};
use crate::vr::SpherePart;
use proptest::prelude::*;

fn lens() -> impl Strategy<Value = Lens> {
    prop_oneof![
        Just(Lens::HalfEquirectangular),
        Just(Lens::Equirectangular),
        // What fisheyes beyond 240 degrees see lies behind all five windows.
        (150.0..=230.0).prop_map(|fov| Lens::Fisheye { fov }),
        (-180.0..0.0, 5.0..180.0, 5.0..90.0, -90.0..0.0)
            .prop_map(|(left, right, top, bottom)| Lens::Part(SpherePart { left, right, top, bottom })),
        (60.0..=140.0, 60.0..=140.0).prop_map(|(h_fov, v_fov)| Lens::FullFrameFisheye { h_fov, v_fov }),
    ]
}

fn windows(view: View, lens: Lens, grid: (usize, usize)) -> Windows {
    let side = Windows::side(view, lens, grid).unwrap_or(grid.0);
    Windows::new(view, lens, (grid.0 * 2, grid.1 * 2), grid, (side, side))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_direction_is_seen_and_weights_add_up(
        view in prop_oneof![Just(View::Equirect), Just(View::Fisheye), Just(View::Rectilinear)],
        lens in lens(), (w, h) in (30usize..120, 30usize..120),
    ) {
        let windows = windows(view, lens, (w, h));
        let eye = Picture::new(Camera::ahead(lens), w, h);
        for i in 0..w * h {
            let sum: f32 = windows.windows.iter().map(|win| win.weight.data()[i]).sum();
            let seen = eye.ray((i % w) as f64, (i / w) as f64).is_some();
            if !windows.is_whole() {
                prop_assert!((sum - f32::from(u8::from(seen))).abs() < 1e-5, "{lens:?} {} {}: {sum}", i % w, i / w);
            }
            for win in &windows.windows {
                prop_assert!((0.0..=1.0).contains(&win.weight.data()[i]));
            }
        }
        // Where a window counts, its matte is known.
        for win in &windows.windows {
            let known = win.back.mask();
            for (w, k) in win.weight.data().iter().zip(known.data()) {
                prop_assert!(*w == 0.0 || *k == 255);
            }
        }
    }

    #[test]
    fn weights_have_no_steps(lens in lens()) {
        let grid = (180, 180);
        let windows = windows(View::Rectilinear, lens, grid);
        let eye = Picture::new(Camera::ahead(lens), grid.0, grid.1);
        for win in &windows.windows {
            for i in (0..grid.0 * grid.1).filter(|i| i % grid.0 != 0) {
                let ray = |i: usize| eye.ray((i % grid.0) as f64, (i / grid.0) as f64);
                if let (Some(a), Some(b)) = (ray(i), ray(i - 1)) {
                    let step = (win.weight.data()[i] - win.weight.data()[i - 1]).abs();
                    let angle = (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt().to_degrees() as f32;
                    // In the corners windows have as little as 10 degrees in common.
                    prop_assert!(step < 0.02 + 0.3 * angle, "{lens:?} {} {}: {step}", i % grid.0, i / grid.0);
                }
            }
        }
    }
}

/// A person in the eye's own pixels: a soft disc around the place (u, v).
fn disc(size: (usize, usize), (u, v): (f64, f64), radius: f64) -> Plane<f32> {
    let place = |i: usize, n: usize| (2 * i + 1) as f64 / n as f64 - 1.0;
    let data = (0..size.0 * size.1).map(|i| {
        let d = (place(i % size.0, size.0) - u).hypot(place(i / size.0, size.1) - v);
        ((radius - d) / 0.04 + 0.5).clamp(0.0, 1.0) as f32
    });
    Plane::from_vec(data.collect(), size.0, size.1)
}

/// A model that finds what is bright would return the picture: from the planes of a frame through
/// all windows to the eye's matte, bright things must stay where and what they are.
#[test]
fn mattes_come_back_through_the_windows_in_place() {
    let (eye, grid) = ((400, 400), (200, 200));
    let layout = YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };
    let color = YuvColor { full_range: true, ..YuvColor::default() };
    for view in View::ALL {
        for lens in [
            Lens::HalfEquirectangular,
            Lens::Equirectangular,
            Lens::Fisheye { fov: 190.0 },
            Lens::Part(SpherePart { left: -60.0, right: 100.0, top: 60.0, bottom: -80.0 }),
            Lens::FullFrameFisheye { h_fov: 124.0, v_fov: 94.0 },
        ] {
            let side = Windows::side(view, lens, grid).unwrap_or(grid.0);
            let size = if side == grid.0 { grid } else { (side, side) };
            let windows = Windows::new(view, lens, eye, grid, size);
            for at in [(0.0, 0.0), (0.45, 0.3), (-0.35, -0.55), (0.0, 0.65)] {
                let luma: Vec<u8> = disc(eye, at, 0.2).data().iter().map(|v| (v * 255.0).round() as u8).collect();
                let gray = vec![128u8; eye.0 * eye.1 / 4];
                let chroma = PlaneRef::new(&gray, eye.0 / 2, eye.0 / 2, eye.1 / 2);
                let planes = Yuv::U8([PlaneRef::new(&luma, eye.0, eye.0, eye.1), chroma, chroma]);
                let mut small = crate::matte::SmallYuv::default();
                let mut mattes = Vec::new();
                let rect = Rect::new(0, 0, eye.0, eye.1);
                Viewer::new().sample(&windows, &planes, layout, color, rect, &mut small, |picture| {
                    assert_eq!((picture.y.width(), picture.y.height()), windows.size());
                    mattes.push(picture.y.clone());
                });
                let mut alpha = Plane::default();
                Blender::new().blend(&windows, &mut mattes, &mut alpha);
                let want = disc(grid, at, 0.2);
                let error = |a: &Plane<f32>| {
                    a.data().iter().zip(want.data()).map(|(a, b)| (a - b).abs()).sum::<f32>()
                        / want.data().iter().sum::<f32>()
                };
                assert!(error(&small.y) < 0.03, "{view} {lens:?} {at:?}: the eye's picture {}", error(&small.y));
                assert!(error(&alpha) < 0.08, "{view} {lens:?} {at:?}: {}", error(&alpha));
            }
        }
    }
}

#[test]
fn windows_are_as_detailed_as_the_eye() {
    let half = Lens::HalfEquirectangular;
    assert_eq!(Windows::side(View::Eye, half, (512, 512)), None);
    assert_eq!(Windows::side(View::Fisheye, half, (512, 512)), Some(512));
    // 512 pixels for 180 degrees: 163 a radian, times twice the tangent of 52.5 degrees.
    assert_eq!(Windows::side(View::Rectilinear, half, (512, 512)), Some(425));
    assert_eq!(Windows::side(View::Fisheye, Lens::Fisheye { fov: 200.0 }, (512, 512)), Some(512));
    // Latitudes are 180 degrees, whatever the fisheye shows.
    assert_eq!(Windows::side(View::Equirect, Lens::Fisheye { fov: 200.0 }, (500, 500)), Some(450));
    assert!(windows(View::Equirect, half, (64, 64)).is_whole());
    assert!(windows(View::Equirect, Lens::Equirectangular, (128, 64)).is_whole());
    assert_eq!(windows(View::Rectilinear, half, (64, 64)).count(), 5);
    assert_eq!(windows(View::Rectilinear, Lens::Equirectangular, (128, 64)).count(), 6);
    assert_eq!(windows(View::Fisheye, Lens::Equirectangular, (128, 64)).count(), 2);
    assert!(windows(View::Eye, half, (64, 64)).is_whole());
    let part = |left, right, top, bottom| Lens::Part(SpherePart { left, right, top, bottom });
    assert_eq!(windows(View::Fisheye, part(-90.0, 90.0, 67.5, -67.5), (64, 48)).count(), 1);
    assert_eq!(windows(View::Fisheye, part(-170.0, 170.0, 67.5, -67.5), (64, 48)).count(), 2);
    assert_eq!(View::Fisheye.default_for(part(-170.0, 170.0, 67.5, -67.5)), View::Eye);
    assert!(windows(View::Fisheye, Lens::FullFrameFisheye { h_fov: 124.0, v_fov: 94.0 }, (64, 48)).is_whole());
}

#[test]
fn full_sphere_uses_the_eye_view_unless_fisheye_is_requested() {
    assert_eq!(View::Fisheye.default_for(Lens::Equirectangular), View::Eye);
    assert_eq!(View::Fisheye.default_for(Lens::HalfEquirectangular), View::Fisheye);
    assert_eq!(View::Equirect.default_for(Lens::Equirectangular), View::Equirect);
}
