//! Recurrent states as tensors in main memory, and back.

use super::{ModelRunner, session_pool};
use crate::batch::{States, Tensor};
use crate::error::Result;
use crate::session::output::Raw;
use ort::memory::AllocationDevice;
use ort::value::{DynTensorValueType, DynValue, Tensor as OrtTensor};

impl ModelRunner {
    /// The states as tensors in main memory.
    ///
    /// # Errors
    /// What ONNX Runtime reports when it copies them from the device.
    pub fn save(&self, states: &States) -> Result<Vec<Tensor>> {
        let saved = states.0.iter().map(|value| save(value).map_err(|e| self.fail(e.to_string())));
        Ok(session_pool::join(saved.collect::<Result<_>>()?, self.manifest.states.len()))
    }

    /// The states that [`ModelRunner::save`] returned, of this session or of another session of the same model.
    ///
    /// # Errors
    /// They are those of another model.
    pub fn restore(&self, saved: &[Tensor]) -> Result<States> {
        if !saved.is_empty() && saved.len() != self.manifest.states.len() {
            return Err(self.fail(format!("{} states were kept, it has {}", saved.len(), self.manifest.states.len())));
        }
        let value = |t: &Tensor| Ok(OrtTensor::from_array((t.shape.clone(), t.data.clone()))?.into_dyn());
        saved.iter().map(value).collect::<ort::Result<_>>().map(States).map_err(|e| self.fail(e.to_string()))
    }
}

fn save(value: &DynValue) -> ort::Result<Tensor> {
    let read = |value: &DynValue| -> ort::Result<Tensor> {
        let Raw { shape, data } = Raw::of(value)?;
        Ok(Tensor { shape, data: data.into_owned() })
    };
    let tensor = value.view().downcast::<DynTensorValueType>()?;
    if tensor.memory_info().is_cpu_accessible() {
        return read(value);
    }
    read(&tensor.to(AllocationDevice::CPU, 0)?.into_dyn())
}
