//! From files to scores.

use super::meter::{Meter, Scores};
use super::read::{Mattes, Pictures};
use super::stereo::{StereoMeter, StereoScores};
use std::path::{Path, PathBuf};
use vrseg_engine::plan::recognize::recognize_blind;
use vrseg_image::plane::Plane;
use vrseg_image::vr::{Evidence, Finding, FormatRequest, Layout};
use vrseg_media::{MediaError, TimeRange};

/// The files to compare.
#[derive(Clone, Debug)]
pub struct Request {
    /// The matte: brightness, or opacity where the file has one that says something.
    pub pred: PathBuf,
    /// The true matte; without it only flicker is measured.
    pub truth: Option<PathBuf>,
    /// The pictures that the matte is of, of any size: stereo consistency needs them.
    pub source: Option<PathBuf>,
    /// Stereo layout; `None`: auto-detected from `source` or else from `pred`, as the main job does.
    pub layout: Option<Layout>,
    /// The part of all files that is compared.
    pub range: TimeRange,
    /// Threads for decoding.
    pub threads: usize,
}

/// The measured scores.
#[derive(Clone, Debug)]
pub struct Report {
    /// Width of the frames.
    pub width: usize,
    /// Height of the frames.
    pub height: usize,
    /// Frames that were compared.
    pub frames: u64,
    /// Stereo layout, detected or requested.
    pub layout: Finding<Layout>,
    /// The means over frames and views.
    pub scores: Scores,
    /// The means of each view, left or upper first; one entry where there is one view.
    pub views: Vec<Scores>,
    /// How well the eyes agree; `None` without a source, or where nothing could be compared.
    pub stereo: Option<StereoScores>,
}

/// Why a comparison is impossible.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// A file can't be read.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// The files differ in frame size.
    #[error(
        "{} is {}x{} but {} is {}x{}: mattes are compared pixel by pixel; scale one to the other's size first",
        pred.display(), pred_size.0, pred_size.1, truth.display(), truth_size.0, truth_size.1
    )]
    Size {
        /// The matte to be compared.
        pred: PathBuf,
        /// Width and height of the matte.
        pred_size: (usize, usize),
        /// The file that it is compared with.
        truth: PathBuf,
        /// Width and height of that file.
        truth_size: (usize, usize),
    },
    /// The files differ in number of frames.
    #[error(
        "{} ends after {frames} frame(s) but {} is longer: frames are paired in order, so both need the same number",
        short.display(), long.display()
    )]
    Frames {
        /// The file that ended.
        short: PathBuf,
        /// Number of frames in it.
        frames: u64,
        /// The file with more frames.
        long: PathBuf,
    },
    /// An eye would have no pixels.
    #[error("{}: a picture of {}x{} has no two eyes of this layout; pass --layout mono", path.display(), size.0, size.1)]
    NoEyes {
        /// The file without two eyes.
        path: PathBuf,
        /// Width and height of its frames.
        size: (usize, usize),
    },
    /// A source for stereo consistency, with a single view.
    #[error(
        "{}: is one view ({evidence}), but --source compares two; set --layout",
        path.display()
    )]
    OneView {
        /// The source of one view.
        path: PathBuf,
        /// What says that it has one view.
        evidence: Evidence,
    },
    /// There is too little to measure anything.
    #[error(
        "{}: {frames} frame(s) and no reference; flicker needs three frames, the other metrics --truth",
        pred.display()
    )]
    Nothing {
        /// The only matte.
        pred: PathBuf,
        /// Number of frames in it.
        frames: u64,
    },
}

impl EvalError {
    /// Whether the user's arguments are wrong, which is known before anything is compared.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            EvalError::Size { .. }
                | EvalError::OneView { .. }
                | EvalError::NoEyes { .. }
                | EvalError::Media(MediaError::NotFound { .. } | MediaError::IsDirectory { .. })
        )
    }
}

