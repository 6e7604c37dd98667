//! One output's painter: what must be known before painting, and what each frame brings.

use super::backdrop::{Backdrop, FullView};
use super::paint::{OverlayPlane, paint_picture};
use super::{Mode, Rgb};
use crate::matte::foreground::field::Mapping;
use crate::matte::{EdgeColors, MattedView, SmallYuv, TILE_H, TILE_W, TileMap};
use crate::plane::{Plane, PlaneRef, Rect, Sample, Yuv, YuvColor, YuvLayout, YuvMut};
use crate::simd;

/// Share of the tint inside the person of an overlay.
const TINT_SHARE: f32 = 0.5;
/// Share of its brightness and color that the background of an overlay keeps.
const BACKGROUND_KEPT: f32 = 0.6;
/// A blur with a standard deviation of fewer samples of the small picture than this is made from
/// the full-size picture, since the small one no longer holds the detail that must remain.
const LEAST_SMALL_SIGMA: f32 = 1.0;

/// Everything that one picture is painted from.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The planes of the decoded picture.
    pub source: Yuv<'a>,
    /// Depth and chroma subsampling of its samples.
    pub layout: YuvLayout,
    /// Matrix and range of its samples.
    pub color: YuvColor,
    /// Number of luma samples in a row.
    pub width: usize,
    /// Number of luma rows.
    pub height: usize,
    /// The matte, `width` x `height`: 0 background, 255 person.
    pub alpha: PlaneRef<'a, u8>,
    /// The classes of the matte's tiles.
    pub tiles: &'a TileMap,
    /// The views; parts of the frame outside all of them are blended without foreground estimate.
    pub views: &'a [MattedView<'a>],
    /// The other picture of [`Mode::Replace`], of the source's layout, color and size.
    pub background: Option<Yuv<'a>>,
}

/// What a mode needs while painting, in sample units.
#[derive(Clone, Copy, Debug)]
pub(super) enum Paint {
    Green { key: [f32; 3] },
    Matte,
    Alpha,
    Blur { strength: f32 },
    Replace,
    Overlay { planes: [OverlayPlane; 3] },
}

impl Paint {
    /// Whether edges show the person by itself, so that its color must be known.
    fn needs_foreground(&self) -> bool {
        matches!(self, Paint::Green { .. } | Paint::Alpha | Paint::Blur { .. } | Paint::Replace)
    }
}

/// What a view is painted with, in sample units.
#[derive(Clone, Debug)]
pub(super) struct ViewState {
    /// The view in the luma plane, then in the chroma planes.
    pub rects: [Rect; 2],
    /// Color of the person near its edges.
    pub foreground: [Plane<f32>; 3],
    /// Color of the background there.
    pub background: [Plane<f32>; 3],
    /// Where the cells of the two lie.
    pub mapping: Mapping,
    /// The blurred background, in [`Paint::Blur`].
    pub backdrop: Backdrop,
    /// Where the backdrop's cells lie.
    pub backdrop_mapping: Mapping,
}

impl ViewState {
    fn new() -> Self {
        Self {
            rects: [Rect::new(0, 0, 0, 0); 2],
            foreground: Default::default(),
            background: Default::default(),
            mapping: Mapping::default(),
            backdrop: Backdrop::default(),
            backdrop_mapping: Mapping::default(),
        }
    }

    /// The view in plane `p`.
    #[inline(always)]
    pub(super) fn rect(&self, p: usize) -> Rect {
        self.rects[usize::from(p != 0)]
    }
}

/// Paints the frames of one output.
///
/// For each frame [`prepare`](Self::prepare), then [`paint`](Self::paint).
#[derive(Clone, Debug)]
pub struct Composer {
    pub(super) paint: Paint,
    pub(super) layout: YuvLayout,
    pub(super) color: YuvColor,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) views: Vec<ViewState>,
}

