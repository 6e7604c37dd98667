//! From arguments and settings to jobs. Everything that can be refused without opening a video is
//! refused here, before any work.

mod batch;
mod checks;
mod encode;
mod unused;

pub(crate) use batch::Batch;

use super::inputs::{self, Input};
use super::outputs::{OutputRequest, canonical_place, carries_alpha, recognized};
use super::regions;
use crate::cli::args::JobArgs;
use crate::cli::exit::UsageError;
use crate::cli::job::stdin::{STDIN, Spooled};
use checks::{check_background, check_format, check_places, check_standard_streams, handle_existing};
use encode::{encode, scale};
use std::collections::HashSet;
use std::path::Path;
use vrseg_engine::edits::{self, Action, Edits};
use vrseg_engine::settings::{Settings, Sources};
use vrseg_engine::{Job, ModelChoice, OutputSpec};
use vrseg_image::compose::{Mode, packed};
use vrseg_image::vr::names::{self, NamedProjection};
use vrseg_image::vr::{Format, Layout, Projection, ProjectionKind};
use vrseg_media::{InputChoice, TimeRange};

/// Builds the jobs.
///
/// # Errors
/// A [`UsageError`] that says what doesn't fit and how to fix it.
pub(crate) fn jobs(args: &JobArgs, settings: &Settings, sources: &Sources) -> Result<Batch, UsageError> {
    let requests = args
        .output
        .output
        .iter()
        .map(|o| OutputRequest::parse(o, args.output.container()))
        .collect::<Result<Vec<_>, _>>()?;
    let default_mode = default_mode(args, settings, sources);
    check_format(sources)?;
    unused::check(args, sources, &requests, &default_mode)?;
    check_background(args, &requests, &default_mode)?;
    let range = range(args)?;

    let folders: Vec<_> = requests.iter().filter(|r| r.folder).map(|r| canonical_place(&r.path)).collect();
    check_standard_streams(args, &requests)?;
    let spooled = spool(args, &requests)?;
    let named = args.input.named().map(|path| match &spooled {
        Some(spooled) if path.as_os_str() == STDIN => spooled.path(),
        _ => path.clone(),
    });
    let inputs = inputs::gather(&named.collect::<Vec<_>>(), args.input.recursive, &folders)?;
    if let (true, Some(file)) = (inputs.len() > 1, requests.iter().find(|r| !r.folder)) {
        return Err(UsageError(format!(
            "{} inputs can't all become {}; name a folder: -o out/",
            inputs.len(),
            file.path.display()
        )));
    }

    let edits = edits(args, settings, inputs.len())?;

    let mut warnings = Vec::new();
    let mut jobs = Vec::with_capacity(inputs.len());
    for input in &inputs {
        let outputs = requests
            .iter()
            .map(|request| {
                let word = request.mode.unwrap_or_else(|| usual_mode(request, input, &default_mode, sources));
                let mut mode = mode(word, args, settings);
                let named = mode.packed_fov(fisheye_fov(&input.path, settings));
                let made = named.map(packed::format).or_else(|| keyed_format(&mode, &input.path, settings));
                let path = request.file(input, word, made.as_ref(), &settings.output.name, &settings.profile)?;
                // A name that states the field of view must not be belied by what is found in the file.
                if let (Mode::Passthrough { fov, .. }, true) = (&mut mode, request.folder) {
                    *fov = named;
                }
                if let (Some(format), Mode::Passthrough { .. }, false) = (&made, &mode, request.folder) {
                    warnings.extend(unrecognized(input, &path, format));
                }
                let encode = encode(&path, &mode, args, settings, sources, &request.own)?;
                let scale = scale(settings, &request.own);
                Ok(OutputSpec { path, mode, encode, scale })
            })
            .collect::<Result<Vec<_>, UsageError>>()?;
        jobs.push(job(input, range, outputs, &edits, args, settings));
    }
    // What an earlier run wrote beside its inputs is no input of this one.
    let made: HashSet<_> = jobs.iter().flat_map(|job| &job.outputs).map(|o| canonical_place(&o.path)).collect();
    let own = |input: &Input| input.found && made.contains(&canonical_place(&input.path));
    let mut own = inputs.iter().map(own);
    jobs.retain(|_| !own.next().unwrap_or(false));
    for request in requests.iter().filter(|r| !r.folder && !args.output.parents) {
        let parent = request.path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !parent.is_dir() {
            return Err(UsageError(format!(
                "{}: the folder {} doesn't exist; -p creates it",
                request.path.display(),
                parent.display()
            )));
        }
    }
    check_places(&jobs, args)?;
    Ok(Batch { spooled, warnings, ..handle_existing(jobs, args)? })
}

