//! What a file is, found out without decoding it.
#![allow(unsafe_code)]

use crate::error::{MediaError, Result};
use crate::ffi::frame::{descriptor, format_name, layout_of_raw, pixel_of};
use crate::ffi::log;
use crate::ffi::parameters::{self as raw, Options};
use crate::formats::sidedata;
use ffmpeg_next::{self as ffmpeg, ffi};
use std::ffi::CStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Mutex, PoisonError};
use vrseg_image::plane::{ChromaSiting, Matrix, YuvColor, YuvLayout};
use vrseg_image::vr::ContainerTags;

/// A source file.
#[derive(Clone, Debug)]
pub struct InputInfo {
    /// Its path, as it was given.
    pub path: PathBuf,
    /// FFmpeg's name(s) of the container, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    pub format: String,
    /// Length in seconds.
    pub duration: Option<f64>,
    /// First time stamp in seconds.
    pub start_time: Option<f64>,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Bits per second of the whole file.
    pub bit_rate: Option<u64>,
    /// The video stream that is worked on.
    pub video: VideoInfo,
    /// Video streams, cover pictures not counted.
    pub video_streams: usize,
    /// Audio streams.
    pub audio_streams: usize,
    /// Subtitle streams.
    pub subtitle_streams: usize,
    /// Attachments (fonts).
    pub attachment_streams: usize,
    /// Data streams (time code, camera telemetry).
    pub data_streams: usize,
    /// Cover pictures.
    pub cover_pictures: usize,
    /// Chapters.
    pub chapters: usize,
}

/// A video stream.
#[derive(Clone, Debug)]
pub struct VideoInfo {
    /// Its number in the file.
    pub index: usize,
    /// FFmpeg's name of its codec.
    pub codec: String,
    /// The codec's profile, where known.
    pub profile: Option<String>,
    /// Width in pixels, before rotation.
    pub width: usize,
    /// Height in pixels, before rotation.
    pub height: usize,
    /// FFmpeg's name of the pixel format in the file.
    pub pixel_format: String,
    /// The layout of the frames that a [`crate::Reader`] delivers.
    pub layout: YuvLayout,
    /// The meaning of their samples; guessed from the size where the file doesn't tell.
    pub color: YuvColor,
    /// Where the chroma samples lie; the usual place where the file doesn't tell.
    pub siting: ChromaSiting,
    /// The file states the matrix.
    pub matrix_known: bool,
    /// A high-dynamic-range transfer (PQ or HLG).
    pub hdr: bool,
    /// Average frames per second; 0 where unknown.
    pub fps: f64,
    /// Frames in the file; an estimate where the container doesn't count them.
    pub frames: Option<u64>,
    /// Length of the stream in seconds.
    pub duration: Option<f64>,
    /// Seconds per tick, as a fraction.
    pub time_base: (i32, i32),
    /// Clockwise degrees (0, 90, 180, 270) by which a player turns the picture.
    pub rotation: i32,
    /// What the container (or the bitstream) states about stereo and the sphere, as FFmpeg reads it.
    pub tags: ContainerTags,
    /// Bits per second.
    pub bit_rate: Option<u64>,
    /// Fields instead of frames.
    pub interlaced: bool,
}

/// Looks at a file. Picks the best video stream; cover pictures don't count.
///
/// # Errors
/// The file is missing, a directory, unreadable, empty, not media, without video, or its codec
/// can't be decoded here.
pub fn probe(path: &Path) -> Result<InputInfo> {
    Ok(open(path)?.into_parts().1)
}

/// A source file that was opened to look at it and that a [`crate::Reader`] can go on with: finding out
/// what is in it takes some decoding, which at 8K is a third of a CPU second.
pub struct OpenInput {
    /// Nobody ever waits for it: the lock lets threads share what holds an open file.
    context: Mutex<ffmpeg::format::context::Input>,
    info: InputInfo,
}

impl OpenInput {
    /// What it is.
    pub fn info(&self) -> &InputInfo {
        &self.info
    }

    pub(crate) fn into_parts(self) -> (ffmpeg::format::context::Input, InputInfo) {
        (self.context.into_inner().unwrap_or_else(PoisonError::into_inner), self.info)
    }
}

impl std::fmt::Debug for OpenInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenInput").field("path", &self.info.path).finish_non_exhaustive()
    }
}

/// Looks at a file as [`probe`] does, and keeps it open.
///
/// # Errors
/// As [`probe`].
pub fn open(path: &Path) -> Result<OpenInput> {
    let context = open_context(path)?;
    let info = describe(path, &context)?;
    Ok(OpenInput { context: Mutex::new(context), info })
}

