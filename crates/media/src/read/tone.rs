//! Frames of high dynamic range delivered in standard range, where that is requested.

use crate::error::Result;
use crate::ffi::convert::dynamic::{DynamicConverter, DynamicRange, Meaning};
use crate::ffi::frame::VideoFrame;
use vrseg_image::plane::{Matrix, YuvColor, YuvLayout};

/// The layout of frames in standard range: 8 bits, chroma as it was.
pub(crate) fn sdr_layout(layout: YuvLayout) -> YuvLayout {
    YuvLayout { bits: 8, ..layout }
}

/// What their samples mean.
pub(crate) fn sdr_color() -> YuvColor {
    YuvColor { matrix: Matrix::Bt709, full_range: false }
}

/// Maps the tones of frames of high dynamic range to standard range.
pub(crate) struct ToneMapper {
    from: DynamicRange,
    converter: Option<DynamicConverter>,
}

impl ToneMapper {
    pub(crate) fn new(from: DynamicRange) -> Self {
        Self { from, converter: None }
    }

    /// A frame whose samples mean `color`, in standard range.
    ///
    /// # Errors
    /// FFmpeg lacks the filters; memory is short.
    pub(crate) fn run(&mut self, frame: &VideoFrame, color: YuvColor) -> Result<VideoFrame> {
        let layout = frame.plain_layout();
        let converter = match self.converter.take().filter(|converter| converter.takes(frame)) {
            Some(converter) => converter,
            None => {
                let from = Meaning { layout, color, dynamic: self.from };
                let to = Meaning { layout: sdr_layout(layout), color: sdr_color(), dynamic: DynamicRange::Standard };
                DynamicConverter::new(from, to, (frame.width(), frame.height()))?
            }
        };
        self.converter.insert(converter).run(frame)
    }
}
