//! A planned job on many machines: as an array of tasks under Slurm, or as a manifest for Kubernetes.
//!
//! The scheduler is the site's own; what is here divides the segments over tasks, writes scripts that
//! people can read and keep, and tells from the segments, the queue and the logs how far everything is.

mod error;
mod folder;
mod kubernetes;
mod script;
mod slurm;
mod status;
mod submit;
mod tasks;

pub use error::{Error, Result};
pub use folder::{Round, Submission, folder_of};
pub use kubernetes::{Pods, manifest};
pub use script::{Resources, quoted};
pub use status::{SegmentStatus, State, Status, TaskStatus, status};
pub use submit::{Scripts, Step, cancel, resume, scripts, submit};
pub use tasks::{Task, tasks};
