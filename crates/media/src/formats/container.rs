//! Containers: which one a file name asks for, and what it can hold.
#![allow(unsafe_code)]

use crate::error::{MediaError, Result};
use crate::ffi::codec::{codec_name, find_encoder, id_of};
use crate::ffi::numbers::{self, CodecId};
use ffmpeg_next::ffi;
use std::ffi::{CStr, CString};
use std::path::Path;
use std::ptr;

/// A kind of output file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    Mp4,
    Mov,
    Matroska,
    WebM,
    /// Files of one picture each, by FFmpeg's name of the encoder.
    Pictures(&'static str),
    /// Any other of FFmpeg's muxers that writes video, by name.
    Other(String),
}

/// What MPEG-TS has stream types for. FFmpeg writes all else, too, as private data that no player
/// understands.
const TRANSPORT_STREAM: &[ffi::AVCodecID] = &[
    ffi::AVCodecID::AV_CODEC_ID_H264,
    ffi::AVCodecID::AV_CODEC_ID_HEVC,
    ffi::AVCodecID::AV_CODEC_ID_MPEG2VIDEO,
    ffi::AVCodecID::AV_CODEC_ID_MPEG4,
    ffi::AVCodecID::AV_CODEC_ID_MP2,
    ffi::AVCodecID::AV_CODEC_ID_MP3,
    ffi::AVCodecID::AV_CODEC_ID_AAC,
    ffi::AVCodecID::AV_CODEC_ID_AAC_LATM,
    ffi::AVCodecID::AV_CODEC_ID_AC3,
    ffi::AVCodecID::AV_CODEC_ID_EAC3,
    ffi::AVCodecID::AV_CODEC_ID_DTS,
    ffi::AVCodecID::AV_CODEC_ID_TRUEHD,
    ffi::AVCodecID::AV_CODEC_ID_OPUS,
    ffi::AVCodecID::AV_CODEC_ID_DVB_SUBTITLE,
    ffi::AVCodecID::AV_CODEC_ID_DVB_TELETEXT,
    ffi::AVCodecID::AV_CODEC_ID_HDMV_PGS_SUBTITLE,
];

impl Container {
    /// By the extension of the final name.
    ///
    /// # Errors
    /// When no muxer of FFmpeg claims it, or one that writes no single video file.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let unknown = || MediaError::UnknownContainer { path: path.to_path_buf() };
        let extension = path.extension().and_then(|e| e.to_str()).ok_or_else(unknown)?.to_ascii_lowercase();
        match extension.as_str() {
            "mp4" | "m4v" => return Ok(Container::Mp4),
            "mov" | "qt" => return Ok(Container::Mov),
            "mkv" => return Ok(Container::Matroska),
            "webm" => return Ok(Container::WebM),
            "png" => return Ok(Container::Pictures("png")),
            "jpg" | "jpeg" => return Ok(Container::Pictures("mjpeg")),
            "webp" => return Ok(Container::Pictures("libwebp")),
            "tif" | "tiff" => return Ok(Container::Pictures("tiff")),
            "bmp" => return Ok(Container::Pictures("bmp")),
            _ => {}
        }
        let name = CString::new(format!("x.{extension}")).map_err(|_| unknown())?;
        // SAFETY: returns null or a static description, with a static string for a name.
        let (flags, codec, name) = unsafe {
            let format = ffi::av_guess_format(ptr::null(), name.as_ptr(), ptr::null());
            if format.is_null() {
                return Err(unknown());
            }
            ((*format).flags, numbers::read(&raw const (*format).video_codec), CStr::from_ptr((*format).name))
        };
        if flags & ffi::AVFMT_NOFILE != 0 || codec == ffi::AVCodecID::AV_CODEC_ID_NONE {
            return Err(unknown());
        }
        let name = name.to_string_lossy().into_owned();
        // Raw streams and single pictures have no clock or hold one frame.
        const FILES: &[&str] =
            &["avi", "mpegts", "nut", "flv", "mpeg", "3gp", "3g2", "ogg", "mxf", "asf", "f4v", "ipod"];
        if FILES.contains(&name.as_str()) { Ok(Container::Other(name)) } else { Err(unknown()) }
    }

    /// FFmpeg's name of its muxer.
    pub(crate) fn name(&self) -> &str {
        match self {
            Container::Mp4 => "mp4",
            Container::Mov => "mov",
            Container::Matroska => "matroska",
            Container::WebM => "webm",
            Container::Pictures(encoder) => encoder,
            Container::Other(name) => name,
        }
    }

    /// FFmpeg's muxer; null where it has none.
    pub(crate) fn muxer(&self) -> *const ffi::AVOutputFormat {
        let Ok(name) = CString::new(self.name()) else { return ptr::null() };
        // SAFETY: returns null or a static description.
        unsafe { ffi::av_guess_format(name.as_ptr(), ptr::null(), ptr::null()) }
    }

    /// Whether the muxer has a flag (`AVFMT_...`).
    pub(crate) fn has_flag(&self, flag: i32) -> bool {
        let muxer = self.muxer();
        // SAFETY: null or a static description.
        !muxer.is_null() && unsafe { (*muxer).flags } & flag != 0
    }

    /// Whether codecs' headers stand in its own.
    pub(crate) fn wants_global_header(&self) -> bool {
        self.has_flag(ffi::AVFMT_GLOBALHEADER)
    }

    /// Whether it can hold a codec; where FFmpeg doesn't know, it may try.
    pub(crate) fn supports(&self, codec: CodecId) -> bool {
        if let Container::Pictures(encoder) = self {
            return find_encoder(encoder).is_some_and(|encoder| id_of(&encoder) == codec);
        }
        if *self == Container::Other("mpegts".to_owned()) {
            return codec.is_any(TRANSPORT_STREAM);
        }
        self.query(codec).is_some_and(|answer| answer != 0)
    }

    /// Whether it can hold a codec that few players read in it: PCM in mp4, which newer versions of FFmpeg write
    /// (7.1 does, 5.1 does not).
    pub(crate) fn few_players_read(&self, codec: CodecId) -> bool {
        *self == Container::Mp4 && codec_name(codec).starts_with("pcm_") && self.supports(codec)
    }

    /// Whether FFmpeg is sure that it can hold a codec.
    pub(crate) fn surely_supports(&self, codec: CodecId) -> bool {
        self.query(codec) == Some(1)
    }

    /// FFmpeg's answer: 1 for yes, 0 for no, anything else where it doesn't know.
    fn query(&self, codec: CodecId) -> Option<i32> {
        let muxer = self.muxer();
        // SAFETY: a static description.
        (!muxer.is_null())
            .then(|| unsafe { numbers::avformat_query_codec(muxer, codec.get(), ffi::FF_COMPLIANCE_NORMAL) })
    }

    /// Whether it has no time stamps: a tick of the video is a frame.
    pub(crate) fn counts_frames(&self) -> bool {
        matches!(self.name(), "avi" | "mxf")
    }

    /// Files of Apple's family, which keep boxes, tags and time scales.
    pub(crate) fn is_mov(&self) -> bool {
        matches!(self, Container::Mp4 | Container::Mov)
    }
}
