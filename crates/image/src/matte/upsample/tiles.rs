//! Which parts of a full-size matte are wholly background, wholly person or an edge, so that the
//! composers copy or fill whole tiles and blend only where there is something to blend.

use crate::plane::{PlaneRef, Rect};
use crate::simd::dispatch;

/// Width of a tile in luma samples.
pub const TILE_W: usize = 32;
/// Height of a tile in luma samples.
pub const TILE_H: usize = 16;

/// What a tile of a matte holds.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum TileClass {
    /// Every sample is 0.
    #[default]
    Background = 0,
    /// Every sample is 255.
    Person = 1,
    /// Anything else.
    Mixed = 2,
}

/// The class of every [`TILE_W`] x [`TILE_H`] tile of a plane, row after row. Tiles on the right
/// and lower border may be smaller.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TileMap {
    /// Tiles in a row.
    pub tiles_x: usize,
    /// Rows of tiles.
    pub tiles_y: usize,
    /// `tiles_x * tiles_y` classes.
    pub classes: Vec<TileClass>,
}

impl TileMap {
    /// Gives the map the tile counts for a plane of `width` x `height` samples, every tile
    /// [`TileClass::Background`].
    pub fn reset(&mut self, width: usize, height: usize) {
        self.tiles_x = width.div_ceil(TILE_W);
        self.tiles_y = height.div_ceil(TILE_H);
        self.classes.clear();
        self.classes.resize(self.tiles_x * self.tiles_y, TileClass::Background);
    }

    /// Scans `alpha` (0 background, 255 person) and fills the map for its size.
    pub fn classify(&mut self, alpha: PlaneRef<'_, u8>) {
        self.reset(alpha.width, alpha.height);
        if self.classes.is_empty() {
            return;
        }
        for (ty, classes) in self.classes.chunks_exact_mut(self.tiles_x).enumerate() {
            classify_row(alpha, ty, classes);
        }
    }

    /// Enters the classes of a part of the plane that are known already, row after row of the part's
    /// own tiles. False, and nothing is done, where those tiles are not tiles of this map too.
    pub fn enter(&mut self, part: Rect, plane: (usize, usize), classes: &[TileClass]) -> bool {
        let aligned = |from: usize, len: usize, tile: usize, end: usize| {
            from.is_multiple_of(tile) && ((from + len).is_multiple_of(tile) || from + len == end)
        };
        if !aligned(part.x, part.w, TILE_W, plane.0) || !aligned(part.y, part.h, TILE_H, plane.1) {
            return false;
        }
        let (tx, ty) = (part.x / TILE_W, part.y / TILE_H);
        let columns = part.w.div_ceil(TILE_W);
        for (row, classes) in classes.chunks_exact(columns.max(1)).enumerate() {
            self.classes[(ty + row) * self.tiles_x + tx..][..columns].copy_from_slice(classes);
        }
        true
    }

    /// The class of tile (`tx`, `ty`).
    ///
    /// # Panics
    /// When the tile lies outside the map.
    #[inline]
    pub fn class(&self, tx: usize, ty: usize) -> TileClass {
        assert!(tx < self.tiles_x);
        self.classes[ty * self.tiles_x + tx]
    }
}

/// Classifies one row of tiles; `classes` holds one entry a tile.
fn classify_row(alpha: PlaneRef<'_, u8>, ty: usize, classes: &mut [TileClass]) {
    let y0 = ty * TILE_H;
    let y1 = (y0 + TILE_H).min(alpha.height);
    for (tx, class) in classes.iter_mut().enumerate() {
        let x0 = tx * TILE_W;
        *class = classify_tile(alpha, x0, (x0 + TILE_W).min(alpha.width), y0, y1);
    }
}

dispatch! {
    /// Tile by tile rather than row by row: an edge tile is left at its first mixed row, and a large
    /// plane comes from memory twice as fast with sixteen rows in flight.
    fn classify_tile(alpha: PlaneRef<'_, u8>, x0: usize, x1: usize, y0: usize, y1: usize) -> TileClass {
        let first = alpha.row(y0)[x0];
        let class = match first {
            0 => TileClass::Background,
            255 => TileClass::Person,
            _ => return TileClass::Mixed,
        };
        for y in y0..y1 {
            let tile = &alpha.row(y)[x0..x1];
            let mut differs = 0u8;
            match tile.first_chunk::<TILE_W>() {
                // Of a known length: a single vector operation.
                Some(tile) => tile.iter().for_each(|&v| differs |= v ^ first),
                None => tile.iter().for_each(|&v| differs |= v ^ first),
            }
            if differs != 0 {
                return TileClass::Mixed;
            }
        }
        class
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::Plane;

    #[test]
    fn entered_classes_match_a_scan() {
        // Two eyes side by side; the right one ends with a part of a tile.
        let (w, h) = (2 * TILE_W + 40, TILE_H + 5);
        let data = (0..w * h).map(|i| if i % w < 50 { 255 } else { u8::from(i % w > 90) }).collect();
        let alpha = Plane::from_vec(data, w, h);
        let mut scanned = TileMap::default();
        scanned.classify(alpha.as_ref());
        let mut entered = TileMap::default();
        entered.reset(w, h);
        for eye in [Rect::new(0, 0, 2 * TILE_W, h), Rect::new(2 * TILE_W, 0, 40, h)] {
            let mut own = TileMap::default();
            own.classify(alpha.as_ref().crop(eye));
            assert!(entered.enter(eye, (w, h), &own.classes));
        }
        assert_eq!(entered, scanned);
    }

    #[test]
    fn unaligned_parts_are_refused() {
        let mut map = TileMap::default();
        map.reset(200, 100);
        let before = map.clone();
        for part in [Rect::new(100, 0, 100, 100), Rect::new(0, 0, 100, 100), Rect::new(0, 0, 200, 50)] {
            let classes = vec![TileClass::Mixed; part.w.div_ceil(TILE_W) * part.h.div_ceil(TILE_H)];
            assert!(!map.enter(part, (200, 100), &classes), "{part:?}");
        }
        assert_eq!(map, before);
    }
}
