//! A model that helps to find people: it sees one square picture at a time, and its outputs aren't mattes.

use crate::error::{ModelError, Result};
use crate::models::manifest::Manifest;
use crate::models::weights::Model;
use crate::session::fallback::{self, Fallback};
use crate::session::fault::Fault;
use crate::session::provider::{self, Opened, Provider, SessionOptions};
use crate::session::tensorrt::TensorRtModel;
use ort::session::Session;
use ort::value::TensorRef;
use std::fmt::Debug;

/// An output of a model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output<'a> {
    pub(crate) shape: &'a [i64],
    pub(crate) values: &'a [f32],
}

/// Reads a model's outputs.
pub(crate) type Read<'r> = dyn FnMut(&[Output<'_>]) -> std::result::Result<(), Fault> + 'r;

/// Runs a model.
pub(crate) trait Engine: Debug + Send {
    fn provider(&self) -> Provider;

    /// Runs the model on a picture and gives its outputs to `read`.
    fn run(&mut self, manifest: &Manifest, picture: &[f32], read: &mut Read<'_>) -> std::result::Result<(), Fault>;
}

/// A loaded model. Where its device fails, the CPU runs the same picture again, and all that follow; [`Self::take_notes`]
/// reports that.
#[derive(Debug)]
pub(crate) struct HelperModel {
    engine: Box<dyn Engine>,
    manifest: Manifest,
    fallback: Fallback<dyn Engine>,
    notes: Vec<String>,
}

impl HelperModel {
    /// Checks the weights and loads them.
    ///
    /// # Errors
    /// As [`crate::ModelRunner::load`].
    pub(crate) fn load(model: &Model, options: &SessionOptions) -> Result<Self> {
        let manifest = model.manifest.clone();
        let open = |model: &Model, options: &SessionOptions| -> Result<Box<dyn Engine>> {
            let tensorrt = TensorRtModel::new(&model.manifest, options);
            let Opened { session, provider, .. } =
                provider::open(&model.load()?, &model.manifest.name, &tensorrt, options)?;
            Ok(Box::new(OrtEngine { session, provider }))
        };
        let engine = open(model, options)?;
        let fallback = Fallback::cpu(model, options, engine.provider(), open);
        Ok(Self { engine, manifest, fallback, notes: Vec::new() })
    }

    /// The manifest of the model that was loaded.
    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Side of its square input in pixels.
    pub(crate) fn side(&self) -> usize {
        self.manifest.input.size as usize
    }

    /// What was changed since the last call because the device failed, a sentence each.
    pub(crate) fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// What `read` makes of the outputs for a picture, f32 `[3, side, side]`, normalized as the manifest says.
    ///
    /// # Errors
    /// What ONNX Runtime or `read` reports, where the fallback does not help.
    pub(crate) fn run<T>(
        &mut self,
        picture: &[f32],
        read: impl Fn(&[Output<'_>]) -> std::result::Result<T, Fault>,
    ) -> Result<T> {
        loop {
            let mut result = None;
            let mut keep = |outputs: &[Output<'_>]| {
                result = Some(read(outputs)?);
                Ok(())
            };
            let ran = self.engine.run(&self.manifest, picture, &mut keep);
            let fault = match (ran, result) {
                (Ok(()), Some(result)) => return Ok(result),
                (Ok(()), None) => "it has no outputs".into(),
                (Err(fault), _) => fault,
            };
            let Some(next) = self.fallback.take()? else {
                return Err(ModelError::Failed { name: self.manifest.name.clone(), what: fault });
            };
            let reason = fallback::reason(self.engine.provider(), &fault);
            self.notes.push(format!("{}: {}", self.manifest.name, fallback::note(&reason, next.provider())));
            // A device that is lost can't be trusted to free what is on it.
            std::mem::forget(std::mem::replace(&mut self.engine, next));
        }
    }
}

#[derive(Debug)]
struct OrtEngine {
    session: Session,
    provider: Provider,
}

impl Engine for OrtEngine {
    fn provider(&self) -> Provider {
        self.provider
    }

    fn run(&mut self, manifest: &Manifest, picture: &[f32], read: &mut Read<'_>) -> std::result::Result<(), Fault> {
        let side = manifest.input.size as usize;
        let input = TensorRef::from_array_view(([1, 3, side, side], picture)).map_err(|e| e.to_string())?;
        let inputs = ort::inputs![manifest.input.name.as_str() => input];
        let outputs = self.session.run(inputs).map_err(|e| e.to_string())?;
        let values: Vec<_> = outputs.iter().collect();
        let mut tensors = Vec::with_capacity(values.len());
        for (_, value) in &values {
            let (shape, values) = value.try_extract_tensor::<f32>().map_err(|e| e.to_string())?;
            tensors.push(Output { shape, values });
        }
        read(&tensors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the picture, or fails.
    #[derive(Debug)]
    struct FakeEngine(Provider, Option<&'static str>);

    impl Engine for FakeEngine {
        fn provider(&self) -> Provider {
            self.0
        }

        fn run(&mut self, _: &Manifest, picture: &[f32], read: &mut Read<'_>) -> std::result::Result<(), Fault> {
            match self.1 {
                Some(fault) => Err(fault.to_owned()),
                None => read(&[Output { shape: &[1], values: picture }]),
            }
        }
    }

    fn helper(first: FakeEngine, then: Option<FakeEngine>) -> HelperModel {
        let manifest = crate::registry::built_in().unwrap().into_iter().find(|m| m.name == "nanodet").unwrap();
        let fallback = then.map_or(Fallback::NONE, |engine| Fallback::new(move || Ok(Box::new(engine) as _)));
        HelperModel { engine: Box::new(first), manifest, fallback, notes: Vec::new() }
    }

    #[test]
    fn failed_device_is_replaced_and_the_picture_is_run_again() {
        let first_value = |outputs: &[Output<'_>]| Ok(outputs[0].values[0]);
        let gpu = FakeEngine(Provider::Cuda(0), Some("CUDA failure 719: unspecified launch failure"));
        let mut two = helper(gpu, Some(FakeEngine(Provider::Cpu, None)));
        for value in [3.0, 4.0] {
            assert_eq!(two.run(&[value], first_value).unwrap(), value);
        }
        let notes = two.take_notes();
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].contains("nanodet: cuda:0 failed (CUDA failure 719"), "{notes:?}");
        let mut one = helper(FakeEngine(Provider::Cpu, Some("broken")), None);
        assert!(one.run(&[1.0], first_value).unwrap_err().to_string().contains("broken"));
    }

    #[test]
    fn outputs_that_cannot_be_read_are_a_fault_of_the_device() {
        let finite = |outputs: &[Output<'_>]| match outputs[0].values[0] {
            value if value.is_finite() => Ok(value),
            _ => Err(crate::session::fault::NOT_A_NUMBER.to_owned()),
        };
        let mut one = helper(FakeEngine(Provider::Cuda(0), None), None);
        assert!(one.run(&[f32::NAN], finite).is_err());
        assert_eq!(one.run(&[1.0], finite).unwrap(), 1.0);
    }
}