/// Pixels of the largest frame that is decoded: 16384 x 8192, more than any headset shows. What a header or
/// a stream says beyond that would only fill the memory.
pub(crate) const MAX_PIXELS: usize = 1 << 27;

/// Demuxers that take text or small binary files by their extension and make "video" of them.
const TEXT_ART: &[&str] = &["tty", "bin", "xbin", "adf", "idf"];

/// How files begin that name other files for FFmpeg to open: HLS, concat scripts, SDP. (DASH and IMF are
/// XML, which is looked for further in.)
const PLAYLISTS: &[&[u8]] = &[b"#EXTM3U", b"ffconcat", b"v=0", b"[playlist]", b"<?xml", b"<MPD", b"<SMIL"];

/// Refuses what would make FFmpeg read other files than the one that was named: a video from a stranger
/// must not bring others of the user's files into the output.
fn refuse_playlist(path: &Path) -> Result<()> {
    let fail = |source| MediaError::Unreadable { path: path.to_path_buf(), source };
    let mut head = Vec::new();
    std::fs::File::open(path).and_then(|f| f.take(64).read_to_end(&mut head)).map_err(fail)?;
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head).trim_ascii_start();
    if PLAYLISTS.iter().any(|p| text.len() >= p.len() && text[..p.len()].eq_ignore_ascii_case(p)) {
        let reason = "it is a list of other files; name the video itself".to_owned();
        return Err(MediaError::NotMedia { path: path.to_path_buf(), reason, log: Vec::new() });
    }
    Ok(())
}

/// Opens a file and reads enough of it to know its streams.
pub(crate) fn open_context(path: &Path) -> Result<ffmpeg::format::context::Input> {
    let mut input = open_header(path)?;
    read_ahead(path, &mut input)?;
    Ok(input)
}

/// Opens a file and reads what its header says.
pub(crate) fn open_header(path: &Path) -> Result<ffmpeg::format::context::Input> {
    log::init();
    check_file(path)?;
    refuse_playlist(path)?;
    let url = raw::file_url(path)?;
    // A picture named `shot%03d.png` is one picture here, not a sequence.
    // And whatever a file says, nothing but files of this machine is opened because of it.
    let mut options = Options::new([("pattern_type", "none"), ("protocol_whitelist", "file")])?;
    let mut ic: *mut ffi::AVFormatContext = ptr::null_mut();
    // SAFETY: `ic` is null, so FFmpeg allocates it, and frees it again where it fails.
    let (code, lines) = log::capture(|| unsafe {
        ffi::avformat_open_input(&raw mut ic, url.as_ptr(), ptr::null(), options.as_mut_ptr())
    });
    if code < 0 {
        if let ffmpeg::Error::Other { errno } = ffmpeg::Error::from(code)
            && errno != libc::EINVAL
        {
            return Err(MediaError::Unreadable {
                path: path.to_path_buf(),
                source: std::io::Error::from_raw_os_error(errno),
            });
        }
        return Err(not_media(path, code, lines));
    }
    // SAFETY: an open input, from here on owned by the wrapper.
    let input = unsafe { ffmpeg::format::context::Input::wrap(ic) };
    if TEXT_ART.contains(&format_of(&input).as_str()) {
        return Err(MediaError::NotMedia {
            path: path.to_path_buf(),
            reason: "it looks like text".to_owned(),
            log: Vec::new(),
        });
    }
    Ok(input)
}

/// Reads and decodes as much as is needed to know what the header doesn't tell of the streams.
pub(crate) fn read_ahead(path: &Path, input: &mut ffmpeg::format::context::Input) -> Result<()> {
    // SAFETY: an open input.
    let (code, lines) = log::capture(|| unsafe { ffi::avformat_find_stream_info(input.as_mut_ptr(), ptr::null_mut()) });
    if code < 0 { Err(not_media(path, code, lines)) } else { Ok(()) }
}

fn not_media(path: &Path, code: i32, log: Vec<String>) -> MediaError {
    MediaError::NotMedia { path: path.to_path_buf(), reason: ffmpeg::Error::from(code).to_string(), log }
}

