//! Options of other programs that do the same, and what is typed here instead. One table: ffmpeg's words, HandBrake's,
//! rembg's, those of other matting tools, and words that people guess.

use vrseg_engine::scale::Scale;

/// Whether a value follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accepts {
    Nothing,
    Value,
    /// A value that isn't a file or option may follow.
    Optional,
}

/// What an option becomes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Replacement {
    /// These words; `{}` is the value, which is omitted where there is none.
    Words(&'static str),
    /// An output's mode; a file that follows becomes the output.
    Mode(&'static str),
    /// The value is an input.
    Input,
    /// What the function makes of the value; no words where it has no place here.
    Convert(fn(&str) -> Vec<String>),
    /// A command without anything else.
    Command(&'static str),
    /// Nothing.
    Ignored,
}

/// Names without dashes that mean the same.
#[derive(Debug)]
pub(super) struct ForeignOption {
    pub names: &'static [&'static str],
    pub accepts: Accepts,
    pub replacement: Replacement,
    /// What there is to say about it: why it is ignored, or what else to know.
    pub note: &'static str,
}

const fn row(
    names: &'static [&'static str],
    accepts: Accepts,
    replacement: Replacement,
    note: &'static str,
) -> ForeignOption {
    ForeignOption { names, accepts, replacement, note }
}

/// The option of that name. `dashes`: with how many it was written; a name of one letter is looked for behind one only.
pub(super) fn find(name: &str, dashes: usize) -> Option<&'static ForeignOption> {
    let name = name.to_lowercase().replace('_', "-");
    let same = |other: &str| other == name && (other.len() > 1 || dashes == 1);
    TABLE.iter().find(|row| row.names.iter().any(|n| same(n)))
}

fn words(all: &[&str]) -> Vec<String> {
    all.iter().map(|word| (*word).to_owned()).collect()
}

/// FFmpeg's codecs and encoders become `--codec` or `--encoder`.
fn codec(name: &str) -> Vec<String> {
    const CODECS: &[&str] = &["h264", "hevc", "av1", "vp9", "prores", "ffv1"];
    match name {
        "copy" => Vec::new(),
        "x264" => words(&["--encoder", "libx264"]),
        "x265" => words(&["--encoder", "libx265"]),
        "svt_av1" | "svtav1" => words(&["--encoder", "libsvtav1"]),
        "h265" | "x265_10bit" => words(&["--codec", "hevc"]),
        "prores_ks" | "prores_aw" => words(&["--codec", "prores"]),
        _ if CODECS.contains(&name) => words(&["--codec", name]),
        _ => words(&["--encoder", name]),
    }
}

fn sound(codec: &str) -> Vec<String> {
    if codec == "copy" { words(&["--audio", "copy"]) } else { Vec::new() }
}

fn quality(value: &str) -> Vec<String> {
    match (value.parse::<f64>(), vrseg_engine::settings::schema::profile(value)) {
        (Ok(_), _) => words(&["--crf", value]),
        (_, Some(profile)) => words(&["--profile", profile]),
        _ => words(&["--profile", "quality"]),
    }
}

fn gpu(value: &str) -> Vec<String> {
    match value.parse::<u32>() {
        Ok(n) => words(&["--device", &format!("cuda:{n}")]),
        Err(_) => words(&["--device", "cuda"]),
    }
}

fn color(value: &str) -> Vec<String> {
    let is_file = value.contains('.') && !value.starts_with('#');
    words(&[if is_file { "--background" } else { "--key" }, value])
}

fn noise(level: &str) -> Vec<String> {
    match level {
        "quiet" | "panic" | "fatal" | "error" | "warning" | "-8" | "0" | "8" | "16" | "24" => words(&["-q"]),
        "verbose" | "40" => words(&["-v"]),
        "debug" | "trace" | "48" | "56" => words(&["-vv"]),
        _ => Vec::new(),
    }
}

