//! One picture in FFmpeg's memory, seen as planes.
#![allow(unsafe_code)]

use crate::error::{MediaError, Result};
use crate::ffi::numbers::{self, Number, PixelFormat};
use crate::ffi::pixel_format::{format_for, format_name, layout_of};
use ffmpeg_next::{self as ffmpeg, ffi, packet::Ref as _};
use vrseg_image::plane::{PlaneMut, PlaneRef, Sample, Yuv, YuvLayout, YuvMut};

/// The samples of one plane, in whichever type the layout has.
#[derive(Clone, Copy, Debug)]
pub enum PlaneSamples<'a> {
    /// Layouts of 8 bits.
    U8(PlaneRef<'a, u8>),
    /// Layouts of 9 to 16 bits, in the low bits of each sample.
    U16(PlaneRef<'a, u16>),
}

/// A planar YUV(A) picture. The memory is reference-counted by FFmpeg: a decoded frame may be
/// shared with the decoder and is then read-only ([`VideoFrame::is_writable`]).
///
/// Moving it costs nothing; it is `Send` and `Sync` as ffmpeg-next's frame is.
pub struct VideoFrame {
    /// Its format is always a planar layout with positive strides; see [`VideoFrame::from_av`].
    inner: ffmpeg::frame::Video,
    layout: YuvLayout,
}

impl std::fmt::Debug for VideoFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VideoFrame({}, pts {:?})", self.describe(), self.pts())
    }
}

impl VideoFrame {
    /// A new picture with unspecified contents. Prefer a [`crate::FramePool`]: touching fresh
    /// memory costs more than most work on it.
    ///
    /// # Errors
    /// When memory is short or FFmpeg has no format of this layout.
    pub fn alloc(layout: YuvLayout, width: usize, height: usize) -> Result<Self> {
        let format = format_for(layout).ok_or_else(|| no_format(layout))?;
        let frame = alloc_raw(format, width, height)?;
        Self::from_av(frame).map_err(|_| no_format(layout))
    }

    /// Takes a frame of FFmpeg's if its planes can be seen as slices: a planar little-endian YUV
    /// format, rows from top to bottom. Otherwise gives it back.
    pub(crate) fn from_av(frame: ffmpeg::frame::Video) -> std::result::Result<Self, ffmpeg::frame::Video> {
        // SAFETY: reads fields of a valid frame.
        let usable = unsafe {
            let f = frame.as_ptr();
            let (width, height, data, strides) = ((*f).width, (*f).height, (*f).data, (*f).linesize);
            layout_of(PixelFormat::new((*f).format)).filter(|layout| {
                let bytes = layout.sample_bytes();
                width > 0
                    && height > 0
                    && !(*f).buf[0].is_null()
                    && (0..layout.planes()).all(|i| {
                        let (w, _) = layout.plane_size(i, width as usize, height as usize);
                        let stride = strides[i];
                        stride > 0
                            && stride as usize >= w * bytes
                            && (stride as usize).is_multiple_of(bytes)
                            && !data[i].is_null()
                            && (data[i] as usize).is_multiple_of(bytes)
                    })
            })
        };
        match usable {
            Some(layout) => Ok(Self { inner: frame, layout }),
            None => Err(frame),
        }
    }

    /// How the samples are stored. (`Option` for callers that also know frames of other kinds;
    /// a `VideoFrame` always has one.)
    pub fn layout(&self) -> Option<YuvLayout> {
        Some(self.layout)
    }

    /// The same, of which this crate knows that it is there.
    pub(crate) fn plain_layout(&self) -> YuvLayout {
        self.layout
    }

    /// Width in luma samples.
    pub fn width(&self) -> usize {
        self.inner.width() as usize
    }

    /// Height in luma samples.
    pub fn height(&self) -> usize {
        self.inner.height() as usize
    }

    /// Size and format for messages, such as `320x160 yuv420p`.
    pub fn describe(&self) -> String {
        format!("{}x{} {}", self.width(), self.height(), format_name(self.format()))
    }

