//! Who finds people, and which networks look at them through windows.

use crate::error::Result;
use crate::spec::{Job, PeopleToKeep};
use vrseg_infer::{Kind, Model, ModelError, registry};

/// The detector's name.
const DETECTOR: &str = "nanodet";

/// What the plan found for windows on people.
#[derive(Clone, Debug)]
pub struct PeoplePlan {
    /// The detector.
    pub detector: Model,
    /// The networks that look through windows, of whose mattes the mean counts. None: the model sees whole eyes, and
    /// people are only told apart.
    pub networks: Vec<Model>,
    /// Frames from one look of the detector to the next.
    pub every: u32,
    /// Who stays in the matte.
    pub keep: PeopleToKeep,
    /// Side of the windows of networks that take any size; `None`: each network's own.
    pub size: Option<u32>,
}

impl PeoplePlan {
    /// Finds the models. Whoever names a model, or says how it sees whole eyes, wants it to see these, unless they name
    /// networks for windows as well. `None` where that isn't asked for, or weights that nobody named are not there.
    ///
    /// # Errors
    /// A model of that name that doesn't exist, or that makes no mattes; weights that are missing where the
    /// user named them; a detector that is missing where people must be told apart.
    pub fn new(job: &Job) -> Result<Option<Self>> {
        let choice = &job.people;
        let whole = !choice.insist && (!job.model.name.is_empty() || job.view.is_some());
        let crops: &[String] = if whole { &[] } else { &choice.crops };
        let (every, keep, size) = (choice.every, choice.keep, choice.size);
        let missing = |e: &ModelError| matches!(e, ModelError::MissingWeights { .. });
        let mut networks = Vec::new();
        for name in crops {
            match registry::find(name) {
                Ok(model) => networks.push(model.require_mattes()?),
                Err(e) if missing(&e) && !choice.insist => {}
                Err(e) => return Err(e.into()),
            }
        }
        if networks.is_empty() && keep == PeopleToKeep::All {
            return Ok(None);
        }
        match registry::find(DETECTOR) {
            Ok(detector) => Ok(Some(Self { detector, networks, every, keep, size })),
            // People can't be told apart without it.
            Err(e) if !missing(&e) || choice.insist || keep != PeopleToKeep::All => Err(e.into()),
            Err(_) => Ok(None),
        }
    }

    /// Networks look through windows, rather than at whole eyes.
    pub fn has_windows(&self) -> bool {
        !self.networks.is_empty()
    }

    /// A network keeps a state from frame to frame.
    pub fn is_recurrent(&self) -> bool {
        self.networks.iter().any(|m| m.manifest.kind == Kind::Recurrent)
    }

    /// Every network keeps a state from frame to frame.
    pub fn is_steady(&self) -> bool {
        self.networks.iter().all(|m| m.manifest.kind == Kind::Recurrent)
    }

    /// Side of a network's windows in pixels.
    ///
    /// # Errors
    /// The network's input can't have that size.
    pub fn window_size(&self, network: &Model) -> Result<usize> {
        let manifest = &network.manifest;
        let asked = (!manifest.input.fixed).then_some(self.size.unwrap_or(manifest.crop.size));
        Ok(manifest.input_size(asked, 1, 1)?.0)
    }

    /// The networks' names and the sizes of their windows; `None` where there is none.
    pub fn names(&self) -> Option<String> {
        let one = |m: &Model| {
            let size = self.window_size(m).unwrap_or(m.manifest.crop.size as usize);
            format!("{} at {size}x{size}", m.manifest.name)
        };
        let names: Vec<_> = self.networks.iter().map(one).collect();
        (!names.is_empty()).then(|| names.join(" and "))
    }
}
