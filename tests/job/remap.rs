//! Remap tables against FFmpeg's `v360`.

use crate::harness::*;
use vrseg_image::plane::{Plane, PlaneRef};
use vrseg_image::vr::{Camera, Filter, Lens, Picture, RemapTable, Remapper, SampleGrid};

const SIDE: usize = 360;

/// A photo as a square gray picture, and what `v360` makes of it.
fn both(v360: &str) -> (Vec<u8>, Vec<u8>) {
    let dir = folder();
    let (source, made) = (dir.path().join("source.mkv"), dir.path().join("made.mkv"));
    ffmpeg(
        &format!("-i {{}} -vf scale={SIDE}:{SIDE},gblur=2,format=gray -c:v ffv1 {{}}"),
        &[&photo(PEOPLE[0]), &source],
    );
    ffmpeg(&format!("-i {{}} -vf v360={v360}:interp=linear -pix_fmt gray -c:v ffv1 {{}}"), &[&source, &made]);
    (decode(&source, "gray", &[]).frames.remove(0), decode(&made, "gray", &[]).frames.remove(0))
}

fn remapped(table: &RemapTable, source: &[u8]) -> Vec<u8> {
    let mut out = Plane::<u8>::new(SIDE, SIDE);
    let source = PlaneRef::new(source, SIDE, SIDE, SIDE);
    Remapper::new(Filter::Bilinear).remap(table, source, 0, 255.0, out.as_mut());
    out.data().to_vec()
}

/// Mean and highest difference where `mask` is set.
fn difference(a: &[u8], b: &[u8], mask: &[u8]) -> (f64, u8) {
    let all: Vec<u8> = a.iter().zip(b).zip(mask).filter(|(_, m)| **m > 0).map(|((a, b), _)| a.abs_diff(*b)).collect();
    let sum: u64 = all.iter().map(|d| u64::from(*d)).sum();
    (sum as f64 / all.len() as f64, all.into_iter().max().unwrap_or(0))
}

#[test]
fn remap_tables_match_v360() {
    let square = format!("w={SIDE}:h={SIDE}");
    let fisheye = |fov| Camera::ahead(Lens::Fisheye { fov });
    let turned = Camera { lens: Lens::Rectilinear { h_fov: 80.0, v_fov: 70.0 }, yaw: 20.0, pitch: 15.0 };
    for (v360, from, to) in [
        (
            "input=hequirect:output=fisheye:h_fov=180:v_fov=180",
            Camera::ahead(Lens::HalfEquirectangular),
            fisheye(180.0),
        ),
        (
            "input=fisheye:ih_fov=190:iv_fov=190:output=hequirect",
            fisheye(190.0),
            Camera::ahead(Lens::HalfEquirectangular),
        ),
        ("input=fisheye:ih_fov=200:iv_fov=200:output=fisheye:h_fov=180:v_fov=180", fisheye(200.0), fisheye(180.0)),
        ("input=equirect:output=fisheye:h_fov=220:v_fov=220", Camera::ahead(Lens::Equirectangular), fisheye(220.0)),
        (
            "input=hequirect:output=flat:h_fov=80:v_fov=70:yaw=20:pitch=15",
            Camera::ahead(Lens::HalfEquirectangular),
            turned,
        ),
    ] {
        let (source, oracle) = both(&format!("{v360}:{square}"));
        let (from, to) = (Picture::new(from, SIDE, SIDE), Picture::new(to, SIDE, SIDE));
        let luma = SampleGrid::luma(SIDE, SIDE);
        let table = RemapTable::between((&from, luma), (&to, luma));
        // v360 maps back with (0.5 u + 0.5) (n - 1), as if samples lay on the picture's edges.
        let quirk = RemapTable::new((SIDE, SIDE), (SIDE, SIDE), &|x, y| {
            let (u, v) = from.camera.place(to.ray(x, y)?)?;
            let at = |u: f64| (0.5 * u + 0.5) * (SIDE as f64 - 1.0);
            Some((at(u), at(v)))
        });
        // Pixels near the border of the field of view are skipped.
        let mask = table.mask();
        let inner: Vec<u8> = (0..SIDE * SIDE)
            .map(|i| {
                let (x, y) = (i % SIDE, i / SIDE);
                let near = |d: usize| (x + d).min(SIDE + 1).saturating_sub(2).min(SIDE - 1);
                let ok = (0..5).all(|dy| {
                    let y = (y + dy).saturating_sub(2).min(SIDE - 1);
                    (0..5).all(|dx| mask.data()[y * SIDE + near(dx)] > 0)
                });
                u8::from(ok)
            })
            .collect();
        let with_quirk = difference(&remapped(&quirk, &source), &oracle, &inner);
        let ours = difference(&remapped(&table, &source), &oracle, &inner);
        println!("{v360}: {with_quirk:?} with v360's half pixel, {ours:?} without");
        assert!(with_quirk.0 < 0.6 && with_quirk.1 <= 6, "{v360}: {with_quirk:?}");
        assert!(ours.0 < 2.0, "{v360}: {ours:?}");
    }
}
