//! A planned job on many machines: as an array of tasks under Slurm, or as a manifest for Kubernetes.
//!
//! The scheduler is the site's own; what is here divides the segments over tasks, writes scripts that
//! people can read and keep, and tells from the segments, the queue and the logs the progress of everything.
//!
//! Imports go one way: `error` and `tasks` use no other module; `slurm` runs Slurm's commands, `slurm_scripts` and
//! `kubernetes` write what a scheduler reads, `submission` remembers what was submitted, `status` combines these,
//! and `submit` builds on all.

mod error;
mod kubernetes;
mod slurm;
mod slurm_scripts;
mod status;
mod submission;
mod submit;
mod tasks;

pub use error::{Error, Result};
pub use kubernetes::{PodSettings, manifest};
pub use slurm_scripts::{Resources, quoted};
pub use status::{SegmentStatus, State, Status, TaskStatus, status};
pub use submission::{Round, Submission, folder_of};
pub use submit::{Scripts, SubmittedJobs, cancel, refuse_submitted, resume, scripts, submit};
pub use tasks::{Task, tasks};
