//! Which parts of a full-size matte are wholly background, wholly person or an edge, so that the
//! composers copy or fill whole tiles and blend only where there is something to blend.

use crate::plane::PlaneRef;
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
    /// plane comes from memory twice as fast with sixteen rows under way.
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