/// The errors that the file system can tell better than FFmpeg.
fn check_file(path: &Path) -> Result<()> {
    let unreadable = |source| MediaError::Unreadable { path: path.to_path_buf(), source };
    let meta = std::fs::metadata(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => MediaError::NotFound { path: path.to_path_buf() },
        _ => unreadable(e),
    })?;
    if meta.is_dir() {
        return Err(MediaError::IsDirectory { path: path.to_path_buf() });
    }
    if !meta.is_file() {
        // It is read more than once and in any order; opening a pipe twice would wait for ever.
        return Err(MediaError::NotMedia {
            path: path.to_path_buf(),
            reason: "it is a pipe or a device; save it to a file first".to_owned(),
            log: Vec::new(),
        });
    }
    std::fs::File::open(path).map_err(unreadable)?;
    if meta.len() == 0 {
        return Err(MediaError::Empty { path: path.to_path_buf() });
    }
    Ok(())
}

fn format_of(input: &ffmpeg::format::context::Input) -> String {
    // SAFETY: an open input's format has a static name.
    unsafe { CStr::from_ptr((*(*input.as_ptr()).iformat).name) }.to_string_lossy().into_owned()
}

/// The stream that is worked on: like ffmpeg, the one with most pixels, the default one before
/// others of about its size.
fn pick_video(input: &ffmpeg::format::context::Input) -> Option<usize> {
    let score = |s: &ffmpeg::Stream<'_>| {
        // SAFETY: reads fields of a stream of an open input.
        unsafe {
            let p = &*(*s.as_ptr()).codecpar;
            let bonus = if (*s.as_ptr()).disposition & ffi::AV_DISPOSITION_DEFAULT != 0 { 5_000_000 } else { 0 };
            i64::from(p.width) * i64::from(p.height) + bonus
        }
    };
    input
        .streams()
        .filter(|s| is_video(s) && !is_cover(s))
        .filter(|s| {
            // SAFETY: as above.
            unsafe { (*(*s.as_ptr()).codecpar).width > 0 && (*(*s.as_ptr()).codecpar).height > 0 }
        })
        .max_by_key(|s| (score(s), std::cmp::Reverse(s.index())))
        .map(|s| s.index())
}

fn kind(stream: &ffmpeg::Stream<'_>) -> ffmpeg::media::Type {
    stream.parameters().medium()
}

fn is_video(stream: &ffmpeg::Stream<'_>) -> bool {
    kind(stream) == ffmpeg::media::Type::Video
}

/// A cover picture or a strip of thumbnails.
pub(crate) fn is_cover(stream: &ffmpeg::Stream<'_>) -> bool {
    // SAFETY: reads a field of a stream of an open input.
    let disposition = unsafe { (*stream.as_ptr()).disposition };
    disposition & (ffi::AV_DISPOSITION_ATTACHED_PIC | ffi::AV_DISPOSITION_TIMED_THUMBNAILS) != 0
}

/// All that the headers tell.
fn describe(path: &Path, input: &ffmpeg::format::context::Input) -> Result<InputInfo> {
    use ffmpeg::media::Type;
    let count = |wanted: Type| input.streams().filter(|s| kind(s) == wanted && !is_cover(s)).count();
    let covers = input.streams().filter(|s| is_video(s) && is_cover(s)).count();
    let Some(index) = pick_video(input) else {
        let mut found = Vec::new();
        for (n, what) in [
            (count(Type::Audio), "audio"),
            (count(Type::Subtitle), "subtitle"),
            (count(Type::Video), "unreadable video"),
            (covers, "cover picture"),
        ] {
            if n > 0 {
                found.push(format!("{n} {what} stream{}", if n == 1 { "" } else { "s" }));
            }
        }
        let found = if found.is_empty() { "no known stream at all".to_owned() } else { found.join(", ") };
        return Err(MediaError::NoVideo { path: path.to_path_buf(), found });
    };
    // SAFETY: reads fields of an open input.
    let (duration, start, bit_rate, chapters) = unsafe {
        let ic = &*input.as_ptr();
        (ic.duration, ic.start_time, ic.bit_rate, ic.nb_chapters as usize)
    };
    let micros = |t: i64| (t != ffi::AV_NOPTS_VALUE).then_some(t as f64 / 1e6);
    let duration = micros(duration).filter(|d| *d > 0.0);
    let Some(stream) = input.stream(index) else {
        return Err(MediaError::NoVideo { path: path.to_path_buf(), found: "no stream".to_owned() });
    };
    Ok(InputInfo {
        path: path.to_path_buf(),
        format: format_of(input),
        duration,
        start_time: micros(start),
        size_bytes: std::fs::metadata(path).map_or(0, |m| m.len()),
        bit_rate: u64::try_from(bit_rate).ok().filter(|b| *b > 0),
        video: video_info(path, &stream, duration)?,
        video_streams: count(Type::Video),
        audio_streams: count(Type::Audio),
        subtitle_streams: count(Type::Subtitle),
        attachment_streams: count(Type::Attachment),
        data_streams: count(Type::Data),
        cover_pictures: covers,
        chapters,
    })
}