    /// Presentation time in the time base of whoever set it.
    pub fn pts(&self) -> Option<i64> {
        self.inner.pts()
    }

    /// Sets the presentation time, in a time base of the caller's.
    pub fn set_pts(&mut self, pts: Option<i64>) {
        self.inner.set_pts(pts);
    }

    /// Bytes of sample memory that the frame holds.
    pub fn bytes(&self) -> usize {
        // SAFETY: reads fields of a valid frame; unused entries of `buf` are null.
        unsafe {
            let buffers = (*self.inner.as_ptr()).buf;
            buffers.iter().filter(|b| !b.is_null()).map(|&b| (*b).size).sum()
        }
    }

    /// Nobody else (decoder, encoder) holds the memory.
    pub fn is_writable(&self) -> bool {
        // SAFETY: despite its signature the function only reads reference counts.
        unsafe { ffi::av_frame_is_writable(self.inner.as_ptr().cast_mut()) > 0 }
    }

    /// The planes Y, U and V.
    pub fn yuv(&self) -> Yuv<'_> {
        if self.layout.bits > 8 {
            Yuv::U16([self.plane(0), self.plane(1), self.plane(2)])
        } else {
            Yuv::U8([self.plane(0), self.plane(1), self.plane(2)])
        }
    }

    /// The opacity plane, where there is one.
    pub fn alpha(&self) -> Option<PlaneSamples<'_>> {
        self.layout.alpha.then(|| {
            if self.layout.bits > 8 { PlaneSamples::U16(self.plane(3)) } else { PlaneSamples::U8(self.plane(3)) }
        })
    }

    /// All planes, to be written.
    ///
    /// # Panics
    /// When the frame isn't [writable](Self::is_writable), or its planes share memory: both are
    /// programming errors, for frames of a pool are always writable and apart.
    pub fn yuv_mut(&mut self) -> YuvMut<'_> {
        assert!(self.is_writable(), "the frame is shared and must not be written");
        assert!(self.planes_are_apart(), "the frame's planes share memory");
        // SAFETY: the memory is ours alone (checked), each plane is taken once and they don't overlap.
        unsafe {
            if self.layout.bits > 8 {
                let alpha = if self.layout.alpha { Some(self.plane_mut(3)) } else { None };
                YuvMut::U16([self.plane_mut(0), self.plane_mut(1), self.plane_mut(2)], alpha)
            } else {
                let alpha = if self.layout.alpha { Some(self.plane_mut(3)) } else { None };
                YuvMut::U8([self.plane_mut(0), self.plane_mut(1), self.plane_mut(2)], alpha)
            }
        }
    }

    /// Takes over what describes the picture (time, color, aspect, field order, captions, HDR
    /// metadata) but not its samples. The picture type isn't taken: an encoder would copy the
    /// source's I/P/B decisions.
    pub fn copy_props_from(&mut self, source: &VideoFrame) {
        // SAFETY: both are valid frames. Copying can fail only for want of memory and loses a tag then.
        unsafe {
            let f = self.inner.as_mut_ptr();
            // `av_frame_copy_props` adds to what is there: a frame used again would collect it.
            let count = (*f).nb_side_data as usize;
            let kinds: Vec<_> = (0..count).map(|i| numbers::read(&raw const (**(*f).side_data.add(i)).type_)).collect();
            for kind in kinds {
                numbers::av_frame_remove_side_data(f, kind.get());
            }
            ffi::av_dict_free(&raw mut (*f).metadata);
            ffi::av_frame_copy_props(f, source.inner.as_ptr());
        }
        self.inner.set_kind(ffmpeg::picture::Type::None);
    }

    /// Drops what [`copy_props_from`](Self::copy_props_from) took over of the source's shape: pixel
    /// aspect, cropping, rotation, stereo packing and projection. For pictures of another shape;
    /// encoders would write the source's into the bitstream.
    pub(crate) fn forget_shape(&mut self) {
        use ffi::AVFrameSideDataType::{AV_FRAME_DATA_DISPLAYMATRIX, AV_FRAME_DATA_SPHERICAL, AV_FRAME_DATA_STEREO3D};
        // SAFETY: plain fields of a valid frame, and side data that FFmpeg frees.
        unsafe {
            let f = self.inner.as_mut_ptr();
            (*f).sample_aspect_ratio = ffi::AVRational { num: 1, den: 1 };
            ((*f).crop_left, (*f).crop_right, (*f).crop_top, (*f).crop_bottom) = (0, 0, 0, 0);
            for kind in [AV_FRAME_DATA_DISPLAYMATRIX, AV_FRAME_DATA_SPHERICAL, AV_FRAME_DATA_STEREO3D] {
                ffi::av_frame_remove_side_data(f, kind);
            }
        }
    }

    /// Exchanges width and height of the shape of a pixel, for a picture that was turned by a quarter.
    pub(crate) fn swap_aspect(&mut self) {
        // SAFETY: a plain field of a valid frame.
        unsafe {
            let aspect = &mut (*self.inner.as_mut_ptr()).sample_aspect_ratio;
            if aspect.num > 0 && aspect.den > 0 {
                *aspect = ffi::AVRational { num: aspect.den, den: aspect.num };
            }
        }
    }

    /// A second view of the frame's memory, without `x` columns on the left and as many on the right, and
    /// without `y` rows above and below, which must leave something.
    pub(crate) fn center(&self, x: usize, y: usize) -> Result<ffmpeg::frame::Video> {
        assert!(2 * x < self.width() && 2 * y < self.height(), "nothing is left of the frame");
        // SAFETY: a new reference to a valid frame, null checked for; the margins leave at least a row and a
        // column. FFmpeg moves the plane pointers and the size.
        unsafe {
            let clone = ffi::av_frame_clone(self.inner.as_ptr());
            if clone.is_null() {
                return Err(MediaError::NoMemory { what: "a frame".to_owned() });
            }
            let mut view = ffmpeg::frame::Video::wrap(clone);
            let v = view.as_mut_ptr();
            ((*v).crop_left, (*v).crop_right, (*v).crop_top, (*v).crop_bottom) = (x, x, y, y);
            ffi::av_frame_apply_cropping(v, ffi::AV_FRAME_CROP_UNALIGNED as _);
            Ok(view)
        }
    }

    /// The frame for FFmpeg's functions.
    pub(crate) fn av(&self) -> &ffmpeg::frame::Video {
        &self.inner
    }

    /// The frame, freed from the promise to be planar.
    pub(crate) fn into_av(self) -> ffmpeg::frame::Video {
        self.inner
    }

    /// The frame for FFmpeg's functions, which must keep format, size and planes as they are.
    pub(crate) fn av_mut(&mut self) -> &mut ffmpeg::frame::Video {
        &mut self.inner
    }

    pub(crate) fn format(&self) -> PixelFormat {
        format_of(&self.inner)
    }

    /// Base address, stride and size in samples of plane `i`.
    fn geometry<T: Sample>(&self, i: usize) -> (*mut T, usize, usize, usize) {
        let (w, h) = self.layout.plane_size(i, self.width(), self.height());
        // SAFETY: reads fields of a valid frame; `from_av` has checked address and stride.
        unsafe {
            let f = self.inner.as_ptr();
            ((*f).data[i].cast::<T>(), (*f).linesize[i] as usize / size_of::<T>(), w, h)
        }
    }

    fn plane<T: Sample>(&self, i: usize) -> PlaneRef<'_, T> {
        debug_assert_eq!(size_of::<T>(), self.layout.sample_bytes());
        let (data, stride, width, height) = self.geometry::<T>(i);
        // SAFETY: FFmpeg's plane has `height` rows of at least `width` samples, `stride` apart, aligned
        // for T (checked in `from_av`), and lives as long as the frame. Nobody writes a frame that is
        // shared: decoders have finished it, and we write only unshared frames through `&mut`.
        let data = unsafe { std::slice::from_raw_parts(data, (height - 1) * stride + width) };
        PlaneRef { data, stride, width, height }
    }

    /// # Safety
    /// The frame is writable, its planes don't overlap, and plane `i` isn't borrowed otherwise.
    unsafe fn plane_mut<'a, T: Sample>(&self, i: usize) -> PlaneMut<'a, T> {
        debug_assert_eq!(size_of::<T>(), self.layout.sample_bytes());
        let (data, stride, width, height) = self.geometry::<T>(i);
        // SAFETY: as in `plane`, and the caller's for exclusivity.
        let data = unsafe { std::slice::from_raw_parts_mut(data, (height - 1) * stride + width) };
        PlaneMut { data, stride, width, height }
    }

    fn planes_are_apart(&self) -> bool {
        let mut spans: Vec<(usize, usize)> = (0..self.layout.planes())
            .map(|i| {
                let (data, stride, w, h) = self.geometry::<u8>(i);
                (data as usize, data as usize + (h - 1) * stride + w * self.layout.sample_bytes())
            })
            .collect();
        spans.sort_unstable();
        spans.windows(2).all(|pair| pair[0].1 <= pair[1].0)
    }
}