/// Compares two files frame by frame. `frame_done` is called with the number of frames compared so far.
///
/// # Errors
/// A file can't be read; the files differ in size or number of frames; there is nothing to measure.
pub fn evaluate(request: &Request, frame_done: &mut dyn FnMut(u64)) -> Result<Report, EvalError> {
    let files = 1 + usize::from(request.truth.is_some()) + usize::from(request.source.is_some());
    let threads = (request.threads / files).max(1);
    let range = request.range;
    let mut pred = Mattes::open(&request.pred, range, threads)?;
    let mut truth = request.truth.as_ref().map(|t| Mattes::open(t, range, threads)).transpose()?;
    let size = size_of(&pred);
    if let Some(truth) = truth.as_ref().filter(|t| size_of(t) != size) {
        return Err(EvalError::Size {
            pred: request.pred.clone(),
            pred_size: size,
            truth: truth.info().path.clone(),
            truth_size: size_of(truth),
        });
    }
    let mut source = request.source.as_ref().map(|s| Pictures::open(s, range, threads)).transpose()?;
    // The matte's source says more of its format, in tags and name, than the matte. A matte shows no
    // fisheye's circle, so the picture is not examined.
    let requested = FormatRequest { layout: request.layout, ..FormatRequest::default() };
    let format = recognize_blind(source.as_ref().map_or(pred.info(), Pictures::info), &requested);
    let (layout, projection) = (format.layout, format.projection.value);
    let views = layout.value.views(size.0, size.1);
    if views.iter().any(|v| v.w == 0 || v.h == 0) {
        return Err(EvalError::NoEyes { path: request.pred.clone(), size });
    }
    if let Some(source) = &mut source {
        let path = source.info().path.clone();
        source.set_layout(layout.value);
        if views.len() != 2 {
            return Err(EvalError::OneView { path, evidence: layout.evidence });
        }
        if source.is_too_small() {
            return Err(EvalError::NoEyes { path, size: source.size() });
        }
    }
    let mut stereo = source.as_ref().map(|s| StereoMeter::new(s.view_size(), projection));
    let mut meters: Vec<_> = views.iter().map(|_| Meter::default()).collect();
    let (mut pred_planes, mut truth_planes) = (Vec::new(), Vec::new());
    let mut frames = 0;
    loop {
        let more = pred.next(&views, &mut pred_planes)?;
        if let Some(truth) = &mut truth {
            let more_truth = truth.next(&views, &mut truth_planes)?;
            if more != more_truth {
                return Err(length_mismatch(more, &request.pred, &truth.info().path, frames));
            }
        }
        if let (Some(source), Some(meter)) = (&mut source, &mut stereo) {
            let path = request.source.as_deref().unwrap_or(&request.pred);
            let seen = source.next(meter.size())?;
            if seen.is_some() != more {
                return Err(length_mismatch(more, &request.pred, path, frames));
            }
            if let (Some([first, second]), [a, b]) = (seen, pred_planes.as_slice()) {
                meter.add([&first.y, &second.y], [a, b]);
            }
        }
        if !more {
            break;
        }
        for (i, meter) in meters.iter_mut().enumerate() {
            let truth: Option<&Plane<f32>> = truth_planes.get(i);
            meter.add(&pred_planes[i], truth);
        }
        frames += 1;
        frame_done(frames);
    }
    let views: Vec<_> = meters.iter().map(Meter::scores).collect();
    let scores = Scores::mean(&views);
    let stereo = stereo.and_then(|s| s.scores());
    if scores == Scores::default() && stereo.is_none() {
        return Err(EvalError::Nothing { pred: request.pred.clone(), frames });
    }
    Ok(Report { width: size.0, height: size.1, frames, layout, scores, views, stereo })
}

fn size_of(mattes: &Mattes) -> (usize, usize) {
    let video = &mattes.info().video;
    (video.width, video.height)
}

/// The error of two files of which one ended after `frames` frames: the second where `first_continues`.
fn length_mismatch(first_continues: bool, first: &Path, second: &Path, frames: u64) -> EvalError {
    let (short, long) = if first_continues { (second, first) } else { (first, second) };
    EvalError::Frames { short: short.to_owned(), frames, long: long.to_owned() }
}
