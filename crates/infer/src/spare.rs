//! What computes when a device fails: the same device with the network loaded anew, or the CPU.

use super::error::Result;
use super::fault;
use super::provider::{Provider, SessionOptions};
use super::registry::Model;
use crate::{DeviceChoice, Precision};
use std::fmt;

/// Loads what computes instead.
type Load<E> = Box<dyn FnOnce() -> Result<Box<E>> + Send>;

/// What stands by while a device computes; it is loaded only when it is needed.
pub struct Spare<E: ?Sized>(Option<Load<E>>);

impl<E: ?Sized> Spare<E> {
    /// Nothing: the device's error is the end.
    pub const NONE: Self = Self(None);

    /// What `load` gives.
    pub fn new(load: impl FnOnce() -> Result<Box<E>> + Send + 'static) -> Self {
        Self(Some(Box::new(load)))
    }

    /// The CPU, for a model that was loaded with these options on this device. Nothing stands by for the CPU
    /// itself, nor where the user wants to hear of every failure.
    pub fn cpu(
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

    /// Loads it; nothing stands by from here on. `None`: nothing did.
    ///
    /// # Errors
    /// As for loading any model.
    pub fn take(&mut self) -> Result<Option<Box<E>>> {
        self.0.take().map(|load| load()).transpose()
    }
}

impl<E: ?Sized> fmt::Debug for Spare<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Spare(stands by)" } else { "Spare(none)" })
    }
}

/// Loads what computes once more, on the same device.
pub struct Again<E: ?Sized>(Box<dyn Fn() -> Result<Box<E>> + Send>);

impl<E: ?Sized> Again<E> {
    /// What `load` gives.
    pub fn new(load: impl Fn() -> Result<Box<E>> + Send + 'static) -> Self {
        Self(Box::new(load))
    }

    /// Loads it.
    ///
    /// # Errors
    /// As for loading any model.
    pub fn load(&self) -> Result<Box<E>> {
        (self.0)()
    }
}

impl<E: ?Sized> fmt::Debug for Again<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Again")
    }
}

/// Tells that a device failed, for a [reason], and what computes now.
pub fn note(reason: &str, now: Provider) -> String {
    format!("{reason}: {now} computes the rest, which takes longer")
}

/// Tells how a device failed.
pub fn reason(failed: Provider, fault: &str) -> String {
    let essence = fault::essence(fault);
    if fault::is_short_of_memory(fault) {
        format!("{failed} has not enough memory ({essence})")
    } else if fault::is_without_reason(fault) {
        format!("{failed} failed, perhaps for want of memory ({essence})")
    } else {
        format!("{failed} failed ({essence})")
    }
}
