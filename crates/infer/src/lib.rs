//! Models: manifests, where weights lie, ONNX Runtime, sessions on an execution provider, cached mattes.
//!
//! Modules import only from modules above them in this list:
//!
//! 1. [`error`], [`yaml`], `device` (what a job requests of a device), `batch` (pictures, tensors, recurrent states),
//!    `suppress` (the best of boxes that overlap);
//! 2. `models`: [`manifest`], `weights`, [`registry`], [`graph`] (what an ONNX file says of itself), [`recognize`] (which model
//!    it is);
//! 3. `session`: `shared_library`, [`runtime`] (ONNX Runtime's library), [`provider`] (a session on a device),
//!    [`selftest`], `fault` and `fallback` (what a failure means, and what runs instead), `output` (alphas from an
//!    output tensor), `engine` (one session that computes alphas);
//! 4. `runner` (a matting model that survives its device's failures), `helper` (the same for models without mattes), [`detector`]
//!    (people as boxes) and [`pose`] (whether somebody is a person);
//!    [`trial`] (a model on a picture of a person) and [`library`] (models that users add and remove);
//! 5. [`cache`]: a model whose mattes are looked up first;
//! 6. `testing` and `fuzz`: for tests and fuzz targets of other crates.

mod batch;
pub mod cache;
pub mod detector;
mod device;
pub mod error;
#[doc(hidden)]
pub mod fuzz;
mod helper;
pub mod library;
mod models;
pub mod pose;
mod runner;
mod session;
mod suppress;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod trial;
pub mod yaml;

pub use batch::{Batch, States, Tensor};
pub use detector::{Detection, Detector};
pub use device::{DeviceChoice, Precision, SessionChoice};
pub use error::ModelError;
pub use models::manifest::{Kind, Manifest};
pub use models::weights::{Model, Weights};
pub use models::{graph, manifest, recognize, registry};
pub use pose::PoseModel;
pub use runner::{ActiveBackend, ModelRunner, sessions};
pub use session::{provider, runtime, selftest};
