//! Shared by the tests: the program, ffmpeg and ffprobe, photos of people with ground truth.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The program without the user's configuration, logs and cache.
pub(crate) fn vrseg() -> Command {
    let mut c = Command::new(env!("CARGO_BIN_EXE_vrseg"));
    // No folder can be created in /proc, so tests do not share cached mattes either.
    c.env("XDG_CONFIG_HOME", "/nonexistent")
        .env("XDG_STATE_HOME", "/dev/null")
        .env("XDG_CACHE_HOME", "/proc/nonexistent")
        .env("VRSEG_PERFORMANCE_AUTO_TUNE", "false")
        .env("NO_COLOR", "1")
        .env_remove("RUST_LOG");
    // A test that names no device means the CPU, also where `setup.sh` has installed a runtime that `auto` prefers.
    if ["ort-gpu", "ort-openvino"].iter().any(|folder| vrseg_infer::registry::data_dir().join(folder).exists()) {
        c.env("VRSEG_DEVICE_NAME", "cpu");
    }
    c
}

/// Runs the program.
pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    vrseg().args(args).output().expect("the program starts")
}

/// Runs the program, which must succeed.
#[track_caller]
pub(crate) fn ok<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    let out = run(args);
    assert!(out.status.success(), "{}: {}", out.status, stderr(&out));
    out
}

