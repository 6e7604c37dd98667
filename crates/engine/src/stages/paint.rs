//! Fifth stage: brings the small mattes up to full size and paints every output. Frames are independent here, so
//! several workers share the stage.

use super::Spare;
use crate::edits::Edits;
use crate::error::Result;
use crate::frame::{Border, MattedFrame, PaintedFrame, Place, PreparedFrame, SourceClock};
use crate::graph::Stage;
use std::sync::Arc;
use vrseg_image::compose::{Composer, Frame, Mode, PassthroughPainter};
use vrseg_image::matte::{Borders, EdgeColors, FullMatte, MatteOptions, MattedView};
use vrseg_image::plane::{Plane, Rect, YuvColor, YuvLayout};
use vrseg_media::{FramePool, VideoFrame};

/// An output as this stage sees it.
#[derive(Clone, Debug)]
pub struct Target {
    /// What it shows.
    pub mode: Mode,
    /// What its samples mean.
    pub color: YuvColor,
    /// The painter of [`Mode::Passthrough`].
    pub passthrough: Option<PassthroughPainter>,
    /// Frames of its layout and size.
    pub pool: FramePool,
}

/// What paints an output's frames.
enum Painter {
    /// Frames like the source's.
    Frame(Composer),
    /// Packed frames.
    Packed(Box<PassthroughPainter>),
}

impl Painter {
    /// Whether the colors near the person's edges must be known; packed frames have them where
    /// their mattes are refined.
    fn needs_colors(&self) -> bool {
        matches!(self, Self::Frame(composer) if composer.needs_colors())
    }
}

/// What the source's frames are like.
#[derive(Clone, Debug)]
pub struct SourceForm {
    /// The views in luma samples.
    pub rects: Vec<Rect>,
    /// The planes.
    pub layout: YuvLayout,
    /// Their meaning.
    pub color: YuvColor,
    /// Width and height in luma samples.
    pub size: (usize, usize),
}

/// A frame's full-size matte, and the colors near its edges.
struct Refined {
    matte: FullMatte,
    colors: Vec<EdgeColors>,
}

/// Paints frames.
pub struct Paint {
    form: SourceForm,
    targets: Vec<Target>,
    painters: Vec<Painter>,
    /// Some output takes the full-size matte; packed frames take the small mattes as they are.
    full_size: bool,
    /// The colors near edges are needed.
    by_colors: bool,
    refined: Refined,
    options: MatteOptions,
    /// Settings by hand for a time, if there are some.
    edits: Option<(Edits, SourceClock)>,
    /// Takes back the planes of painted frames.
    planes: Spare<Plane<f32>>,
    /// A frame is in flight until every encoder has taken its picture, and not only until the pictures are painted.
    holds_permits: bool,
}

impl Paint {
    /// One worker for these outputs.
    pub fn new(form: SourceForm, matte: MatteOptions, targets: Vec<Target>, planes: Spare<Plane<f32>>) -> Self {
        let (width, height) = form.size;
        let painter = |target: &Target| match &target.passthrough {
            Some(painter) => Painter::Packed(Box::new(painter.clone())),
            None => Painter::Frame(Composer::new(&target.mode, form.layout, target.color, width, height)),
        };
        let painters: Vec<_> = targets.iter().map(painter).collect();
        let full_size = painters.iter().any(|p| matches!(p, Painter::Frame(_)));
        let (alpha_width, alpha_height) = if full_size { form.size } else { (0, 0) };
        let by_colors = matte.refine || painters.iter().any(Painter::needs_colors);
        let refined = Refined {
            matte: FullMatte::new(matte, alpha_width, alpha_height),
            colors: vec![EdgeColors::default(); form.rects.len()],
        };
        Self {
            form,
            targets,
            painters,
            full_size,
            by_colors,
            refined,
            options: matte,
            edits: None,
            planes,
            holds_permits: false,
        }
    }

    /// Makes the full-size matte even though no output takes it.
    pub fn make_full_size(&mut self) {
        if !self.full_size {
            self.full_size = true;
            self.by_colors |= self.options.refine;
            self.refined.matte = FullMatte::new(self.options, self.form.size.0, self.form.size.1);
        }
    }

    /// The full-size matte of the frame that was refined last.
    pub fn into_matte(self) -> Plane<u8> {
        self.refined.matte.into_alpha()
    }