fn log(value: &str) -> Vec<String> {
    let levels = ["error", "warn", "warning", "info", "verbose", "debug", "trace"];
    if levels.contains(&value) { noise(value) } else { words(&["--log-file", value]) }
}

fn rate(value: &str) -> Vec<String> {
    let plain = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    // HandBrake counts in kilobits, ffmpeg in bits.
    let kilobits = if plain && value.len() < 6 { "k" } else { "" };
    words(&["--bitrate", &format!("{value}{kilobits}")])
}

/// Of FFmpeg's filters one is an option here.
fn filter(value: &str) -> Vec<String> {
    let scale = value.strip_prefix("scale=").filter(|size| Scale::read(size).is_some());
    scale.map_or(Vec::new(), |size| words(&["--scale", &Scale::plain(size)]))
}

use Accepts::{Nothing, Optional, Value};
use Replacement::{Command, Convert, Ignored, Input, Mode, Words};

const RATE: &str = "outputs have the source's frame rate; change it with ffmpeg before or afterwards";
const FILTERS: &str = "there are no filters; run ffmpeg before or after vrseg";
const SOUND: &str = "sound is copied, or converted where the container can't hold it; --audio copy|none changes that";
const KEPT: &str = "streams, metadata and chapters are kept by default";
const QUIET: &str = "how much is printed is -q, -v or -vv";
const UNNEEDED: &str = "";
const FP16: &str = "auto computes in the fastest format; --precision fp16 needs an NVIDIA GPU and --device tensorrt";

