//! Joining the views of both eyes, which a decoder delivers one after the other, to one picture.

use crate::error::{MediaError, Result};
use crate::ffi::codec::codec_name;
use crate::ffi::frame::{VideoFrame, format_of, make_format_plain};
use crate::ffi::layers::{self, Eye};
use crate::ffi::parameters::Parameters;
use crate::ffi::pixel_format::format_name;
use crate::ffi::pool::FramePool;
use ffmpeg_next as ffmpeg;
use vrseg_image::plane::{PlaneMut, PlaneRef, Sample, Yuv, YuvMut};

/// A video whose two layers are the views of both eyes (MV-HEVC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerViews {
    /// The view of the base layer, by its number in the bitstream.
    base: i32,
    /// That is the right eye's.
    base_is_right: bool,
}

impl LayerViews {
    /// The views in a stream; `None` where there is one, or where this FFmpeg doesn't decode the second. `reversed`: the
    /// container says that the right eye's comes first, which counts where the bitstream doesn't name the eyes.
    pub(crate) fn find(parameters: &Parameters, reversed: bool) -> Option<Self> {
        // Opening a decoder costs time: only where it can tell.
        if !layers::are_known() || codec_name(parameters.codec()) != "hevc" || !parameters.has_extradata() {
            return None;
        }
        let (decoder, _) = crate::ffi::log::capture(|| parameters.decoder());
        let views = layers::views(&decoder.ok()?);
        let [(base, eye), (_, other)] = views[..] else { return None };
        let base_is_right = match (eye, other) {
            (Eye::Left, _) | (Eye::Unknown, Eye::Right) => false,
            (Eye::Right, _) | (Eye::Unknown, Eye::Left) => true,
            (Eye::Unknown, Eye::Unknown) => reversed,
        };
        Some(Self { base, base_is_right })
    }
}

/// Joins a base layer's frame and the next one of the other layer, the left eye's at the left.
#[derive(Default)]
pub(crate) struct JoinViews {
    /// Frames go through untouched where there are no two views.
    views: Option<LayerViews>,
    /// A base layer's frame whose other view hasn't come yet.
    waiting: Option<ffmpeg::frame::Video>,
    pool: Option<FramePool>,
    lost: u64,
}

impl JoinViews {
    pub(crate) fn new(views: Option<LayerViews>) -> Self {
        Self { views, ..Self::default() }
    }

    /// Takes a decoded frame; gives one back when it is whole. A view whose other one never came is shown to both eyes.
    ///
    /// # Errors
    /// Memory is short.
    pub(crate) fn take(&mut self, frame: ffmpeg::frame::Video) -> Result<Option<ffmpeg::frame::Video>> {
        let Some(views) = self.views else { return Ok(Some(frame)) };
        if layers::view_of(&frame).is_none_or(|view| view == views.base) {
            let earlier = self.waiting.replace(frame);
            return earlier.map(|one| self.alone(one, views)).transpose();
        }
        match self.waiting.take() {
            Some(base) if base.pts() == frame.pts() => self.join(base, Some(frame), views).map(Some),
            Some(base) => self.alone(base, views).map(Some),
            None => {
                self.lost += 1;
                Ok(None)
            }
        }
    }

    /// What is left when the decoder has no more.
    ///
    /// # Errors
    /// Memory is short.
    pub(crate) fn rest(&mut self) -> Result<Option<ffmpeg::frame::Video>> {
        let (Some(views), Some(base)) = (self.views, self.waiting.take()) else { return Ok(None) };
        self.alone(base, views).map(Some)
    }

    /// After a seek: what waits belongs to another place.
    pub(crate) fn reset(&mut self) {
        self.waiting = None;
    }

    /// How many views were missing since the last time that this was asked.
    pub(crate) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    fn alone(&mut self, base: ffmpeg::frame::Video, views: LayerViews) -> Result<ffmpeg::frame::Video> {
        self.lost += 1;
        self.join(base, None, views)
    }

    fn join(
        &mut self,
        base: ffmpeg::frame::Video,
        other: Option<ffmpeg::frame::Video>,
        views: LayerViews,
    ) -> Result<ffmpeg::frame::Video> {
        let shape = |frame: &ffmpeg::frame::Video| (format_of(frame), frame.width(), frame.height());
        let other = other.filter(|other| shape(other) == shape(&base)).map(planar).transpose()?;
        let base = planar(base)?;
        let (layout, width, height) = (base.plain_layout(), base.width(), base.height());
        let pool = match self.pool.take().filter(|pool| (pool.layout(), pool.size()) == (layout, (2 * width, height))) {
            Some(pool) => pool,
            None => FramePool::new(layout, 2 * width, height)?,
        };
        let mut out = self.pool.insert(pool).get()?;
        let second = other.as_ref().unwrap_or(&base);
        let (left, right) = if views.base_is_right { (second, &base) } else { (&base, second) };
        match (left.yuv(), right.yuv(), out.yuv_mut()) {
            (Yuv::U8(left), Yuv::U8(right), YuvMut::U8(to, _)) => beside(left, right, to),
            (Yuv::U16(left), Yuv::U16(right), YuvMut::U16(to, _)) => beside(left, right, to),
            _ => {
                return Err(MediaError::FrameMismatch { got: second.describe(), expected: base.describe() });
            }
        }
        out.copy_props_from(&base);
        layers::copy_damage(second.av(), out.av_mut());
        layers::forget_view(out.av_mut());
        Ok(out.into_av())
    }
}

/// A frame whose planes can be seen.
fn planar(mut frame: ffmpeg::frame::Video) -> Result<VideoFrame> {
    make_format_plain(&mut frame);
    VideoFrame::from_av(frame).map_err(|frame| MediaError::Unsupported {
        what: format!("two layers of the pixel format {} cannot be worked on", format_name(format_of(&frame))),
    })
}

fn beside<T: Sample>(left: [PlaneRef<'_, T>; 3], right: [PlaneRef<'_, T>; 3], to: [PlaneMut<'_, T>; 3]) {
    for ((left, right), mut to) in left.iter().zip(&right).zip(to) {
        for y in 0..left.height {
            let (a, b) = to.row_mut(y).split_at_mut(left.width);
            a.copy_from_slice(left.row(y));
            // Of an odd width's chroma the last sample has no place.
            let n = right.width.min(b.len());
            b[..n].copy_from_slice(&right.row(y)[..n]);
        }
    }
}
