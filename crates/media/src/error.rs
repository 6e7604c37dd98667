//! What can go wrong with media files, in words that say which file and how to fix it.

use ffmpeg_next as ffmpeg;
use std::path::{Path, PathBuf};

/// Result of the media layer.
pub type Result<T> = std::result::Result<T, MediaError>;

/// An error of the media layer.
#[derive(thiserror::Error, Debug)]
pub enum MediaError {
    /// The input isn't there.
    #[error("{}: no such file", path.display())]
    NotFound {
        /// The input, as it was given.
        path: PathBuf,
    },
    /// The input is a directory.
    #[error("{}: is a directory; name a video file", path.display())]
    IsDirectory {
        /// The input, as it was given.
        path: PathBuf,
    },
    /// The input can't be opened.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The input, as it was given.
        path: PathBuf,
        /// The operating system's text.
        source: std::io::Error,
    },
    /// The input has no bytes.
    #[error("{}: the file is empty", path.display())]
    Empty {
        /// The input, as it was given.
        path: PathBuf,
    },
    /// FFmpeg doesn't recognize the input, or its header is damaged.
    #[error("{}: not a media file that FFmpeg can read ({reason}){}", path.display(), log_text(log))]
    NotMedia {
        /// The input, as it was given.
        path: PathBuf,
        /// FFmpeg's text of its error code.
        reason: String,
        /// FFmpeg's log lines about it, oldest first.
        log: Vec<String>,
    },
    /// The input has no video.
    #[error("{}: no video stream in it ({found})", path.display())]
    NoVideo {
        /// The input, as it was given.
        path: PathBuf,
        /// The streams that it has instead, counted by kind.
        found: String,
    },
    /// The video's codec can't be decoded.
    #[error("{}: this FFmpeg has no decoder for the video codec {codec}; use an FFmpeg that has it or convert the file", path.display())]
    NoDecoder {
        /// The input, as it was given.
        path: PathBuf,
        /// FFmpeg's name of the codec.
        codec: String,
    },
    /// The decoder refused to start, or no frame came out of it.
    #[error("{}: the video cannot be decoded: {reason}{}", path.display(), log_text(log))]
    Decode {
        /// The input, as it was given.
        path: PathBuf,
        /// What failed, in a clause.
        reason: String,
        /// FFmpeg's log lines about it, oldest first.
        log: Vec<String>,
    },
    /// A packet or frame could not be decoded, and none may be lost.
    #[error("{}: is damaged: a packet or frame can't be decoded, and --strict allows none{}", path.display(), log_text(log))]
    Damaged {
        /// The input, as it was given.
        path: PathBuf,
        /// FFmpeg's log lines about it, oldest first.
        log: Vec<String>,
    },
    /// The asked part of the source has no frame in it.
    #[error("{}: no frame between {from} and the end of the range; the video is {length} long", path.display())]
    EmptyRange {
        /// The input, as it was given.
        path: PathBuf,
        /// Start of the range, with its unit.
        from: String,
        /// Length of the video, with its unit.
        length: String,
    },
    /// Reading broke off (a disk or network error, not damaged video).
    #[error("{}: reading failed: {reason}", path.display())]
    Read {
        /// The input, as it was given.
        path: PathBuf,
        /// The operating system's text.
        reason: String,
    },
    /// What was requested makes no sense: an option, a range, a name.
    #[error("{what}")]
    Invalid {
        /// What and how to fix it.
        what: String,
    },
    /// Pictures of a kind that FFmpeg or vrseg can't work on.
    #[error("{what}")]
    Unsupported {
        /// What can't be done with which format or size.
        what: String,
    },
    /// The output is there already.
    #[error("{}: exists; -y replaces it", path.display())]
    OutputExists {
        /// The output, by its final name.
        path: PathBuf,
    },
    /// Output and input are one file.
    #[error("{}: is the input itself; choose another output", path.display())]
    OutputIsInput {
        /// The output, by its final name.
        path: PathBuf,
    },
    /// The output's directory isn't there.
    #[error("{}: the directory {} does not exist; create it first", path.display(), directory.display())]
    NoDirectory {
        /// The output, by its final name.
        path: PathBuf,
        /// The directory that would hold it.
        directory: PathBuf,
    },
    /// The output can't be created or renamed.
    #[error("{}: cannot be written: {reason}", path.display())]
    NotWritable {
        /// The output, by its final name.
        path: PathBuf,
        /// The operating system's text.
        reason: String,
    },
    /// The extension names no video container.
    #[error("{}: the extension names no container that vrseg writes; use one of .mp4, .mov, .mkv, .webm, or for pictures .png, .jpg, .webp, .tif", path.display())]
    UnknownContainer {
        /// The output, by its final name.
        path: PathBuf,
    },
    /// Container and codec don't go together.
    #[error("{}: the {container} container cannot hold {codec}; {advice}", path.display())]
    ContainerCodec {
        /// The output, by its final name.
        path: PathBuf,
        /// FFmpeg's name of the container.
        container: String,
        /// FFmpeg's name of the codec.
        codec: String,
        /// What to choose instead, in a clause.
        advice: String,
    },
    /// FFmpeg has no such encoder.
    #[error("this FFmpeg has no video encoder named \"{encoder}\"; {}", meant_encoder(encoder))]
    NoEncoder {
        /// The name that FFmpeg doesn't know.
        encoder: String,
    },
    /// The encoder doesn't know an option.
    #[error("{encoder}: unknown option \"{option}\"; `ffmpeg -h encoder={encoder}` lists its options")]
    UnknownOption {
        /// FFmpeg's name of the encoder.
        encoder: String,
        /// The option's name.
        option: String,
    },
    /// The encoder knows an option, but not with this value.
    #[error("{encoder}: option {option} can't be \"{value}\"{}", log_text(log))]
    OptionValue {
        /// FFmpeg's name of the encoder.
        encoder: String,
        /// The option's name.
        option: String,
        /// The value that it refused.
        value: String,
        /// FFmpeg's log lines about it, oldest first.
        log: Vec<String>,
    },
    /// The encoder refused to start because of the options that the user named.
    #[error("{encoder}: refuses the options of {what}: {reason}{}", log_text(log))]
    EncoderOptions {
        /// FFmpeg's name of the encoder.
        encoder: String,
        /// Size, format and settings.
        what: String,
        /// FFmpeg's text of its error code.
        reason: String,
        /// FFmpeg's log lines about it, oldest first.
        log: Vec<String>,
    },
    /// The encoder refused to start.
    #[error("{encoder}: cannot be opened for {what}: {reason}{}", log_text(log))]
    Encoder {
        /// FFmpeg's name of the encoder.
        encoder: String,
        /// Size, format and settings.
        what: String,
        /// FFmpeg's text of its error code.
        reason: String,
        /// FFmpeg's log lines about it, oldest first.
        log: Vec<String>,
    },
    /// Encoding a frame failed.
    #[error("{}: encoding with {encoder} failed: {reason}{}", path.display(), log_text(log))]
    Encode {
        /// The output, by its final name.
        path: PathBuf,
        /// FFmpeg's name of the encoder.
        encoder: String,
        /// FFmpeg's text of its error code.
        reason: String,
        /// FFmpeg's log lines about it, oldest first.
        log: Vec<String>,
    },
    /// The container refused its header, a packet or its trailer.
    #[error("{}: writing the {container} file failed: {reason}{}", path.display(), log_text(log))]
    Mux {
        /// The output, by its final name.
        path: PathBuf,
        /// FFmpeg's name of the container.
        container: String,
        /// FFmpeg's text of its error code.
        reason: String,
        /// FFmpeg's log lines about it, oldest first.
        log: Vec<String>,
    },
    /// No space left.
    #[error("{}: the disk is full (or a quota is reached); free some space and run again", path.display())]
    DiskFull {
        /// The output, by its final name.
        path: PathBuf,
    },
    /// The file may not become larger.
    #[error("{}: can't become larger: the file size limit (ulimit -f) is reached, or the file system's (4 GiB on FAT32); raise the limit, write elsewhere or choose a lower quality", path.display())]
    FileTooLarge {
        /// The output, by its final name.
        path: PathBuf,
    },
    /// The muxer refuses the header.
    #[error("{}: the {container} container can't hold this output: {}; choose another extension (.mkv supports every codec, size and rate), or another --codec", path.display(), header_reason(reason, log))]
    Header {
        /// The output, by its final name.
        path: PathBuf,
        /// FFmpeg's name of the container.
        container: String,
        /// FFmpeg's text of its error code.
        reason: String,
        /// FFmpeg's log lines about it, oldest first.
        log: Vec<String>,
    },
    /// The container has no time stamps, and the frames don't come evenly.
    #[error("{}: the {container} container has no time stamps, but the source's frame rate varies; choose another extension, such as .mov or .mkv", path.display())]
    NoTimeStamps {
        /// The output, by its final name.
        path: PathBuf,
        /// FFmpeg's name of the container.
        container: String,
    },
    /// The video is encrypted.
    #[error("{}: the video is encrypted (DRM), and its key is not known; vrseg processes unprotected videos only", path.display())]
    Encrypted {
        /// The input, as it was given.
        path: PathBuf,
    },
    /// A segment's file isn't what was written.
    #[error("{}: the segment is damaged: {reason}", path.display())]
    Segment {
        /// The segment's file.
        path: PathBuf,
        /// What is wrong with it, in a clause.
        reason: String,
    },
    /// After a seek other frames came than before.
    #[error("{}: the frame at {seconds:.3} s, where a segment begins, isn't found again; use --segment-seconds off", path.display())]
    FrameNotFound {
        /// The input, as it was given.
        path: PathBuf,
        /// Time of the frame in the source's range, in seconds.
        seconds: f64,
    },
    /// A frame has another size or format than was agreed.
    #[error("internal: a frame of {got} came where {expected} was expected")]
    FrameMismatch {
        /// Size and format that came.
        got: String,
        /// Size and format that were expected.
        expected: String,
    },
    /// Memory ran out.
    #[error("out of memory while allocating {what}; use fewer threads, a smaller queue or a smaller source")]
    NoMemory {
        /// What was to be allocated.
        what: String,
    },
}

