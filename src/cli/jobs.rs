//! From arguments and settings to jobs. Everything that can be refused without opening a video is
//! refused here, before any work.

use super::args::JobArgs;
use super::exit::{UsageError, complaints};
use super::inputs::{self, Input};
use super::outputs::{Request, extension, settle};
use super::regions;
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use vrseg_engine::job;
use vrseg_engine::pipeline::{Job, ModelChoice, OutputSpec, PeopleChoice};
use vrseg_engine::settings::{Settings, Sources};
use vrseg_image::compose::{Mode, packed};
use vrseg_image::vr::names::{self, NamedProjection};
use vrseg_image::vr::{Format, Layout, Projection, ProjectionKind};
use vrseg_media::{Codec, EncodeOptions, TimeRange};

/// The jobs of one command line.
#[derive(Debug, Default)]
pub struct Batch {
    /// What is to be done, in order.
    pub jobs: Vec<Job>,
    /// Inputs left out by `--no-overwrite`, each with the output that exists.
    pub skipped: Vec<(PathBuf, PathBuf)>,
}

/// Builds the jobs.
///
/// # Errors
/// A [`UsageError`] that says what doesn't fit and how to mend it.
pub fn jobs(args: &JobArgs, settings: &Settings, sources: &Sources) -> Result<Batch, UsageError> {
    let requests = args.output.output.iter().map(|o| Request::parse(o)).collect::<Result<Vec<_>, _>>()?;
    let default_mode = default_mode(args, settings, sources);
    check_format(sources)?;
    check_background(args, &requests, &default_mode)?;
    let range = range(args)?;

    let folders: Vec<_> = requests.iter().filter(|r| r.folder).map(|r| settle(&r.path)).collect();
    let inputs = inputs::gather(&args.input.inputs, args.input.recursive, &folders)?;
    if let (true, Some(file)) = (inputs.len() > 1, requests.iter().find(|r| !r.folder)) {
        return Err(UsageError(format!(
            "{} inputs can't all become {}; name a folder: -o out/",
            inputs.len(),
            file.path.display()
        )));
    }

    let mut people = settings.people.clone();
    for (option, text, into) in [
        ("--include", &settings.include, &mut people.wishes.include),
        ("--exclude", &settings.exclude, &mut people.wishes.exclude),
    ] {
        *into = text.as_deref().map_or(Ok(Vec::new()), |text| regions::read(option, text))?;
    }

    let mut jobs = Vec::with_capacity(inputs.len());
    for input in &inputs {
        let outputs = requests
            .iter()
            .map(|request| {
                let word = request.mode.unwrap_or(&default_mode);
                let mut mode = mode(word, args, settings);
                let named = mode.packed_fov(fisheye_fov(&input.path, settings));
                let made = named.map(packed::format).or_else(|| keyed_format(&mode, &input.path, settings));
                let path = request.file(input, word, made.as_ref(), &settings.output.name, &settings.profile)?;
                // A name that tells the field of view must not be belied by what is found in the file.
                if let (Mode::Passthrough { fov, .. }, true) = (&mut mode, request.folder) {
                    *fov = named;
                }
                let encode = encode(&path, &mode, args, settings, sources);
                Ok(OutputSpec { path, mode, encode })
            })
            .collect::<Result<Vec<_>, UsageError>>()?;
        jobs.push(job(input, range, outputs, &people, args, settings));
    }
    for request in requests.iter().filter(|r| !r.folder) {
        let parent = request.path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !parent.is_dir() {
            return Err(UsageError(format!(
                "{}: the folder {} doesn't exist",
                request.path.display(),
                parent.display()
            )));
        }
    }
    check_places(&jobs, args)?;
    existing(jobs, args)
}