/// The pixel format of any frame of FFmpeg's.
pub(crate) fn format_of(frame: &ffmpeg::frame::Video) -> PixelFormat {
    // SAFETY: reads a field of a valid frame.
    PixelFormat::new(unsafe { (*frame.as_ptr()).format })
}

/// Whether a packet's content is encrypted, with a key that the demuxer doesn't have.
pub(crate) fn is_encrypted(packet: &ffmpeg::Packet) -> bool {
    let kind = ffi::AVPacketSideDataType::AV_PKT_DATA_ENCRYPTION_INFO;
    // SAFETY: looks for side data of a valid packet; the size isn't requested.
    unsafe { !ffi::av_packet_get_side_data(packet.as_ptr(), kind, std::ptr::null_mut()).is_null() }
}

/// Whether the decoder found damage in a frame.
pub(crate) fn is_damaged(frame: &ffmpeg::frame::Video) -> bool {
    // SAFETY: reads a field of a valid frame.
    frame.is_corrupt() || unsafe { (*frame.as_ptr()).decode_error_flags } != 0
}

/// Removes what makes a player turn the picture.
pub(crate) fn remove_display_matrix(frame: &mut ffmpeg::frame::Video) {
    // SAFETY: a valid frame that is ours; FFmpeg frees the side data, which isn't the samples' memory.
    unsafe {
        ffi::av_frame_remove_side_data(frame.as_mut_ptr(), ffi::AVFrameSideDataType::AV_FRAME_DATA_DISPLAYMATRIX)
    };
}

