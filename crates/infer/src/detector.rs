//! The person detector: NanoDet's outputs as boxes around people.
//!
//! NanoDet (RangiLyu, 2020) divides a square picture into cells of 8, 16 and 32 pixels. Each cell has
//! a score for each of COCO's 80 classes, of which the first is the person, and for each of the four
//! sides of a box a distribution over 0 to 10 strides, whose mean is the side's distance from the
//! cell's middle (Li et al., "Generalized Focal Loss", 2020).

use crate::error::Result;
use crate::helper::{HelperModel, Output};
use crate::models::manifest::{Kind, Manifest};
use crate::models::weights::Model;
use crate::session::fault::{Fault, NOT_A_NUMBER};
use crate::session::provider::SessionOptions;
use crate::suppress::suppress;
use vrseg_image::matte::people::overlap;

/// COCO's classes.
const CLASSES: usize = 80;
/// Index of the class of people.
const PERSON: usize = 0;
/// Steps of the distribution of a side's distance.
const BINS: usize = 11;
/// Two boxes with this intersection over union or more are one person.
const SAME_PERSON_OVERLAP: f32 = 0.55;

/// A box around a person, in pixels of the detector's input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// Confidence of the detector, 0..=1.
    pub score: f32,
    /// Left, top, right and bottom edge in pixels.
    pub sides: [f32; 4],
}

impl Detection {
    /// Intersection over union, 0..=1.
    pub(crate) fn overlap(&self, other: &Self) -> f32 {
        overlap(&self.sides, &other.sides)
    }
}

/// A loaded detector. Where its device fails, the CPU runs the same picture again, and all that follow;
/// [`Detector::take_notes`] reports that.
#[derive(Debug)]
pub struct Detector(HelperModel);

impl Detector {
    /// Checks the weights and loads them.
    ///
    /// # Errors
    /// As [`crate::ModelRunner::load`].
    pub fn load(model: &Model, options: &SessionOptions) -> Result<Self> {
        debug_assert_eq!(model.manifest.kind, Kind::Detector);
        HelperModel::load(model, options).map(Self)
    }

    /// The manifest of the model that was loaded.
    pub fn manifest(&self) -> &Manifest {
        self.0.manifest()
    }

    /// Side of its square input in pixels.
    pub fn side(&self) -> usize {
        self.0.side()
    }

    /// What was changed since the last call because the device failed, a sentence each.
    pub fn take_notes(&mut self) -> Vec<String> {
        self.0.take_notes()
    }

    /// The people in a picture, f32 `[3, side, side]`, normalized as the manifest says, with a score of `least` or
    /// more, the highest first.
    ///
    /// # Errors
    /// What ONNX Runtime reports, and outputs that are not NanoDet's, where the fallback does not help.
    pub fn detect(&mut self, picture: &[f32], least: f32) -> Result<Vec<Detection>> {
        let side = self.side();
        let mut found = self.0.run(picture, |outputs| people(outputs, side, least))?;
        suppress_overlaps(&mut found);
        Ok(found)
    }
}

/// The boxes in NanoDet's outputs with a score of `least` or more; several may be around the same person.
fn people(outputs: &[Output<'_>], side: usize, least: f32) -> std::result::Result<Vec<Detection>, Fault> {
    // Scores and distances of a grid have the same number of rows and differ in the number of columns.
    let mut grids: Vec<Grid<'_>> = Vec::new();
    for Output { shape, values } in outputs {
        let [_, rows, columns] = shape[..] else { return Err(format!("an output has the shape {shape:?}")) };
        let cells = rows as usize;
        let at = grids.iter().position(|g| g.cells == cells).unwrap_or_else(|| {
            grids.push(Grid { cells, scores: &[], sides: &[] });
            grids.len() - 1
        });
        match columns as usize {
            CLASSES => grids[at].scores = values,
            n if n == 4 * BINS => grids[at].sides = values,
            n => return Err(format!("an output has {n} columns, neither {CLASSES} nor {}", 4 * BINS)),
        }
    }
    if grids.iter().any(|g| g.scores.len() != g.cells * CLASSES || g.sides.len() != g.cells * 4 * BINS) {
        return Err("its outputs are not pairs of scores and sides".into());
    }
    // Half floats that overflowed make every score NaN, which would look like a picture without people.
    if grids.iter().flat_map(|g| g.scores.chunks_exact(CLASSES)).any(|s| !s[PERSON].is_finite()) {
        return Err(NOT_A_NUMBER.into());
    }
    Ok(grids.iter().flat_map(|grid| grid.people(side, least)).collect())
}

/// Raw output for all cells of one size.
struct Grid<'a> {
    cells: usize,
    /// `[cells, CLASSES]`.
    scores: &'a [f32],
    /// `[cells, 4, BINS]`, before the softmax.
    sides: &'a [f32],
}

