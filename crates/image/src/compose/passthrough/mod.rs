//! Paints alpha-packed frames: both eyes as fisheye circles, black around them, and the mattes in
//! the discs between. The matte goes from the model's input size straight to the discs' and is never
//! as large as an eye.

use super::packed::{self, AlphaChannel, DiscPainter, PackedFrame, SCALE};
use crate::matte::sample::Resampler;
use crate::matte::{Coefficients, Levels, MatteOptions, MattedView, Morphology, coefficients};
use crate::plane::{ChromaSiting, Plane, PlaneRef, Rect, Yuv, YuvColor, YuvLayout, YuvMut};
use crate::simd::{dispatch, to_u8};
use crate::vr::remap::Texel;
use crate::vr::{Camera, Filter, Format, Lens, Picture, RemapTable, Remapper, SampleGrid};
use std::sync::Arc;

/// Rows of a circle that are averaged into one of its disc: all of them, as a disc has 0.4 of a circle's size.
const GUIDE_ROWS: usize = 4;

/// How a job's frames are packed.
#[derive(Clone, Debug, PartialEq)]
pub struct PassthroughPlan {
    /// The packed frame.
    pub frame: PackedFrame,
    /// The view that becomes the left eye and the one that becomes the right: numbers among the
    /// frame's views; the same twice where there is only one.
    pub eyes: [usize; 2],
    /// The source's views, in luma samples.
    pub rects: Vec<Rect>,
    /// Their projection.
    pub lens: Lens,
    /// What the circles show, in degrees.
    pub fov: f64,
    /// What carries the opacity.
    pub channel: AlphaChannel,
    /// How the source is read between its samples.
    pub filter: Filter,
    /// Where chroma samples lie, in source and output.
    pub siting: ChromaSiting,
}

impl PassthroughPlan {
    /// The format of the packed video.
    pub fn format(&self) -> Format {
        packed::format(self.fov as f32)
    }
}

/// The tables for views of one size.
#[derive(Debug)]
struct Tables {
    view: (usize, usize),
    luma: RemapTable,
    /// `None` where chroma has the luma's samples.
    chroma: Option<RemapTable>,
    /// From the small matte to a disc's tile.
    matte: RemapTable,
}

/// What all frames have in common; shared by the workers.
#[derive(Debug)]
struct Shared {
    plan: PassthroughPlan,
    layout: YuvLayout,
    color: YuvColor,
    /// One entry for each size that views have.
    tables: Vec<Tables>,
    discs: DiscPainter,
    black: [u32; 3],
}

/// Paints the frames of one output. A clone shares the tables and has buffers of its own.
#[derive(Debug)]
pub struct PassthroughPainter {
    shared: Arc<Shared>,
    bytes: Remapper<u8>,
    words: Remapper<u16>,
    buffers: Buffers,
}

#[derive(Debug)]
struct Buffers {
    options: MatteOptions,
    coefficients: Coefficients,
    morphology: Morphology,
    small: Remapper<f32>,
    resampler: Resampler,
    slope: Plane<f32>,
    offset: Plane<f32>,
    guide: Plane<f32>,
    tiles: [Plane<u8>; 2],
}

impl Buffers {
    fn new(options: MatteOptions) -> Self {
        Self {
            options,
            coefficients: Coefficients::default(),
            morphology: Morphology::new(),
            small: Remapper::new(Filter::Bilinear),
            resampler: Resampler::default(),
            slope: Plane::default(),
            offset: Plane::default(),
            guide: Plane::default(),
            tiles: [Plane::default(), Plane::default()],
        }
    }
}

impl Clone for PassthroughPainter {
    fn clone(&self) -> Self {
        Self::of(Arc::clone(&self.shared), self.buffers.options)
    }
}

impl PassthroughPainter {
    /// A painter for sources stored in `layout` that mean `color`; mattes have `small` samples and
    /// are treated as `options` say. Computes the tables, which takes a moment for 8K.
    pub fn new(
        plan: PassthroughPlan,
        layout: YuvLayout,
        color: YuvColor,
        small: (usize, usize),
        options: MatteOptions,
    ) -> Self {
        let mut tables: Vec<Tables> = Vec::new();
        for rect in plan.eyes.map(|e| plan.rects[e]) {
            if !tables.iter().any(|t| t.view == (rect.w, rect.h)) {
                tables.push(Tables::new(&plan, layout, (rect.w, rect.h), small));
            }
        }
        let discs = DiscPainter::new(plan.frame, plan.channel, layout, color);
        let black = color.encode([0.0; 3], layout.bits);
        Self::of(Arc::new(Shared { plan, layout, color, tables, discs, black }), options)
    }

    fn of(shared: Arc<Shared>, options: MatteOptions) -> Self {
        let (bytes, words) = (Remapper::new(shared.plan.filter), Remapper::new(shared.plan.filter));
        Self { shared, bytes, words, buffers: Buffers::new(options) }
    }

    /// From the next frame on mattes are treated as `options` say.
    pub fn set_options(&mut self, options: MatteOptions) {
        self.buffers.options = options;
    }

    /// Paints a frame from the picture `source` and its views, in the order of the plan's. `out` has
    /// the source's layout and the packed frame's size.
    ///
    /// # Panics
    /// When sizes or sample types don't fit together.
    pub fn paint(&mut self, source: &Yuv<'_>, views: &[MattedView<'_>], out: YuvMut<'_>) {
        match (source, out) {
            (Yuv::U8(source), YuvMut::U8(out, _)) => {
                self.shared.paint(source, views, &mut self.bytes, &mut self.buffers, out);
            }
            (Yuv::U16(source), YuvMut::U16(out, _)) => {
                self.shared.paint(source, views, &mut self.words, &mut self.buffers, out);
            }
            _ => panic!("source and output differ in their sample type"),
        }
    }
}

