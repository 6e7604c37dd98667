//! The crop of an eye around a person, and the tiles that the detector runs on.

use serde::{Deserialize, Serialize};

/// A rectangle of whole samples of an eye's small picture: left, top, right, bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CropRect {
    /// Left edge.
    pub x0: usize,
    /// Upper edge.
    pub y0: usize,
    /// Right edge, beyond the last sample.
    pub x1: usize,
    /// Lower edge, beyond the last sample.
    pub y1: usize,
}

/// Share of the margin around a person that they may move before the crop is replaced. Crops
/// that stand still don't make mattes jump.
const SLACK: f32 = 0.6;
/// How much smaller or larger than ideal a crop may be, as factors.
const MISFIT: (f32, f32) = (0.85, 1.3);

impl CropRect {
    /// Width in samples.
    pub fn width(&self) -> usize {
        self.x1 - self.x0
    }

    /// Height in samples.
    pub fn height(&self) -> usize {
        self.y1 - self.y0
    }

    /// The square crop around a box (sides in samples) whose side is `context` times the box's longer one,
    /// moved into an eye of `grid` samples, and cut where it is larger than that. `ratio` is the
    /// width of a sample over its height.
    pub fn around(sides: [f32; 4], context: f32, grid: (usize, usize), ratio: f32) -> Self {
        let wanted = side(sides, context, ratio);
        let span = |low: f32, high: f32, length: f32, limit: usize| {
            let length = (length.round() as usize).clamp(4.min(limit), limit);
            let start = ((low + high - length as f32) / 2.0).round().max(0.0) as usize;
            let start = start.min(limit - length);
            (start, start + length)
        };
        let (x0, x1) = span(sides[0], sides[2], wanted / ratio, grid.0);
        let (y0, y1) = span(sides[1], sides[3], wanted, grid.1);
        Self { x0, y0, x1, y1 }
    }

    /// Whether the crop still suits a box that has moved.
    pub fn holds(&self, sides: [f32; 4], context: f32, grid: (usize, usize), ratio: f32) -> bool {
        let wanted = side(sides, context, ratio);
        // What lies outside of the eye can't be cut out.
        let fit = |have: usize, wanted: f32, limit: usize| {
            let (have, wanted) = (have as f32, wanted.min(limit as f32));
            (MISFIT.0 * wanted..=MISFIT.1 * wanted).contains(&have) || (have - wanted).abs() < 2.0
        };
        let room = (context - 1.0) / 2.0 * (1.0 - SLACK);
        let (w, h) = ((sides[2] - sides[0]) * room, (sides[3] - sides[1]) * room);
        fit(self.width(), wanted / ratio, grid.0)
            && fit(self.height(), wanted, grid.1)
            && (self.x0 == 0 || self.x0 as f32 <= sides[0] - w)
            && (self.y0 == 0 || self.y0 as f32 <= sides[1] - h)
            && (self.x1 == grid.0 || self.x1 as f32 >= sides[2] + w)
            && (self.y1 == grid.1 || self.y1 as f32 >= sides[3] + h)
    }
}

/// The side, in rows of samples, of the crop for a box.
fn side(sides: [f32; 4], context: f32, ratio: f32) -> f32 {
    context * ((sides[2] - sides[0]) * ratio).max(sides[3] - sides[1])
}

/// The tiles that the detector runs on, as shares of an eye's width and height (left, top, right, bottom): the
/// whole, and of an eye that shows half a sphere or more also overlapping parts, since a whole eye
/// shrunk to the detector's input size hides people. A wide flat picture gets two halves, too.
pub fn tiles(flat: bool, aspect: f32) -> Vec<[f32; 4]> {
    let mut tiles = vec![[0.0, 0.0, 1.0, 1.0]];
    if !flat {
        tiles.extend([
            [0.0, 0.25, 0.5, 0.75],
            [0.5, 0.25, 1.0, 0.75],
            [0.25, 0.25, 0.75, 0.75],
            [0.25, 0.5, 0.75, 1.0],
        ]);
    } else if aspect > 1.2 {
        tiles.extend([[0.0, 0.0, 0.6, 1.0], [0.4, 0.0, 1.0, 1.0]]);
    } else if aspect < 1.0 / 1.2 {
        tiles.extend([[0.0, 0.0, 1.0, 0.6], [0.0, 0.4, 1.0, 1.0]]);
    }
    tiles
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GRID: (usize, usize) = (512, 288);

    #[test]
    fn crop_is_centered_on_its_box() {
        let cell = CropRect::around([200.0, 100.0, 240.0, 200.0], 1.5, GRID, 1.0);
        assert_eq!(cell, CropRect { x0: 145, y0: 75, x1: 295, y1: 225 });
        assert!(cell.holds([200.0, 100.0, 240.0, 200.0], 1.5, GRID, 1.0));
    }

    #[test]
    fn crops_at_the_border_are_moved_inside_and_cut_to_the_eye() {
        let cell = CropRect::around([0.0, 200.0, 40.0, 288.0], 1.5, GRID, 1.0);
        assert_eq!((cell.x0, cell.y1), (0, 288));
        let all = CropRect::around([100.0, 0.0, 300.0, 288.0], 1.5, GRID, 1.0);
        assert_eq!((all.y0, all.y1, all.width()), (0, 288, 432));
    }

    proptest! {
        #[test]
        fn new_crops_lie_inside_and_suit_their_box(
            x in 0.0f32..500.0, y in 0.0f32..280.0, w in 4.0f32..400.0, h in 4.0f32..280.0,
            context in 1.2f32..2.0, ratio in 0.5f32..2.0,
        ) {
            let sides = [x, y, (x + w).min(512.0), (y + h).min(288.0)];
            let cell = CropRect::around(sides, context, GRID, ratio);
            prop_assert!(cell.x0 < cell.x1 && cell.x1 <= GRID.0 && cell.y0 < cell.y1 && cell.y1 <= GRID.1);
            let large = sides[2] - sides[0] > 24.0 && sides[3] - sides[1] > 24.0;
            prop_assert!(!large || cell.holds(sides, context, GRID, ratio), "{cell:?} {sides:?}");
        }
    }

    #[test]
    fn small_steps_keep_the_crop_and_large_ones_replace_it() {
        let at = |x: f32| [x, 100.0, x + 60.0, 200.0];
        let cell = CropRect::around(at(200.0), 1.4, GRID, 1.0);
        assert!(cell.holds(at(206.0), 1.4, GRID, 1.0));
        assert!(!cell.holds(at(250.0), 1.4, GRID, 1.0));
        assert!(!cell.holds([200.0, 20.0, 260.0, 220.0], 1.4, GRID, 1.0), "the person came nearer");
    }

    #[test]
    fn detection_tiles_begin_with_the_whole_eye() {
        for (flat, aspect) in [(true, 1.78), (true, 1.0), (true, 0.5), (false, 1.0)] {
            assert_eq!(tiles(flat, aspect)[0], [0.0, 0.0, 1.0, 1.0]);
        }
        assert_eq!(tiles(true, 1.0).len(), 1);
    }
}
