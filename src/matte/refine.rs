//! From a view's small matte to its full-size one: guided upsampling, then what the user asked.

use super::guided::{self, Coefficients};
use super::tiles::{TILE_H, TILE_W, TileClass};
use super::upsample::{upsample_bilinear, upsample_guided};
use super::{Levels, MatteOptions, Morphology, resize};
use crate::plane::{Plane, PlaneMut, Rect, Yuv, YuvColor, YuvLayout};

/// Makes full-size mattes; keeps its buffers. Use one for each thread.
#[derive(Debug)]
pub struct Refiner {
    options: MatteOptions,
    coefficients: Coefficients,
    morphology: Morphology,
    classes: Vec<TileClass>,
}

impl Refiner {
    /// A refiner that does what `options` say.
    pub fn new(options: MatteOptions) -> Self {
        Self { options, coefficients: Coefficients::default(), morphology: Morphology::new(), classes: Vec::new() }
    }

    /// Classes of the tiles of the matte that was made last, counted from its own corner; `None` where
    /// growing or feathering changed it afterwards.
    pub fn classes(&self) -> Option<&[TileClass]> {
        (self.options.grow == 0 && self.options.feather <= 0.0).then_some(&self.classes)
    }

    /// Brings `alpha` up to the size of the view `rect` of a picture (`planes`, stored in `layout`,
    /// meaning `color`) and writes it to `out`, which has just that size. `guide` is the view's
    /// luma at the size of `alpha`.
    ///
    /// # Panics
    /// When the sizes don't agree.
    #[allow(clippy::too_many_arguments)]
    pub fn refine(
        &mut self,
        planes: &Yuv<'_>,
        layout: YuvLayout,
        color: YuvColor,
        rect: Rect,
        guide: &Plane<f32>,
        alpha: &Plane<f32>,
        mut out: PlaneMut<'_, u8>,
    ) {
        // A view smaller than the network's input: nothing can be brought up.
        let fit = (alpha.width().min(rect.w), alpha.height().min(rect.h));
        let shrunk = (fit != (alpha.width(), alpha.height()))
            .then(|| (resize(guide.as_ref(), fit.0, fit.1), resize(alpha.as_ref(), fit.0, fit.1)));
        let (guide, alpha) = shrunk.as_ref().map_or((guide, alpha), |(guide, alpha)| (guide, alpha));
        let levels = Levels::from_options(&self.options, rect.w as f32 / alpha.width().max(1) as f32);
        self.classes.resize(rect.w.div_ceil(TILE_W) * rect.h.div_ceil(TILE_H), TileClass::Mixed);
        let classes = &mut self.classes;
        if self.options.refine {
            guided::coefficients(guide, alpha, &mut self.coefficients);
            let (c, bits, target) = (&self.coefficients, layout.bits, out.reborrow());
            match planes {
                Yuv::U8(p) => upsample_guided(c, p[0].crop(rect), bits, color, &levels, target, classes),
                Yuv::U16(p) => upsample_guided(c, p[0].crop(rect), bits, color, &levels, target, classes),
            }
        } else {
            upsample_bilinear(alpha, (rect.w, rect.h), &levels, out.reborrow(), classes);
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
    use crate::plane::PlaneRef;

    #[test]
    fn a_view_may_be_smaller_than_the_matte() {
        let layout = YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };
        for (view, small) in [(256, 512), (257, 512), (200, 512), (100, 512), (512, 512), (16, 1024)] {
            let luma = vec![100u8; view * view];
            let plane = PlaneRef::new(&luma, view, view, view);
            let planes = Yuv::U8([plane; 3]);
            let half: Vec<f32> = (0..small * small).map(|i| if i % small < small / 2 { 1.0 } else { 0.0 }).collect();
            let alpha = Plane::from_vec(half, small, small);
            let guide = Plane::from_vec(vec![0.4; small * small], small, small);
            let mut out = Plane::new(view, view);
            let rect = Rect::new(0, 0, view, view);
            Refiner::new(MatteOptions::default()).refine(
                &planes,
                layout,
                YuvColor::default(),
                rect,
                &guide,
                &alpha,
                out.as_mut(),
            );
            let row = out.as_ref().row(view / 2).to_vec();
            assert_eq!((row[0], row[view - 1]), (255, 0), "{view} {small}");
        }
    }
}