fn job(
    input: &Input,
    range: TimeRange,
    outputs: Vec<OutputSpec>,
    people: &PeopleChoice,
    args: &JobArgs,
    settings: &Settings,
) -> Job {
    Job {
        input: input.path.clone(),
        range,
        format: settings.vr,
        view: settings.view,
        model: ModelChoice {
            name: settings.model.name.clone().unwrap_or_default(),
            prefer: settings.model.prefer.clone(),
            input_size: settings.model.input_size,
            input_size_for: settings.model.input_size_for.clone(),
            batch_size: settings.model.batch_size,
            precision: settings.model.precision,
            device: settings.device.choice,
            ort_library: settings.device.ort_library.clone(),
            threads: settings.device.threads,
            session: settings.device.session,
        },
        people: people.clone(),
        matte: settings.matte,
        outputs,
        overwrite: args.output.overwrite,
        threads: settings.processing.threads,
        split: settings.processing.split,
        queue_bytes: settings.processing.queue_bytes,
        max_memory: settings.processing.max_memory,
        cache: settings.processing.cache,
        strict: settings.processing.strict,
        target_fps: settings.performance.target_fps,
        max_latency_ms: settings.performance.max_latency_ms,
    }
}

/// The mode of outputs that name none: `--background` means replace, unless the user said
/// something else.
fn default_mode(args: &JobArgs, settings: &Settings, sources: &Sources) -> String {
    if args.output.background.is_some() && !sources.of("output.mode").is_user() {
        return "replace".to_owned();
    }
    settings.output.mode.clone()
}

/// The field of view of a fisheye source: only the user and the name can tell it.
fn fisheye_fov(input: &Path, settings: &Settings) -> Option<f32> {
    let fisheye = settings.vr.projection.is_none_or(|p| p == ProjectionKind::Fisheye);
    settings.vr.fov.or_else(|| names::read(input).fov()).filter(|_| fisheye)
}

/// The format of a green screen, which is the source's, where options and the source's name tell all
/// of it that players have to know: then the output's name can tell it, too.
fn keyed_format(mode: &Mode, input: &Path, settings: &Settings) -> Option<Format> {
    let Mode::Green { .. } = mode else { return None };
    let (asked, named) = (&settings.vr, names::read(input));
    if named.bare_number && asked.projection.is_none() {
        return None;
    }
    let projection = match asked.projection {
        Some(ProjectionKind::HalfEquirectangular) => Projection::HalfEquirectangular,
        Some(ProjectionKind::Equirectangular) => Projection::Equirectangular,
        Some(ProjectionKind::Flat) => return None,
        Some(ProjectionKind::Fisheye) => Projection::Fisheye { fov: fisheye_fov(input, settings)? },
        None => match (asked.fov, named.projection.map(|p| p.value)) {
            (Some(fov), _) => Projection::Fisheye { fov },
            (None, Some(NamedProjection::Known(projection))) => projection,
            (None, _) => return None,
        },
    };
    let fisheye = matches!(projection, Projection::Fisheye { .. });
    let layout = asked.layout.or(named.layout.map(|l| l.value)).or(fisheye.then_some(Layout::SideBySide))?;
    (projection != Projection::Flat).then(|| Format {
        layout,
        eye_order: asked.eye_order.or(named.eye_order.map(|o| o.value)).unwrap_or_default(),
        packing: named.packing.map(|p| p.value).unwrap_or_default(),
        projection,
        alpha_packed: false,
    })
}

/// Of a projection and a field of view that don't go together the stronger layer's word counts; of
/// the same layer they are a contradiction.
fn check_format(sources: &Sources) -> Result<(), UsageError> {
    let (fov, projection) = (sources.get("vr.fov"), sources.get("vr.projection"));
    let other = projection.as_str().is_some_and(|p| !matches!(p, "auto" | "fisheye"));
    let same = sources.of("vr.fov").layer() == sources.of("vr.projection").layer();
    if other && same && !fov.is_null() {
        return Err(UsageError(format!(
            "a field of view ({fov}) is for a fisheye, but the projection is said to be {}; leave out --fov, or say \
             --projection fisheye",
            projection.as_str().unwrap_or_default()
        )));
    }
    Ok(())
}

fn check_background(args: &JobArgs, requests: &[Request], default_mode: &str) -> Result<(), UsageError> {
    let replaces = requests.iter().any(|r| r.mode.unwrap_or(default_mode) == "replace");
    match &args.output.background {
        None if replaces => {
            Err(UsageError("replace needs --background FILE, the picture or video behind the person".to_owned()))
        }
        Some(_) if !replaces => Err(UsageError(
            "--background is for replace, but no output has that mode; use -o replace=PATH or --mode replace"
                .to_owned(),
        )),
        Some(path) => match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => Err(UsageError(format!("--background {}: is a folder", path.display()))),
            Ok(_) => Ok(()),
            Err(e) => Err(UsageError(format!("--background {}: {}", path.display(), inputs::reason(&e)))),
        },
        None => Ok(()),
    }
}