const TABLE: &[ForeignOption] = &[
    // Input, output, range.
    row(&["input", "in", "source", "src", "infile", "video", "file", "i"], Value, Input, "inputs need no option"),
    row(
        &["out", "outfile", "outdir", "out-dir", "output-dir", "output-folder", "output-file", "dest", "dst"],
        Value,
        Words("-o {}"),
        "",
    ),
    row(&["destination", "save", "save-to", "write"], Value, Words("-o {}"), ""),
    row(&["start", "start-time", "begin", "from", "seek", "start-at", "ss"], Value, Words("--ss {}"), ""),
    row(&["end", "end-time", "stop", "until", "stop-at", "to"], Value, Words("--to {}"), ""),
    row(&["length", "limit", "seconds", "time", "dur"], Value, Words("-t {}"), ""),
    row(
        &["frames:v", "vframes", "max-frames", "num-frames", "nframes", "frame-count", "n-frames"],
        Value,
        Words("--frames {}"),
        "",
    ),
    row(&["sseof"], Value, Ignored, "--ss counts from the beginning"),
    row(&["framerate", "input-fps"], Value, Words("--framerate {}"), "that is for numbered pictures"),
    row(&["force", "yes", "assume-yes", "clobber", "replace-existing", "overwrite-output"], Nothing, Words("-y"), ""),
    row(&["resume", "continue"], Nothing, Words(""), "an interrupted job resumes automatically; -n finishes a batch"),
    row(&["skip-existing", "no-clobber", "skip", "nooverwrite"], Nothing, Words("-n"), ""),
    row(&["recurse", "subfolders", "recursively", "walk"], Nothing, Words("-r"), ""),
    row(&["mkdir", "create-dirs", "create-folders", "make-dirs"], Nothing, Words("-p"), ""),
    row(&["dry", "test", "simulate", "what-if", "plan"], Nothing, Words("--dry-run"), ""),
    row(
        &["map", "map-metadata", "map-chapters", "metadata", "disposition", "movflags", "tag:v", "vtag", "dn"],
        Value,
        Ignored,
        KEPT,
    ),
    // Codec, quality, rate.
    row(
        &["c:v", "codec:v", "vcodec", "c", "codec", "video-codec", "vencoder", "e"],
        Value,
        Convert(codec),
        "outputs are encoded again, since their pixels change; sound is copied",
    ),
    row(&["cq", "qp", "rf", "quality-level", "crf"], Value, Words("--crf {}"), ""),
    row(&["quality", "q:v", "qscale:v", "qscale", "q"], Value, Convert(quality), ""),
    row(&["b:v", "vb", "b", "video-bitrate", "bit-rate"], Value, Convert(rate), ""),
    row(
        &["maxrate", "minrate", "bufsize", "bf", "tune", "level", "x264-params", "x265-params", "svtav1-params"],
        Value,
        Words("--enc-opt NAME={}"),
        "",
    ),
    row(&["profile:v"], Value, Words("--enc-opt profile={}"), ""),
    row(
        &["encoder-options", "encoder-opts", "encopts", "encopt", "enc-opts", "codec-options", "encoder-params"],
        Value,
        Words("--enc-opt {}"),
        "",
    ),
    row(&["preset", "encoder-preset", "speed"], Value, Words("--preset {}"), ""),
    row(&["pix-fmt", "pixel-format"], Value, Words("--pix-fmt {}"), ""),
    row(
        &["g", "keyint", "keyint-min", "key-frames"],
        Value,
        Ignored,
        "--gop sets the seconds between key frames: 2 by default",
    ),
    row(&["lossless"], Nothing, Words("--codec ffv1"), "FFV1 is lossless; its container is .mkv"),
    row(&["f"], Optional, Ignored, "the container follows from the output's name; -y replaces files"),
    row(
        &["container", "ext", "extension", "output-format", "format"],
        Value,
        Ignored,
        "the container follows from the output's name: -o out.mp4, .mkv, .mov, .webm",
    ),
    row(
        &["pass", "passlogfile", "two-pass", "2", "turbo"],
        Optional,
        Ignored,
        "there is one pass, at constant quality (--crf) or a rate (--bitrate)",
    ),
    row(
        &[
            "resize",
            "size",
            "res",
            "resolution",
            "output-size",
            "out-size",
            "s",
            "downscale",
            "width",
            "maxwidth",
            "w",
            "l",
        ],
        Value,
        Words("--scale {}"),
        "views stay whole",
    ),
    row(&["height", "maxheight"], Value, Words("--scale {}p"), "views stay whole"),
    row(&["aspect"], Value, Ignored, "outputs have the source's shape; --scale changes the size"),
    row(&["r", "fps", "rate", "vsync", "fps-mode", "interpolate"], Value, Ignored, RATE),
    row(&["vf", "filter", "filter:v", "filter-complex", "lavfi"], Value, Convert(filter), FILTERS),
    row(&["crop", "rotate", "transpose", "pad"], Value, Ignored, FILTERS),
    // Sound and subtitles.
    row(&["an", "no-audio", "noaudio", "mute", "remove-audio", "strip-audio"], Nothing, Words("--audio none"), ""),
    row(&["sn", "no-subs", "no-subtitles"], Nothing, Words("--subs none"), ""),
    row(&["c:a", "codec:a", "acodec", "aencoder", "audio-codec"], Value, Convert(sound), SOUND),
    row(&["b:a", "ab", "ac", "ar", "af", "filter:a", "q:a", "audio-bitrate"], Value, Ignored, SOUND),
    row(&["keep-audio", "copy-audio", "with-audio"], Nothing, Words(""), "sound is kept by default"),
    row(&["c:s", "scodec", "codec:s"], Value, Ignored, "subtitles are kept; --subs copy|none changes that"),
    // The format of the source.
    row(
        &["swap-eyes", "swap", "reverse-eyes", "cross-eyed", "cross-eye", "rl", "right-first"],
        Nothing,
        Words("--eye-order rl"),
        "",
    ),
    row(&["sbs", "side-by-side", "lr", "3d", "half-sbs"], Nothing, Words("--layout sbs"), ""),
    row(&["tb", "ou", "over-under", "top-bottom", "tab"], Nothing, Words("--layout tb"), ""),
    row(&["mono", "2d"], Nothing, Words("--layout mono"), ""),
    row(&["stereo-mode", "input-layout", "vr-layout", "3d-format", "in-stereo"], Value, Words("--layout {}"), ""),
    row(&["vr180", "vr-180", "180", "hequirect"], Nothing, Words("--projection hequirect"), ""),
    row(&["vr360", "vr-360", "360", "equirect", "equirectangular"], Nothing, Words("--projection equirect"), ""),
    row(&["flat", "no-vr"], Nothing, Words("--layout mono --projection flat"), ""),
    row(&["fisheye"], Optional, Words("--projection fisheye"), "its angle is --fov"),
    row(&["vr"], Nothing, Words(""), "the format is detected; --layout and --projection set it"),
    // What an output shows.
    row(&["mask", "matte", "only-mask", "om", "mask-only"], Optional, Mode("matte"), ""),
    row(
        &["alpha", "transparent", "transparency", "rgba", "cutout", "no-background", "remove-background"],
        Optional,
        Mode("alpha"),
        "",
    ),
    row(&["green", "greenscreen", "green-screen", "chroma", "chromakey", "chroma-key"], Optional, Mode("green"), ""),
    row(
        &["blur", "blur-background", "bokeh", "blur-radius", "blur-amount", "blur-size"],
        Optional,
        Mode("blur"),
        "its strength is --blur-strength 0.001 to 0.2 of the view's height",
    ),
    row(&["overlay", "debug-overlay"], Optional, Mode("overlay"), ""),
    row(&["passthrough", "alpha-packed", "packed", "deovr", "heresphere"], Optional, Mode("passthrough"), ""),
    row(
        &[
            "color",
            "colour",
            "key-color",
            "keycolor",
            "background-color",
            "bg-color",
            "bg",
            "bgcolor",
            "fill",
            "chroma-color",
        ],
        Value,
        Convert(color),
        "",
    ),
    row(
        &["bg-image", "background-image", "bg-file", "replace-background", "composite"],
        Value,
        Words("--background {}"),
        "",
    ),
    row(&["output-mode", "output-type", "type", "mode"], Value, Words("--mode {}"), ""),
    row(
        &["invert", "inverse", "a", "alpha-matting", "ppm", "post-process-mask"],
        Nothing,
        Ignored,
        "there is no such step; --grow, --feather and --threshold shape the matte",
    ),
    row(&["smooth", "smoothing", "temporal", "deflicker", "anti-flicker"], Optional, Words("--stabilize 0.8"), ""),
    // The model and where it runs.
    row(
        &["m", "network", "net", "weights", "checkpoint", "model-path", "model-name", "onnx"],
        Value,
        Words("--model {}"),
        "",
    ),
    row(&["gpu", "cuda", "use-gpu", "use-cuda", "nvidia", "gpus", "gpu-id"], Optional, Convert(gpu), ""),
    row(&["cpu", "no-gpu", "no-cuda", "use-cpu"], Nothing, Words("--device cpu"), ""),
    row(&["tensorrt", "trt"], Nothing, Words("--device tensorrt"), ""),
    row(&["openvino"], Nothing, Words("--device openvino"), ""),
    row(&["d", "backend", "provider", "execution-provider", "dev"], Value, Words("--device {}"), ""),
    row(&["fp16", "half", "amp", "f16", "half-precision"], Nothing, Ignored, FP16),
    row(&["fp32", "no-half", "full-precision"], Nothing, Words("--precision fp32"), ""),
    row(
        &["hwaccel-device", "hwaccel-output-format", "init-hw-device"],
        Value,
        Ignored,
        "--hwaccel cuda:N decodes on a GPU, --device cuda:N runs the model there; NVENC is used where it works",
    ),
    row(&["no-hardware", "software", "no-nvenc"], Nothing, Words("--no-hwenc"), ""),
    row(
        &["nvenc", "hwenc", "hardware-encoding"],
        Nothing,
        Words(""),
        "NVENC is used where it works; --encoder hevc_nvenc requires it",
    ),
    row(&["j", "jobs", "num-threads", "cores", "n-threads", "nthreads", "threads"], Value, Words("--threads {}"), ""),
    row(&["bs", "batch", "batchsize"], Value, Words("--batch-size {}"), ""),
    row(&["imgsz", "img-size", "model-size", "inference-size", "network-size"], Value, Words("--input-size {}"), ""),
    row(&["fast", "draft"], Nothing, Words("--profile fast"), ""),
    row(&["best", "hq", "slow", "high-quality", "high"], Nothing, Words("--profile quality"), ""),
    // Output of the program itself.
    row(&["loglevel", "log-level", "v"], Value, Convert(noise), QUIET),
    row(&["silent", "no-progress", "quiet-mode"], Nothing, Words("-q"), ""),
    row(&["debug"], Nothing, Words("-vv"), ""),
    row(&["log"], Value, Convert(log), QUIET),
    row(
        &["progress", "stats-period"],
        Optional,
        Words("--json"),
        "progress is shown anyway; --json has it for programs",
    ),
    row(&["port"], Value, Words("--serve {}"), ""),
    row(&["web", "ui", "gui", "http", "dashboard"], Nothing, Words("--serve"), ""),
    row(&["config-file", "settings", "conf"], Value, Words("--config {}"), ""),
    row(
        &[
            "hide-banner",
            "nostdin",
            "stats",
            "nostats",
            "report",
            "re",
            "copyts",
            "shortest",
            "noautorotate",
            "benchmark",
        ],
        Nothing,
        Words(""),
        UNNEEDED,
    ),
    row(&["y-no", "tty", "no-tty"], Nothing, Words(""), UNNEEDED),
    row(
        &["stream-loop", "itsoffset", "loop", "start-number", "probesize", "analyzeduration", "fflags", "err-detect"],
        Value,
        Ignored,
        "vrseg doesn't have it; run ffmpeg before",
    ),
    row(&["thread-queue-size", "max-muxing-queue-size", "filter-threads"], Value, Ignored, UNNEEDED),
    row(
        &["temp", "tmp", "tmpdir", "temp-dir", "work-dir"],
        Value,
        Ignored,
        "unfinished work is stored beside the output",
    ),
    // Commands that are written as options.
    row(&["list-models", "models"], Nothing, Command("models"), ""),
    row(
        &["list-devices", "list-gpus", "devices", "list-encoders", "encoders", "hwaccels", "codecs", "formats"],
        Nothing,
        Command("hardware"),
        "",
    ),
    row(&["bench"], Nothing, Command("bench"), ""),
    row(&["doctor", "check"], Nothing, Command("doctor"), ""),
    row(&["show-settings", "print-config"], Nothing, Words("--show-config"), ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_with_their_dashes() {
        assert!(matches!(find("crf", 1).map(|f| f.replacement), Some(Words("--crf {}"))));
        assert!(find("hide_banner", 1).is_some() && find("HWACCEL_DEVICE", 1).is_some());
        assert!(find("m", 1).is_some() && find("m", 2).is_none());
        assert!(find("nothing-like-it", 2).is_none());
    }

    #[test]
    fn codecs_become_options() {
        for (made, want) in [
            (codec("libx264"), "--encoder libx264"),
            (codec("hevc"), "--codec hevc"),
            (codec("copy"), ""),
            (rate("20M"), "--bitrate 20M"),
            (rate("2000"), "--bitrate 2000k"),
            (quality("high"), "--profile quality"),
            (quality("18"), "--crf 18"),
            (filter("scale=1920:-2"), "--scale 1920"),
            (filter("scale=iw/2:ih/2"), "--scale 1/2"),
            (filter("scale=1920:960,unsharp"), ""),
            (filter("hflip"), ""),
        ] {
            assert_eq!(made.join(" "), want);
        }
        assert_eq!(color("my beach.png"), ["--background", "my beach.png"]);
    }
}
