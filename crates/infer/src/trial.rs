//! Tries a model on a picture of a person that comes with the program.
//!
//! The picture is NASA's portrait of Eileen Collins (public domain), at 320x320. What is known of it, at 80x80, was made of the mattes
//! of two models where they agree, and looked at: person (255), background (0), or neither (outlines, the helmet).

use crate::Manifest;
use crate::batch::{Batch, States};
use crate::error::{ModelError, Result};
use crate::manifest::PreferredInput;
use crate::models::weights::Model;
use crate::runner::ModelRunner;
use crate::session::provider::SessionOptions;
use std::time::{Duration, Instant};
use vrseg_image::matte::{SmallYuv, resize, to_model_input};
use vrseg_image::plane::{Matrix, Plane};

const PICTURE: &[u8] = include_bytes!("../assets/people.png");
const KNOWN: &[u8] = include_bytes!("../assets/people_known.png");

/// A matte that overlaps the person by less than this is of no use: a matte that shows everything has 0.46.
pub const USABLE: f64 = 0.6;

/// Time after which no further run is measured.
const PATIENCE: Duration = Duration::from_secs(5);
/// Runs that are measured, at most; a recurrent model settles in them, too.
const RUNS: usize = 5;

/// What a model made of the picture.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Width and height of its input in pixels.
    pub size: (usize, usize),
    /// Median time of a run in milliseconds.
    pub milliseconds: f64,
    /// Intersection over union of its matte with the person, where that is known, 0..=1.
    pub overlap: f64,
    /// Lowest and highest value of its matte.
    pub range: (f32, f32),
    /// What ran it, as `--device` has it.
    pub device: String,
    /// The matte, at the input's size.
    pub matte: Plane<f32>,
}

impl Trial {
    /// Whether the matte shows the person, roughly.
    pub fn is_usable(&self) -> bool {
        self.overlap >= USABLE
    }
}

/// Tries `model`, at the size of its crops where it is best on person crops.
///
/// # Errors
/// A detector, and as [`ModelRunner::load`] and [`ModelRunner::run`].
pub fn run(model: &Model, options: &SessionOptions) -> Result<Trial> {
    let model = model.clone().require_mattes()?;
    let picture = picture()?;
    let mut runner = ModelRunner::load(&model, options)?;
    let size = size(&model.manifest, picture[0].width())?;
    let batch = batch(&picture, &model.manifest, size);
    let (mut states, mut alphas) = (States::default(), Vec::new());
    runner.run(&batch, &mut states, &mut alphas)?;
    let started = Instant::now();
    let mut times = Vec::new();
    while times.len() < RUNS && (times.is_empty() || started.elapsed() < PATIENCE) {
        let before = Instant::now();
        runner.run(&batch, &mut states, &mut alphas)?;
        times.push(before.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let matte = alphas.swap_remove(0);
    let range = matte.data().iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), v| (lo.min(*v), hi.max(*v)));
    let overlap = overlap(&matte)?;
    let device = runner.provider().to_string();
    Ok(Trial { size, milliseconds: times[times.len() / 2], overlap, range, device, matte })
}

/// Size of the model's input for the picture.
fn size(manifest: &Manifest, side: usize) -> Result<(usize, usize)> {
    let on_crops = manifest.looks == PreferredInput::Windows && !manifest.input.fixed;
    manifest.input_size(on_crops.then_some(manifest.crop.size), side, side)
}

/// `rgb` as the model's input: planes of gamma-coded red, green and blue in 0..=1.
pub fn batch(rgb: &[Plane<f32>; 3], manifest: &Manifest, (width, height): (usize, usize)) -> Batch {
    let [red, green, blue] = rgb.each_ref().map(|plane| resize(plane.as_ref(), width, height));
    let matrix = Matrix::Bt709;
    let (kr, kb) = matrix.kr_kb();
    let (kr, kg, kb) = (kr as f32, (1.0 - kr - kb) as f32, kb as f32);
    let mut small = SmallYuv { y: red.clone(), u: red.clone(), v: red.clone() };
    for i in 0..width * height {
        let (r, g, b) = (red.data()[i], green.data()[i], blue.data()[i]);
        let y = kr * r + kg * g + kb * b;
        small.y.data_mut()[i] = y;
        small.u.data_mut()[i] = (b - y) / (2.0 * (1.0 - kb));
        small.v.data_mut()[i] = (r - y) / (2.0 * (1.0 - kr));
    }
    let mut data = vec![0.0; 3 * width * height];
    to_model_input(&small, matrix, &manifest.normalization(), &mut data);
    Batch { data, n: 1, width, height }
}

/// Red, green and blue of the picture.
fn picture() -> Result<[Plane<f32>; 3]> {
    let (width, height, bytes) = decode(PICTURE)?;
    let channel = |k: usize| bytes.chunks_exact(3).map(|pixel| f32::from(pixel[k]) / 255.0).collect();
    Ok([0, 1, 2].map(|k| Plane::from_vec(channel(k), width, height)))
}

/// Intersection over union of what `matte` shows by half and more with the person, where that is known.
fn overlap(matte: &Plane<f32>) -> Result<f64> {
    let (width, height, known) = decode(KNOWN)?;
    let small = resize(matte.as_ref(), width, height);
    let (mut both, mut either) = (0, 0);
    for (alpha, known) in small.data().iter().zip(&known) {
        let (shown, person) = (*alpha >= 0.5, *known == 255);
        if person || *known == 0 {
            both += u32::from(shown && person);
            either += u32::from(shown || person);
        }
    }
    Ok(f64::from(both) / f64::from(either.max(1)))
}

/// Width, height and bytes of a PNG that comes with the program.
fn decode(png: &[u8]) -> Result<(usize, usize, Vec<u8>)> {
    let fail = |what: String| ModelError::Failed { name: "(picture of a person)".to_owned(), what };
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().map_err(|e| fail(e.to_string()))?;
    let mut bytes = vec![0; reader.output_buffer_size().unwrap_or(0)];
    let info = reader.next_frame(&mut bytes).map_err(|e| fail(e.to_string()))?;
    Ok((info.width as usize, info.height as usize, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry;

    fn filled(value: f32) -> Plane<f32> {
        Plane::from_vec(vec![value; 64 * 64], 64, 64)
    }

    #[test]
    fn a_matte_of_everything_or_nothing_is_not_usable() {
        assert_eq!(overlap(&filled(0.0)).unwrap(), 0.0);
        let all = overlap(&filled(1.0)).unwrap();
        assert!((0.3..0.5).contains(&all), "{all}");
    }

    #[test]
    fn selfie_finds_the_person() {
        let model = registry::find("selfie").unwrap();
        let trial = run(&model, &SessionOptions::cpu(1)).unwrap();
        assert!(trial.overlap > 0.85, "{trial:?}");
        assert!(trial.is_usable() && trial.milliseconds > 0.0 && trial.range.1 > 0.9);
    }
}
