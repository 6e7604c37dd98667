//! Which models crops of people at each person takes.

use crate::error::Result;
use crate::spec::{PeopleChoice, PeopleToKeep};
use vrseg_infer::{Model, ModelError, registry};

/// The detector's name.
const DETECTOR: &str = "nanodet";

/// What the plan found for crops of people.
#[derive(Clone, Debug)]
pub struct PeoplePlan {
    /// The detector.
    pub detector: Model,
    /// The networks that see people singly; there may be none where people are only counted.
    pub networks: Vec<Model>,
    /// Frames between two looks of the detector.
    pub every: u32,
    /// Who stays in the matte.
    pub keep: PeopleToKeep,
}

impl PeoplePlan {
    /// Finds the models; `None` where that isn't asked for, or weights that nobody named are not there.
    ///
    /// # Errors
    /// A model of that name that doesn't exist, or that makes no mattes; weights that are missing where the
    /// user named them; a detector that is missing where people must be told apart.
    pub fn new(choice: &PeopleChoice) -> Result<Option<Self>> {
        let (every, keep) = (choice.every, choice.keep);
        let missing = |e: &ModelError| matches!(e, ModelError::MissingWeights { .. });
        let mut networks = Vec::new();
        for name in &choice.crops {
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
            Ok(detector) => Ok(Some(Self { detector, networks, every, keep })),
            // People can't be told apart without it.
            Err(e) if !missing(&e) || choice.insist || keep != PeopleToKeep::All => Err(e.into()),
            Err(_) => Ok(None),
        }
    }

    /// The networks' names; `None` where there is none.
    pub fn names(&self) -> Option<String> {
        let names: Vec<_> = self.networks.iter().map(|m| m.manifest.name.as_str()).collect();
        (!names.is_empty()).then(|| names.join(" and "))
    }
}
