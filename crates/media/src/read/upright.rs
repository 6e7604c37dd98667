//! Turning frames that are stored lying on their side, upside down or mirrored, so that all that follows sees what a
//! player shows.

use crate::error::{MediaError, Result};
use crate::ffi::frame::{PlaneSamples, VideoFrame, remove_display_matrix};
use crate::ffi::pool::FramePool;
use crate::formats::sidedata::matrix_orientation;
use ffmpeg_next::{self as ffmpeg, frame::side_data::Type};
use vrseg_image::plane::{Orientation, PlaneMut, PlaneRef, Sample, Yuv, YuvLayout, YuvMut};

/// How a frame's own display matrix turns it (from EXIF data or the bitstream); `None` where it has none.
pub(crate) fn frame_orientation(frame: &ffmpeg::frame::Video) -> Option<Orientation> {
    matrix_orientation(frame.side_data(Type::DisplayMatrix)?.data())
}

/// The layout of frames that are stored in `layout` once they are turned: where chroma is subsampled in one direction
/// only, a quarter turn would swap that direction, which no encoder takes; such frames become 4:4:4.
pub(crate) fn upright_layout(layout: YuvLayout, orientation: Orientation) -> YuvLayout {
    if orientation.transposed && layout.chroma_shift_x != layout.chroma_shift_y {
        YuvLayout { chroma_shift_x: 0, chroma_shift_y: 0, ..layout }
    } else {
        layout
    }
}

/// Turns frames upright.
#[derive(Default)]
pub(crate) struct Uprighter {
    pool: Option<FramePool>,
}

impl Uprighter {
    /// A frame as a player shows it; one that is upright goes through untouched.
    ///
    /// # Errors
    /// Memory is short, or the size changed on the way.
    pub(crate) fn run(&mut self, mut frame: VideoFrame, orientation: Orientation) -> Result<VideoFrame> {
        remove_display_matrix(frame.av_mut());
        if orientation.is_upright() {
            return Ok(frame);
        }
        let layout = frame.plain_layout();
        let (width, height) = orientation.size((frame.width(), frame.height()));
        let pool = match self.pool.take().filter(|pool| (pool.layout(), pool.size()) == (layout, (width, height))) {
            Some(pool) => pool,
            None => FramePool::new(layout, width, height)?,
        };
        let mut out = self.pool.insert(pool).get()?;
        out.copy_props_from(&frame);
        if orientation.transposed {
            out.swap_aspect();
        }
        // Both have one layout.
        match (frame.yuv(), frame.alpha(), out.yuv_mut()) {
            (Yuv::U8(from), None, YuvMut::U8(to, _)) => turn(from, to, orientation),
            (Yuv::U8(from), Some(PlaneSamples::U8(alpha)), YuvMut::U8(to, Some(to_alpha))) => {
                turn(from, to, orientation);
                turn([alpha], [to_alpha], orientation);
            }
            (Yuv::U16(from), None, YuvMut::U16(to, _)) => turn(from, to, orientation),
            (Yuv::U16(from), Some(PlaneSamples::U16(alpha)), YuvMut::U16(to, Some(to_alpha))) => {
                turn(from, to, orientation);
                turn([alpha], [to_alpha], orientation);
            }
            _ => {
                return Err(MediaError::FrameMismatch {
                    got: frame.describe(),
                    expected: "the same layout".to_owned(),
                });
            }
        }
        Ok(out)
    }
}

fn turn<T: Sample, const N: usize>(from: [PlaneRef<'_, T>; N], to: [PlaneMut<'_, T>; N], orientation: Orientation) {
    from.iter().zip(to).for_each(|(from, mut to)| orientation.turn(from, &mut to));
}
