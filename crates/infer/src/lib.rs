//! Models: manifests, where weights lie, ONNX Runtime, sessions on an execution provider.

pub mod cache;
pub mod detector;
mod device;
mod elf;
mod engine;
pub mod error;
mod fault;
pub mod manifest;
pub mod network;
mod output;
pub mod provider;
pub mod registry;
pub mod runtime;
pub mod selftest;
mod smaller;
mod spare;
mod team;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod yaml;

pub use detector::{Detection, Detector};
pub use device::{DeviceChoice, Precision, SessionChoice};
pub use error::ModelError;
pub use manifest::{Kind, Manifest};
pub use network::{Batch, Network, Pictures, States, Tensor, Way};
pub use registry::{Model, Weights};
pub use team::sessions;
