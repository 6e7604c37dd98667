//! Finding people: the detector sees an eye in parts, and what it finds is brought back to the eye.

use super::{People, free};
use crate::error::Result;
use crate::graph::order::make_ahead;
use vrseg_image::matte::people::{CropSampler, PersonBox};
use vrseg_image::plane::Yuv;
use vrseg_infer::Detection;
use vrseg_infer::detector::suppress_overlaps;

/// The detector finds people with this score; tracks want more of who is new.
const LEAST: f32 = 0.25;
/// Share of a part's side: a box that ends so near at a border which isn't the eye's is cut by it,
/// and left to a part that shows all of the person.
const CUT: f32 = 0.012;

impl People {
    /// Where the detector sees people in the first eye, in samples of its small picture.
    pub(super) fn spots(&mut self, planes: &Yuv<'_>) -> Result<Vec<PersonBox>> {
        let side = self.detector.side();
        let norm = self.detector.manifest().normalization();
        let rect = self.rects[0];
        let turned = self.form.rotation % 180 != 0;
        // How large a part is as the detector sees it.
        let size = |tile: [f32; 4]| {
            let (tw, th) = ((tile[2] - tile[0]) * rect.w as f32, (tile[3] - tile[1]) * rect.h as f32);
            let (uw, uh) = if turned { (th, tw) } else { (tw, th) };
            let scale = side as f32 / uw.max(uh);
            let fit = |v: f32| ((v * scale).round() as usize).clamp(1, side);
            (fit(uw), fit(uh))
        };
        let (form, tiles, pictures, grid) = (self.form, &self.tiles, &self.pictures, self.grid);
        let cut = |cutter: &mut CropSampler, i: usize| {
            let [mut part, mut picture] = [(); 2].map(|()| free(pictures).pop().unwrap_or_default());
            let size = size(tiles[i]);
            cutter.cut(planes, form, rect, tiles[i].map(f64::from), size, &norm, &mut part);
            letterbox(&part, size, side, &norm.mean, &norm.std, &mut picture);
            free(pictures).push(part);
            (size, picture)
        };
        let mut found: Vec<Detection> = Vec::new();
        make_ahead(&mut self.cutters, tiles.len(), cut, |i, ((w, h), picture)| -> Result<()> {
            let tile = tiles[i];
            for one in self.detector.detect(&picture, LEAST)? {
                let shares = [
                    one.sides[0] / w as f32,
                    one.sides[1] / h as f32,
                    one.sides[2] / w as f32,
                    one.sides[3] / h as f32,
                ];
                let [l, t, r, b] = turned_back(shares.map(|s| s.clamp(0.0, 1.0)), form.rotation);
                let cut = (l < CUT && tile[0] > 0.0)
                    || (t < CUT && tile[1] > 0.0)
                    || (r > 1.0 - CUT && tile[2] < 1.0)
                    || (b > 1.0 - CUT && tile[3] < 1.0);
                if cut || r <= l || b <= t {
                    continue;
                }
                let x = |share: f32| (tile[0] + share * (tile[2] - tile[0])) * grid.0 as f32;
                let y = |share: f32| (tile[1] + share * (tile[3] - tile[1])) * grid.1 as f32;
                found.push(Detection { score: one.score, sides: [x(l), y(t), x(r), y(b)] });
            }
            free(pictures).push(picture);
            Ok(())
        })?;
        suppress_overlaps(&mut found);
        Ok(found.into_iter().map(|d| PersonBox { score: d.score, sides: d.sides }).collect())
    }
}

/// A picture of `w` x `h` in the left upper corner of a black crop.
fn letterbox(part: &[f32], (w, h): (usize, usize), side: usize, mean: &[f32; 3], std: &[f32; 3], out: &mut Vec<f32>) {
    out.resize(3 * side * side, 0.0);
    for (channel, (from, to)) in part.chunks_exact(w * h).zip(out.chunks_exact_mut(side * side)).enumerate() {
        to.fill(-mean[channel] / std[channel]);
        for (from, to) in from.chunks_exact(w).zip(to.chunks_exact_mut(side)) {
            to[..w].copy_from_slice(from);
        }
    }
}

/// A box (shares of a picture's sides) of a picture that was turned clockwise, in the picture as it lies.
fn turned_back([l, t, r, b]: [f32; 4], rotation: i32) -> [f32; 4] {
    match rotation.rem_euclid(360) {
        90 => [t, 1.0 - r, b, 1.0 - l],
        180 => [1.0 - r, 1.0 - b, 1.0 - l, 1.0 - t],
        270 => [1.0 - b, l, 1.0 - t, r],
        _ => [l, t, r, b],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrseg_image::matte::rotate;
    use vrseg_image::plane::Plane;

    #[test]
    fn a_turned_box_is_turned_back() {
        // A spot in the left upper corner, as `rotate` turns it.
        for (rotation, seen) in [(0, (0, 0)), (90, (3, 0)), (180, (3, 1)), (270, (0, 1))] {
            let plane = Plane::from_vec((0..8).map(|i| f32::from(u8::from(i == 0))).collect(), 4, 2);
            let turned = rotate(&plane, rotation);
            let (w, h) = (turned.width(), turned.height());
            let at = turned.data().iter().position(|v| *v > 0.5).unwrap();
            let (x, y) = (at % w, at / w);
            assert!(rotation % 180 != 0 || (x, y) == seen);
            let sides =
                [x as f32 / w as f32, y as f32 / h as f32, (x + 1) as f32 / w as f32, (y + 1) as f32 / h as f32];
            let back = turned_back(sides, rotation);
            for (got, want) in back.iter().zip([0.0, 0.0, 0.25, 0.5]) {
                assert!((got - want).abs() < 1e-6, "{rotation}: {back:?}");
            }
        }
    }

    #[test]
    fn a_letterbox_is_black_beside_the_picture() {
        let mut out = Vec::new();
        letterbox(&[1.0; 6], (2, 1), 3, &[2.0, 4.0, 6.0], &[2.0, 2.0, 2.0], &mut out);
        assert_eq!(out[..9], [1.0, 1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0]);
        assert_eq!(out[9..12], [1.0, 1.0, -2.0]);
    }
}