fn range(args: &JobArgs) -> Result<TimeRange, UsageError> {
    let start = args.input.ss.map(|s| s.0);
    let end = match (args.input.to, args.input.duration) {
        (Some(to), _) => Some(to.0),
        (None, Some(duration)) => Some(start.unwrap_or(0.0) + duration.0),
        (None, None) => None,
    };
    match end {
        Some(end) if end <= start.unwrap_or(0.0) => {
            Err(UsageError("the range is empty: --to must be later than --ss, and -t more than 0".to_owned()))
        }
        _ => Ok(TimeRange { start, end, frames: args.input.frames }),
    }
}

fn mode(word: &str, args: &JobArgs, settings: &Settings) -> Mode {
    match word {
        "matte" => Mode::Matte,
        "alpha" => Mode::Alpha,
        "blur" => Mode::Blur { strength: settings.output.blur_strength },
        "replace" => Mode::Replace { background: args.output.background.clone().unwrap_or_default() },
        "overlay" => Mode::Overlay { tint: settings.output.tint },
        "passthrough" => Mode::Passthrough {
            fov: settings.output.fov,
            channel: settings.output.alpha_channel,
            filter: settings.output.resample,
        },
        _ => Mode::Green { key: settings.output.key },
    }
}

fn encode(path: &Path, mode: &Mode, args: &JobArgs, settings: &Settings, sources: &Sources) -> EncodeOptions {
    let o = &settings.output;
    // A profile's crf and preset are x264's and x265's words, which are translated for NVENC; other
    // encoders keep their defaults.
    // What the user says goes to every output, right or wrong: the encoder will complain.
    let x26x = match (&o.encoder, o.codec) {
        (Some(name), _) => matches!(name.as_str(), "libx264" | "libx265" | "h264_nvenc" | "hevc_nvenc"),
        (None, Some(codec)) => matches!(codec, Codec::H264 | Codec::Hevc),
        (None, None) => *mode != Mode::Alpha && extension(path) != "webm",
    };
    let applies = |name| x26x || sources.of(name).is_user();
    EncodeOptions {
        codec: o.codec,
        encoder: o.encoder.clone(),
        crf: o.crf.filter(|_| applies("output.crf")),
        preset: o.preset.clone().filter(|_| applies("output.preset")),
        bitrate: o.bitrate,
        pix_fmt: o.pix_fmt.clone(),
        extra: args.encode.enc_opt.clone(),
        threads: 0,
        hardware: o.hardware,
    }
}

