//! Every setting there is, declared once. From these lines follow what a file and a `VRSEG_*` variable may
//! say, the options of the command line with their help, `--show-config`, the file that
//! `vrseg config init` writes, `configs/default.yaml` and the table in `docs/configuration.md`.
//! docs/architecture.md tells how a setting is added.

use super::schema::Group::{Cache, Encoding, Format, Hardware, Logging, Look, Matte, Model, Output, Running};
use super::schema::Kind::{Bool, Form, Integer, List, Number, Text, Word};
use super::schema::{MODES, Setting, fixed, negative, open, setting, value};
use super::{values, words};

/// All settings, in the order in which `--show-config` prints them.
pub const SETTINGS: &[Setting] = &[
    open("model.name", Text, "auto", "A model that `vrseg models` lists, or the manifest of your own")
        .note("[models](models.md); auto: the first of `model.prefer` that is installed")
        .options(&[value("--model", "NAME|MANIFEST.yaml", Model)]),
    setting("model.prefer", List, "selfie", "Models, the best first").note("selfie is always there: it is built in"),
    open("model.input_size", Integer(32, 4096), "auto", "Longer side of the network's input in pixels")
        .note("auto: the model's own")
        .options(&[value("--input-size", "N", Model)]),
    open("model.batch_size", Integer(1, 256), "auto", "Frames that go through the network at once")
        .note("auto: by the device; not for recurrent models")
        .options(&[value("--batch-size", "N", Model)]),
    setting("model.precision", Word(&["auto", "fp32", "fp16", "int8"]), "auto", "Number format of the network")
        .note(
            "auto: TF32 with CUDA, FP16 with TensorRT, else fp32, which is what the device computes fastest \
             without harm to the matte; fp16 needs TensorRT; int8 is refused until a model has weights for it",
        )
        .aliases(words::PRECISIONS).hints(words::PRECISION_HINTS)
        .options(&[value("--precision", "PRECISION", Model)]),
    setting("device.name", Form(values::DEVICES_FORM, values::is_devices), "auto", "What runs the network")
        .note(
            "auto: the best that really loads: a card, else OpenVINO [where it \
             gains](optimization.md#openvino), else the CPU",
        )
        .aliases(words::DEVICES).hints(words::DEVICE_HINTS)
        .options(&[value("--device", "DEVICE", Model).help("auto, cpu, cuda[:N], tensorrt[:N] or openvino")]),
    open("device.ort_library", Text, "auto", "ONNX Runtime's shared library")
        .note(
            "auto: `ORT_DYLIB_PATH`, else beside the program, else what `vrseg models install` installed for the \
             device, else the one in the program",
        )
        .options(&[value("--ort-lib", "PATH", Model)]),
    open("device.threads", Integer(1, 1024), "auto", "The network's threads on a CPU")
        .note("auto: its share of `processing.threads`"),
    open("device.tf32", Bool, "auto", "Products rounded to 10 bits on NVIDIA's cards from compute capability 8.0 on")
        .note("auto: unless the precision is fp32"),
    setting(
        "device.deterministic",
        Bool,
        "false",
        "Only kernels that give the same bits in every run, at some cost in speed",
    ),
    open("device.memory_share", Number(0.1, 1.0), "off", "Share of the card's memory that CUDA may take")
        .note("off: what it needs"),
    setting(
        "device.smaller_input",
        Bool,
        "false",
        "Where the card's memory doesn't hold even one picture, the network may see it at half the size",
    )
    .note("tried before the CPU takes over ([gpu](gpu.md#when-a-device-fails)); small people may be missed"),
    open("processing.threads", Integer(1, 1024), "auto", "Threads for the whole job: all by default")
        .note("auto: all that the process may use")
        .options(&[value("--threads", "N", Model)]),
    open("processing.decode_threads", Integer(1, 256), "auto", "Threads of the decoder")
        .note("auto: a third of `processing.threads`, up to 16"),
    open("processing.workers", Integer(1, 256), "auto", "Workers that refine mattes and paint outputs, a thread each")
        .note("auto: a quarter of `processing.threads`, up to 8"),
    open("processing.encode_threads", Integer(1, 256), "auto", "Threads of each encoder")
        .note("auto: 70 % of `processing.threads` (50 % where there are several outputs), up to 32"),
    open("processing.queue_mb", Integer(1, 1 << 20), "auto", "MiB of frames that may wait between stages")
        .note("auto: 96, less where memory is short"),
    open(
        "processing.max_memory",
        Form(values::MEMORY_FORM, values::is_memory),
        "auto",
        "Memory that the process may hold, such as 4G: kept mattes and frames under way give way to it. \
         By default nine tenths of what is available",
    )
    .note(
        "frames between the stages and kept mattes get a part of it; auto: nine tenths at the start, or \
         of what is left of the cgroup's limit",
    )
    .options(&[value("--max-memory", "SIZE", Running).rank(2)]),
    setting("processing.segments_at_once", Integer(1, 64), "1", "Workers that share a job's segments on one device")
        .note("several devices have a worker each; [cluster](cluster.md)")
        .options(&[value("--workers", "N", Running)]),
    setting(
        "processing.strict",
        Bool,
        "false",
        "End with an error where the source is damaged, instead of concealing and counting it",
    )
    .note("damage is a packet or frame that can't be decoded; what was concealed is told at the end")
    .options(&[fixed("--strict", "true", Running).rank(1)]),
    setting(
        "processing.segment_seconds",
        Number(0.1, 3600.0),
        "15",
        "Keep what is finished of a long job in segments of so many seconds: 15 by default, or off",
    )
    .unset("off")
    .note(
        "a job is long from one and a half of it; from its segments a later run [goes on](resume.md); \
         off: nothing is kept",
    )
    .options(&[value("--segment-seconds", "S", Running)]),
    setting(
        "processing.cache",
        Word(&["auto", "on", "memory", "off"]),
        "auto",
        "Where mattes are kept for frames that repeat and for the next run: in memory and, where it pays, \
         on disk; both; in memory; nowhere",
    )
    .note("it pays on disk where the network takes over 20 ms a picture; [caching](caching.md)")
    .options(&[
        value("--cache", "WHERE", Cache),
        fixed("--no-cache", "off", Cache).help("Compute every matte, and keep none"),
    ]),
    setting("processing.cache_memory_mb", Integer(0, 1 << 20), "64", "MiB of memory for kept mattes"),
    setting("processing.cache_disk_gb", Number(0.01, 100_000.0), "10", "GiB on disk for kept mattes")
        .note("all processes together; the least recently used go first"),
    setting(
        "vr.layout",
        Word(&["auto", "mono", "sbs", "tb"]),
        "auto",
        "How the eyes lie in a frame: found out, one view, side by side, top-bottom",
    )
    .note("found out: by [the container, else the name, the picture, the shape](vr_formats.md)")
    .aliases(words::LAYOUTS).hints(words::LAYOUT_HINTS)
    .options(&[value("--layout", "LAYOUT", Format)]),
    setting(
        "vr.projection",
        Word(&["auto", "flat", "hequirect", "equirect", "fisheye"]),
        "auto",
        "How a view lies on the sphere: found out, not at all, VR180, 360, fisheye",
    )
    .note("[found out](vr_formats.md) as the layout is")
    .aliases(words::PROJECTIONS).hints(words::PROJECTION_HINTS)
    .options(&[value("--projection", "PROJECTION", Format)]),
    open("vr.fov", Number(90.0, 270.0), "auto", "A fisheye's field of view: by the file's name, else 180")
        .note("in degrees; alone it means `vr.projection: fisheye`")
        .options(&[value("--fov", "DEGREES", Format)]),
    setting("vr.eye_order", Word(&["auto", "lr", "rl"]), "auto", "Whose eye comes first: found out, left, right")
        .note(
            "found out: by [the container, else the name](vr_formats.md), else the left eye, which is left or \
             on top",
        )
        .aliases(words::EYE_ORDERS)
        .options(&[value("--eye-order", "ORDER", Format)]),
    setting(
        "vr.view",
        Word(&["auto", "eye", "equirect", "fisheye", "rectilinear"]),
        "auto",
        "How the network sees an eye: as it is, by longitude and latitude, as a fisheye, or in \
         rectilinear windows",
    )
    .note(
        "auto: as the model sees people best ([figures](vr_formats.md)); by longitude and latitude \
         unrolls a fisheye",
    )
    .options(&[value("--view", "VIEW", Format)]),
    open(
        "performance.target_fps",
        Number(0.1, 10_000.0),
        "off",
        "A job that was slower warns at its end and names the slowest stage",
    )
    .note("counted in frames per second"),
    open(
        "performance.max_latency_ms",
        Number(1.0, 3_600_000.0),
        "off",
        "A job in which frames were longer on their way warns at its end",
    )
    .note(
        "counted in milliseconds, from the decoder being asked for a frame until its encoder had it; more \
         than 5 of 100 frames must have taken longer",
    ),
    setting(
        "performance.auto_tune",
        Bool,
        "true",
        "A trial of a few seconds before a long job finds how threads are shared out best",
    )
    .note(
        "between network and workers; a long job has 900 frames or more; what was found is kept for jobs \
         of the same machine, model, size and encoder; \
         [optimizing](optimization.md#at-the-start-of-a-job)",
    ),
    open("performance.warmup", Integer(0, 16), "auto", "Runs of the network before the first frame").note(
        "before any output is created, too; auto: 1 on a GPU, 2 with OpenVINO, which compiles then, 0 on \
         a CPU",
    ),
    setting(
        "performance.profiling",
        Bool,
        "false",
        "The summary tells every stage's time, what held the job up and what helps",
    )
    .note("`--json` always has the times"),
    open("matte.threshold", Number(0.0, 1.0), "off", "Harden the matte there (0 to 1) instead of keeping soft edges")
        .note("off: soft edges")
        .options(&[value("--threshold", "T", Matte)]),
    setting("matte.feather", Number(0.0, 200.0), "0", "Soften the edge by so many pixels of the source")
        .options(&[value("--feather", "PX", Matte)]),
    setting("matte.grow", Integer(-200, 200), "0", "Grow the matte by so many pixels; a negative number shrinks it")
        .options(&[
            value("--grow", "PX", Matte).alias("--dilate"),
            negative("--erode", "PX", Matte).help("Shrink the matte by so many pixels"),
        ]),
    setting("matte.refine", Bool, "true", "Let the edges follow the picture").options(&[fixed(
        "--no-refine",
        "false",
        Matte,
    )
    .help("Don't let the edges follow the picture")]),
    setting(
        "matte.every",
        Integer(1, 8),
        "1",
        "Ask the network for every N-th frame only, and carry mattes along with what moves in between",
    )
    .note(
        "where too much is new the network is asked anyway; \
         [figures](quality.md#fewer-looks-of-the-network)",
    )
    .options(&[value("--matte-every", "N", Matte)]),
    setting("matte.stabilize", Number(0.0, 1.0), "0.6", "Calm a flickering matte: 0 (off) to 1")
        .note("recurrent models, which remember by themselves, get a third of it")
        .options(&[value("--stabilize", "S", Matte)]),
    setting(
        "matte.stereo",
        Number(0.0, 1.0),
        "1",
        "Bring the mattes of the two eyes together where both see the same: 0 (off) to 1",
    )
    .note("0: each eye for itself; [figures](evaluation.md#stereo)")
    .options(&[value("--stereo", "S", Matte)]),
    open(
        "people.crops",
        List,
        "off",
        "Find people, and let these networks look at each through a window, separated by commas; off: at whole eyes",
    )
    .note("their mean counts; `rvm\\|multiclass` is the first of the two that is installed; `--model` or `--view` without it mean whole eyes; [figures](quality.md)")
    .options(&[value("--crops", "MODEL", Matte)]),
    open("people.size", Integer(64, 2048), "auto", "Side of these windows in pixels; auto: what suits each network")
        .note("networks that take one size only keep theirs"),
    setting(
        "people.every",
        Integer(1, 300),
        "3",
        "Frames from one look of the person detector to the next, each through another view",
    ),
    setting(
        "people.keep",
        Form(values::KEEP_FORM, values::is_keep),
        "all",
        "Whom the matte shows: all, main (the largest who was there longest), or so many",
    )
    .note("needs the detector; [whom the matte shows](quality.md#whom-the-matte-shows)")
    .options(&[value("--people", "WHO", Matte)]),
    setting("people.min_size", Number(0.0, 1.0), "0", "Leave out who is less high than this share of the view")
        .options(&[value("--min-size", "SHARE", Matte)]),
    setting("people.exclude_pov", Bool, "false", "Leave out the body of who wears the camera, below in VR")
        .options(&[fixed("--exclude-pov", "true", Matte)]),
    open(
        "people.include",
        Form(values::REGIONS_FORM, values::is_regions),
        "off",
        "Show only what lies in these parts of a view: X,Y,W,H in shares of it, or a file with times",
    )
    .hints(words::REGION_HINTS)
    .options(&[value("--include", "X,Y,W,H|FILE", Matte)]),
    open(
        "people.exclude",
        Form(values::REGIONS_FORM, values::is_regions),
        "off",
        "Leave out what lies in these parts of a view",
    )
    .hints(words::REGION_HINTS)
    .options(&[value("--exclude", "X,Y,W,H|FILE", Matte)]),
    setting("output.mode", Word(MODES), "green", "What an output shows that names no mode: green by default")
        .hints(words::MODE_HINTS)
        .options(&[value("--mode", "MODE", Output)]),
    setting(
        "output.name",
        Text,
        "{stem}_{mode}.{ext}",
        "File names in a folder: {stem}_{mode}.{ext} by default; there is {profile} too",
    )
    .options(&[value("--name", "PATTERN", Output)]),
    setting(
        "output.key",
        Form(values::COLOR_FORM, values::is_color),
        "#00B140",
        "Key color of green: #00B140 by default",
    )
    .note("the chroma-key green that HereSphere's guide names")
    .options(&[value("--key", "COLOR", Output)]),
    setting("output.tint", Form(values::COLOR_FORM, values::is_color), "#FF00FF", "Color of overlay")
        .note("by default one that is seldom a color of skin, clothes or rooms")
        .options(&[value("--tint", "COLOR", Look).rank(1)]),
    setting(
        "output.blur_strength",
        Number(0.001, 0.2),
        "0.02",
        "Strength of blur, as a fraction of the view's height (0.001 to 0.2)",
    )
    .note("by default 38 pixels at 1920")
    .options(&[value("--blur-strength", "S", Look)]),
    open(
        "output.fov",
        Word(&["180", "190", "200", "220"]),
        "auto",
        "Field of view of passthrough in degrees: a fisheye source's own, else 180",
    )
    .options(&[value("--out-fov", "DEGREES", Look)]),
    setting(
        "output.alpha_channel",
        Word(&["red", "gray"]),
        "red",
        "What carries the opacity of passthrough: red, or gray with sharper edges",
    )
    .note("[passthrough](passthrough.md)")
    .options(&[value("--alpha-channel", "CHANNEL", Look)]),
    setting(
        "output.resample",
        Word(&["bilinear", "lanczos"]),
        "bilinear",
        "How passthrough reads the picture between its samples, which it shows through another lens",
    )
    .note("bilinear: two by two of them; lanczos: six by six, which keeps fine detail"),
    open(
        "output.codec",
        Word(&["h264", "hevc", "av1", "vp9", "prores", "ffv1"]),
        "auto",
        "Codec: by the container and the mode by default",
    )
    .note(
        "h264 in mp4, mkv and mov (hevc beyond 4096 pixels or 8 bits), vp9 in webm; alpha: prores, vp9, \
         ffv1",
    )
    .aliases(words::CODECS).hints(words::CODEC_HINTS)
    .options(&[value("--codec", "CODEC", Encoding)]),
    open("output.encoder", Text, "auto", "FFmpeg's encoder by its name, such as libx264 or hevc_nvenc")
        .note("auto: the codec's")
        .options(&[value("--encoder", "NAME", Encoding)]),
    open("output.crf", Number(0.0, 63.0), "auto", "Constant quality in the encoder's own scale: lower is better")
        .note("auto: what suits the encoder")
        .options(&[value("--crf", "N", Encoding)]),
    open("output.preset", Text, "auto", "The encoder's preset in its own words")
        .note("x264's words are understood for NVENC too")
        .options(&[value("--preset", "NAME", Encoding)]),
    open(
        "output.bitrate",
        Form(values::BITRATE_FORM, values::is_bitrate),
        "auto",
        "Bits per second instead of constant quality: 20M, 800k",
    )
    .options(&[value("--bitrate", "RATE", Encoding).conflicts_with("--crf")]),
    open("output.pix_fmt", Text, "auto", "Pixel format in FFmpeg's words: the source's depth and chroma by default")
        .options(&[value("--pix-fmt", "FORMAT", Encoding)]),
    open("output.gop", Number(0.1, 600.0), "auto", "Seconds between key frames at most: 2 by default")
        .note("closed groups of pictures; players seek to key frames, and DeoVR asks for 1 to 2 seconds")
        .options(&[value("--gop", "SECONDS", Encoding)]),
    open(
        "output.player",
        Word(&["quest2", "quest3", "visionpro", "pcvr"]),
        "any",
        "Keep size, rate, codec and chroma within what that player takes",
    )
    .note("larger frames are made smaller; [limits](vr_formats.md#what-players-take)")
    .options(&[value("--for", "PLAYER", Encoding)]),
    open("output.scale", Form(values::SCALE_FORM, values::is_scale), "off", "Size of the outputs' pictures")
        .note(
            "off: the source's; 8k, 6k, 5k, 4k and 2k are 7680, 5760, 5120, 3840 and 1920 pixels on the longer side at \
             most; views stay whole and even; `output.player` holds besides",
        )
        .aliases(words::SCALES).hints(words::SCALE_HINTS)
        .options(&[value("--scale", "WxH|1/2|8k|4k", Encoding)]),
    setting("output.sdr", Bool, "false", "Write SDR from HDR, by FFmpeg's tone mapping")
        .note("8 bits in BT.709; the networks see it, too")
        .options(&[fixed("--sdr", "true", Encoding)]),
    setting(
        "output.audio",
        Word(&["auto", "copy", "none"]),
        "auto",
        "Sound: auto converts what the container can't hold, copy leaves that out, none leaves out all",
    )
    .note("all else is copied as it is, bit for bit; to AAC in mp4 and mov, to Opus in WebM")
    .options(&[value("--audio", "WAY", Encoding)]),
    setting(
        "output.subtitles",
        Word(&["auto", "copy", "none"]),
        "auto",
        "Subtitles: auto converts texts that the container can't hold, copy leaves them out, none leaves out all",
    )
    .note("to mov_text in mp4 and mov, to WebVTT in WebM, to SubRip in Matroska")
    .options(&[value("--subs", "WAY", Encoding)]),
    setting("output.hardware", Bool, "true", "NVENC where it really opens").options(&[fixed(
        "--no-hwenc",
        "false",
        Hardware,
    )
    .help("Don't use NVENC")]),
    setting("logging.level", Word(&["error", "warn", "info", "debug", "trace"]), "warn", "What is logged")
        .note("`-v`, `-vv` and `-q` go before it"),
    setting("logging.format", Word(&["text", "json"]), "text", "Log messages as text or as JSON, an object a line")
        .note("with time, level, stage and fields")
        .options(&[value("--log-format", "FORMAT", Logging)]),
    open("logging.file", Text, "auto", "Write the log there as well: into the state folder by default, off, or a file")
        .note(
            "at least at info; `auto` is `~/.local/state/vrseg/vrseg.log`, which is put aside at 10 MiB (five \
             old ones are kept); a file that you name is appended to",
        )
        .options(&[value("--log-file", "FILE", Logging)]),
];
