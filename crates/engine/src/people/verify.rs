//! A second opinion on people the detector isn't sure about: other models are run on their crops.

use crate::error::Result;
use crate::plan::{CropModel, Verification};
use vrseg_image::matte::people::{Region, SourceFormat, Surface, Track, Window, WindowSampler, filled};
use vrseg_image::matte::to_model_input;
use vrseg_image::plane::{Plane, Rect, Yuv};
use vrseg_infer::provider::SessionOptions;
use vrseg_infer::{Batch, Model, ModelRunner, PoseModel, States};

/// Sides of the pose model's crops in longer sides of the box: it sees details in one, and somebody with their surroundings in
/// the other.
const POSE_MARGINS: [f64; 2] = [1.25, 2.2];
/// How much the pose model's opinion and the share of the box that the matte fills count, the detector's score being 1.
/// Chosen on the choosing half with the sum that they must reach, see docs/quality.md.
const POSE_WEIGHT: f32 = 2.1;
const MATTE_WEIGHT: f32 = 1.4;
/// Without a model for mattes: the pose model's weight, and what is added instead of the other's opinion.
const POSE_WEIGHT_ALONE: f32 = 1.9;
const NO_OPINION: f32 = 0.5;

/// The frame that person crops are cut from.
pub(super) struct CropSource<'a> {
    pub(super) planes: &'a Yuv<'a>,
    pub(super) form: SourceFormat,
    pub(super) eye: (&'a Surface, Rect),
    pub(super) sampler: &'a mut WindowSampler,
}

impl CropSource<'_> {
    /// Cuts a crop for a model into its input.
    fn cut(&mut self, model: &Model, window: &Window, side: usize, input: &mut [f32]) {
        let (surface, rect) = self.eye;
        let picture = self.sampler.cut(self.planes, self.form, (surface, rect), window, side);
        to_model_input(picture, self.form.color.matrix, &model.manifest.normalization(), input);
    }
}

/// Checks whether somebody is in a box.
pub(super) struct Verifier {
    pose: PoseVerifier,
    matte: Option<MatteVerifier>,
}

impl Verifier {
    /// Checks the models' weights, for windows on `surface`. Each model is loaded when it is needed: many videos show nobody
    /// that the detector isn't sure about, and in few the pose model leaves doubt.
    ///
    /// # Errors
    /// As [`Model::verify`].
    pub(super) fn new(models: &Verification, surface: &Surface, options: &SessionOptions) -> Result<Self> {
        let matte = |model| MatteVerifier::new(model, surface, options);
        Ok(Self {
            pose: PoseVerifier::new(&models.pose, options)?,
            matte: models.matte.as_ref().map(matte).transpose()?,
        })
    }

    /// What was done since the last call because a device failed, a sentence each.
    pub(super) fn take_notes(&mut self) -> Vec<String> {
        let pose = self.pose.loaded.as_mut().map(PoseModel::take_notes);
        let matte = self.matte.as_mut().and_then(|m| m.runner.as_mut()).map(ModelRunner::take_notes);
        pose.into_iter().chain(matte).flatten().collect()
    }

    /// How much of a person the models see in a track's box, to be added to the detector's score. Where the pose model sees
    /// enough, or too little for the other to make up for, that isn't run.
    ///
    /// # Errors
    /// As [`PoseModel::load`] and [`ModelRunner::load`], where a model is needed for the first time; what they report.
    pub(super) fn verify(&mut self, track: &Track, source: &mut CropSource<'_>) -> Result<f32> {
        let pose = self.pose.person(source, &track.region)?;
        let Some(matte) = &mut self.matte else { return Ok(POSE_WEIGHT_ALONE * pose + NO_OPINION) };
        let seen = POSE_WEIGHT * pose;
        if track.is_believed(seen) || !track.is_believed(seen + MATTE_WEIGHT) {
            return Ok(seen);
        }
        Ok(seen + MATTE_WEIGHT * matte.share(source, &track.region)?)
    }
}

/// The pose model on one crop at a time.
struct PoseVerifier {
    model: Model,
    options: SessionOptions,
    /// `None`: it hasn't been needed yet.
    loaded: Option<PoseModel>,
    input: Vec<f32>,
}

impl PoseVerifier {
    fn new(model: &Model, options: &SessionOptions) -> Result<Self> {
        // Damaged weights are to be found now, and not in the middle of a job.
        model.verify()?;
        Ok(Self { model: model.clone(), options: options.clone(), loaded: None, input: Vec::new() })
    }

    /// How sure the model is of a person in a box, 0..=1: the mean for its crops.
    fn person(&mut self, source: &mut CropSource<'_>, region: &Region) -> Result<f32> {
        let loaded = match &mut self.loaded {
            Some(loaded) => loaded,
            none => none.insert(PoseModel::load(&self.model, &self.options)?),
        };
        let side = loaded.side();
        self.input.resize(3 * side * side, 0.0);
        let mut sum = 0.0;
        for margin in POSE_MARGINS {
            let window = Window::around(source.eye.0, region, margin);
            source.cut(&self.model, &window, side, &mut self.input);
            sum += loaded.person(&self.input, 1.0 / margin)?;
        }
        Ok(sum / POSE_MARGINS.len() as f32)
    }
}

/// A model for mattes on one crop at a time.
struct MatteVerifier {
    model: Model,
    options: SessionOptions,
    /// `None`: it hasn't been needed yet.
    runner: Option<ModelRunner>,
    margin: f64,
    batch: Batch,
    states: States,
    alphas: Vec<Plane<f32>>,
}

impl MatteVerifier {
    fn new(crop: &CropModel, surface: &Surface, options: &SessionOptions) -> Result<Self> {
        let (side, margin) = (crop.size, crop.model.manifest.crop.margin(surface.is_spherical()));
        let batch = Batch { data: vec![0.0; 3 * side * side], n: 1, width: side, height: side };
        crop.model.verify()?;
        let (model, options) = (crop.model.clone(), options.clone());
        Ok(Self { model, options, runner: None, margin, batch, states: States::default(), alphas: Vec::new() })
    }

    /// The share of a box that the model takes for a person, 0..=1.
    fn share(&mut self, source: &mut CropSource<'_>, region: &Region) -> Result<f32> {
        let surface = source.eye.0;
        let window = Window::around(surface, region, self.margin);
        source.cut(&self.model, &window, self.batch.width, &mut self.batch.data);
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
