//! Which models find people, and which are run on person crops.

use crate::error::{Error, Result};
use crate::spec::{Job, ModelChoice, PeopleToKeep};
use vrseg_infer::manifest::PreferredInput;
use vrseg_infer::{Kind, Model, ModelError, registry};

/// The detector's name.
const DETECTOR: &str = "nanodet";
/// The models that confirm people the detector isn't sure about, see [`Verification`]. Selfie and multiclass see people in too
/// much that is none.
const POSE_VERIFIER: &str = "movenet";
const MATTE_VERIFIER: &str = "rvm";

/// The plan for finding people and for person crops.
#[derive(Clone, Debug)]
pub struct PeoplePlan {
    /// The detector.
    pub detector: Model,
    /// The models that are run on person crops, of whose mattes the mean counts. None: the model is run on whole eyes,
    /// and people are only told apart.
    pub crop_models: Vec<CropModel>,
    /// The models that confirm people the detector isn't sure about; `None`: their weights are missing, or the
    /// model is run on whole eyes.
    pub verification: Option<Verification>,
    /// Frames from one detection pass to the next.
    pub every: u32,
    /// Who stays in the matte.
    pub keep: PeopleToKeep,
}

/// The model that users chose: by its name, or by preferring one of their own to the built-in ones.
fn chosen(choice: &ModelChoice) -> Option<Model> {
    if !choice.name.is_empty() {
        return registry::find(&choice.name).ok();
    }
    let first = choice.prefer.iter().find_map(|name| Some((name, registry::find(name).ok()?)));
    first.filter(|(name, _)| !registry::is_built_in(name)).map(|(_, model)| model)
}

/// A model, or `None` where its weights are missing and it isn't `needed`.
fn if_installed(found: std::result::Result<Model, ModelError>, needed: bool) -> Result<Option<Model>> {
    match found {
        Ok(model) => Ok(Some(model)),
        Err(ModelError::MissingWeights { .. }) if !needed => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// The models that confirm people the detector isn't sure about.
#[derive(Clone, Debug)]
pub struct Verification {
    /// Finds keypoints of people.
    pub pose: Model,
    /// Makes mattes, also of people who are blurred; `None`: its weights are missing.
    pub matte: Option<CropModel>,
}

impl Verification {
    /// Finds the models.
    ///
    /// # Errors
    /// Weights that can't be read.
    fn find() -> Result<Option<Self>> {
        let Some(pose) = if_installed(registry::find(POSE_VERIFIER), false)? else { return Ok(None) };
        let matte = if_installed(registry::find(MATTE_VERIFIER), false)?;
        Ok(Some(Self { pose, matte: matte.map(|model| CropModel::new(model, None)).transpose()? }))
    }

    /// The models.
    fn models(&self) -> impl Iterator<Item = &Model> {
        std::iter::once(&self.pose).chain(self.matte.iter().map(|crop| &crop.model))
    }
}

/// A model that is run on person crops.
#[derive(Clone, Debug)]
pub struct CropModel {
    /// The model.
    pub model: Model,
    /// Side of its crops in pixels.
    pub size: usize,
}

impl CropModel {
    /// The model, with crops of the requested size where it accepts any, else of its own.
    ///
    /// # Errors
    /// It accepts no pictures of that size.
    fn new(model: Model, size: Option<u32>) -> Result<Self> {
        let (input, own) = (&model.manifest.input, model.manifest.crop.size);
        if let Some(size) = size.filter(|size| !input.fixed && !(input.min..=input.max).contains(size)) {
            let (name, min, max) = (&model.manifest.name, input.min, input.max);
            return Err(Error::Request(format!(
                "people.size {size}: {name} accepts pictures of {min} to {max} pixels"
            )));
        }
        let size = (!input.fixed).then_some(size.unwrap_or(own));
        let (size, _) = model.manifest.input_size(size, 1, 1)?;
        Ok(Self { model, size })
    }

    /// It keeps a state from frame to frame.
    pub fn is_recurrent(&self) -> bool {
        self.model.manifest.kind == Kind::Recurrent
    }
}

impl PeoplePlan {
    /// Finds the models. `None` where that isn't requested, or weights that nobody named are not there.
    ///
    /// # Errors
    /// A model of that name that doesn't exist, or that makes no mattes; weights that are missing where the
    /// user named them; a detector that is missing where people must be told apart; crops of a size that a model
    /// doesn't accept.
    pub fn new(job: &Job) -> Result<Option<Self>> {
        let choice = &job.people;
        let chosen = chosen(&job.model);
        // What the user says of windows or views counts more than what the model's manifest says.
        let named = chosen.is_some() || !job.model.name.is_empty();
        let own = chosen
            .filter(|model| model.manifest.looks == PreferredInput::Windows && !choice.insist && job.view.is_none());
        let (every, keep) = (choice.every, choice.keep);
        let mut crop_models = Vec::new();
        let crops = if own.is_some() { &[] } else { choice.crop_models(named, job.view.is_some()) };
        if let Some(model) = own {
            crop_models.push(CropModel::new(model.require_mattes()?, choice.size)?);
        }
        for names in crops {
            let names: Vec<_> = names.split('|').map(|name| name.trim().to_owned()).collect();
            if let Some(model) = if_installed(registry::find_first(&names), choice.insist)? {
                crop_models.push(CropModel::new(model.require_mattes()?, choice.size)?);
            }
        }
        // People can't be told apart without the detector.
        let apart = keep != PeopleToKeep::All || job.edits.hides_people();
        if crop_models.is_empty() && !apart {
            return Ok(None);
        }
        let needed = choice.insist || apart;
        let Some(detector) = if_installed(registry::find(DETECTOR), needed)? else { return Ok(None) };
        // Where the model is run on whole eyes, a wrong box shows nobody who isn't in the matte anyway.
        let verification = if crop_models.is_empty() { None } else { Verification::find()? };
        Ok(Some(Self { detector, crop_models, verification, every, keep }))
    }

    /// The detector and all models that are run on person crops.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        let verifiers = self.verification.iter().flat_map(Verification::models);
        self.crop_models.iter().map(|crop| &crop.model).chain(verifiers).chain([&self.detector])
    }

    /// Models are run on person crops, rather than on whole eyes.
    pub fn uses_person_crops(&self) -> bool {
        !self.crop_models.is_empty()
    }

    /// A model keeps a state from frame to frame.
    pub fn is_recurrent(&self) -> bool {
        self.crop_models.iter().any(CropModel::is_recurrent)
    }

    /// Every model keeps a state from frame to frame.
    pub fn is_steady(&self) -> bool {
        self.crop_models.iter().all(CropModel::is_recurrent)
    }

    /// The models' names and the sizes of their crops; `None` where there is none.
    pub fn names(&self) -> Option<String> {
        let one = |crop: &CropModel| format!("{} at {1}x{1}", crop.model.manifest.name, crop.size);
        let names: Vec<_> = self.crop_models.iter().map(one).collect();
        (!names.is_empty()).then(|| names.join(" and "))
    }
}
