//! Whether two mattes of the same frames agree: all that a search for faster settings needs,
//! without the metrics that cost more than making the mattes.

use super::read::Mattes;
use super::report::EvalError;
use super::{THRESHOLD, iou};
use std::path::Path;
use vrseg_image::plane::Rect;
use vrseg_media::TimeRange;

/// How well two mattes agree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// Mean [`iou`] over the frames in which either shows a person; 1 where none does.
    pub iou: f64,
    /// The share of all pixels (0..=1) that is person in the second matte. 0: no person, and
    /// `iou` means nothing.
    pub coverage: f64,
}

/// Compares two files of mattes frame by frame, up to the end of the shorter.
///
/// # Errors
/// A file can't be read, or their sizes differ.
pub fn agreement(pred: &Path, truth: &Path, threads: usize) -> Result<Agreement, EvalError> {
    let threads = (threads / 2).max(1);
    let whole = TimeRange::default();
    let (mut first, mut second) = (Mattes::open(pred, whole, threads)?, Mattes::open(truth, whole, threads)?);
    let size = |m: &Mattes| (m.info().video.width, m.info().video.height);
    if size(&first) != size(&second) {
        let (pred_size, truth_size) = (size(&first), size(&second));
        return Err(EvalError::Size { pred: pred.to_owned(), pred_size, truth: truth.to_owned(), truth_size });
    }
    let (w, h) = size(&first);
    let whole = [Rect { x: 0, y: 0, w, h }];
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let (mut frames, mut person, mut sum, mut shown) = (0u64, 0.0, 0.0, 0u64);
    let is_person = |v: &f32| *v >= THRESHOLD;
    while first.next(&whole, &mut a)? && second.next(&whole, &mut b)? {
        frames += 1;
        let covered = b[0].data().iter().filter(|v| is_person(v)).count();
        person += covered as f64 / b[0].data().len().max(1) as f64;
        if covered > 0 || a[0].data().iter().any(is_person) {
            sum += iou(&a[0], &b[0]);
            shown += 1;
        }
    }
    let iou = if shown > 0 { sum / shown as f64 } else { 1.0 };
    Ok(Agreement { iou, coverage: person / frames.max(1) as f64 })
}