pub(crate) fn stderr(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

/// A Python that has NumPy: `./setup.sh --dev` installs Debian's.
pub(crate) fn python() -> PathBuf {
    let named = std::env::var_os("VRSEG_PYTHON").map(PathBuf::from);
    let candidates = named.into_iter().chain(["python3", "/usr/bin/python3"].map(PathBuf::from));
    let has_numpy =
        |p: &PathBuf| Command::new(p).args(["-c", "import numpy"]).output().is_ok_and(|out| out.status.success());
    let found = candidates.into_iter().find(has_numpy);
    found.expect("a python3 with NumPy: run `./setup.sh --dev`, or name one with VRSEG_PYTHON")
}

/// Runs ffmpeg, which must succeed; arguments are separated by blanks, `{}` in one stands for
/// the next of `paths`.
#[track_caller]
pub(crate) fn ffmpeg(args: &str, paths: &[&Path]) {
    let mut paths = paths.iter();
    let mut c = Command::new("ffmpeg");
    c.args(["-hide_banner", "-v", "error", "-nostdin", "-y"]);
    for a in args.split_whitespace() {
        if a == "{}" {
            c.arg(paths.next().expect("as many paths as {}"));
        } else {
            c.arg(a);
        }
    }
    let out = c.output().expect("ffmpeg is installed");
    assert!(out.status.success(), "ffmpeg {args}: {}", String::from_utf8_lossy(&out.stderr));
}

fn ffprobe(args: &[&str], path: &Path) -> Value {
    let out = Command::new("ffprobe")
        .args(["-v", "error", "-of", "json"])
        .args(args)
        .arg(path)
        .output()
        .expect("ffprobe is installed");
    assert!(out.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("ffprobe writes JSON")
}

/// Streams, format and chapters of a file.
pub(crate) fn probe(path: &Path) -> Value {
    ffprobe(&["-show_streams", "-show_format", "-show_chapters"], path)
}

/// The first video stream of a file.
pub(crate) fn video(path: &Path) -> Value {
    let all = ffprobe(&["-show_streams", "-select_streams", "v:0"], path);
    all["streams"][0].clone()
}

/// (pts, data hash) of every packet of a stream, in pts order; pts as seconds, six digits.
pub(crate) fn packets(path: &Path, stream: &str) -> Vec<(String, String)> {
    let all = ffprobe(
        &[
            "-select_streams",
            stream,
            "-show_packets",
            "-show_data_hash",
            "md5",
            "-show_entries",
            "packet=pts_time,data_hash",
        ],
        path,
    );
    let mut list: Vec<_> = all["packets"]
        .as_array()
        .expect("packets")
        .iter()
        .map(|p| (text(&p["pts_time"]), text(&p["data_hash"])))
        .collect();
    list.sort_by(|a, b| a.0.parse::<f64>().unwrap_or(0.0).total_cmp(&b.0.parse().unwrap_or(0.0)));
    list
}

/// Presentation times of the video, in seconds, six digits.
pub(crate) fn times(path: &Path) -> Vec<String> {
    packets(path, "v:0").into_iter().map(|p| p.0).collect()
}

/// A JSON value as text, without quotes.
pub(crate) fn text(v: &Value) -> String {
    v.as_str().map_or_else(|| v.to_string(), str::to_owned)
}

/// A stack of decoded pictures.
pub(crate) struct Pictures {
    pub width: usize,
    pub height: usize,
    /// Bytes a pixel.
    pub depth: usize,
    pub frames: Vec<Vec<u8>>,
}

impl Pictures {
    pub(crate) fn pixel(&self, frame: usize, x: usize, y: usize) -> &[u8] {
        &self.frames[frame][(y * self.width + x) * self.depth..][..self.depth]
    }
}

/// Decodes a file's video with ffmpeg to `gray`, `rgb24` or `rgba`. `before` goes before `-i`
/// (a decoder, say).
pub(crate) fn decode(path: &Path, format: &str, before: &[&str]) -> Pictures {
    let v = video(path);
    let (width, height) = (v["width"].as_u64().unwrap() as usize, v["height"].as_u64().unwrap() as usize);
    let depth = match format {
        "gray" => 1,
        "rgb24" => 3,
        "rgba" => 4,
        other => panic!("{other}"),
    };
    let out = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-noautorotate"])
        .args(before)
        .arg("-i")
        .arg(path)
        .args(["-map", "0:v:0", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", format, "-"])
        .output()
        .expect("ffmpeg is installed");
    assert!(out.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&out.stderr));
    let size = width * height * depth;
    assert_eq!(out.stdout.len() % size, 0);
    Pictures { width, height, depth, frames: out.stdout.chunks(size).map(<[u8]>::to_vec).collect() }
}

/// The VOC photos of Debian's labelme-examples that `setup.sh --dev` puts into the data folder.
fn photo_dir() -> PathBuf {
    let installed = PathBuf::from("/usr/share/doc/labelme-examples/examples/semantic_segmentation/data_dataset_voc");
    let fetched = vrseg_infer::registry::data_dir().join("material/voc");
    let dir = if fetched.is_dir() { fetched } else { installed };
    assert!(dir.is_dir(), "no test photos in {}: run `./setup.sh --dev`", dir.display());
    dir
}

/// Two photos of people, large and clear.
pub(crate) const PEOPLE: [&str; 2] = ["2011_000003", "2011_000006"];
/// A photo of a bus without people.
pub(crate) const BUS: &str = "2011_000025";

/// A photo.
pub(crate) fn photo(name: &str) -> PathBuf {
    photo_dir().join("JPEGImages").join(format!("{name}.jpg"))
}

/// Ground truth of a photo: 255 person, 0 not, 128 (the outline that VOC leaves open) to be ignored.
pub(crate) fn truth(name: &str) -> Pictures {
    let mut p = decode(&photo_dir().join("SegmentationClassPNG").join(format!("{name}.png")), "rgb24", &[]);
    for f in &mut p.frames {
        // VOC's palette: class 15 is (192, 128, 128), void is (224, 224, 192).
        *f = f
            .chunks(3)
            .map(|c| match c {
                [192, 128, 128] => 255,
                [224, 224, 192] => 128,
                _ => 0,
            })
            .collect();
    }
    p.depth = 1;
    p
}

/// Intersection over union of a gray matte and a ground truth, both rows of `width`.
pub(crate) fn iou(matte: &[u8], truth: &[u8]) -> f64 {
    assert_eq!(matte.len(), truth.len());
    let (mut both, mut any) = (0u64, 0u64);
    for (m, t) in matte.iter().zip(truth).filter(|(_, t)| **t != 128) {
        let (m, t) = (*m >= 128, *t == 255);
        both += u64::from(m && t);
        any += u64::from(m || t);
    }
    both as f64 / any.max(1) as f64
}

/// A clip that pans over a photo of people, with a tone: `size` is `WxH`.
pub(crate) fn clip(path: &Path, size: &str, frames: usize, extra: &str) {
    // ffmpeg 7.1 would keep the photo's full range.
    let (w, h) = size.split_once('x').expect("WxH");
    let args = format!(
        "-loop 1 -framerate 25 -i {{}} -f lavfi -i sine=440:r=44100 -frames:v {frames} -shortest -t {} \
         -vf scale={w}*5/4:{h}*5/4:out_range=tv,crop={w}:{h}:x='(iw-ow)*n/{frames}':y='(ih-oh)/2',format=yuv420p {extra} {{}}",
        frames as f64 / 25.0
    );
    ffmpeg(&args, &[&photo(PEOPLE[0]), path]);
}

/// The usual options of a clip: H.264 with B-frames and AAC.
pub(crate) const H264: &str = "-c:v libx264 -preset veryfast -crf 16 -bf 2 -c:a aac";

/// A temporary folder, removed on drop.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("vrseg-test-").tempdir().expect("a temporary folder")
}

/// A path as an argument.
pub(crate) fn arg(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}

/// Names in a folder, sorted.
pub(crate) fn listing(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .expect("folder")
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Type and meaning of each field in a document's tables, by object: each object has a heading
/// `` ## `name` ``. `mark` is the heading's hashes and the space after them.
pub(crate) fn documented_fields(document: &str, mark: &str) -> BTreeMap<String, BTreeMap<String, (String, String)>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = std::fs::read_to_string(path).expect("the document");
    let mut objects: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for section in text.split(&format!("\n{mark}`")).skip(1) {
        let (name, rest) = section.split_once('`').expect("a name in backticks");
        let rest = rest.split("\n## ").next().expect("a section");
        let fields = objects.entry(name.to_owned()).or_default();
        for line in rest.lines().filter(|l| l.starts_with("| `")) {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            for field in cells[1].split(", ") {
                fields.insert(field.trim_matches('`').to_owned(), (cells[2].to_owned(), cells[3].to_owned()));
            }
        }
    }
    objects
}

/// Whether a value has the JSON type that the description `printed` begins with.
pub(crate) fn is_a(value: &Value, printed: &str) -> bool {
    match value {
        Value::Null => printed.contains("null"),
        Value::Bool(_) => printed.starts_with("boolean"),
        Value::Number(n) => printed.starts_with("number") || n.is_u64() && printed.starts_with("integer"),
        Value::String(_) => printed.starts_with("string"),
        Value::Array(_) => printed.starts_with("array"),
        Value::Object(_) => printed.starts_with("object"),
    }
}

pub(crate) fn input_in(dir: &Path, frames: usize) -> PathBuf {
    let input = dir.join("in.mp4");
    clip(&input, "320x240", frames, H264);
    input
}
