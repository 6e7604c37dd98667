//! `vrseg preview`: a contact sheet of moments spread over a video, made by the program's own
//! pipeline, so that a model can be judged before a night's run.

use crate::cli::args::{Cli, PreviewArgs};
use crate::cli::exit::{Exit, UsageError};
use crate::cli::interrupt::Stop;
use crate::cli::job::{inputs, source};
use crate::ui::picture::{self, Image};
use crate::ui::sheet::{self, Moment};
use crate::ui::{Console, format};
use anyhow::Context;
use clap::Parser;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use vrseg_engine::edits::MAX_LEAD;
use vrseg_engine::events::PreviewFrame;
use vrseg_engine::{Job, Plan};
use vrseg_image::matte::{Sampler, SmallYuv};
use vrseg_image::plane::{Plane, Rect, YuvColor, YuvLayout};
use vrseg_infer::Kind;
use vrseg_media::{DecodeOptions, Item, Reader, TimeRange, VideoFrame};

/// Width of a picture on the sheet.
const CELL_WIDTH: usize = 480;
/// Frames before a moment that let the matte settle; a recurrent model needs more of them.
const WARM_UP: u64 = 4;
const WARM_UP_RECURRENT: u64 = 15;

pub(crate) fn run(args: &PreviewArgs, stop: &Stop, console: &Console) -> anyhow::Result<Exit> {
    inputs::check_file(&args.file)?;
    let existed = args.output.exists();
    let mut file = create(&args.output, args.overwrite)?;
    let result = moments(args, stop, console);
    let sheet = match result {
        Ok(Some(sheet)) => sheet,
        other => {
            // An older sheet stays as it is.
            if !existed {
                let _ = std::fs::remove_file(&args.output);
            }
            return other.map(|_| Exit::Interrupted);
        }
    };
    let png = sheet.png().context("the sheet can't be written as PNG")?;
    file.set_len(0).and_then(|()| file.write_all(&png)).with_context(|| args.output.display().to_string())?;
    if !args.quiet {
        let (w, h) = (sheet.width, sheet.height);
        console.line(&format!("vrseg: {}: {w}x{h}, {}", args.output.display(), format::bytes(png.len() as u64)));
    }
    Ok(Exit::Done)
}

fn create(path: &Path, overwrite: bool) -> anyhow::Result<File> {
    let shown = path.display();
    if path.extension().is_none_or(|e| !e.eq_ignore_ascii_case("png")) {
        return Err(UsageError(format!("{shown}: the sheet is a PNG file; name it .png")).into());
    }
    let mut options = OpenOptions::new();
    // Emptied only when there is a new one.
    options.write(true).create(true).truncate(false).create_new(!overwrite);
    options.open(path).map_err(|e| {
        let why = match e.kind() {
            std::io::ErrorKind::AlreadyExists => "exists; -y replaces it".to_owned(),
            _ => e.to_string(),
        };
        UsageError(format!("{shown}: {why}")).into()
    })
}

/// `None`: it was stopped.
fn moments(args: &PreviewArgs, stop: &Stop, console: &Console) -> anyhow::Result<Option<Image>> {
    let folder = tempfile::Builder::new().prefix("vrseg-preview-").tempdir()?;
    let job = job(args, folder.path())?;
    let plan = Plan::new(&job)?;
    let warm_up = if plan.model.manifest.kind == Kind::Recurrent { WARM_UP_RECURRENT } else { WARM_UP };
    let fps = plan.fps();
    let length = plan.frames.map(|n| n as f64 / fps);
    let times = times(args.count, length, warm_up as f64 / fps);
    let titles = [args.file.display().to_string(), plan.model_text(), plan.format.summary()];
    let mut all = Vec::new();
    for (i, time) in times.iter().enumerate() {
        if !args.quiet && console.is_terminal() {
            console.line(&format!("vrseg: picture {} of {}, at {}", i + 1, times.len(), format::moment(*time)));
        }
        // Each is a run of its own, which ends at the moment.
        let mut here = job.clone();
        let lead = warm_up as f64 / fps;
        // Brush strokes are followed from where they were painted.
        let stroke = job.edits.first_stroke(*time, fps).map(|at| (at - 0.5 / fps).max(time - MAX_LEAD / fps));
        let start = stroke.unwrap_or(f64::INFINITY).min(time - lead).max(0.0);
        let frames = (((time - start) * fps) as u64).max(warm_up) + 1;
        here.range = TimeRange { start: Some(start), end: None, frames: Some(frames) };
        let cancel = stop.next_job();
        vrseg_engine::run(&here, &cancel, &())?;
        if stop.presses() > 0 {
            return Ok(None);
        }
        let cell = |path: &Path, range, gray| last_frame(path, range, gray);
        let outputs: Vec<_> = here.outputs.iter().map(|o| o.path.as_path()).collect();
        let (source, start) = cell(&here.input, here.range, false)?;
        let (matte, _) = cell(outputs[0], TimeRange::default(), true)?;
        let (green, _) = cell(outputs[1], TimeRange::default(), false)?;
        all.push(Moment { label: format::moment(start), cells: vec![source, matte, green] });
    }
    Ok(Some(sheet::draw(&titles, &["frame", "matte", "green"], &all)))
}

