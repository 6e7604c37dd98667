//! Whole files through reader and writer, made and judged by the ffmpeg and ffprobe programs.

mod codecs;
mod inputs;
mod layers;
mod orientation;
mod preserved;
mod ranges;
mod threads;
mod times;

use crate::*;
use std::path::{Path, PathBuf};
use std::process::Command;
use vrseg_image::plane::YuvLayout;

/// A directory of one test's files.
pub(super) struct Files(tempfile::TempDir);

impl Files {
    pub(super) fn new() -> Self {
        init();
        Files(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Names of all files, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(self.0.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Runs ffmpeg with the arguments (split at spaces) and `name` as its output.
    pub(super) fn make(&self, arguments: &str, name: &str) -> PathBuf {
        let path = self.path(name);
        run(Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y"])
            .args(arguments.split(' ').filter(|a| !a.is_empty()))
            .arg(&path)
            .current_dir(self.0.path()));
        path
    }
}

/// A test picture: lavfi input of this many frames at 30 fps.
pub(super) fn picture(size: &str, frames: u32) -> String {
    format!("-f lavfi -i testsrc2=s={size}:r=30:d={:.6}", f64::from(frames) / 30.0 - 0.001)
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// ffprobe's answer to the arguments about a file.
pub(super) fn ffprobe(path: &Path, arguments: &str) -> String {
    run(Command::new("ffprobe").args(["-v", "error"]).args(arguments.split(' ')).arg(path))
}

/// The (pts, duration) of a stream's packets in order of pts, as ffprobe prints them; `columns` such
/// as `pts_time` or `pts,duration`.
pub(super) fn packets(path: &Path, stream: &str, columns: &str) -> Vec<String> {
    let text = ffprobe(path, &format!("-select_streams {stream} -show_entries packet={columns} -of csv=p=0"));
    let mut lines: Vec<String> =
        text.lines().map(|l| l.trim_end_matches(',').to_owned()).filter(|l| !l.is_empty()).collect();
    let key = |l: &String| l.split(',').next().and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0);
    lines.sort_by(|a, b| key(a).total_cmp(&key(b)));
    lines
}

/// Hashes of the payloads of a stream.
pub(super) fn hashes(path: &Path, stream: &str) -> Vec<String> {
    let text = ffprobe(path, &format!("-select_streams {stream} -show_packets -show_data_hash md5 -of flat"));
    text.lines().filter(|l| l.contains("data_hash")).filter_map(|l| Some(l.split_once('=')?.1.to_owned())).collect()
}

pub(super) fn options<'a>(path: &'a Path, encode: &'a EncodeOptions, video: &VideoInfo) -> WriterOptions<'a> {
    WriterOptions {
        path,
        encode,
        layout: video.layout,
        color: video.color,
        width: video.width,
        height: video.height,
        fps: video.fps,
        overwrite: false,
        reshaped: false,
        purpose: Purpose::Picture,
        copy_streams: true,
        tags: VrTags::Source,
        resize: Resize::default(),
    }
}

/// What came of a copy.
pub(super) struct Copied {
    pub frames: u64,
    pub dropped: Vec<String>,
    pub decode_errors: u64,
    pub encoder: String,
}

/// Decodes and encodes a file through our reader and writer.
pub(super) fn copy(from: &Path, to: &Path, encode: &EncodeOptions, decode: &DecodeOptions) -> Result<Copied> {
    let mut reader = Reader::open(from, decode)?;
    let template = reader.template();
    let mut writer = Writer::create(options(to, encode, &reader.info().video), &template)?;
    let mut frames = 0;
    while let Some(item) = reader.next()? {
        match item {
            Item::Frame(f) => {
                assert_eq!(f.index, frames);
                assert_eq!(f.frame.layout(), Some(template.info().video.layout));
                frames += 1;
                writer.write_frame(f.frame, f.pts, f.duration)?;
            }
            Item::Packet(p) => writer.write_packet(&p)?,
        }
    }
    let dropped = writer.notes().lost.clone();
    let encoder = writer.encoder_name().to_owned();
    let finished = writer.finish()?;
    assert_eq!(finished.bytes, std::fs::metadata(to).unwrap().len());
    Ok(Copied { frames, dropped, decode_errors: reader.decode_errors(), encoder })
}

/// The fastest settings of x264.
pub(super) fn fast() -> EncodeOptions {
    EncodeOptions { preset: Some("ultrafast".into()), ..Default::default() }
}

pub(super) fn yuv420(bits: u32) -> YuvLayout {
    YuvLayout { bits, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false }
}