impl Tables {
    fn new(plan: &PassthroughPlan, layout: YuvLayout, view: (usize, usize), small: (usize, usize)) -> Self {
        let side = plan.frame.side();
        let from = Picture::new(Camera::ahead(plan.lens), view.0, view.1);
        let to = Picture::new(Camera::ahead(Lens::Fisheye { fov: plan.fov }), side, side);
        let grid = |p, picture: &Picture| SampleGrid::plane(p, picture.width, picture.height, layout, plan.siting);
        let table = |p| RemapTable::between((&from, grid(p, &from)), (&to, grid(p, &to)));
        let subsampled = (layout.chroma_shift_x, layout.chroma_shift_y) != (0, 0);
        Self {
            view,
            luma: table(0),
            chroma: subsampled.then(|| table(1)),
            matte: {
                let (w, h) = small;
                let picture = Picture::new(Camera::ahead(plan.lens), w, h);
                plan.frame.tile_table(&picture, SampleGrid::luma(w, h), plan.fov)
            },
        }
    }
}

impl Shared {
    fn paint<T: Texel>(
        &self,
        source: &[PlaneRef<'_, T>; 3],
        views: &[MattedView<'_>],
        remapper: &mut Remapper<T>,
        buffers: &mut Buffers,
        mut out: [crate::plane::PlaneMut<'_, T>; 3],
    ) {
        let max = self.layout.max() as f32;
        let same = self.plan.eyes[0] == self.plan.eyes[1];
        let (sx, sy) = (self.layout.chroma_shift_x, self.layout.chroma_shift_y);
        for (eye, place) in self.plan.frame.eyes().into_iter().enumerate() {
            let view = &views[self.plan.eyes[eye]];
            let Some(tables) = self.tables.iter().find(|t| t.view == (view.rect.w, view.rect.h)) else {
                panic!("a view of {}x{} was not planned", view.rect.w, view.rect.h)
            };
            for (p, out) in out.iter_mut().enumerate() {
                let shift = if p == 0 { (0, 0) } else { (sx, sy) };
                let at = place.subsampled(shift.0, shift.1);
                if eye == 1 && same {
                    for y in 0..at.h {
                        out.row_mut(y).copy_within(..at.w, at.x);
                    }
                    continue;
                }
                let table = if p == 0 { &tables.luma } else { tables.chroma.as_ref().unwrap_or(&tables.luma) };
                let from = source[p].crop(view.rect.subsampled(shift.0, shift.1));
                remapper.remap(table, from, T::from_u32(self.black[p]), max, out.crop_mut(at));
            }
            if eye == 0 || !same {
                self.tile(eye, view, tables, out[0].as_ref().crop(place), buffers);
            }
        }
        let [left, right] = &buffers.tiles;
        let right = if same { left } else { right };
        self.discs.paint([left.as_ref(), right.as_ref()], &mut out);
    }

    /// Makes the opacities of an eye's disc; `circle` is the luma of its painted circle.
    fn tile<T: Texel>(
        &self,
        eye: usize,
        view: &MattedView<'_>,
        tables: &Tables,
        circle: PlaneRef<'_, T>,
        b: &mut Buffers,
    ) {
        let n = self.plan.frame.tile_side();
        let tile = &mut b.tiles[eye];
        tile.resize(n, n);
        b.offset.resize(n, n);
        let levels = Levels::from_options(&b.options, n as f32 / view.alpha.height().max(1) as f32);
        if b.options.refine {
            coefficients(view, &mut b.coefficients);
            b.slope.resize(n, n);
            b.small.remap(&tables.matte, b.coefficients.a.as_ref(), 0.0, 0.0, b.slope.as_mut());
            b.small.remap(&tables.matte, b.coefficients.b.as_ref(), 0.0, 0.0, b.offset.as_mut());
            // The disc shows what the circle does, smaller: its luma is the circle's, averaged.
            let (black, span) = self.color.luma(self.layout.bits);
            let (center, half) = (circle.width as f64 / 2.0, n as f64 / SCALE / 2.0);
            let part = (center - half, center + half);
            let affine = (1.0 / span, -black / span);
            b.resampler.resample(circle, part, part, GUIDE_ROWS, affine, (n, n), &mut b.guide);
            add_product(b.slope.data(), b.guide.data(), b.offset.data_mut());
        } else {
            b.small.remap(&tables.matte, view.alpha.as_ref(), 0.0, 0.0, b.offset.as_mut());
        }
        to_bytes(b.offset.data(), levels.lo, 255.0 / (levels.hi - levels.lo), tile.data_mut());
        // Both are in samples of the source.
        let scale = (SCALE * self.plan.frame.side() as f64 / view.rect.h.max(1) as f64) as f32;
        let grow = (b.options.grow as f32 * scale).round() as i32;
        if grow != 0 {
            b.morphology.grow(tile.as_mut(), grow);
        }
        if b.options.feather > 0.0 {
            b.morphology.feather(tile.as_mut(), b.options.feather * scale);
        }
    }
}

dispatch! {
    /// `offset += slope * luma`.
    fn add_product(slope: &[f32], luma: &[f32], offset: &mut [f32]) {
        for ((offset, slope), luma) in offset.iter_mut().zip(slope).zip(luma) {
            *offset += slope * luma;
        }
    }

    /// Opacities to bytes: `lo` becomes 0, and from there on `factor` a unit.
    fn to_bytes(alpha: &[f32], lo: f32, factor: f32, out: &mut [u8]) {
        for (out, alpha) in out.iter_mut().zip(alpha) {
            *out = to_u8((alpha - lo) * factor + 0.5);
        }
    }
}

#[cfg(test)]
mod tests;