impl Composer {
    /// A painter for frames of `width` x `height` whose samples are stored in `layout` (the
    /// source's) and mean `color`.
    ///
    /// # Panics
    /// For [`Mode::Passthrough`], which has a painter of its own.
    pub fn new(mode: &Mode, layout: YuvLayout, color: YuvColor, width: usize, height: usize) -> Self {
        let encode =
            |Rgb(r, g, b): Rgb| color.encode([r, g, b].map(|v| f64::from(v) / 255.0), layout.bits).map(|v| v as f32);
        let paint = match mode {
            Mode::Green { key } => Paint::Green { key: encode(*key) },
            Mode::Matte => Paint::Matte,
            Mode::Passthrough { .. } => panic!("alpha-packed frames need PassthroughPainter"),
            Mode::Alpha => Paint::Alpha,
            Mode::Blur { strength } => Paint::Blur { strength: *strength },
            Mode::Replace { .. } => Paint::Replace,
            Mode::Overlay { tint } => {
                let (black, tint) = (encode(Rgb(0, 0, 0)), encode(*tint));
                Paint::Overlay {
                    planes: [0, 1, 2].map(|p| OverlayPlane {
                        tint: tint[p],
                        share: TINT_SHARE,
                        black: black[p],
                        keep: BACKGROUND_KEPT,
                    }),
                }
            }
        };
        Self { paint, layout, color, width, height, views: Vec::new() }
    }

    /// Whether the views' colors (see [`MattedView`]) must be known.
    pub fn needs_colors(&self) -> bool {
        self.paint.needs_foreground()
    }

    /// The layout of the pictures that `mode` makes from sources stored in `layout`:
    /// [`Mode::Alpha`] has an alpha plane, every other mode has none.
    pub fn output_layout(mode: &Mode, layout: YuvLayout) -> YuvLayout {
        YuvLayout { alpha: matches!(mode, Mode::Alpha), ..layout }
    }

    /// Copies the views' colors, and makes the blurred background at the small size. Once a frame,
    /// before [`paint`](Self::paint).
    ///
    /// # Panics
    /// When a view's small planes and its alpha differ in size.
    pub fn prepare(&mut self, frame: &Frame<'_>) {
        if !self.paint.needs_foreground() {
            self.views.clear();
            return;
        }
        let shift = (self.layout.chroma_shift_x, self.layout.chroma_shift_y);
        self.views.resize_with(frame.views.len(), ViewState::new);
        for (state, view) in self.views.iter_mut().zip(frame.views) {
            let (w, h) = (view.alpha.width(), view.alpha.height());
            for plane in [&view.small.y, &view.small.u, &view.small.v] {
                assert_eq!((plane.width(), plane.height()), (w, h), "small planes and alpha differ in size");
            }
            state.rects = [view.rect, view.rect.subsampled(shift.0, shift.1)];
            // Luma samples to a small one.
            let scale = (view.rect.w as f32 / w.max(1) as f32, view.rect.h as f32 / h.max(1) as f32);
            let k = EdgeColors::cell(w, h);
            let (cells, padding) = view.colors.cells(w, h);
            state.mapping.update(view.rect, shift, cells, (scale.0 * k as f32, scale.1 * k as f32), padding);
            let to_samples = Scale::new(self.color, self.layout.bits);
            to_samples.copy(&view.colors.foreground, &mut state.foreground);
            to_samples.copy(&view.colors.background, &mut state.background);
            if let Paint::Blur { strength } = self.paint {
                prepare_backdrop(state, view, frame, strength * view.rect.h as f32, scale, &to_samples);
            }
        }
    }