    /// The same, with matte settings that change with the time in the source.
    #[must_use]
    pub fn with_edits(mut self, edits: &Edits, clock: SourceClock) -> Self {
        if !edits.settings.is_empty() {
            self.by_colors |= edits.settings.iter().any(|s| s.refine == Some(true));
            self.edits = Some((Edits { settings: edits.settings.clone(), ..Edits::default() }, clock));
        }
        self
    }

    /// The same; `held`: painted pictures keep their source frame's permit.
    #[must_use]
    pub fn with_permits(self, held: bool) -> Self {
        Self { holds_permits: held, ..self }
    }

    /// The same, for views with such borders.
    #[must_use]
    pub fn with_borders(mut self, borders: Borders) -> Self {
        let Refined { matte, colors } = self.refined;
        let colors = colors.into_iter().map(|colors| colors.with_borders(borders)).collect();
        self.refined = Refined { matte: matte.with_borders(borders), colors };
        self
    }

    /// Makes the frame's matte as large as the frame.
    pub fn refine(&mut self, frame: &PreparedFrame) {
        if let Some((edits, clock)) = &self.edits {
            let options = edits.options_at(self.options, clock.seconds(frame.decoded.source.pts));
            self.refined.matte.set_options(options);
            for painter in &mut self.painters {
                if let Painter::Packed(painter) = painter {
                    painter.set_options(options);
                }
            }
        }
        let Refined { matte, colors } = &mut self.refined;
        if self.by_colors {
            for (colors, view) in colors.iter_mut().zip(&frame.views) {
                colors.update(&view.yuv, &view.alpha);
            }
        }
        if self.full_size {
            let views = matted(&self.form.rects, frame, colors);
            matte.update(&frame.decoded.source.frame.yuv(), self.form.layout, self.form.color, &views);
        }
    }

    /// Paints output `i` of the frame that was refined last.
    ///
    /// # Errors
    /// There is no memory for the picture.
    pub fn paint(
        &mut self,
        i: usize,
        frame: &PreparedFrame,
        background: Option<&Arc<VideoFrame>>,
    ) -> Result<VideoFrame> {
        let source = &frame.decoded.source.frame;
        let views = matted(&self.form.rects, frame, &self.refined.colors);
        let mut picture = self.targets[i].pool.get()?;
        picture.copy_props_from(source);
        let SourceForm { layout, color, size: (width, height), .. } = self.form;
        match &mut self.painters[i] {
            Painter::Packed(painter) => painter.paint(&source.yuv(), &views, picture.yuv_mut()),
            Painter::Frame(composer) => {
                let frame = Frame {
                    source: source.yuv(),
                    layout,
                    color,
                    width,
                    height,
                    alpha: self.refined.matte.alpha(),
                    tiles: self.refined.matte.tiles(),
                    views: &views,
                    background: background.map(|b| b.yuv()),
                };
                composer.compose(&frame, picture.yuv_mut());
            }
        }
        Ok(picture)
    }
}

/// The frame's views with their mattes.
fn matted<'a>(rects: &[Rect], frame: &'a PreparedFrame, colors: &'a [EdgeColors]) -> Vec<MattedView<'a>> {
    let views = rects.iter().zip(&frame.views).zip(colors);
    views.map(|((rect, v), colors)| MattedView { rect: *rect, small: &v.yuv, alpha: &v.alpha, colors }).collect()
}

impl Stage for Paint {
    type Input = MattedFrame;
    type Output = Vec<PaintedFrame>;

    /// One picture for each output.
    fn process(&mut self, MattedFrame { mut frame, backgrounds }: MattedFrame) -> Result<Vec<PaintedFrame>> {
        let border: Option<Arc<Border>> = match std::mem::replace(&mut frame.decoded.place, Place::Inside) {
            Place::Border(border) => Some(Arc::new(*border)),
            Place::Inside | Place::WarmUp => None,
        };
        self.refine(&frame);
        let mut painted = Vec::with_capacity(self.targets.len());
        for (i, background) in backgrounds.iter().enumerate() {
            let picture = self.paint(i, &frame, background.as_ref())?;
            let source = &frame.decoded.source;
            painted.push(PaintedFrame {
                index: source.index,
                picture,
                pts: source.pts,
                duration: source.duration,
                border: border.clone(),
                since: frame.decoded.since,
                permit: None,
            });
        }
        self.planes.put_views(frame.views);
        if self.holds_permits {
            let permit = Arc::new(frame.decoded.permit);
            painted.iter_mut().for_each(|painted| painted.permit = Some(Arc::clone(&permit)));
        }
        Ok(painted)
    }
}
