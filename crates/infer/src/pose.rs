//! The pose model: MoveNet's heat maps of keypoints as how sure it is that a picture shows a person.
//!
//! MoveNet (Google, 2021) has for each of COCO's 17 keypoints (nose, eyes, ears, shoulders, elbows, wrists, hips, knees,
//! ankles) a map of where it may be. Somebody whose head or feet are hidden still has many of them, while what only has the shape
//! of a person hardly has any.

use crate::error::Result;
use crate::helper::{HelperModel, Output};
use crate::models::manifest::Kind;
use crate::models::weights::Model;
use crate::session::fault::{Fault, NOT_A_NUMBER};
use crate::session::provider::SessionOptions;

/// Keypoints that count, of 17: the surest.
const SUREST: usize = 8;

/// A loaded pose model. Where its device fails, the CPU runs the same picture again, and all that follow;
/// [`PoseModel::take_notes`] reports that.
#[derive(Debug)]
pub struct PoseModel(HelperModel);

impl PoseModel {
    /// Checks the weights and loads them.
    ///
    /// # Errors
    /// As [`crate::ModelRunner::load`].
    pub fn load(model: &Model, options: &SessionOptions) -> Result<Self> {
        debug_assert_eq!(model.manifest.kind, Kind::Pose);
        HelperModel::load(model, options).map(Self)
    }

    /// Side of its square input in pixels.
    pub fn side(&self) -> usize {
        self.0.side()
    }

    /// What was changed since the last call because the device failed, a sentence each.
    pub fn take_notes(&mut self) -> Vec<String> {
        self.0.take_notes()
    }

    /// How sure it is that a person is in the middle of a picture, 0..=1: the mean of the eight keypoints of which it is
    /// surest there. The picture is f32 `[3, side, side]`, normalized as the manifest says, its middle a square of this share of
    /// its side.
    ///
    /// # Errors
    /// What ONNX Runtime reports, and outputs that are not MoveNet's, where the fallback does not help.
    pub fn person(&mut self, picture: &[f32], middle: f64) -> Result<f32> {
        self.0.run(picture, |outputs| person(outputs, middle))
    }
}

/// As [`PoseModel::person`], from the model's outputs.
fn person(outputs: &[Output<'_>], middle: f64) -> std::result::Result<f32, Fault> {
    let [Output { shape: &[1, keypoints, height, width], values }] = *outputs else {
        return Err(format!("{} outputs, or one of another shape", outputs.len()));
    };
    let (keypoints, height, width) = (keypoints as usize, height as usize, width as usize);
    if values.len() != keypoints * height * width || keypoints < SUREST || width * height == 0 {
        return Err(format!("an output has the shape {:?}", outputs[0].shape));
    }
    let inside = |at: usize, cells: usize| ((at as f64 + 0.5) / cells as f64 - 0.5).abs() < middle / 2.0;
    let surest = |map: &[f32]| {
        let rows = map.chunks_exact(width).enumerate().filter(|(y, _)| inside(*y, height));
        let cells = rows.flat_map(|(_, row)| row.iter().enumerate().filter(|(x, _)| inside(*x, width)));
        cells.map(|(_, value)| *value).fold(0.0, f32::max)
    };
    // Half floats that overflowed are NaN, which `max` passes over.
    if values.iter().any(|value| !value.is_finite()) {
        return Err(NOT_A_NUMBER.into());
    }
    let mut maps: Vec<f32> = values.chunks_exact(width * height).map(surest).collect();
    maps.sort_by(|a, b| b.total_cmp(a));
    Ok(maps[..SUREST].iter().sum::<f32>() / SUREST as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Maps of 4x4 cells, each with this value at one cell and 0 elsewhere.
    fn maps(values: &[f32], x: usize, y: usize) -> Vec<f32> {
        let mut maps = vec![0.0; 16 * values.len()];
        values.iter().enumerate().for_each(|(i, value)| maps[16 * i + 4 * y + x] = *value);
        maps
    }

    #[test]
    fn eight_surest_keypoints_in_the_middle_count() {
        let values: Vec<f32> = (0..17).map(|i| i as f32 / 16.0).collect();
        let shape = [1, 17, 4, 4];
        let of = |values: &[f32], middle| person(&[Output { shape: &shape, values }], middle);
        let mean = (9..17).map(|i| i as f32 / 16.0).sum::<f32>() / 8.0;
        assert!((of(&maps(&values, 1, 2), 0.5).unwrap() - mean).abs() < 1e-6);
        assert_eq!(of(&maps(&values, 0, 2), 0.5).unwrap(), 0.0, "beside the middle");
        assert!((of(&maps(&values, 0, 2), 1.0).unwrap() - mean).abs() < 1e-6);
    }

    #[test]
    fn other_outputs_and_values_that_are_no_numbers_are_refused() {
        let values = maps(&[0.5; 17], 1, 1);
        assert!(person(&[], 0.5).is_err());
        assert!(person(&[Output { shape: &[1, 17, 4, 5], values: &values }], 0.5).is_err());
        assert!(person(&[Output { shape: &[1, 34, 4, 2], values: &values }], 0.5).is_ok());
        assert!(person(&[Output { shape: &[1, 4, 4, 17], values: &values }], 0.5).is_err());
        let mut broken = values.clone();
        broken[0] = f32::NAN;
        assert_eq!(person(&[Output { shape: &[1, 17, 4, 4], values: &broken }], 0.5).unwrap_err(), NOT_A_NUMBER);
    }
}