    /// Paints the picture. The layout of `out` is that of [`output_layout`](Self::output_layout); an
    /// alpha plane is written only by [`Mode::Alpha`].
    ///
    /// # Panics
    /// When sizes or sample types don't fit together, or [`Mode::Replace`] has no background:
    /// programming errors, never a question of input.
    pub fn paint(&self, frame: &Frame<'_>, out: YuvMut<'_>) {
        assert_eq!(frame.layout.bits, self.layout.bits);
        assert_eq!((frame.width, frame.height), (self.width, self.height));
        assert_eq!((frame.alpha.width, frame.alpha.height), (self.width, self.height));
        assert_eq!(frame.tiles.tiles_x, self.width.div_ceil(TILE_W));
        assert_eq!(frame.tiles.tiles_y, self.height.div_ceil(TILE_H));
        assert!(frame.background.is_some() || !matches!(self.paint, Paint::Replace), "no background picture");
        match (frame.source, frame.background, out) {
            (Yuv::U8(source), None, YuvMut::U8(planes, alpha)) => {
                paint_picture(self, frame, source, None, planes, alpha);
            }
            (Yuv::U8(source), Some(Yuv::U8(background)), YuvMut::U8(planes, alpha)) => {
                paint_picture(self, frame, source, Some(background), planes, alpha);
            }
            (Yuv::U16(source), None, YuvMut::U16(planes, alpha)) => {
                paint_picture(self, frame, source, None, planes, alpha);
            }
            (Yuv::U16(source), Some(Yuv::U16(background)), YuvMut::U16(planes, alpha)) => {
                paint_picture(self, frame, source, Some(background), planes, alpha);
            }
            _ => panic!("source, background and output differ in their sample type"),
        }
    }

    /// [`prepare`](Self::prepare) and [`paint`](Self::paint).
    pub fn compose(&mut self, frame: &Frame<'_>, out: YuvMut<'_>) {
        self.prepare(frame);
        self.paint(frame, out);
    }
}

/// Makes a view's blurred background: `sigma` in luma samples, `scale` luma samples to a small one.
fn prepare_backdrop(
    state: &mut ViewState,
    view: &MattedView<'_>,
    frame: &Frame<'_>,
    sigma: f32,
    scale: (f32, f32),
    to_samples: &Scale,
) {
    let shift = (frame.layout.chroma_shift_x, frame.layout.chroma_shift_y);
    let small_sigma = [sigma / scale.0, sigma / scale.1];
    let least = small_sigma[0].min(small_sigma[1]);
    let backdrop = &mut state.backdrop;
    let cell = if least >= LEAST_SMALL_SIGMA || scale.0.min(scale.1) <= 1.0 {
        let k = Backdrop::cell(least);
        backdrop_from_small(backdrop, view.small, view.alpha, small_sigma, k);
        to_samples.apply(&mut backdrop.colors);
        (scale.0 * k as f32, scale.1 * k as f32)
    } else {
        let k = Backdrop::cell(sigma);
        match frame.source {
            Yuv::U8(planes) => {
                let full = FullView { planes, shift, alpha: frame.alpha, rect: view.rect };
                backdrop_from_full(backdrop, full, [sigma; 2], k);
            }
            Yuv::U16(planes) => {
                let full = FullView { planes, shift, alpha: frame.alpha, rect: view.rect };
                backdrop_from_full(backdrop, full, [sigma; 2], k);
            }
        }
        (k as f32, k as f32)
    };
    let cells = (backdrop.colors[0].width(), backdrop.colors[0].height());
    state.backdrop_mapping.update(view.rect, shift, cells, cell, 0);
}

simd::dispatch! {
    fn backdrop_from_small(
        backdrop: &mut Backdrop, small: &SmallYuv, alpha: &Plane<f32>, sigma: [f32; 2], k: usize,
    ) {
        backdrop.update_from_small(small, alpha, sigma, k);
    }

    fn backdrop_from_full[T: Sample](backdrop: &mut Backdrop, view: FullView<'_, T>, sigma: [f32; 2], k: usize) {
        backdrop.update_from_full(view, sigma, k);
    }
}

/// From the small picture's units to samples, for luma and chroma.
struct Scale {
    luma: (f32, f32),
    chroma: (f32, f32),
}

impl Scale {
    fn new(color: YuvColor, bits: u32) -> Self {
        Self { luma: color.luma(bits), chroma: color.chroma(bits) }
    }

    fn copy(&self, from: &[Plane<f32>; 3], to: &mut [Plane<f32>; 3]) {
        for (from, to) in from.iter().zip(&mut *to) {
            to.copy_from(from);
        }
        self.apply(to);
    }

    fn apply(&self, planes: &mut [Plane<f32>; 3]) {
        for (p, plane) in planes.iter_mut().enumerate() {
            let (offset, span) = if p == 0 { self.luma } else { self.chroma };
            plane.data_mut().iter_mut().for_each(|v| *v = offset + span * *v);
        }
    }
}
