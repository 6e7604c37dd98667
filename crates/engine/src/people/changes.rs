//! Where something moves that isn't followed: somebody may have come in.

use serde::{Deserialize, Serialize};
use vrseg_image::matte::people::{Region, Spot, Surface, Tracks};
use vrseg_image::plane::Plane;

/// A cell whose mean luma (0 to 1) changed by this much from frame to frame shows something that moves.
const STEP: f32 = 0.03;
/// Around the box of somebody who is followed, as a multiple of it, what moves is theirs.
const OWN: f64 = 1.4;

/// The last frame's first eye in cells.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Changes {
    /// Mean luma of each cell; empty before the first frame.
    cells: Vec<f32>,
}

impl Changes {
    /// Takes the next frame's first eye, its mean luma in each cell, and returns where cells changed that belong to nobody
    /// who is followed.
    pub(super) fn update(&mut self, surface: &Surface, cells: &Plane<f32>, tracks: &Tracks) -> Vec<Spot> {
        let (now, across, down) = (cells.data(), cells.width(), cells.height());
        let (width, height) = surface.size();
        let own: Vec<_> =
            tracks.all().iter().map(|t| Region { half: t.region.half.map(|v| v * OWN), ..t.region }).collect();
        let spot = |i: usize| {
            let at = |n: usize, cells: usize, length: f64| (n as f64 + 0.5) / cells as f64 * length;
            surface.spot(at(i % across, across, width), at(i / across, down, height))
        };
        let changed = now.iter().zip(&self.cells).enumerate().filter(|(_, (a, b))| (*a - *b).abs() > STEP);
        let strange = |spot: &Spot| {
            own.iter().all(|region| {
                let point = surface.plane(region.center).point(*spot);
                point.is_none_or(|[x, y]| x.abs() > region.half[0] || y.abs() > region.half[1])
            })
        };
        let spots = changed.filter_map(|(i, _)| spot(i)).filter(strange).collect();
        self.cells.clear();
        self.cells.extend_from_slice(now);
        spots
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrseg_image::matte::people::{PersonBox, Trust};
    use vrseg_image::matte::resize;

    #[test]
    fn unexplained_motion_is_detected() {
        let surface = Surface::new(None, 320, 320);
        let picture = |x: usize| {
            let inside = |i: usize| (x..x + 20).contains(&(i % 160)) && (60..100).contains(&(i / 160));
            let luma = Plane::from_vec((0..160 * 160).map(|i| f32::from(u8::from(inside(i)))).collect(), 160, 160);
            resize(luma.as_ref(), 32, 32)
        };
        let (mut changes, mut tracks) = (Changes::default(), Tracks::new());
        assert!(changes.update(&surface, &picture(20), &tracks).is_empty(), "nothing to compare with");
        assert!(changes.update(&surface, &picture(20), &tracks).is_empty());
        let moved = changes.update(&surface, &picture(24), &tracks);
        assert!(!moved.is_empty() && moved.iter().all(|s| s[0] < 100.0 && s[1] > 110.0 && s[1] < 210.0), "{moved:?}");
        let region = Region { center: [70.0, 160.0, 0.0], half: [20.0, 40.0] };
        tracks.found(
            &surface,
            &[PersonBox { score: 0.9, region, cut: [false; 4] }],
            |_| true,
            Trust::DETECTOR_ALONE,
            true,
        );
        assert!(changes.update(&surface, &picture(28), &tracks).is_empty());
    }
}