fn video_info(path: &Path, stream: &ffmpeg::Stream<'_>, file_duration: Option<f64>) -> Result<VideoInfo> {
    // SAFETY: reads fields of a stream of an open input.
    let (s, p) = unsafe { (&*stream.as_ptr(), &*(*stream.as_ptr()).codecpar) };
    let codec = raw::codec_name(p.codec_id);
    // SAFETY: only looks a codec up.
    if unsafe { ffi::avcodec_find_decoder(p.codec_id) }.is_null() {
        return Err(MediaError::NoDecoder { path: path.to_path_buf(), codec });
    }
    let (width, height) = (p.width as usize, p.height as usize);
    if width.saturating_mul(height) > MAX_PIXELS {
        return Err(MediaError::Unsupported {
            what: format!(
                "{}: its header says {width}x{height}; more than {MAX_PIXELS} pixels a frame are not decoded",
                path.display()
            ),
        });
    }
    let Some(layout) = working_layout(p.format) else {
        return Err(MediaError::Decode {
            path: path.to_path_buf(),
            reason: format!("its pixel format is {}", format_name(p.format)),
            log: Vec::new(),
        });
    };
    let rate = |r: ffi::AVRational| (r.num > 0 && r.den > 0).then(|| f64::from(r.num) / f64::from(r.den));
    let fps = rate(s.avg_frame_rate).or_else(|| rate(s.r_frame_rate)).unwrap_or(0.0);
    let duration = (s.duration != ffi::AV_NOPTS_VALUE && s.duration > 0)
        .then(|| raw::seconds(s.duration, s.time_base))
        .or(file_duration);
    let estimate = duration.map(|d| (d * fps).round() as u64).filter(|n| *n > 0);
    let side_data = sidedata::read(stream);
    // SAFETY: returns null or a static string.
    let profile = unsafe { ffi::avcodec_profile_name(p.codec_id, p.profile) };
    // SAFETY: as above.
    let profile = (!profile.is_null()).then(|| unsafe { CStr::from_ptr(profile) }.to_string_lossy().into_owned());
    Ok(VideoInfo {
        index: stream.index(),
        codec,
        profile,
        width,
        height,
        pixel_format: format_name(p.format),
        layout,
        color: color_of(p.format, p.color_space, p.color_range, width, height),
        siting: siting_of(p.chroma_location),
        matrix_known: matrix_of(p.color_space).is_some(),
        hdr: is_hdr(p.color_trc),
        fps,
        frames: counted(s.nb_frames, estimate),
        duration,
        time_base: (s.time_base.num, s.time_base.den),
        rotation: sidedata::rotation(&side_data),
        tags: sidedata::tags(&side_data),
        bit_rate: u64::try_from(p.bit_rate).ok().filter(|b| *b > 0),
        interlaced: !matches!(
            p.field_order,
            ffi::AVFieldOrder::AV_FIELD_UNKNOWN | ffi::AVFieldOrder::AV_FIELD_PROGRESSIVE
        ),
    })
}

/// Where chroma samples lie. Sitings that hardly occur count as the nearest that vrseg knows.
fn siting_of(location: ffi::AVChromaLocation) -> ChromaSiting {
    use ffi::AVChromaLocation::{AVCHROMA_LOC_CENTER, AVCHROMA_LOC_TOP, AVCHROMA_LOC_TOPLEFT};
    match location {
        AVCHROMA_LOC_CENTER | AVCHROMA_LOC_TOP => ChromaSiting::Center,
        AVCHROMA_LOC_TOPLEFT => ChromaSiting::TopLeft,
        _ => ChromaSiting::Left,
    }
}

/// Frames that will come out: the container's count, unless an edit list hides a good part of them.
fn counted(nb_frames: i64, estimate: Option<u64>) -> Option<u64> {
    let counted = u64::try_from(nb_frames).ok().filter(|n| *n > 0);
    match (counted, estimate) {
        (Some(n), Some(e)) if e.saturating_mul(10) < n.saturating_mul(9) => Some(e),
        _ => counted.or(estimate),
    }
}

/// The planar layout in which frames of a pixel format are delivered: its own, or the nearest
/// that loses nothing (RGB becomes 4:4:4, gray 4:2:0).
pub(crate) fn working_layout(format: i32) -> Option<YuvLayout> {
    layout_of_raw(format).or_else(|| nearest_layout(format))
}

