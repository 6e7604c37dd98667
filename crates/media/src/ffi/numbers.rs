//! FFmpeg's enumerations as the numbers that they are in C.
//!
//! The bindings make Rust enums of them, with the values of the headers that they were made from. The library
//! that is loaded may be newer and know more, and a Rust enum that holds a value which it doesn't have is
//! undefined behavior, as is a reference to a structure with such a field. So this crate reads no enum that
//! FFmpeg has filled: [`read`] takes its number through a raw pointer, [`write`] puts one back, and FFmpeg's
//! functions that accept or return an enum of an open set are declared here once more, with integers.
#![allow(unsafe_code)]

use ffmpeg_next::ffi;
use std::ffi::{c_char, c_int};
use std::marker::PhantomData;

/// An enum of the bindings whose values are a C `int`'s.
pub(crate) trait CEnum: Copy {
    fn number(self) -> i32;
}

macro_rules! c_enums {
    ($($name:ident),+ $(,)?) => {
        $(
            impl CEnum for ffi::$name {
                fn number(self) -> i32 {
                    self as i32
                }
            }
            // `read` and `write` rely on it.
            const _: () = assert!(size_of::<ffi::$name>() == size_of::<i32>());
        )+
    };
}

c_enums!(
    AVChannelOrder,
    AVChromaLocation,
    AVCodecID,
    AVColorPrimaries,
    AVColorRange,
    AVColorSpace,
    AVColorTransferCharacteristic,
    AVFieldOrder,
    AVFrameSideDataType,
    AVMediaType,
    AVPacketSideDataType,
    AVPixelFormat,
);

/// A value of the C enumeration `E`, which may be one that the bindings have no name for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number<E> {
    value: i32,
    of: PhantomData<E>,
}

pub(crate) type CodecId = Number<ffi::AVCodecID>;
/// Video, audio, subtitle ...
pub(crate) type MediaKind = Number<ffi::AVMediaType>;
/// A pixel format; negative for none.
pub(crate) type PixelFormat = Number<ffi::AVPixelFormat>;
/// What a piece of side data of a packet or a stream is.
pub(crate) type SideDataKind = Number<ffi::AVPacketSideDataType>;

impl<E: CEnum> Number<E> {
    pub(crate) fn new(value: i32) -> Self {
        Self { value, of: PhantomData }
    }

    pub(crate) fn get(self) -> i32 {
        self.value
    }

    pub(crate) fn is_any(self, of: &[E]) -> bool {
        of.iter().any(|known| self == *known)
    }
}

impl<E: CEnum> From<E> for Number<E> {
    fn from(known: E) -> Self {
        Self::new(known.number())
    }
}

impl<E: CEnum> PartialEq<E> for Number<E> {
    fn eq(&self, known: &E) -> bool {
        self.value == known.number()
    }
}

/// Reads a field of a structure that FFmpeg has filled.
///
/// # Safety
/// `field` points to initialized memory of that size.
pub(crate) unsafe fn read<E: CEnum>(field: *const E) -> Number<E> {
    // SAFETY: the caller's; an enum of the trait is as large and aligned as an i32, which may have any value.
    Number::new(unsafe { field.cast::<i32>().read() })
}

/// Writes a field of a structure of FFmpeg's.
///
/// # Safety
/// `field` may be written; nobody reads it as a Rust enum afterwards.
pub(crate) unsafe fn write<E: CEnum>(field: *mut E, number: Number<E>) {
    // SAFETY: the caller's, and as in `read`.
    unsafe { field.cast::<i32>().write(number.value) };
}

// As the bindings have them, but with `c_int` for every enum. The functions that are safe accept every number.
unsafe extern "C" {
    pub(crate) safe fn av_pix_fmt_desc_get(format: c_int) -> *const ffi::AVPixFmtDescriptor;
    pub(crate) safe fn av_get_media_type_string(kind: c_int) -> *const c_char;
    pub(crate) safe fn avcodec_find_decoder(id: c_int) -> *const ffi::AVCodec;
    pub(crate) safe fn avcodec_descriptor_get(id: c_int) -> *const ffi::AVCodecDescriptor;
    pub(crate) safe fn avcodec_get_name(id: c_int) -> *const c_char;
    pub(crate) safe fn avcodec_profile_name(id: c_int, profile: c_int) -> *const c_char;
    pub(crate) safe fn av_get_sample_fmt_name(format: c_int) -> *const c_char;
    pub(crate) safe fn av_frame_side_data_name(kind: c_int) -> *const c_char;
    /// `name` is a NUL-terminated string.
    pub(crate) fn av_get_pix_fmt(name: *const c_char) -> c_int;
    /// `format` is a muxer's description.
    pub(crate) fn avformat_query_codec(format: *const ffi::AVOutputFormat, id: c_int, compliance: c_int) -> c_int;
    /// `frame` is a valid frame.
    pub(crate) fn av_frame_remove_side_data(frame: *mut ffi::AVFrame, kind: c_int);
    /// `packet` is a valid packet; null where memory is short.
    pub(crate) fn av_packet_new_side_data(packet: *mut ffi::AVPacket, kind: c_int, size: usize) -> *mut u8;
    /// `stream` is a valid stream; null where memory is short.
    #[cfg(not(ffmpeg_8))]
    pub(crate) fn av_stream_new_side_data(stream: *mut ffi::AVStream, kind: c_int, size: usize) -> *mut u8;
    /// `list` and `count` are a list of FFmpeg's; null where memory is short.
    #[cfg(ffmpeg_8)]
    pub(crate) fn av_packet_side_data_new(
        list: *mut *mut ffi::AVPacketSideData,
        count: *mut c_int,
        kind: c_int,
        size: usize,
        flags: c_int,
    ) -> *mut ffi::AVPacketSideData;
    /// The filters and the parameters may be null, and so may the result be.
    pub(crate) fn sws_getContext(
        source_width: c_int,
        source_height: c_int,
        source_format: c_int,
        target_width: c_int,
        target_height: c_int,
        target_format: c_int,
        flags: c_int,
        source_filter: *mut ffi::SwsFilter,
        target_filter: *mut ffi::SwsFilter,
        parameters: *const f64,
    ) -> *mut ffi::SwsContext;
}

#[cfg(test)]
mod tests {
    use super::*;
    use ffi::AVColorSpace::{AVCOL_SPC_BT709, AVCOL_SPC_RGB};

    #[test]
    fn numbers_without_a_name_are_read_and_written() {
        let mut memory = 4711i32;
        let field = (&raw mut memory).cast::<ffi::AVColorSpace>();
        // SAFETY: the field is the integer above.
        let number = unsafe { read(field) };
        assert_eq!(number, Number::new(4711));
        assert!(!number.is_any(&[AVCOL_SPC_BT709, AVCOL_SPC_RGB]));
        // SAFETY: as above.
        unsafe { write(field, AVCOL_SPC_BT709.into()) };
        assert_eq!(memory, AVCOL_SPC_BT709 as i32);
        assert_eq!(Number::new(memory), AVCOL_SPC_BT709);
    }
}
