//! Every setting, declared once. These lines define what a file and a `VRSEG_*` variable accept, the
//! options of the command line with their help, `--show-config`, the file that `vrseg config init`
//! writes, `configs/default.yaml` and the table in `docs/configuration.md`. docs/architecture.md
//! explains how to add a setting.

use super::schema::Group::{Cache, Encoding, Format, Hardware, Logging, Look, Matte, Model, Output, Running};
use super::schema::Kind::{Bool, Form, Integer, List, Number, Text, Word};
use super::schema::{MODES, Setting, fixed, negative, open, setting, value};
use super::{values, words};

/// All settings, in the order in which `--show-config` prints them.
pub const SETTINGS: &[Setting] = &[
    open("model.name", Text, "auto", "Model from `vrseg models`, or the manifest of your own")
        .note("[models](models.md); auto: the first installed model of `model.prefer`")
        .options(&[value("--model", "NAME|MANIFEST.yaml", Model)]),
    setting("model.prefer", List, "selfie", "Models in order of preference").note("selfie is built in"),
    open("model.input_size", Integer(32, 4096), "auto", "Longer side of the model's input in pixels")
        .note("auto: the model's default")
        .options(&[value("--input-size", "N", Model)]),
    open("model.batch_size", Integer(1, 256), "auto", "Frames per model run")
        .note("auto: depends on the device; always 1 for recurrent models")
        .options(&[value("--batch-size", "N", Model)]),
    setting("model.precision", Word(&["auto", "fp32", "fp16", "int8"]), "auto", "Number format of the model")
        .note(
            "auto: TF32 with CUDA, FP16 with TensorRT unless the model is recurrent, else fp32: the fastest format that keeps the matte's \
             quality; fp16 requires TensorRT; int8 is refused: no model has suitable weights",
        )
        .aliases(words::PRECISIONS).hints(words::PRECISION_HINTS)
        .options(&[value("--precision", "PRECISION", Model)]),
    setting("device.name", Form(values::DEVICES_FORM, values::is_devices), "auto", "Device that runs the model")
        .note(
            "auto: the fastest that loads: a GPU, else OpenVINO [where it is \
             faster](performance_guide.md#openvino), else the CPU",
        )
        .aliases(words::DEVICES).hints(words::DEVICE_HINTS)
        .options(&[value("--device", "DEVICE", Model).help("Device: auto, cpu, cuda[:N], tensorrt[:N] or openvino")]),
    open("device.ort_library", Text, "auto", "ONNX Runtime shared library")
        .note(
            "auto: `ORT_DYLIB_PATH`, else beside the program, else the one that `vrseg models install` \
             installed for the device, else the built-in one",
        )
        .options(&[value("--ort-lib", "PATH", Model)]),
    open("device.threads", Integer(1, 1024), "auto", "Threads of the model on a CPU")
        .note("auto: its share of `processing.threads`"),
    open("device.tf32", Bool, "auto", "TF32 arithmetic on NVIDIA GPUs of compute capability 8.0 or newer")
        .note("auto: on, unless the precision is fp32"),
    setting(
        "device.deterministic",
        Bool,
        "false",
        "Same output bits in every run on a GPU, at some cost in speed",
    ),
    open("device.memory_share", Number(0.1, 1.0), "off", "Share of the GPU's memory that CUDA may use")
        .note("off: no limit"),
    setting(
        "device.smaller_input",
        Bool,
        "false",
        "Halve the model's input size when the GPU runs out of memory",
    )
    .note("tried before [falling back to the CPU](gpu.md#when-a-device-fails); small people may be missed"),
    setting(
        "decode.hardware",
        Form(values::DECODING_FORM, values::is_decoding),
        "off",
        "Decoding on an NVIDIA GPU (NVDEC): off, auto, or cuda[:N]",
    )
    .note(
        "auto: on the GPU that runs the model, if one does; H.264, HEVC and VP9, as far as the GPU can, else on the CPU; \
         [not run on a GPU yet](gpu.md#decoding-on-the-gpu)",
    )
    .options(&[value("--hwaccel", "GPU", Hardware)]),
    open("processing.threads", Integer(1, 1024), "auto", "Threads for the whole job [default: all]")
        .note("auto: all that the process may use (affinity, cgroup limits)")
        .options(&[value("--threads", "N", Model)]),
    open("processing.decode_threads", Integer(1, 256), "auto", "Threads of the decoder")
        .note("auto: a third of `processing.threads`, up to 16"),
    open("processing.workers", Integer(1, 256), "auto", "Workers that refine mattes and compose outputs, one thread each")
        .note("auto: a quarter of `processing.threads`, up to 8"),
    open("processing.encode_threads", Integer(1, 256), "auto", "Threads of each encoder")
        .note("auto: 70 % of `processing.threads` (50 % with several outputs), up to 32"),
    open("processing.queue_mb", Integer(1, 1 << 20), "auto", "MiB of frames that may wait between stages")
        .note("auto: 96, less when memory is short"),
    setting("processing.low_latency", Bool, "false", "At most two frames in flight: short latency, lower speed")
        .note("`model.batch_size` must be 1 or auto; [figures](gpu.md#latency)")
        .options(&[fixed("--low-latency", "true", Running)
            .rank(2)
            .help("At most two frames in flight: short latency, lower speed")]),
    open(
        "processing.max_memory",
        Form(values::MEMORY_FORM, values::is_memory),
        "auto",
        "Memory limit of the process, such as 4G [default: 90 % of what is available]",
    )
    .note(
        "near the limit cached mattes are dropped first, then fewer frames are in flight; auto: 90 % of \
         the memory available at the start, or of what is left of the cgroup's limit",
    )
    .options(&[value("--max-memory", "SIZE", Running).rank(2)]),
    setting("processing.segments_at_once", Integer(1, 64), "1", "Workers that share a job's segments on one device")
        .note("several devices have one worker each; [several workers](resume.md#several-workers-on-one-machine)")
        .options(&[value("--workers", "N", Running)]),
    setting(
        "processing.strict",
        Bool,
        "false",
        "Fail on damaged input instead of concealing and counting it",
    )
    .note("damage: a packet or frame that can't be decoded; the summary counts concealed ones")
    .options(&[fixed("--strict", "true", Running).rank(1)]),
    setting(
        "processing.segment_seconds",
        Number(0.1, 3600.0),
        "15",
        "Segment length of a resumable job in seconds, or off [default: 15]",
    )
    .unset("off")
    .note(
        "shorter jobs than 1.5 segments are not cut; [resume](resume.md) continues after the last finished \
         segment; off: no segments",
    )
    .options(&[value("--segment-seconds", "S", Running)]),
    setting(
        "processing.cache",
        Word(&["auto", "on", "memory", "off"]),
        "auto",
        "Cache of mattes: automatic, memory and disk, memory only, or none",
    )
    .note("auto: in memory, and on disk where the model needs more than 20 ms per picture; [cache](resume.md#cached-mattes)")
    .options(&[
        value("--cache", "WHERE", Cache),
        fixed("--no-cache", "off", Cache).help("Compute every matte; no cache"),
    ]),
    setting("processing.cache_memory_mb", Integer(0, 1 << 20), "64", "MiB of memory for cached mattes"),
    setting("processing.cache_disk_gb", Number(0.01, 100_000.0), "10", "GiB of disk for cached mattes")
        .note("of all processes together; the least recently used are removed first"),
    setting(
        "vr.layout",
        Word(&["auto", "mono", "sbs", "tb"]),
        "auto",
        "Stereo layout [default: detected]",
    )
    .note("auto: from [the container, else the file name, the picture, the frame size](vr_formats.md#how-a-format-is-detected)")
    .aliases(words::LAYOUTS).hints(words::LAYOUT_HINTS)
    .options(&[value("--layout", "LAYOUT", Format)]),
    setting(
        "vr.projection",
        Word(&["auto", "flat", "hequirect", "equirect", "fisheye"]),
        "auto",
        "Projection: flat, VR180 (hequirect), 360 (equirect) or fisheye [default: detected]",
    )
    .note("auto: [detected](vr_formats.md#how-a-format-is-detected) like the layout")
    .aliases(words::PROJECTIONS).hints(words::PROJECTION_HINTS)
    .options(&[value("--projection", "PROJECTION", Format)]),
    open("vr.fov", Number(90.0, 270.0), "auto", "Field of view of a fisheye in degrees [default: by file name, else 180]")
        .note("implies `vr.projection: fisheye`")
        .options(&[value("--fov", "DEGREES", Format)]),
    setting("vr.eye_order", Word(&["auto", "lr", "rl"]), "auto", "Eye order: left or right eye first [default: detected]")
        .note(
            "auto: from [the container, else the file name](vr_formats.md#how-a-format-is-detected), else left \
             eye first (on the left or on top)",
        )
        .aliases(words::EYE_ORDERS)
        .options(&[value("--eye-order", "ORDER", Format)]),
    setting(
        "vr.view",
        Word(&["auto", "eye", "equirect", "fisheye", "rectilinear"]),
        "auto",
        "Projection of an eye for the model's input [default: best for the model]",
    )
    .note(
        "eye: unchanged; equirect unrolls a fisheye; rectilinear: overlapping camera views; \
         [figures](vr_formats.md#projection-of-the-models-input)",
    )
    .options(&[value("--view", "VIEW", Format)]),
    open(
        "performance.target_fps",
        Number(0.1, 10_000.0),
        "off",
        "Warn at the end of a job slower than this, in frames per second",
    )
    .note("the warning names the slowest stage"),
    open(
        "performance.max_latency_ms",
        Number(1.0, 3_600_000.0),
        "off",
        "Warn at the end of a job with a longer latency, in milliseconds",
    )
    .note(
        "from requesting a frame from the decoder until its encoder has it; the warning comes when more \
         than 5 % of the frames took longer",
    ),
    setting(
        "performance.auto_tune",
        Bool,
        "true",
        "Measure the best split of threads before a long job",
    )
    .note(
        "a trial of 5 seconds at most for jobs of 900 frames or more; the result is stored for jobs with \
         the same machine, model, size and encoder; \
         [automatic tuning](performance_guide.md#automatic-tuning-at-the-start-of-a-job)",
    ),
    open("performance.warmup", Integer(0, 16), "auto", "Warm-up runs of the model before the first frame").note(
        "before any output is created; auto: 1 on a GPU, 2 with OpenVINO, which compiles then, 0 on a \
         CPU",
    ),
    setting(
        "performance.profiling",
        Bool,
        "false",
        "Print each stage's time, the bottleneck and advice in the summary",
    )
    .note("`--json` always includes the times"),
    open("matte.threshold", Number(0.0, 1.0), "off", "Make the matte binary at this opacity (0 to 1) [default: off]")
        .note("off: soft edges")
        .options(&[value("--threshold", "T", Matte)]),
    setting("matte.feather", Number(0.0, 200.0), "0", "Blur the matte's edge by this many source pixels")
        .options(&[value("--feather", "PX", Matte)]),
    setting("matte.grow", Integer(-200, 200), "0", "Grow the matte by this many pixels; negative values shrink it")
        .options(&[
            value("--grow", "PX", Matte).alias("--dilate"),
            negative("--erode", "PX", Matte).help("Shrink the matte by this many pixels"),
        ]),
    setting("matte.refine", Bool, "true", "Align the matte's edges with the picture").options(&[fixed(
        "--no-refine",
        "false",
        Matte,
    )
    .help("Skip aligning the matte's edges with the picture")]),
    setting(
        "matte.every",
        Integer(1, 8),
        "1",
        "Run the model on every Nth frame and propagate mattes by motion in between",
    )
    .note(
        "the model also runs where too much of the picture is new; \
         [figures](quality.md#running-the-model-on-every-nth-frame)",
    )
    .options(&[value("--matte-every", "N", Matte)]),
    setting("matte.stabilize", Number(0.0, 1.0), "0.6", "Temporal smoothing of the matte: 0 (off) to 1")
        .note("recurrent models, which are stable already, get a third of it")
        .options(&[value("--stabilize", "S", Matte)]),
    setting(
        "matte.stereo",
        Number(0.0, 1.0),
        "1",
        "Make the two eyes' mattes agree: 0 (off) to 1",
    )
    .note("[figures](quality.md#stereo-consistency)")
    .options(&[value("--stereo", "S", Matte)]),
    open(
        "people.crops",
        List,
        "off",
        "Models to run on person crops, separated by commas; off: whole views",
    )
    .note("the result is their mean; `rvm\\|multiclass`: the first of the two that is installed; `--model` or `--view` without this option means whole views; [person crops](quality.md#person-crops)")
    .options(&[value("--crops", "MODEL", Matte)]),
    open("people.size", Integer(64, 2048), "auto", "Side of a person crop in pixels; auto: each model's default")
        .note("models of a fixed size keep theirs"),
    setting(
        "people.every",
        Integer(1, 300),
        "3",
        "Frames between detection passes; each pass covers another part of the view",
    ),
    setting(
        "people.look_ahead",
        Integer(0, 60),
        "4",
        "Frames through which people are followed back from where they are detected",
    )
    .note("at least this number of frames and a batch are in memory; 0 with `--low-latency` and `--people main`; [person crops](quality.md#person-crops)"),
    setting(
        "people.keep",
        Form(values::KEEP_FORM, values::is_keep),
        "all",
        "People to keep: all, main (most prominent) or a number",
    )
    .note("uses the detector; [people to keep](quality.md#people-to-keep)")
    .options(&[value("--people", "WHO", Matte)]),
    setting("people.min_size", Number(0.0, 1.0), "0", "Skip people smaller than this share of the view's height")
        .options(&[value("--min-size", "SHARE", Matte)]),
    setting("people.exclude_pov", Bool, "false", "Skip the camera wearer's own body in VR")
        .options(&[fixed("--exclude-pov", "true", Matte)]),
    open(
        "people.include",
        Form(values::REGIONS_FORM, values::is_regions),
        "off",
        "Keep only these parts of a view: X,Y,W,H as shares, or a file",
    )
    .hints(words::REGION_HINTS)
    .options(&[value("--include", "X,Y,W,H|FILE", Matte)]),
    open(
        "people.exclude",
        Form(values::REGIONS_FORM, values::is_regions),
        "off",
        "Remove these parts of a view from the matte: X,Y,W,H or a file",
    )
    .hints(words::REGION_HINTS)
    .options(&[value("--exclude", "X,Y,W,H|FILE", Matte)]),
    setting("output.mode", Word(MODES), "green", "Mode of outputs given without MODE= [default: green]")
        .hints(words::MODE_HINTS)
        .options(&[value("--mode", "MODE", Output)]),
    setting(
        "output.name",
        Text,
        "{stem}_{mode}.{ext}",
        "Pattern of file names in a folder; {profile} works too [default: {stem}_{mode}.{ext}]",
    )
    .options(&[value("--name", "PATTERN", Output)]),
    setting(
        "output.key",
        Form(values::COLOR_FORM, values::is_color),
        "#00B140",
        "Key color of green [default: #00B140]",
    )
    .note("the chroma-key green of HereSphere's guide")
    .options(&[value("--key", "COLOR", Output)]),
    setting("output.tint", Form(values::COLOR_FORM, values::is_color), "#FF00FF", "Color of overlay")
        .note("the default is rarely a color of skin, clothes or rooms")
        .options(&[value("--tint", "COLOR", Look).rank(1)]),
    setting(
        "output.blur_strength",
        Number(0.001, 0.2),
        "0.02",
        "Strength of blur as a share of the view's height (0.001 to 0.2)",
    )
    .note("0.02 is 38 pixels at 1920")
    .options(&[value("--blur-strength", "S", Look)]),
    open(
        "output.fov",
        Word(&["180", "190", "200", "220"]),
        "auto",
        "Field of view of passthrough in degrees [default: the source's, else 180]",
    )
    .options(&[value("--out-fov", "DEGREES", Look)]),
    setting(
        "output.alpha_channel",
        Word(&["red", "gray"]),
        "red",
        "Channel that carries the opacity of passthrough; gray has sharper edges",
    )
    .note("[passthrough](vr_formats.md#passthrough)")
    .options(&[value("--alpha-channel", "CHANNEL", Look)]),
    setting(
        "output.resample",
        Word(&["bilinear", "lanczos"]),
        "bilinear",
        "Interpolation of the picture in passthrough",
    )
    .note("lanczos keeps fine detail"),
    open(
        "output.codec",
        Word(&["h264", "hevc", "av1", "vp9", "prores", "ffv1"]),
        "auto",
        "Video codec [default: depends on container and mode]",
    )
    .note(
        "h264 in mp4, mkv and mov (hevc beyond 4096 pixels or 8 bits), vp9 in webm; alpha: prores, vp9, \
         ffv1",
    )
    .aliases(words::CODECS).hints(words::CODEC_HINTS)
    .options(&[value("--codec", "CODEC", Encoding)]),
    open("output.encoder", Text, "auto", "FFmpeg encoder, such as libx264 or hevc_nvenc")
        .note("auto: depends on the codec")
        .options(&[value("--encoder", "NAME", Encoding)]),
    open("output.crf", Number(0.0, 63.0), "auto", "Constant quality on the encoder's scale: lower is better")
        .note("auto: depends on the encoder")
        .options(&[value("--crf", "N", Encoding)]),
    open("output.preset", Text, "auto", "Encoder preset, such as medium (x264) or p5 (NVENC)")
        .note("NVENC also accepts x264's names")
        .options(&[value("--preset", "NAME", Encoding)]),
    open(
        "output.bitrate",
        Form(values::BITRATE_FORM, values::is_bitrate),
        "auto",
        "Bit rate instead of constant quality: 20M, 800k",
    )
    .options(&[value("--bitrate", "RATE", Encoding).conflicts_with("--crf")]),
    open("output.pix_fmt", Text, "auto", "FFmpeg pixel format [default: the source's depth and chroma]")
        .options(&[value("--pix-fmt", "FORMAT", Encoding)]),
    open("output.gop", Number(0.1, 600.0), "auto", "Maximum seconds between key frames [default: 2]")
        .note("closed GOPs; players seek to key frames, and DeoVR recommends 1 to 2 seconds")
        .options(&[value("--gop", "SECONDS", Encoding)]),
    open(
        "output.player",
        Word(&["quest2", "quest3", "visionpro", "pcvr"]),
        "any",
        "Limit size, rate, codec and chroma to what this player decodes",
    )
    .note("larger frames are scaled down; [limits](vr_formats.md#limits-of-players)")
    .options(&[value("--for", "PLAYER", Encoding)]),
    open("output.scale", Form(values::SCALE_FORM, values::is_scale), "off", "Size of the outputs' pictures")
        .note(
            "off: the source's; 8k, 6k, 5k, 4k and 2k: at most 7680, 5760, 5120, 3840 and 1920 pixels on the longer \
             side; each eye is resized separately; the limits of `output.player` apply, too",
        )
        .aliases(words::SCALES).hints(words::SCALE_HINTS)
        .options(&[value("--scale", "WxH|1/2|8k|4k", Encoding)]),
    setting("output.sdr", Bool, "false", "Tone-map HDR to SDR")
        .note("8 bits in BT.709; applied before the models run")
        .options(&[fixed("--sdr", "true", Encoding)]),
    setting(
        "output.audio",
        Word(&["auto", "copy", "none"]),
        "auto",
        "Sound: convert what doesn't fit the container, copy only, or none",
    )
    .note("auto copies bit for bit where it can, else converts to AAC in mp4 and mov, to Opus in WebM; copy drops what doesn't fit")
    .options(&[value("--audio", "MODE", Encoding)]),
    setting(
        "output.subtitles",
        Word(&["auto", "copy", "none"]),
        "auto",
        "Subtitles: convert text that doesn't fit the container, copy only, or none",
    )
    .note("converts to mov_text in mp4 and mov, to WebVTT in WebM, to SubRip in Matroska; copy drops what doesn't fit")
    .options(&[value("--subs", "MODE", Encoding)]),
    setting("output.hardware", Bool, "true", "NVENC, where it opens").options(&[fixed(
        "--no-hwenc",
        "false",
        Hardware,
    )
    .help("Don't use NVENC")]),
    setting("logging.level", Word(&["error", "warn", "info", "debug", "trace"]), "warn", "Least severe level of log messages")
        .note("`-v`, `-vv` and `-q` override it"),
    setting("logging.format", Word(&["text", "json"]), "text", "Format of log messages: text or one JSON object per line")
        .note("JSON has time, level, stage and fields")
        .options(&[value("--log-format", "FORMAT", Logging)]),
    open("logging.file", Text, "auto", "Log file, or off [default: in the state folder]")
        .note(
            "always at level info or more; auto: `~/.local/state/vrseg/vrseg.log`, rotated at 10 MiB with five old \
             files; a named file is appended to",
        )
        .options(&[value("--log-file", "FILE", Logging)]),
];
