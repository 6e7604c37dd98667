//! What runs a model when its device fails: the same device after a reload, or the CPU.

use super::fault;
use super::provider::{Provider, SessionOptions};
use crate::error::Result;
use crate::models::weights::Model;
use crate::{DeviceChoice, Precision};
use std::fmt;

type Load<E> = Box<dyn FnOnce() -> Result<Box<E>> + Send>;

/// An engine to continue with when the device of the current one fails; it is loaded only when it is needed.
pub(crate) struct Fallback<E: ?Sized>(Option<Load<E>>);

impl<E: ?Sized> Fallback<E> {
    /// No fallback: the device's error ends the job.
    pub(crate) const NONE: Self = Self(None);

    /// The engine that `load` returns.
    pub(crate) fn new(load: impl FnOnce() -> Result<Box<E>> + Send + 'static) -> Self {
        Self(Some(Box::new(load)))
    }

    /// The CPU, for a model that was loaded with these options on this device. There is no fallback for the CPU
    /// itself, nor where the user wants every failure to end the job.
    pub(crate) fn cpu(
        model: &Model,
        options: &SessionOptions,
        device: Provider,
        load: impl FnOnce(&Model, &SessionOptions) -> Result<Box<E>> + Send + 'static,
    ) -> Self {
        if device == Provider::Cpu || options.session.rigid {
            return Self::NONE;
        }
        let (model, mut options) = (model.clone(), options.clone());
        (options.device, options.precision) = (DeviceChoice::Cpu, Precision::Auto);
        Self::new(move || load(&model, &options))
    }

    /// Loads the fallback, after which there is none; `None`: there was none.
    ///
    /// # Errors
    /// As for loading any model.
    pub(crate) fn take(&mut self) -> Result<Option<Box<E>>> {
        self.0.take().map(|load| load()).transpose()
    }
}

impl<E: ?Sized> fmt::Debug for Fallback<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Fallback(ready)" } else { "Fallback(none)" })
    }
}

/// Loads an engine once more on the same device.
pub(crate) struct Reload<E: ?Sized>(Box<dyn Fn() -> Result<Box<E>> + Send>);

impl<E: ?Sized> Reload<E> {
    pub(crate) fn new(load: impl Fn() -> Result<Box<E>> + Send + 'static) -> Self {
        Self(Box::new(load))
    }

    /// # Errors
    /// As for loading any model.
    pub(crate) fn load(&self) -> Result<Box<E>> {
        (self.0)()
    }
}

impl<E: ?Sized> fmt::Debug for Reload<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reload")
    }
}

/// A sentence for the user: why a device failed (see [`reason`]), and what continues.
pub(crate) fn note(reason: &str, now: Provider) -> String {
    format!("{reason}: {now} computes the rest, which is slower")
}

/// A clause for the user: how a device failed.
pub(crate) fn reason(failed: Provider, fault: &str) -> String {
    let summary = fault::summary(fault);
    if fault::is_out_of_memory(fault) {
        format!("{failed} has not enough memory ({summary})")
    } else if fault::is_unspecific(fault) {
        format!("{failed} failed, perhaps out of memory ({summary})")
    } else {
        format!("{failed} failed ({summary})")
    }
}