/// What was meant by a name that no encoder has.
fn meant_encoder(name: &str) -> String {
    const KNOWN: &[&str] = &[
        "libx264",
        "libx265",
        "libsvtav1",
        "libaom-av1",
        "librav1e",
        "libvpx-vp9",
        "prores_ks",
        "ffv1",
        "h264_nvenc",
        "hevc_nvenc",
        "av1_nvenc",
        "h264_vaapi",
        "hevc_vaapi",
        "h264_qsv",
        "hevc_qsv",
    ];
    let word = name.to_lowercase();
    let other = match word.as_str() {
        "x264" | "h264" | "avc" | "h.264" => Some("libx264"),
        "x265" | "h265" | "hevc" | "h.265" => Some("libx265"),
        "av1" | "svtav1" | "svt-av1" | "svt_av1" => Some("libsvtav1"),
        "aom" | "libaom" | "aomenc" => Some("libaom-av1"),
        "rav1e" => Some("librav1e"),
        "vp9" | "libvpx" | "vpx" => Some("libvpx-vp9"),
        "prores" => Some("prores_ks"),
        "nvenc" => Some("h264_nvenc"),
        "nvenc_hevc" | "nvenc_h265" | "hevc-nvenc" | "h265_nvenc" => Some("hevc_nvenc"),
        _ => KNOWN
            .iter()
            .copied()
            .filter(|known| *known != word && strsim::osa_distance(&word, known) <= 2)
            .min_by_key(|known| strsim::osa_distance(&word, known)),
    };
    match other {
        Some(other) => format!("did you mean {other}?"),
        None => "`ffmpeg -encoders` lists them".to_owned(),
    }
}