/// Removes the metadata of a high dynamic range, which isn't there any more.
pub(crate) fn remove_hdr_metadata(frame: &mut ffmpeg::frame::Video) {
    use ffi::AVFrameSideDataType::{
        AV_FRAME_DATA_CONTENT_LIGHT_LEVEL, AV_FRAME_DATA_DOVI_METADATA, AV_FRAME_DATA_DYNAMIC_HDR_PLUS,
        AV_FRAME_DATA_MASTERING_DISPLAY_METADATA,
    };
    for kind in [
        AV_FRAME_DATA_MASTERING_DISPLAY_METADATA,
        AV_FRAME_DATA_CONTENT_LIGHT_LEVEL,
        AV_FRAME_DATA_DYNAMIC_HDR_PLUS,
        AV_FRAME_DATA_DOVI_METADATA,
    ] {
        // SAFETY: a valid frame that is ours; FFmpeg frees the side data, which isn't the samples' memory.
        unsafe { ffi::av_frame_remove_side_data(frame.as_mut_ptr(), kind) };
    }
}

/// A frame's tags of matrix and range.
pub(crate) fn color_tags(frame: &ffmpeg::frame::Video) -> (Number<ffi::AVColorSpace>, Number<ffi::AVColorRange>) {
    // SAFETY: reads fields of a valid frame.
    unsafe {
        (
            numbers::read(&raw const (*frame.as_ptr()).colorspace),
            numbers::read(&raw const (*frame.as_ptr()).color_range),
        )
    }
}

