//! From files to scores.

use super::meter::{Meter, Scores};
use super::read::Mattes;
use crate::media::MediaError;
use crate::plane::Plane;
use crate::vr::{Detected, Evidence, Layout, layout};
use std::path::{Path, PathBuf};

/// What is compared with what.
#[derive(Clone, Debug)]
pub struct Request {
    /// The matte: brightness, or opacity where the file has one that says something.
    pub pred: PathBuf,
    /// The true matte; without it only flicker is measured.
    pub truth: Option<PathBuf>,
    /// How the eyes lie in a frame; `None`: found out from `pred`, as the main job does.
    pub layout: Option<Layout>,
    /// Threads for decoding.
    pub threads: usize,
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Report {
    /// Width of the frames.
    pub width: usize,
    /// Height of the frames.
    pub height: usize,
    /// Frames that were compared.
    pub frames: u64,
    /// How the eyes lie in a frame.
    pub layout: Detected,
    /// The means over frames and views.
    pub scores: Scores,
    /// The means of each view, left or upper first; one entry where there is one view.
    pub views: Vec<Scores>,
}

/// What makes a comparison impossible.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// A file can't be read.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// Files of different size.
    #[error(
        "{} is {}x{} but {} is {}x{}: mattes are compared pixel by pixel, so bring one to the other's size first",
        pred.display(), pred_size.0, pred_size.1, truth.display(), truth_size.0, truth_size.1
    )]
    Size {
        /// The matte.
        pred: PathBuf,
        /// Its width and height.
        pred_size: (usize, usize),
        /// The other file.
        truth: PathBuf,
        /// Its width and height.
        truth_size: (usize, usize),
    },
    /// Files of different length.
    #[error(
        "{} ends after {frames} frame(s) but {} goes on: frames are paired in order, so both need the same number",
        short.display(), long.display()
    )]
    Frames {
        /// The file that ended.
        short: PathBuf,
        /// Its frames.
        frames: u64,
        /// The one that has more.
        long: PathBuf,
    },
    /// Too little to measure anything.
    #[error(
        "{}: {frames} frame(s) and no true matte to compare with; flicker needs three frames, the other metrics --truth",
        pred.display()
    )]
    Nothing {
        /// The matte.
        pred: PathBuf,
        /// Its frames.
        frames: u64,
    },
}

impl EvalError {
    /// Whether it was found before anything was compared.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            EvalError::Size { .. } | EvalError::Media(MediaError::NotFound { .. } | MediaError::IsDirectory { .. })
        )
    }
}

/// Compares two files frame by frame. `frame_done` is told how many frames were compared.
///
/// # Errors
/// A file can't be read; the files differ in size or number of frames; there is nothing to measure.
pub fn evaluate(request: &Request, frame_done: &mut dyn FnMut(u64)) -> Result<Report, EvalError> {
    let files = 1 + usize::from(request.truth.is_some());
    let threads = (request.threads / files).max(1);
    let mut pred = Mattes::open(&request.pred, threads)?;
    let mut truth = request.truth.as_ref().map(|t| Mattes::open(t, threads)).transpose()?;
    let size = size_of(&pred);
    if let Some(truth) = truth.as_ref().filter(|t| size_of(t) != size) {
        return Err(EvalError::Size {
            pred: request.pred.clone(),
            pred_size: size,
            truth: truth.info().path.clone(),
            truth_size: size_of(truth),
        });
    }
    let layout = match request.layout {
        Some(layout) => Detected { layout, evidence: Evidence::Option },
        None => layout::detect(pred.info().video.stereo, &request.pred, size.0, size.1),
    };
    let views = layout.layout.views(size.0, size.1);
    let mut meters: Vec<_> = views.iter().map(|_| Meter::default()).collect();
    let (mut pred_planes, mut truth_planes) = (Vec::new(), Vec::new());
    let mut frames = 0;
    loop {
        let more = pred.next(&views, &mut pred_planes)?;
        if let Some(truth) = &mut truth {
            let more_truth = truth.next(&views, &mut truth_planes)?;
            if more != more_truth {
                let truth = truth.info().path.as_path();
                return Err(lengths(
                    if more { truth } else { &request.pred },
                    if more { &request.pred } else { truth },
                    frames,
                ));
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
    if scores == Scores::default() {
        return Err(EvalError::Nothing { pred: request.pred.clone(), frames });
    }
    Ok(Report { width: size.0, height: size.1, frames, layout, scores, views })
}

fn size_of(mattes: &Mattes) -> (usize, usize) {
    let video = &mattes.info().video;
    (video.width, video.height)
}

fn lengths(short: &Path, long: &Path, frames: u64) -> EvalError {
    EvalError::Frames { short: short.to_owned(), frames, long: long.to_owned() }
}