impl Grid<'_> {
    /// The boxes of all cells with a person's score of `least` or more.
    fn people(&self, side: usize, least: f32) -> Vec<Detection> {
        let across = (self.cells as f64).sqrt().round() as usize;
        let stride = side as f32 / across.max(1) as f32;
        let cells = self.scores.chunks_exact(CLASSES).zip(self.sides.chunks_exact(4 * BINS)).enumerate();
        let people = cells.filter(|(_, (scores, _))| scores[PERSON] >= least);
        people
            .map(|(i, (scores, sides))| {
                let middle = [((i % across) as f32 + 0.5) * stride, ((i / across) as f32 + 0.5) * stride];
                let mut away = sides.chunks_exact(BINS).map(|bins| mean_of(bins) * stride);
                let mut next = || away.next().unwrap_or(0.0);
                let sides = [middle[0] - next(), middle[1] - next(), middle[0] + next(), middle[1] + next()];
                Detection { score: scores[PERSON], sides: sides.map(|s| s.clamp(0.0, side as f32)) }
            })
            .collect()
    }
}

/// The mean of the distribution whose logarithms (up to a constant) are `bins`.
fn mean_of(bins: &[f32]) -> f32 {
    let top = bins.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (mut sum, mut weighted) = (0.0, 0.0);
    for (i, bin) in bins.iter().enumerate() {
        let p = (bin - top).exp();
        sum += p;
        weighted += p * i as f32;
    }
    weighted / sum
}

/// Sorts boxes by falling score and removes those that overlap one with a higher score so much that both are around
/// the same person. Equal scores keep their order, so that results are reproducible.
pub fn suppress_overlaps(found: &mut Vec<Detection>) {
    suppress(found, |d| d.score, |a, b| a.overlap(b) >= SAME_PERSON_OVERLAP);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fixed sequence that the NumPy reference computes, too.
    fn value(i: usize) -> f32 {
        ((i as f64 * 12.9898).sin() * 43758.5453).fract().abs() as f32
    }

    #[test]
    fn boxes_match_numpy_reference() {
        // import numpy as np
        // f = lambda i: np.abs(np.fmod(np.sin(i * 12.9898) * 43758.5453, 1)).astype(np.float32)
        // cls, reg = f(np.arange(144 * 80)).reshape(144, 80)[:, 0], 12 * f(np.arange(144 * 44)).reshape(144, 4, 11)
        // p = np.exp(reg); d = ((p / p.sum(-1, keepdims=True)) * np.arange(11)).sum(-1) * 32
        // y, x = np.divmod(np.arange(144), 12); cx, cy = (x + .5) * 32, (y + .5) * 32
        // boxes = np.stack([cls, cx - d[:, 0], cy - d[:, 1], cx + d[:, 2], cy + d[:, 3]], 1).clip(0, 384)
        // then those with cls >= 0.9 by falling score, and of two with an overlap of 0.55 the first
        let scores: Vec<f32> = (0..144 * CLASSES).map(value).collect();
        let sides: Vec<f32> = (0..144 * 4 * BINS).map(|i| 12.0 * value(i)).collect();
        let grid = Grid { cells: 144, scores: &scores, sides: &sides };
        let mut found = grid.people(384, 0.9);
        suppress_overlaps(&mut found);
        let got: Vec<[f32; 5]> =
            found.iter().map(|d| [d.score, d.sides[0], d.sides[1], d.sides[2], d.sides[3]]).collect();
        assert_eq!(got.len(), NUMPY.len(), "{got:?}");
        for (got, want) in got.iter().zip(NUMPY) {
            for (got, want) in got.iter().zip(want) {
                assert!((got - want).abs() < 2e-3, "{got} is not {want}");
            }
        }
    }

    const NUMPY: &[[f32; 5]] = &[
        [0.9993, 79.9526, 11.9902, 302.3566, 229.3859],
        [0.9966, 0.0000, 41.1937, 291.8644, 384.0000],
        [0.9860, 0.0000, 0.0000, 194.6141, 115.4202],
        [0.9833, 54.7441, 0.0000, 384.0000, 319.2286],
        [0.9773, 243.467, 0.0000, 384.0000, 145.5302],
        [0.9651, 108.8014, 0.0000, 384.0000, 124.4114],
        [0.9650, 0.0000, 0.0000, 338.0306, 79.4941],
        [0.9542, 258.2155, 83.0725, 384.0000, 384.0000],
        [0.9513, 0.0000, 0.0000, 174.965, 228.1795],
        [0.9485, 0.0000, 167.0852, 119.5145, 384.0000],
        [0.9218, 0.0000, 17.2278, 127.2324, 357.7498],
    ];

    #[test]
    fn mean_of_a_sharp_distribution_is_its_bin() {
        let mut bins = [-50.0; BINS];
        bins[7] = 50.0;
        assert!((mean_of(&bins) - 7.0).abs() < 1e-6);
        assert!((mean_of(&[3.0; BINS]) - 5.0).abs() < 1e-6);
    }

    #[test]
    fn suppression_keeps_the_highest_score_per_person() {
        let at = |score, x: f32| Detection { score, sides: [x, 0.0, x + 10.0, 20.0] };
        let mut found = vec![at(0.5, 0.0), at(0.9, 1.0), at(0.6, 8.0)];
        suppress_overlaps(&mut found);
        assert_eq!(found, [at(0.9, 1.0), at(0.6, 8.0)]);
        assert_eq!(overlap(&[0.0; 4], &[0.0; 4]), 0.0);
    }
}
