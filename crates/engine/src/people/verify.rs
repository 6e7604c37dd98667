//! A second opinion on people the detector isn't sure about: models are run on their crops.

use crate::error::Result;
use crate::plan::{CropModel, Verification};
use vrseg_image::matte::people::{Region, SourceFormat, Surface, Track, Window, WindowSampler, filled};
use vrseg_image::matte::to_model_input;
use vrseg_image::plane::{Plane, Rect, Yuv};
use vrseg_infer::provider::SessionOptions;
use vrseg_infer::{Batch, Model, ModelRunner, States};

/// Multiclass's share counts up to this: where it sees somebody by mistake, it sees a lot.
const MOST: f32 = 0.5;

/// The frame that person crops are cut from.
pub(super) struct CropSource<'a> {
    pub(super) planes: &'a Yuv<'a>,
    pub(super) form: SourceFormat,
    pub(super) eye: (&'a Surface, Rect),
    pub(super) sampler: &'a mut WindowSampler,
}

/// Checks whether somebody is in a box.
pub(super) struct Verifier {
    /// Hardly ever sees somebody where nobody is.
    strict: CropVerifier,
    /// Sees people who are blurred, too, and is faster.
    keen: Option<CropVerifier>,
}

impl Verifier {
    /// Checks the models' weights, for windows on `surface`. Each model is loaded when it is needed: many videos show nobody
    /// that the detector isn't sure about, and the two take some 120 MB and most of a second.
    ///
    /// # Errors
    /// As [`Model::verify`].
    pub(super) fn new(models: &Verification, surface: &Surface, options: &SessionOptions) -> Result<Self> {
        let verifier = |model| CropVerifier::new(model, surface, options);
        Ok(Self { strict: verifier(&models.strict)?, keen: models.keen.as_ref().map(verifier).transpose()? })
    }

    /// What was done since the last call because a device failed, a sentence each.
    pub(super) fn take_notes(&mut self) -> Vec<String> {
        let verifiers = std::iter::once(&mut self.strict).chain(&mut self.keen);
        verifiers.filter_map(|verifier| verifier.runner.as_mut()).flat_map(ModelRunner::take_notes).collect()
    }

    /// How much of a person the two models see in a track's box, their shares of it added up, 0 to 1.5. Without the keen
    /// one, the strict one counts for both; where the keen one sees enough, or too little for the other to make up for, that
    /// isn't run.
    ///
    /// # Errors
    /// As [`ModelRunner::load`], where a model is needed for the first time; what it says.
    pub(super) fn verify(&mut self, track: &Track, source: &mut CropSource<'_>) -> Result<f32> {
        let Some(keen) = &mut self.keen else {
            return Ok(2.0 * self.strict.share(source, &track.region)?.min(MOST));
        };
        let seen = keen.share(source, &track.region)?;
        if track.is_believed(seen) || !track.is_believed(seen + MOST) {
            return Ok(seen);
        }
        Ok(seen + self.strict.share(source, &track.region)?.min(MOST))
    }
}

/// A model that confirms one person at a time, on their crop.
struct CropVerifier {
    model: Model,
    options: SessionOptions,
    /// `None`: it hasn't been needed yet.
    runner: Option<ModelRunner>,
    margin: f64,
    batch: Batch,
    states: States,
    alphas: Vec<Plane<f32>>,
}

impl CropVerifier {
    fn new(crop: &CropModel, surface: &Surface, options: &SessionOptions) -> Result<Self> {
        let (side, margin) = (crop.size, crop.model.manifest.crop.margin(surface.is_spherical()));
        let batch = Batch { data: vec![0.0; 3 * side * side], n: 1, width: side, height: side };
        // Damaged weights are to be found now, and not in the middle of a job.
        crop.model.verify()?;
        let (model, options) = (crop.model.clone(), options.clone());
        Ok(Self { model, options, runner: None, margin, batch, states: States::default(), alphas: Vec::new() })
    }

    /// The share of a box that the model takes for a person, 0..=1.
    fn share(&mut self, source: &mut CropSource<'_>, region: &Region) -> Result<f32> {
        let (surface, rect) = source.eye;
        let window = Window::around(surface, region, self.margin);
        let picture = source.sampler.cut(source.planes, source.form, (surface, rect), &window, self.batch.width);
        let norm = self.model.manifest.normalization();
        to_model_input(picture, source.form.color.matrix, &norm, &mut self.batch.data);
        self.states.reset();
        let runner = match &mut self.runner {
            Some(runner) => runner,
            none => none.insert(ModelRunner::load(&self.model, &self.options)?),
        };
        runner.run(&self.batch, &mut self.states, &mut self.alphas)?;
        let Some(alpha) = self.alphas.first() else { return Ok(0.0) };
        Ok(filled(surface, region, &window, alpha))
    }
}