/// The edits file of the only input, and behind it what `--include` and `--exclude` say.
fn edits(args: &JobArgs, settings: &Settings, inputs: usize) -> Result<Edits, UsageError> {
    let mut edits = match &args.output.edits {
        Some(path) if inputs > 1 => {
            let shown = path.display();
            return Err(UsageError(format!(
                "--edits {shown}: an edits file is for one video, and there are {inputs} inputs; run vrseg for each"
            )));
        }
        Some(path) => edits::read(path).map_err(|e| UsageError(format!("--edits {e}")))?,
        None => Edits::default(),
    };
    for (option, action, text) in
        [("--include", Action::Only, &settings.include), ("--exclude", Action::Remove, &settings.exclude)]
    {
        if let Some(text) = text {
            edits.regions.extend(regions::read(option, action, text)?);
        }
    }
    Ok(edits)
}

/// A warning where players won't take a passthrough file for one.
fn unrecognized(input: &Input, path: &Path, format: &Format) -> Option<String> {
    let known = vrseg_media::is_stdout(path) || {
        let name = names::read(path);
        name.alpha.is_some() && name.fov().is_some()
    };
    let name = recognized(&input.path, path, format);
    (!known).then(|| {
        format!(
            "{}: players recognize passthrough by the file name; use a name such as {}",
            path.display(),
            name.file_name().unwrap_or_default().to_string_lossy()
        )
    })
}

/// What comes through standard input, where that is named.
fn spool(args: &JobArgs, requests: &[OutputRequest]) -> Result<Option<Spooled>, UsageError> {
    if !args.input.named().any(|path| path.as_os_str() == STDIN) {
        return Ok(None);
    }
    if let Some(folder) = requests.iter().find(|r| r.folder) {
        let why = "standard input has no name for an output in a folder; name the output file";
        return Err(UsageError(format!("{}: {why}", folder.path.display())));
    }
    // There is room for an output, so there may be for the input.
    let beside = requests.first().and_then(|r| r.path.parent()).filter(|folder| !folder.as_os_str().is_empty());
    Spooled::read(beside.unwrap_or(Path::new("."))).map(Some)
}

/// The mode of an output that names none: pictures that can be transparent are, unless the user set another mode.
fn usual_mode<'a>(request: &OutputRequest, input: &Input, default: &'a str, sources: &Sources) -> &'a str {
    let transparent = match request.folder {
        true => inputs::is_picture(&input.path),
        false => inputs::is_picture(&request.path) && carries_alpha(&request.path),
    };
    let chosen = sources.of("output.mode").is_user() || default == "replace";
    if transparent && !chosen { "alpha" } else { default }
}

fn job(
    input: &Input,
    range: TimeRange,
    outputs: Vec<OutputSpec>,
    edits: &Edits,
    args: &JobArgs,
    settings: &Settings,
) -> Job {
    Job {
        input: input.path.clone(),
        choice: InputChoice { stream: args.input.stream, rate: args.input.framerate, sdr: settings.output.sdr },
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
        people: settings.people.clone(),
        matte: settings.matte,
        edits: edits.clone(),
        outputs,
        overwrite: args.output.overwrite,
        threads: settings.processing.threads,
        split: settings.processing.split,
        queue_bytes: settings.processing.queue_bytes,
        decode: settings.decode,
        low_latency: settings.processing.low_latency,
        max_memory: settings.processing.max_memory,
        cache: settings.processing.cache,
        strict: settings.processing.strict,
        target_fps: settings.performance.target_fps,
        max_latency_ms: settings.performance.max_latency_ms,
    }
}

/// The mode of outputs that name none: replace with `--background`, unless the user set another.
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
    let (requested, named) = (&settings.vr, names::read(input));
    if named.bare_number && requested.projection.is_none() {
        return None;
    }
    let projection = match requested.projection {
        Some(ProjectionKind::HalfEquirectangular) => Projection::HalfEquirectangular,
        Some(ProjectionKind::Equirectangular) => Projection::Equirectangular,
        Some(ProjectionKind::Flat) => return None,
        Some(ProjectionKind::Fisheye) => Projection::Fisheye { fov: fisheye_fov(input, settings)? },
        None => match (requested.fov, named.projection.map(|p| p.value)) {
            (Some(fov), _) => Projection::Fisheye { fov },
            (None, Some(NamedProjection::Known(projection))) => projection,
            (None, _) => return None,
        },
    };
    let fisheye = matches!(projection, Projection::Fisheye { .. });
    let layout = requested.layout.or(named.layout.map(|l| l.value)).or(fisheye.then_some(Layout::SideBySide))?;
    (projection != Projection::Flat).then(|| Format {
        layout,
        eye_order: requested.eye_order.or(named.eye_order.map(|o| o.value)).unwrap_or_default(),
        packing: named.packing.map(|p| p.value).unwrap_or_default(),
        projection,
        alpha_packed: false,
    })
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

#[cfg(test)]
mod tests;