/// Adds what describes the picture of `source` (time, color, side data ...), but not its samples.
pub(crate) fn copy_props(source: &ffmpeg::frame::Video, target: &mut ffmpeg::frame::Video) {
    // SAFETY: both are valid frames; only properties are written, which leaves planes and size alone. It can
    // fail only for want of memory and loses a tag then.
    unsafe { ffi::av_frame_copy_props(target.as_mut_ptr(), source.as_ptr()) };
}

/// Turns a deprecated `yuvj*` format into its plain twin: the samples are the same, and so are the planes.
/// Returns whether it was one.
pub(crate) fn make_format_plain(frame: &mut ffmpeg::frame::Video) -> bool {
    let format = format_of(frame);
    let Some(plain) = layout_of(format).and_then(format_for).filter(|plain| *plain != format) else { return false };
    // SAFETY: writes a plain field of a frame that is ours; the twin has the same planes.
    unsafe { (*frame.as_mut_ptr()).format = plain.get() };
    true
}

/// A new picture of any pixel format.
pub(crate) fn alloc_raw(format: PixelFormat, width: usize, height: usize) -> Result<ffmpeg::frame::Video> {
    let no_memory = || MediaError::NoMemory { what: format!("a frame of {width}x{height}") };
    let mut frame = ffmpeg::frame::Video::empty();
    // SAFETY: `empty` allocates the frame's structure; null is checked for (ffmpeg-next doesn't).
    unsafe {
        let f = frame.as_mut_ptr();
        if f.is_null() {
            return Err(no_memory());
        }
        (*f).format = format.get();
        (*f).width = i32::try_from(width).map_err(|_| no_memory())?;
        (*f).height = i32::try_from(height).map_err(|_| no_memory())?;
        if ffi::av_frame_get_buffer(f, 0) < 0 {
            return Err(no_memory());
        }
    }
    Ok(frame)
}

fn no_format(layout: YuvLayout) -> MediaError {
    MediaError::Unsupported { what: format!("FFmpeg has no pixel format for {layout:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YUV420P10: YuvLayout = YuvLayout { bits: 10, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };

    #[test]
    fn odd_sizes_have_rounded_up_chroma() {
        let mut frame = VideoFrame::alloc(YUV420P10, 321, 179).unwrap();
        assert!(frame.is_writable());
        let YuvMut::U16([mut y, mut u, v], None) = frame.yuv_mut() else { panic!("10 bit is u16") };
        assert_eq!((y.width, y.height, u.width, u.height, v.width, v.height), (321, 179, 161, 90, 161, 90));
        y.fill(1023);
        u.fill(7);
        let Yuv::U16([y, u, _]) = frame.yuv() else { panic!("10 bit is u16") };
        assert!(y.row(178).iter().all(|&v| v == 1023) && u.row(89).iter().all(|&v| v == 7));
        assert!(frame.bytes() >= 2 * (321 * 179 + 2 * 161 * 90));
    }

    #[test]
    fn copied_properties_replace_the_old_ones() {
        let layout = YuvLayout { bits: 8, ..YUV420P10 };
        let mut source = VideoFrame::alloc(layout, 16, 16).unwrap();
        source.set_pts(Some(42));
        source.av_mut().set_kind(ffmpeg::picture::Type::B);
        source.av_mut().new_side_data(ffmpeg::frame::side_data::Type::A53CC, 3).unwrap();
        let mut target = VideoFrame::alloc(layout, 16, 16).unwrap();
        for _ in 0..3 {
            target.copy_props_from(&source);
        }
        assert_eq!(target.pts(), Some(42));
        assert_eq!(target.av().kind(), ffmpeg::picture::Type::None);
        // SAFETY: reads a field of a valid frame.
        assert_eq!(unsafe { (*target.av().as_ptr()).nb_side_data }, 1);
    }
}