/// The job of a moment, its range still open: a matte and a green screen, hardly compressed.
fn job(args: &PreviewArgs, folder: &Path) -> anyhow::Result<Job> {
    let output = |mode: &str| format!("{mode}={}", folder.join(mode).with_extension("mkv").display());
    let (matte, green) = (output("matte"), output("green"));
    let words = ["vrseg", "x", "-o", &matte, "-o", &green, "-y", "--codec", "h264", "--crf", "8"];
    let words = words.into_iter().chain(["--preset", "ultrafast", "--no-hwenc", "--no-cache"]);
    let mut main = Cli::try_parse_from(words)?.job;
    main.output.edits.clone_from(&args.edits);
    source::job(main, &args.file, &args.source.model)
}

/// Moments in the middle of equal parts, but none before the matte can have warm_upd; one where the
/// length is unknown.
fn times(count: u32, length: Option<f64>, lead: f64) -> Vec<f64> {
    let Some(length) = length else { return vec![lead] };
    let part = length / f64::from(count);
    let mut times: Vec<f64> = (0..count).map(|i| ((f64::from(i) + 0.5) * part).max(lead)).collect();
    times.dedup();
    times
}

/// The last frame of a range at the sheet's size, and its time in seconds.
fn last_frame(path: &Path, range: TimeRange, gray: bool) -> anyhow::Result<(Image, f64)> {
    let mut reader = Reader::open(path, &DecodeOptions { range, ..DecodeOptions::default() })?;
    let video = reader.template().info().video.clone();
    let mut last = None;
    while let Some(item) = reader.next()? {
        if let Item::Frame(frame) = item {
            last = Some(frame);
        }
    }
    let last = last.with_context(|| format!("{}: no frame at {:.1} s", path.display(), range.start.unwrap_or(0.0)))?;
    let seconds = last.pts as f64 * f64::from(video.time_base.0) / f64::from(video.time_base.1.max(1));
    let height = (CELL_WIDTH * video.height / video.width.max(1)).max(1);
    let size = (CELL_WIDTH, height);
    // Times of what is read count from its start.
    let seconds = seconds + range.start.unwrap_or(0.0);
    Ok((image(&last.frame, video.layout, video.color, (video.width, video.height), size, gray), seconds))
}

/// A frame, averaged to `size`.
fn image(
    frame: &VideoFrame,
    layout: YuvLayout,
    color: YuvColor,
    (w, h): (usize, usize),
    size: (usize, usize),
    gray: bool,
) -> Image {
    let mut small = SmallYuv::default();
    Sampler::new().sample(&frame.yuv(), layout, color, Rect::new(0, 0, w, h), size, &mut small);
    let alpha = if gray { small.y.clone() } else { Plane::default() };
    let seen = picture::from_preview_frame(&PreviewFrame {
        frame: 0,
        seconds: 0.0,
        matrix: color.matrix,
        views: vec![(small, alpha)],
    });
    if gray { seen.matte } else { seen.source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_spread_over_the_video() {
        assert_eq!(times(4, Some(80.0), 0.5), [10.0, 30.0, 50.0, 70.0]);
        assert_eq!(times(3, Some(0.6), 0.5), [0.5]);
        assert_eq!(times(3, None, 0.5), [0.5]);
    }
}
