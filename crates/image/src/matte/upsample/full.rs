//! A frame's full-size matte, made from the small ones of its views.

use super::refine::Refiner;
use super::{TileClass, TileMap};
use crate::matte::{Borders, MatteOptions, MattedView};
use crate::plane::{Plane, PlaneRef, Yuv, YuvColor, YuvLayout};

/// The full-size matte of one frame after the other, in the same memory. Use one for each thread.
#[derive(Debug)]
pub struct FullMatte {
    alpha: Plane<u8>,
    tiles: TileMap,
    /// Of the tiles of each view's part of `alpha`, counted from its corner; empty where not known.
    classes: Vec<Vec<TileClass>>,
    refiner: Refiner,
}

impl FullMatte {
    /// A matte for frames of `width` x `height`, all background, made as `options` say.
    pub fn new(options: MatteOptions, width: usize, height: usize) -> Self {
        let (alpha, tiles) = (Plane::new(width, height), TileMap::default());
        Self { alpha, tiles, classes: Vec::new(), refiner: Refiner::new(options) }
    }

    /// The same, for views with such borders. Where refinement is requested, the colors of the views must have
    /// [them too](crate::matte::EdgeColors::with_borders).
    #[must_use]
    pub fn with_borders(mut self, borders: Borders) -> Self {
        self.refiner = self.refiner.with_borders(borders);
        self
    }

    /// From the next frame on mattes are made as `options` say.
    pub fn set_options(&mut self, options: MatteOptions) {
        self.refiner.set_options(options);
    }

    /// Makes the matte of a picture (`planes`, stored in `layout`, meaning `color`) with those `views`,
    /// which lie where they did in the frame before.
    ///
    /// # Panics
    /// When the sizes don't agree.
    pub fn update(&mut self, planes: &Yuv<'_>, layout: YuvLayout, color: YuvColor, views: &[MattedView<'_>]) {
        let size = (self.alpha.width(), self.alpha.height());
        self.tiles.reset(size.0, size.1);
        self.classes.resize_with(views.len(), Vec::new);
        let mut known = true;
        for (view, classes) in views.iter().zip(&mut self.classes) {
            let mut whole = self.alpha.as_mut();
            self.refiner.refine(planes, layout, color, view, whole.crop_mut(view.rect), classes);
            known &= !classes.is_empty() && self.tiles.enter(view.rect, size, classes);
        }
        if !known {
            self.tiles.classify(self.alpha.as_ref());
        }
    }

    /// The matte: 0 background, 255 person.
    pub fn alpha(&self) -> PlaneRef<'_, u8> {
        self.alpha.as_ref()
    }

    /// The matte itself.
    pub fn into_alpha(self) -> Plane<u8> {
        self.alpha
    }

    /// The classes of its tiles.
    pub fn tiles(&self) -> &TileMap {
        &self.tiles
    }
}
