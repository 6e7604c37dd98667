//! Fifth stage: brings the small mattes up to full size and paints every output. Frames are
//! independent here, so several workers share the stage.

use super::cancel::Cancel;
use super::clock::Worker;
use super::error::Result;
use super::frame::{Matted, Painted, SmallView};
use super::segments::Place;
use crossbeam_channel::{Receiver, Sender};
use std::sync::Arc;
use vrseg_image::compose::{Composer, Frame, Mode, PassthroughPainter};
use vrseg_image::matte::{EdgeColors, FullMatte, MatteOptions, MattedView};
use vrseg_image::plane::{Rect, YuvColor, YuvLayout};
use vrseg_media::FramePool;

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
    /// Its encoder.
    pub painted: Sender<Painted>,
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

/// The part of the stage that does not change from frame to frame.
#[derive(Clone, Debug)]
pub struct Compose {
    /// The views in luma samples.
    pub rects: Vec<Rect>,
    /// The source's planes.
    pub layout: YuvLayout,
    /// Their meaning.
    pub color: YuvColor,
    /// Frame size.
    pub size: (usize, usize),
    /// What the user asked of the matte.
    pub matte: MatteOptions,
    /// Outputs.
    pub targets: Vec<Target>,
    /// Takes back the views of painted frames.
    pub recycle: Sender<Vec<SmallView>>,
}

impl Compose {
    fn painter(&self, target: &Target) -> Painter {
        let (width, height) = self.size;
        match &target.passthrough {
            Some(painter) => Painter::Packed(Box::new(painter.clone())),
            None => Painter::Frame(Composer::new(&target.mode, self.layout, target.color, width, height)),
        }
    }

    /// One worker; works until there are no more frames or nobody listens any more.
    pub fn run(self, frames: Receiver<Matted>, cancel: &Cancel, mut clock: Worker<'_>) -> Result<()> {
        let (width, height) = self.size;
        let mut painters: Vec<_> = self.targets.iter().map(|t| self.painter(t)).collect();
        // Packed frames take the small mattes as they are.
        let full_size = painters.iter().any(|p| matches!(p, Painter::Frame(_)));
        let (alpha_width, alpha_height) = if full_size { self.size } else { (0, 0) };
        let mut matte = FullMatte::new(self.matte, alpha_width, alpha_height);
        let by_colors = self.matte.refine || painters.iter().any(Painter::needs_colors);
        let mut colors = vec![EdgeColors::default(); self.rects.len()];
        loop {
            let Ok(Matted { mut frame, backgrounds }) = clock.waiting(|| frames.recv()) else { return Ok(()) };
            if cancel.is_aborted() {
                return Ok(());
            }
            let border = match std::mem::replace(&mut frame.decoded.place, Place::Inside) {
                Place::Border(border) => Some(Arc::new(*border)),
                Place::Inside | Place::WarmUp => None,
            };
            let source = &frame.decoded.source;
            clock.take(source.index, 1);
            let planes = source.frame.yuv();
            if by_colors {
                clock.busy(|| {
                    for (colors, view) in colors.iter_mut().zip(&frame.views) {
                        colors.update(&view.yuv, &view.alpha);
                    }
                });
            }
            let views: Vec<_> = self
                .rects
                .iter()
                .zip(&frame.views)
                .zip(&colors)
                .map(|((rect, v), colors)| MattedView { rect: *rect, small: &v.yuv, alpha: &v.alpha, colors })
                .collect();
            if full_size {
                clock.busy(|| matte.update(&planes, self.layout, self.color, &views));
            }
            for ((target, painter), background) in self.targets.iter().zip(&mut painters).zip(&backgrounds) {
                let picture = clock.busy(|| -> Result<_> {
                    let mut picture = target.pool.get()?;
                    picture.copy_props_from(&source.frame);
                    let composer = match painter {
                        Painter::Frame(composer) => composer,
                        Painter::Packed(painter) => {
                            painter.paint(&planes, &views, picture.yuv_mut());
                            return Ok(picture);
                        }
                    };
                    let frame = Frame {
                        source: planes,
                        layout: self.layout,
                        color: self.color,
                        width,
                        height,
                        alpha: matte.alpha(),
                        tiles: matte.tiles(),
                        views: &views,
                        background: background.as_ref().map(|b| b.yuv()),
                    };
                    composer.compose(&frame, picture.yuv_mut());
                    Ok(picture)
                })?;
                let painted = Painted {
                    index: source.index,
                    picture,
                    pts: source.pts,
                    duration: source.duration,
                    border: border.clone(),
                    since: frame.decoded.since,
                };
                if clock.waiting(|| target.painted.send(painted)).is_err() {
                    return Ok(());
                }
                clock.hand(1);
            }
            clock.done(1);
            let _ = self.recycle.try_send(frame.views);
        }
    }
}
