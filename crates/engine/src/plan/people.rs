//! Who finds people, and which models look at them through windows.

use crate::error::{Error, Result};
use crate::spec::{Job, ModelChoice, PeopleToKeep};
use vrseg_infer::manifest::Looks;
use vrseg_infer::{Kind, Model, ModelError, registry};

/// The detector's name.
const DETECTOR: &str = "nanodet";
/// The models that confirm people the detector isn't sure about, see [`Verification`]. Selfie sees people in too much that
/// is none.
const STRICT_VERIFIER: &str = "multiclass";
const KEEN_VERIFIER: &str = "rvm";

/// What the plan found for windows on people.
#[derive(Clone, Debug)]
pub struct PeoplePlan {
    /// The detector.
    pub detector: Model,
    /// The models that look through windows, of whose mattes the mean counts. None: the model sees whole eyes, and
    /// people are only told apart.
    pub networks: Vec<WindowNetwork>,
    /// The models that confirm people the detector isn't sure about; `None`: their weights are missing, or whole eyes
    /// are seen.
    pub verification: Option<Verification>,
    /// Frames from one look of the detector to the next.
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
    /// Hardly ever sees somebody where nobody is, and nobody who is blurred.
    pub strict: WindowNetwork,
    /// Sees people who are blurred, too; `None`: its weights are missing.
    pub keen: Option<WindowNetwork>,
}

impl Verification {
    /// Finds the models.
    ///
    /// # Errors
    /// Weights that can't be read.
    fn find() -> Result<Option<Self>> {
        let find = |name| {
            let model = if_installed(registry::find(name), false)?;
            model.map(|model| WindowNetwork::new(model, None)).transpose()
        };
        let Some(strict) = find(STRICT_VERIFIER)? else { return Ok(None) };
        Ok(Some(Self { strict, keen: find(KEEN_VERIFIER)? }))
    }

    /// The models.
    pub fn networks(&self) -> impl Iterator<Item = &WindowNetwork> {
        std::iter::once(&self.strict).chain(&self.keen)
    }
}

/// A model that looks through windows.
#[derive(Clone, Debug)]
pub struct WindowNetwork {
    /// The model.
    pub model: Model,
    /// Side of its windows in pixels.
    pub size: usize,
}

impl WindowNetwork {
    /// The model, with windows of the size that was asked for where it takes any, else of its own.
    ///
    /// # Errors
    /// It takes no pictures of that size.
    fn new(model: Model, asked: Option<u32>) -> Result<Self> {
        let (input, own) = (&model.manifest.input, model.manifest.crop.size);
        if let Some(size) = asked.filter(|size| !input.fixed && !(input.min..=input.max).contains(size)) {
            let (name, min, max) = (&model.manifest.name, input.min, input.max);
            return Err(Error::Request(format!(
                "people.size {size}: {name} accepts pictures of {min} to {max} pixels"
            )));
        }
        let size = (!input.fixed).then_some(asked.unwrap_or(own));
        let (size, _) = model.manifest.input_size(size, 1, 1)?;
        Ok(Self { model, size })
    }

    /// It keeps a state from frame to frame.
    pub fn is_recurrent(&self) -> bool {
        self.model.manifest.kind == Kind::Recurrent
    }
}

impl PeoplePlan {
    /// Finds the models. `None` where that isn't asked for, or weights that nobody named are not there.
    ///
    /// # Errors
    /// A model of that name that doesn't exist, or that makes no mattes; weights that are missing where the
    /// user named them; a detector that is missing where people must be told apart; windows of a size that a model
    /// doesn't take.
    pub fn new(job: &Job) -> Result<Option<Self>> {
        let choice = &job.people;
        let chosen = chosen(&job.model);
        // What the user says of windows or views counts more than what the model's manifest says.
        let named = chosen.is_some() || !job.model.name.is_empty();
        let own = chosen.filter(|model| model.manifest.looks == Looks::Windows && !choice.insist && job.view.is_none());
        let (every, keep) = (choice.every, choice.keep);
        let mut networks = Vec::new();
        let crops = if own.is_some() { &[] } else { choice.windows(named, job.view.is_some()) };
        if let Some(model) = own {
            networks.push(WindowNetwork::new(model.require_mattes()?, choice.size)?);
        }
        for names in crops {
            let names: Vec<_> = names.split('|').map(|name| name.trim().to_owned()).collect();
            if let Some(model) = if_installed(registry::find_first(&names), choice.insist)? {
                networks.push(WindowNetwork::new(model.require_mattes()?, choice.size)?);
            }
        }
        if networks.is_empty() && keep == PeopleToKeep::All {
            return Ok(None);
        }
        // People can't be told apart without it.
        let needed = choice.insist || keep != PeopleToKeep::All;
        let Some(detector) = if_installed(registry::find(DETECTOR), needed)? else { return Ok(None) };
        // Where whole eyes are seen, a wrong box shows nobody who isn't in the matte anyway.
        let verification = if networks.is_empty() { None } else { Verification::find()? };
        Ok(Some(Self { detector, networks, verification, every, keep }))
    }

    /// All models that find people or look at them.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        let verifiers = self.verification.iter().flat_map(Verification::networks);
        self.networks.iter().chain(verifiers).map(|network| &network.model).chain([&self.detector])
    }

    /// Models look through windows, rather than at whole eyes.
    pub fn has_windows(&self) -> bool {
        !self.networks.is_empty()
    }

    /// A model keeps a state from frame to frame.
    pub fn is_recurrent(&self) -> bool {
        self.networks.iter().any(WindowNetwork::is_recurrent)
    }

    /// Every network keeps a state from frame to frame.
    pub fn is_steady(&self) -> bool {
        self.networks.iter().all(WindowNetwork::is_recurrent)
    }

    /// The models' names and the sizes of their windows; `None` where there is none.
    pub fn names(&self) -> Option<String> {
        let one = |n: &WindowNetwork| format!("{} at {1}x{1}", n.model.manifest.name, n.size);
        let names: Vec<_> = self.networks.iter().map(one).collect();
        (!names.is_empty()).then(|| names.join(" and "))
    }
}
