//! Paints a picture: runs of tiles that are wholly background or wholly person are
//! filled or copied, and only edge tiles are blended.

mod edge;
mod fixed;
mod float;
mod kernels;

use edge::PictureSample;
pub(super) use kernels::OverlayPlane;

use super::composer::{Composer, Frame, Paint, ViewState};
use crate::matte::foreground::field::Sampler;
use crate::matte::{TILE_H, TILE_W, TileClass, TileMap};
use crate::plane::{Plane, PlaneMut, PlaneRef, Rect};
use crate::simd::{self, save};
use edge::EdgeArithmetic;
use float::Float;
use kernels::{affine, overlay, round, scale_alpha};

/// What is done with a run of tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Region {
    /// Opacity is 0.
    Background,
    /// Opacity is 0, but a neighbor's is not.
    Margin,
    /// Opacity is 1.
    Person,
    /// Opacity varies.
    Edge,
}

simd::dispatch! {
    /// [`Composer::paint`] for one sample type.
    pub(super) fn paint_picture['a, T: PictureSample](
        composer: &'a Composer,
        frame: &'a Frame<'a>,
        source: [PlaneRef<'a, T>; 3],
        background: Option<[PlaneRef<'a, T>; 3]>,
        out: [PlaneMut<'a, T>; 3],
        alpha_out: Option<PlaneMut<'a, T>>,
    ) {
        let layout = composer.layout;
        let max = layout.max() as f32;
        for (p, plane) in out.iter().enumerate() {
            let (w, h) = layout.plane_size(p, composer.width, composer.height);
            assert_eq!((source[p].width, source[p].height), (w, h), "source plane {p}");
            assert_eq!((plane.width, plane.height), (w, h), "output plane {p}");
            if let Some(background) = &background {
                assert_eq!((background[p].width, background[p].height), (w, h), "background plane {p}");
            }
        }
        let arithmetic = T::arithmetic(simd::features(), max);
        let mut painter = Painter { composer, frame, source, background, out, alpha_out, max, arithmetic };
        for ty in 0..frame.tiles.tiles_y {
            let mut tx = 0;
            while tx < frame.tiles.tiles_x {
                let region = painter.region(tx, ty);
                let first = tx;
                while tx < frame.tiles.tiles_x && painter.region(tx, ty) == region {
                    tx += 1;
                }
                painter.run(region, first..tx, ty);
            }
        }
    }
}

/// log2 of the subsampling of plane `p`.
#[inline(always)]
fn shift(composer: &Composer, p: usize) -> (u32, u32) {
    if p == 0 { (0, 0) } else { (composer.layout.chroma_shift_x, composer.layout.chroma_shift_y) }
}

struct Painter<'a, T: PictureSample> {
    composer: &'a Composer,
    frame: &'a Frame<'a>,
    source: [PlaneRef<'a, T>; 3],
    background: Option<[PlaneRef<'a, T>; 3]>,
    out: [PlaneMut<'a, T>; 3],
    alpha_out: Option<PlaneMut<'a, T>>,
    max: f32,
    arithmetic: T::Arithmetic,
}

impl<T: PictureSample> Painter<'_, T> {
    #[inline(always)]
    fn region(&self, tx: usize, ty: usize) -> Region {
        let tiles = self.frame.tiles;
        match tiles.classes[ty * tiles.tiles_x + tx] {
            TileClass::Background if matches!(self.composer.paint, Paint::Alpha) && touches_person(tiles, tx, ty) => {
                Region::Margin
            }
            TileClass::Background => Region::Background,
            TileClass::Person => Region::Person,
            TileClass::Mixed => Region::Edge,
        }
    }

    /// Paints the tiles `tiles` of tile row `ty`, all of them `region`, on every plane.
    #[inline(always)]
    fn run(&mut self, region: Region, tiles: std::ops::Range<usize>, ty: usize) {
        for p in 0..3 {
            let (sx, sy) = shift(self.composer, p);
            let (w, h) = self.composer.layout.plane_size(p, self.composer.width, self.composer.height);
            let (x0, x1) = ((tiles.start * TILE_W) >> sx, ((tiles.end * TILE_W) >> sx).min(w));
            let (y0, y1) = ((ty * TILE_H) >> sy, (((ty + 1) * TILE_H) >> sy).min(h));
            self.paint_plane(region, p, Rect::new(x0, y0, x1 - x0, y1 - y0), TILE_W >> sx);
        }
        let (x0, x1) = (tiles.start * TILE_W, (tiles.end * TILE_W).min(self.composer.width));
        let (y0, y1) = (ty * TILE_H, ((ty + 1) * TILE_H).min(self.composer.height));
        if let (Paint::Alpha, Some(out)) = (self.composer.paint, &mut self.alpha_out) {
            for y in y0..y1 {
                let dst = &mut out.row_mut(y)[x0..x1];
                match region {
                    Region::Background | Region::Margin => dst.fill(T::default()),
                    Region::Person => dst.fill(T::from_u32(self.composer.layout.max())),
                    Region::Edge => scale_alpha(dst, &self.frame.alpha.row(y)[x0..x1], 0.0, self.max, self.max),
                }
            }
        }
    }

    /// Paints `r` of plane `p`; `step` is a tile's width there.
    #[inline(always)]
    fn paint_plane(&mut self, region: Region, p: usize, r: Rect, step: usize) {
        let bits = self.composer.layout.bits;
        let (luma, chroma) = (self.composer.color.luma(bits), self.composer.color.chroma(bits));
        // Black, and neutral chroma.
        let black = if p == 0 { luma.0 } else { chroma.0 };
        match (self.composer.paint, region) {
            (Paint::Matte, _) if p != 0 => self.fill(p, r, black),
            (Paint::Matte, Region::Person) => self.fill(p, r, luma.0 + luma.1),
            (Paint::Matte, Region::Edge) => {
                let max = self.max;
                for y in r.y..r.y + r.h {
                    let alpha = &self.frame.alpha.row(y)[r.x..r.x + r.w];
                    scale_alpha(self.out_row(p, y, r), alpha, luma.0, luma.1, max);
                }
            }
            (Paint::Matte | Paint::Alpha, Region::Background) => self.fill(p, r, black),
            (Paint::Green { key }, Region::Background | Region::Margin) => self.fill(p, r, key[p]),
            (Paint::Replace, Region::Background) => {
                if let Some(background) = self.background {
                    self.copy(p, r, background[p]);
                }
            }
            (Paint::Overlay { planes }, Region::Background | Region::Margin) => {
                let c = planes[p];
                self.affine(p, r, c.keep, c.black * (1.0 - c.keep));
            }
            (Paint::Overlay { planes }, Region::Person) => {
                let c = planes[p];
                self.affine(p, r, 1.0 - c.share, c.tint * c.share);
            }
            (_, Region::Person) => self.copy(p, r, self.source[p]),
            _ => {
                for x in (r.x..r.x + r.w).step_by(step) {
                    let tile = Rect { x, w: step.min(r.x + r.w - x), ..r };
                    // The widths that tiles have in luma, halved chroma and quartered chroma.
                    match step {
                        16 => self.tile::<16>(region, p, tile),
                        8 => self.tile::<8>(region, p, tile),
                        _ => self.tile::<TILE_W>(region, p, tile),
                    }
                }
            }
        }
    }

    /// Row `y` of plane `p`, the columns of `r`.
    #[inline(always)]
    fn out_row(&mut self, p: usize, y: usize, r: Rect) -> &mut [T] {
        &mut self.out[p].row_mut(y)[r.x..r.x + r.w]
    }

    #[inline(always)]
    fn fill(&mut self, p: usize, r: Rect, value: f32) {
        for y in r.y..r.y + r.h {
            self.out_row(p, y, r).fill(T::from_u32(value as u32));
        }
    }

    #[inline(always)]
    fn copy(&mut self, p: usize, r: Rect, from: PlaneRef<'_, T>) {
        for y in r.y..r.y + r.h {
            self.out_row(p, y, r).copy_from_slice(&from.row(y)[r.x..r.x + r.w]);
        }
    }

    #[inline(always)]
    fn affine(&mut self, p: usize, r: Rect, gain: f32, offset: f32) {
        let (source, max) = (self.source[p], self.max);
        for y in r.y..r.y + r.h {
            affine(self.out_row(p, y, r), &source.row(y)[r.x..r.x + r.w], gain, offset, max);
        }
    }

    /// Paints a tile (or what the picture's border leaves of it) that needs arithmetic; it is no
    /// wider than `W`.
    #[inline(always)]
    fn tile<const W: usize>(&mut self, region: Region, p: usize, r: Rect) {
        if let Paint::Overlay { planes } = self.composer.paint {
            return self.overlay::<W>(p, r, planes[p]);
        }
        let composer = self.composer;
        let mut touching = composer.views.iter().filter(|v| intersection(v.rect(p), r).is_some());
        if let (Some(view), None) = (touching.next(), touching.next())
            && intersection(view.rect(p), r) == Some(r)
        {
            return self.part::<W>(region, p, r, Some(view));
        }
        // Not wholly inside one view: first painted without any estimate. Where views share a
        // chroma sample, the later one wins.
        self.part::<W>(region, p, r, None);
        for view in &composer.views {
            if let Some(part) = intersection(view.rect(p), r) {
                self.part::<W>(region, p, part, Some(view));
            }
        }
    }

    /// Paints the part of a tile that lies in `view`, or in none.
    #[inline(always)]
    fn part<const W: usize>(&mut self, region: Region, p: usize, r: Rect, view: Option<&ViewState>) {
        match (region, self.composer.paint) {
            (Region::Edge, paint) => self.edge::<W>(p, r, view, paint),
            (_, Paint::Blur { .. }) => match view {
                Some(v) => {
                    let mut backdrop = sampler::<1, W>([&v.backdrop.colors[p]], v, p, r, Source::Backdrop);
                    self.spread(p, r, v, &mut backdrop);
                }
                None => self.copy(p, r, self.source[p]),
            },
            (_, _) => match view {
                Some(v) => {
                    let mut color = sampler::<1, W>([&v.foreground[p]], v, p, r, Source::Estimate);
                    self.spread(p, r, v, &mut color);
                }
                None => {
                    let bits = self.composer.layout.bits;
                    let (luma, chroma) = (self.composer.color.luma(bits), self.composer.color.chroma(bits));
                    self.fill(p, r, if p == 0 { luma.0 } else { chroma.0 });
                }
            },
        }
    }

    /// Fills `r` with a smooth field.
    #[inline(always)]
    fn spread<const W: usize>(&mut self, p: usize, r: Rect, view: &ViewState, field: &mut Sampler<'_, 1, W>) {
        let top = view.rect(p).y;
        let max = self.max;
        for y in r.y..r.y + r.h {
            let [row] = field.row(y - top);
            save(self.out_row(p, y, r), &round(&row, max));
        }
    }

    #[inline(always)]
    fn overlay<const W: usize>(&mut self, p: usize, r: Rect, c: OverlayPlane) {
        let shift = shift(self.composer, p);
        let (source, alpha, arithmetic) = (self.source[p], self.frame.alpha, Float { max: self.max });
        for y in r.y..r.y + r.h {
            let src = EdgeArithmetic::<T>::load(arithmetic, &source.row(y)[r.x..r.x + r.w]);
            let a = float::opacity::<W>(alpha, shift, (r.x, y), r.w);
            arithmetic.save(&overlay(&src, &a, c), self.out_row(p, y, r));
        }
    }
}

/// Which of a view's fields is sampled.
#[derive(Clone, Copy)]
enum Source {
    Estimate,
    Backdrop,
}

/// A sampler of `planes` of `view` for the columns of `r` in plane `p` of the frame.
#[inline(always)]
fn sampler<'a, const N: usize, const W: usize>(
    planes: [&'a Plane<f32>; N],
    view: &'a ViewState,
    p: usize,
    r: Rect,
    source: Source,
) -> Sampler<'a, N, W> {
    let mapping = match source {
        Source::Estimate => &view.mapping,
        Source::Backdrop => &view.backdrop_mapping,
    };
    Sampler::new(planes, mapping.axes(p), r.x - view.rect(p).x, r.w)
}

/// Whether any of the eight neighbors of a tile holds some of the person.
#[inline(always)]
fn touches_person(tiles: &TileMap, tx: usize, ty: usize) -> bool {
    (ty.saturating_sub(1)..(ty + 2).min(tiles.tiles_y)).any(|y| {
        (tx.saturating_sub(1)..(tx + 2).min(tiles.tiles_x))
            .any(|x| tiles.classes[y * tiles.tiles_x + x] != TileClass::Background)
    })
}

#[inline(always)]
fn intersection(a: Rect, b: Rect) -> Option<Rect> {
    let (x, y) = (a.x.max(b.x), a.y.max(b.y));
    let (x1, y1) = ((a.x + a.w).min(b.x + b.w), (a.y + a.h).min(b.y + b.h));
    (x < x1 && y < y1).then(|| Rect::new(x, y, x1 - x, y1 - y))
}
