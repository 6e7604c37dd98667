//! Opening a file and its video decoder, and refusing what isn't one video file.
#![allow(unsafe_code)]

use crate::error::{MediaError, Result};
use crate::ffi::dictionary::Dictionary;
use crate::ffi::hardware::CudaDevice;
use crate::ffi::input::{Input, file_url, format_of};
use crate::ffi::layers;
use crate::ffi::log;
use crate::ffi::parameters::{self, Parameters};
use crate::ffi::views::LayerViews;
use crate::formats::sequence::Sequence;
use crate::read::options::InputChoice;
use ffmpeg_next::{self as ffmpeg, ffi};
use std::ffi::CStr;
use std::io::Read;
use std::path::Path;
use std::ptr;

/// Pixels of the largest frame that is decoded: 16384 x 8192, more than any headset shows. What a header or
/// a stream says beyond that would only fill the memory.
pub(crate) const MAX_PIXELS: usize = 1 << 27;

/// Demuxers that take text or small binary files by their extension and make "video" of them.
const TEXT_ART: &[&str] = &["tty", "bin", "xbin", "adf", "idf"];

/// How files begin that name other files for FFmpeg to open, and so are refused: HLS, concat scripts, SDP.
/// (FFmpeg looks for DASH and IMF, which are XML, further in.)
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
pub(crate) fn open_context(path: &Path, choice: &InputChoice) -> Result<Input> {
    let mut input = open_header(path, choice)?;
    read_ahead(path, &mut input)?;
    Ok(input)
}

/// Opens a file and reads what its header says.
pub(crate) fn open_header(path: &Path, choice: &InputChoice) -> Result<Input> {
    log::init();
    if let Some(sequence) = Sequence::unless_file(path) {
        return open_sequence(path, &sequence, choice);
    }
    check_file(path)?;
    refuse_playlist(path)?;
    let options = [("pattern_type", "none"), ("protocol_whitelist", "file")];
    // A picture named `shot%03d.png` is one picture, not a sequence.
    // And whatever a file says, nothing but files of this machine is opened because of it.
    open_url(path, None, &options)
}

/// Opens the pictures of a numbered sequence, from the least number on.
fn open_sequence(path: &Path, sequence: &Sequence, choice: &InputChoice) -> Result<Input> {
    let first = sequence.first().ok_or_else(|| MediaError::NotFound { path: path.to_path_buf() })?;
    check_file(&sequence.file(first))?;
    let (number, rate) = (first.to_string(), choice.rate.unwrap_or(25.0).to_string());
    let options = [
        ("pattern_type", "sequence"),
        ("start_number", number.as_str()),
        ("framerate", rate.as_str()),
        ("protocol_whitelist", "file"),
    ];
    open_url(path, Some(c"image2"), &options)
}

fn open_url(path: &Path, demuxer: Option<&CStr>, options: &[(&str, &str)]) -> Result<Input> {
    let url = file_url(path)?;
    let mut options = Dictionary::new(options.iter().copied())?;
    // SAFETY: null or a static description.
    let demuxer = demuxer.map_or(ptr::null(), |name| unsafe { ffi::av_find_input_format(name.as_ptr()) });
    let mut ic: *mut ffi::AVFormatContext = ptr::null_mut();
    // SAFETY: `ic` is null, so FFmpeg allocates it, and frees it again where it fails.
    let (code, lines) =
        log::capture(|| unsafe { ffi::avformat_open_input(&raw mut ic, url.as_ptr(), demuxer, options.as_mut_ptr()) });
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
    let input = unsafe { Input::wrap(ic) };
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
pub(crate) fn read_ahead(path: &Path, input: &mut Input) -> Result<()> {
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

/// Opens the decoder of stream `index`, on this number of threads (0: FFmpeg chooses). With two `views` it delivers the
/// frames of both, one after the other. On a `gpu` it decodes what that can decode.
pub(crate) fn open_decoder(
    path: &Path,
    input: &Input,
    index: usize,
    threads: usize,
    views: Option<LayerViews>,
    gpu: Option<&CudaDevice>,
) -> Result<ffmpeg::decoder::Video> {
    let fail = |reason: String, log| MediaError::Decode { path: path.to_path_buf(), reason, log };
    let Some(stream) = input.stream(index) else { return Err(fail("no stream".to_owned(), Vec::new())) };
    let (opened, lines) = log::capture(|| {
        let mut context = ffmpeg::codec::Context::from_parameters(stream.parameters())?;
        // ffmpeg-next can set only one kind of threading, and FFmpeg's default is one thread.
        // SAFETY: plain fields of a context that isn't open yet.
        unsafe {
            let c = context.as_mut_ptr();
            (*c).thread_count = threads.min(64) as i32;
            (*c).thread_type = ffi::FF_THREAD_FRAME | ffi::FF_THREAD_SLICE;
            (*c).pkt_timebase = (*stream.as_ptr()).time_base;
            // Of pictures that grow on the way, too.
            (*c).max_pixels = MAX_PIXELS as i64;
        }
        if let Some(gpu) = gpu {
            gpu.attach(&mut context).map_err(|_| ffmpeg::Error::Other { errno: libc::ENOMEM })?;
        }
        let options = views.map(|_| layers::ALL_VIEWS);
        parameters::open_decoder(context, Parameters::of(&stream).codec(), options.as_slice())
    });
    opened.map_err(|e: ffmpeg::Error| fail(e.to_string(), lines))
}