/// The layout nearest to `layout` that loses nothing of it and of which FFmpeg has a format with an
/// alpha channel: there is none of 14 bits, of 12 bits in 4:2:0, of 4:1:1 ...
pub fn layout_with_alpha(layout: YuvLayout) -> Option<YuvLayout> {
    let YuvLayout { bits, chroma_shift_x: x, chroma_shift_y: y, .. } = layout;
    // 4:1:1 is kept in 4:2:2, all else that is rare in 4:4:4.
    let finer = if (x, y) == (2, 0) { (1, 0) } else { (0, 0) };
    let sampled = |(x, y), bits| YuvLayout { bits, chroma_shift_x: x, chroma_shift_y: y, ..layout };
    [sampled((x, y), bits), sampled((x, y), 16), sampled(finer, bits), sampled(finer, 16)]
        .into_iter()
        .find(|l| pixel_of(*l).is_some() && pixel_of(YuvLayout { alpha: true, ..*l }).is_some())
}

/// The planar layout for a pixel format that isn't planar YUV.
fn nearest_layout(format: i32) -> Option<YuvLayout> {
    let d = descriptor(format)?;
    let flag = |f: i32| d.flags & f as u64 != 0;
    if flag(ffi::AV_PIX_FMT_FLAG_HWACCEL) {
        return None;
    }
    let rgb = flag(ffi::AV_PIX_FMT_FLAG_RGB) || flag(ffi::AV_PIX_FMT_FLAG_PAL) || flag(ffi::AV_PIX_FMT_FLAG_BAYER);
    let gray = d.nb_components <= 2 && !rgb;
    let bits = d.comp[0].depth.clamp(8, 16) as u32;
    // A palette always has alpha for FFmpeg; hardly ever is it used.
    let alpha = flag(ffi::AV_PIX_FMT_FLAG_ALPHA) && !flag(ffi::AV_PIX_FMT_FLAG_PAL);
    let (x, y) = match (rgb, gray) {
        (true, _) => (0, 0),
        (_, true) => (1, 1),
        _ => (u32::from(d.log2_chroma_w), u32::from(d.log2_chroma_h)),
    };
    let wanted = YuvLayout { bits, chroma_shift_x: x, chroma_shift_y: y, alpha };
    let deep = YuvLayout { bits: 16, ..wanted };
    let full = YuvLayout { bits: if bits == 8 { 8 } else { 16 }, chroma_shift_x: 0, chroma_shift_y: 0, alpha };
    [wanted, deep, full].into_iter().find(|l| pixel_of(*l).is_some())
}

fn matrix_of(space: ffi::AVColorSpace) -> Option<Matrix> {
    use ffi::AVColorSpace::*;
    match space {
        AVCOL_SPC_BT709 => Some(Matrix::Bt709),
        AVCOL_SPC_FCC | AVCOL_SPC_BT470BG | AVCOL_SPC_SMPTE170M => Some(Matrix::Bt601),
        AVCOL_SPC_BT2020_NCL | AVCOL_SPC_BT2020_CL => Some(Matrix::Bt2020),
        _ => None,
    }
}

/// What the samples of the delivered frames mean. Where the file states no matrix, HD sizes are
/// BT.709 and others BT.601, as players have it.
pub(crate) fn color_of(
    format: i32,
    space: ffi::AVColorSpace,
    range: ffi::AVColorRange,
    width: usize,
    height: usize,
) -> YuvColor {
    let guess = if width >= 1280 || height > 576 { Matrix::Bt709 } else { Matrix::Bt601 };
    let name = format_name(format);
    let full_range = match range {
        ffi::AVColorRange::AVCOL_RANGE_JPEG => true,
        ffi::AVColorRange::AVCOL_RANGE_MPEG => false,
        // Gray pictures without a tag come from picture formats.
        _ => name.starts_with("yuvj") || name.starts_with("gray") || name.starts_with("ya"),
    };
    // RGB is converted by us, to limited range.
    let rgb = descriptor(format).is_some_and(|d| {
        d.flags & (ffi::AV_PIX_FMT_FLAG_RGB | ffi::AV_PIX_FMT_FLAG_PAL | ffi::AV_PIX_FMT_FLAG_BAYER) as u64 != 0
    });
    YuvColor { matrix: matrix_of(space).unwrap_or(guess), full_range: full_range && !rgb }
}

pub(crate) fn is_hdr(transfer: ffi::AVColorTransferCharacteristic) -> bool {
    use ffi::AVColorTransferCharacteristic::*;
    matches!(transfer, AVCOL_TRC_SMPTE2084 | AVCOL_TRC_ARIB_STD_B67)
}
