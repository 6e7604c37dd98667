//! From a view's small matte to its full-size one: guided upsampling, then what the user asked.

use super::guided::{Coefficients, GuidedFilter};
use super::tiles::{TILE_H, TILE_W, TileClass};
use super::upsample::{upsample_bilinear, upsample_guided};
use super::{Levels, MatteOptions, Morphology};
use crate::plane::{Plane, PlaneMut, Rect, Yuv, YuvColor, YuvLayout};

/// Makes full-size mattes; keeps its buffers. Use one for each thread.
#[derive(Debug)]
pub struct Refiner {
    options: MatteOptions,
    filter: GuidedFilter,
    coefficients: Coefficients,
    morphology: Morphology,
    classes: Vec<TileClass>,
}

impl Refiner {
    /// A refiner that does what `options` say.
    pub fn new(options: MatteOptions) -> Self {
        Self {
            options,
            filter: GuidedFilter::new(),
            coefficients: Coefficients::default(),
            morphology: Morphology::new(),
            classes: Vec::new(),
        }
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
        let levels = Levels::from_options(&self.options, rect.w as f32 / alpha.width().max(1) as f32);
        let rows = 0..rect.h;
        self.classes.resize(rect.w.div_ceil(TILE_W) * rect.h.div_ceil(TILE_H), TileClass::Mixed);
        let classes = &mut self.classes;
        if self.options.refine {
            let (radius, eps) = (GuidedFilter::RADIUS, GuidedFilter::EPS);
            self.filter.coefficients(guide, alpha, radius, eps, &mut self.coefficients);
            let (c, bits, target) = (&self.coefficients, layout.bits, out.reborrow());
            match planes {
                Yuv::U8(p) => upsample_guided(c, p[0].crop(rect), bits, color, &levels, rows, target, classes),
                Yuv::U16(p) => upsample_guided(c, p[0].crop(rect), bits, color, &levels, rows, target, classes),
            }
        } else {
            upsample_bilinear(alpha, (rect.w, rect.h), &levels, rows, out.reborrow(), classes);
        }
        if self.options.grow != 0 {
            self.morphology.grow(out.reborrow(), self.options.grow);
        }
        if self.options.feather > 0.0 {
            self.morphology.feather(out, self.options.feather);
        }
    }
}
