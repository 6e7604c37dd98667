//! From the small mattes of a frame's views to its full-size matte.

mod enlarge;
mod full;
mod guided;
mod levels;
mod morphology;
mod refine;
mod tiles;

pub use enlarge::{upsample_bilinear, upsample_guided};
pub use full::FullMatte;
pub use guided::{Coefficients, coefficients};
pub use levels::Levels;
pub use morphology::Morphology;
pub use tiles::{TILE_H, TILE_W, TileClass, TileMap};

#[cfg(test)]
mod tests;