impl MediaError {
    /// What was requested is wrong, rather than a file, the disk or the machine: another command
    /// line would fix it. Such an error comes before any output has its name.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            MediaError::Invalid { .. }
                | MediaError::NotFound { .. }
                | MediaError::IsDirectory { .. }
                | MediaError::OutputIsInput { .. }
                | MediaError::UnknownContainer { .. }
                | MediaError::ContainerCodec { .. }
                | MediaError::Header { .. }
                | MediaError::NoTimeStamps { .. }
                | MediaError::NoEncoder { .. }
                | MediaError::UnknownOption { .. }
                | MediaError::OptionValue { .. }
                | MediaError::EncoderOptions { .. }
        )
    }

    /// The error of a failed write to `path`: "disk full" has its own text.
    pub(crate) fn write(path: &Path, container: &str, error: ffmpeg::Error, log: Vec<String>) -> Self {
        match error {
            ffmpeg::Error::Other { errno } if errno == libc::ENOSPC || errno == libc::EDQUOT => {
                MediaError::DiskFull { path: path.to_path_buf() }
            }
            ffmpeg::Error::Other { errno: libc::EFBIG } => MediaError::FileTooLarge { path: path.to_path_buf() },
            error => MediaError::Mux {
                path: path.to_path_buf(),
                container: container.to_owned(),
                reason: error.to_string(),
                log,
            },
        }
    }

    /// The error of a failed creation or renaming of `path`.
    pub(crate) fn create(path: &Path, error: &std::io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::ENOSPC | libc::EDQUOT) => MediaError::DiskFull { path: path.to_path_buf() },
            Some(libc::EFBIG) => MediaError::FileTooLarge { path: path.to_path_buf() },
            _ => MediaError::NotWritable { path: path.to_path_buf(), reason: error.to_string() },
        }
    }
}

/// Why a muxer refuses a header: its own last word, where there is one.
fn header_reason<'a>(reason: &'a str, lines: &'a [String]) -> &'a str {
    lines.last().map_or(reason, |line| line.trim_end_matches(['.', '\n']))
}

/// FFmpeg's last lines as the tail of an error text: the three newest, without repetitions.
fn log_text(lines: &[String]) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for line in lines.iter().rev() {
        if !kept.contains(&line.as_str()) {
            kept.push(line);
        }
        if kept.len() == 3 {
            break;
        }
    }
    kept.reverse();
    if kept.is_empty() { String::new() } else { format!("; FFmpeg says: {}", kept.join(" / ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disk_full_names_the_output() {
        let e = MediaError::write(
            Path::new("/out/a.mp4"),
            "mp4",
            ffmpeg::Error::Other { errno: libc::ENOSPC },
            vec!["x".into()],
        );
        assert_eq!(
            e.to_string(),
            "/out/a.mp4: the disk is full (or a quota is reached); free some space and run again"
        );
    }

    #[test]
    fn log_lines_are_few_and_distinct() {
        let lines: Vec<String> = ["a", "b", "b", "c", "d"].iter().map(|s| (*s).to_owned()).collect();
        assert_eq!(log_text(&lines), "; FFmpeg says: b / c / d");
        assert_eq!(log_text(&[]), "");
    }
}
