//! From a view's small matte to its full-size one: guided upsampling, then the user's options.

use super::guided::{self, Coefficients};
use super::{Levels, Morphology, TILE_H, TILE_W, TileClass, enlarge::upsample_within, upsample_guided};
use crate::matte::{Borders, MatteOptions, MattedView, resize};
use crate::plane::{PlaneMut, Yuv, YuvColor, YuvLayout};

/// Makes full-size mattes; keeps its buffers. Use one for each thread.
#[derive(Debug)]
pub(super) struct Refiner {
    options: MatteOptions,
    borders: Borders,
    coefficients: Coefficients,
    morphology: Morphology,
}

impl Refiner {
    /// A refiner that does what `options` say.
    pub(super) fn new(options: MatteOptions) -> Self {
        let borders = Borders::default();
        Self { options, borders, coefficients: Coefficients::default(), morphology: Morphology::new() }
    }

    /// The same, for views with such borders.
    pub(super) fn with_borders(mut self, borders: Borders) -> Self {
        self.borders = borders;
        self.morphology = self.morphology.with_borders(borders);
        self
    }

    /// From the next matte on does what `options` say.
    pub(super) fn set_options(&mut self, options: MatteOptions) {
        self.options = options;
    }

    /// Brings the matte of a `view` of a picture (`planes`, stored in `layout`, meaning `color`) up to the
    /// view's size and writes it to `out`, which has just that size.
    ///
    /// `classes` are those of `out`'s tiles, counted from its own corner: before the call of what it holds
    /// already (empty where that is not known), and after it of what was written; empty where growing or
    /// feathering changed that.
    ///
    /// # Panics
    /// When the sizes don't agree.
    pub(super) fn refine(
        &mut self,
        planes: &Yuv<'_>,
        layout: YuvLayout,
        color: YuvColor,
        view: &MattedView<'_>,
        mut out: PlaneMut<'_, u8>,
        classes: &mut Vec<TileClass>,
    ) {
        let (rect, alpha) = (view.rect, view.alpha);
        // A view smaller than the model's input: there is nothing to enlarge.
        let fit = (alpha.width().min(rect.w), alpha.height().min(rect.h));
        let shrunk = (fit != (alpha.width(), alpha.height())).then(|| resize(alpha.as_ref(), fit.0, fit.1));
        let alpha = shrunk.as_ref().unwrap_or(alpha);
        let levels = Levels::from_options(&self.options, rect.w as f32 / alpha.width().max(1) as f32);
        classes.resize(rect.w.div_ceil(TILE_W) * rect.h.div_ceil(TILE_H), TileClass::Mixed);
        if self.options.refine && shrunk.is_none() {
            guided::coefficients(view, &mut self.coefficients);
            let (c, bits, target) = (&self.coefficients, layout.bits, out.reborrow());
            match planes {
                Yuv::U8(p) => upsample_guided(c, p[0].crop(rect), bits, color, &levels, target, classes),
                Yuv::U16(p) => upsample_guided(c, p[0].crop(rect), bits, color, &levels, target, classes),
            }
        } else {
            upsample_within(alpha, (rect.w, rect.h), self.borders, &levels, out.reborrow(), classes);
        }
        if self.options.grow != 0 || self.options.feather > 0.0 {
            classes.clear();
        }
        if self.options.grow != 0 {
            self.morphology.grow(out.reborrow(), self.options.grow);
        }
        if self.options.feather > 0.0 {
            self.morphology.feather(out, self.options.feather);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matte::{EdgeColors, SmallYuv};
    use crate::plane::{Plane, PlaneRef, Rect};

    #[test]
    fn view_can_be_smaller_than_the_matte() {
        let layout = YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };
        for (view, small) in [(256, 512), (257, 512), (200, 512), (100, 512), (512, 512), (16, 1024)] {
            let luma = vec![100u8; view * view];
            let plane = PlaneRef::new(&luma, view, view, view);
            let planes = Yuv::U8([plane; 3]);
            let half: Vec<f32> = (0..small * small).map(|i| if i % small < small / 2 { 1.0 } else { 0.0 }).collect();
            let alpha = Plane::from_vec(half, small, small);
            let gray = Plane::from_vec(vec![0.4; small * small], small, small);
            let picture = SmallYuv { y: gray.clone(), u: gray.clone(), v: gray };
            let colors = EdgeColors::of(&picture, &alpha);
            let mut out = Plane::new(view, view);
            let rect = Rect::new(0, 0, view, view);
            let matted = MattedView { rect, small: &picture, alpha: &alpha, colors: &colors };
            let mut refiner = Refiner::new(MatteOptions::default());
            refiner.refine(&planes, layout, YuvColor::default(), &matted, out.as_mut(), &mut Vec::new());
            let row = out.as_ref().row(view / 2).to_vec();
            assert_eq!((row[0], row[view - 1]), (255, 0), "{view} {small}");
        }
    }
}