/// Refuses outputs that would be written over each other, over an input or over the background.
fn check_places(jobs: &[Job], args: &JobArgs) -> Result<(), UsageError> {
    // By device and inode too: a hard link is the same file under another name.
    let identity = |path: &Path| fs::metadata(path).ok().map(|m| (m.dev(), m.ino()));
    let sources: Vec<_> = jobs.iter().map(|j| &j.input).chain(&args.output.background).collect();
    let places: HashMap<_, _> = sources.iter().map(|p| (settle(p), *p)).collect();
    let inodes: HashMap<_, _> = sources.iter().filter_map(|p| Some((identity(p)?, *p))).collect();
    let mut taken: HashMap<PathBuf, &Path> = HashMap::new();
    let mut problems = Vec::new();
    for job in jobs {
        for output in &job.outputs {
            let (path, place) = (&output.path, settle(&output.path));
            let source = places.get(&place).or_else(|| inodes.get(&identity(path)?));
            if let Some(source) = source {
                let same =
                    if *source == path { "an input".to_owned() } else { format!("the input {}", source.display()) };
                problems.push(format!("{}: this output is {same} itself", path.display()));
            } else if let Some(other) = taken.insert(place, &job.input) {
                let of = if other == job.input {
                    format!("two outputs of {}", other.display())
                } else {
                    format!("{} and {}", other.display(), job.input.display())
                };
                problems.push(format!("{}: would be written twice, from {of}", path.display()));
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(complaints("some outputs can't be written:", &problems)) }
}

/// Deals with outputs that exist: replaced with `-y`, left alone with `-n`, else refused.
fn existing(jobs: Vec<Job>, args: &JobArgs) -> Result<Batch, UsageError> {
    let mut batch = Batch::default();
    let mut problems = Vec::new();
    for job in jobs {
        let mut exists = None;
        let kept = job.outputs.first().map(|o| job::beside(&o.path));
        for output in &job.outputs {
            // A link that leads nowhere is somebody's, too.
            let Ok(meta) = fs::metadata(&output.path).or_else(|_| fs::symlink_metadata(&output.path)) else { continue };
            if !meta.is_file() && !meta.is_symlink() {
                problems.push(format!("{}: exists and is not a regular file", output.path.display()));
            }
            // What an earlier run made of its first segments is gone on with.
            if !kept.as_ref().is_some_and(|folder| job::made(folder, &output.path)) {
                exists.get_or_insert_with(|| output.path.clone());
            }
        }
        match exists {
            Some(path) if args.output.no_overwrite => batch.skipped.push((job.input, path)),
            Some(path) if !args.output.overwrite => {
                problems
                    .push(format!("{}: exists; -y replaces it, -n skips inputs whose outputs exist", path.display()));
            }
            _ => batch.jobs.push(job),
        }
    }
    if problems.is_empty() { Ok(batch) } else { Err(complaints("some outputs can't be written:", &problems)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Cli;
    use clap::Parser;
    use vrseg_engine::settings::Loader;
    use vrseg_image::compose::Rgb;
    use vrseg_image::vr::{EyeOrder, FormatRequest, Layout, ProjectionKind};

    /// Builds the jobs of a command line in a folder that holds a.mp4, b.mkv and bg.jpg; `@` in a
    /// word stands for the folder.
    fn build(words: &[&str]) -> (Batch, String) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let at = dir.path().display().to_string();
        for name in ["a.mp4", "b.mkv", "bg.jpg"] {
            fs::write(dir.path().join(name), b"x").expect("a file");
        }
        let words = ["vrseg"].into_iter().chain(words.iter().copied()).map(|w| w.replace('@', &at));
        let args = Cli::try_parse_from(words).expect("arguments").job;
        let loader = Loader { profile: args.model.profile.clone(), flags: args.overrides(), ..Loader::default() };
        let (settings, sources) = loader.load().expect("settings");
        (jobs(&args, &settings, &sources).expect("jobs"), at)
    }

    #[test]
    fn the_main_use() {
        let (batch, at) = build(&["@/a.mp4", "-o", "@/out.mp4", "--profile", "fast"]);
        let [job] = batch.jobs.as_slice() else { panic!("one job") };
        assert_eq!(job.input, Path::new(&at).join("a.mp4"));
        assert_eq!((job.model.name.as_str(), job.model.prefer.as_slice()), ("", &["selfie".to_owned()][..]));
        assert_eq!(job.model.input_size, Some(512));
        assert_eq!((job.format, job.overwrite), (FormatRequest::default(), false));
        let [output] = job.outputs.as_slice() else { panic!("one output") };
        assert_eq!(output.mode, Mode::Green { key: Rgb::KEY_GREEN });
        assert_eq!((output.encode.preset.as_deref(), output.encode.crf), (Some("superfast"), Some(20.0)));
    }

    #[test]
    fn a_profiles_input_size_stays_with_its_model() {
        let size = |extra: &[&str], model: &str| {
            let words = [&["@/a.mp4", "-o", "@/o.mp4", "--profile", "quality"], extra].concat();
            build(&words).0.jobs.remove(0).model.input_size_of(model)
        };
        assert_eq!(size(&[], "rvm"), Some(1024));
        // Selfie finds less at 1024 than at its own 512.
        assert_eq!(size(&[], "selfie"), None);
        assert_eq!(size(&["--model", "selfie"], "selfie"), None);
        assert_eq!(size(&["--input-size", "640"], "selfie"), Some(640));
    }

    #[test]
    fn a_profiles_encoder_words_stay_with_x264_and_x265() {
        let words = |extra: &[&str], i: usize| {
            let base = ["@/a.mp4", "-o", "@/o.mkv", "-o", "alpha=@/o.mov", "-o", "@/o.webm", "--profile", "fast"];
            let encode = build(&[&base, extra].concat()).0.jobs.remove(0).outputs.remove(i).encode;
            (encode.preset, encode.crf)
        };
        let profile = (Some("superfast".to_owned()), Some(20.0));
        assert_eq!(words(&[], 0), profile);
        assert_eq!(words(&[], 1), (None, None));
        assert_eq!(words(&[], 2), (None, None));
        assert_eq!(words(&["--codec", "hevc"], 0), profile);
        assert_eq!(words(&["--codec", "av1"], 0), (None, None));
        assert_eq!(words(&["--encoder", "libsvtav1"], 0), (None, None));
        assert_eq!(words(&["--codec", "av1", "--crf", "30"], 0), (None, Some(30.0)));
        assert_eq!(words(&["--bitrate", "20M"], 0), (Some("superfast".to_owned()), None));
    }

    #[test]
    fn a_background_means_replace() {
        let modes = |words: &[&str]| {
            let all = [&["@/a.mp4", "--background", "@/bg.jpg"], words].concat();
            let job = build(&all).0.jobs.remove(0);
            job.outputs.iter().map(|o| o.mode.name()).collect::<Vec<_>>()
        };
        assert_eq!(modes(&["-o", "@/o.mp4", "-o", "matte=@/m.mp4"]), ["replace", "matte"]);
        assert_eq!(modes(&["-o", "@/o.mp4", "-o", "replace=@/m.mp4", "--mode", "green"]), ["green", "replace"]);
    }

    #[test]
    fn folders_and_ranges() {
        let (batch, at) = build(&["-r", "@", "-o", "@/keyed/", "-o", "alpha=@/keyed/", "--ss", "1:00", "-t", "30"]);
        let names: Vec<_> = batch.jobs.iter().flat_map(|j| j.outputs.iter().map(|o| o.path.clone())).collect();
        let want = ["a_green.mp4", "a_alpha.mov", "b_green.mp4", "b_alpha.mov"];
        assert_eq!(names, want.map(|n| Path::new(&at).join("keyed").join(n)));
        assert_eq!(batch.jobs[0].range, TimeRange { start: Some(60.0), end: Some(90.0), frames: None });
    }

    #[test]
    fn options_reach_the_job() {
        let (batch, _) = build(&[
            "@/a.mp4",
            "-o",
            "overlay=@/o.mp4",
            "--layout",
            "tb",
            "--projection",
            "fisheye",
            "--fov",
            "190",
            "--eye-order",
            "rl",
            "--model",
            "rvm",
            "--device",
            "cuda:1",
            "--precision",
            "fp16",
            "--batch-size",
            "4",
            "--threads",
            "3",
            "--erode",
            "2",
            "--feather",
            "1.5",
            "--threshold",
            "0.4",
            "--stabilize",
            "0",
            "--stereo",
            "0.5",
            "--no-refine",
            "--tint",
            "red",
            "--enc-opt",
            "tune=film",
            "--no-hwenc",
            "-y",
        ]);
        let job = &batch.jobs[0];
        let format = FormatRequest {
            layout: Some(Layout::TopBottom),
            projection: Some(ProjectionKind::Fisheye),
            fov: Some(190.0),
            eye_order: Some(EyeOrder::RightFirst),
        };
        assert_eq!((job.format, job.threads, job.overwrite), (format, 3, true));
        assert_eq!((job.model.name.as_str(), job.model.batch_size), ("rvm", 4));
        assert_eq!(job.model.device, vrseg_infer::DeviceChoice::Cuda(1));
        assert_eq!(job.model.precision, vrseg_infer::Precision::Fp16);
        let matte = vrseg_image::matte::MatteOptions {
            threshold: Some(0.4),
            feather: 1.5,
            grow: -2,
            refine: false,
            stabilize: 0.0,
            stereo: 0.5,
            every: 1,
        };
        assert_eq!(job.matte, matte);
        assert_eq!(job.outputs[0].mode, Mode::Overlay { tint: Rgb(255, 0, 0) });
        assert_eq!(job.outputs[0].encode.extra, [("tune".to_owned(), "film".to_owned())]);
        assert!(!job.outputs[0].encode.hardware);
    }
}
