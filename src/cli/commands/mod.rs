//! The commands of the program: a file or folder for each, and `main_job` for a command line without one.
//!
//! Imports: a command uses what is beside and below `cli::commands`, and of other commands only what they share:
//! `main_job` shows with `config` and `hardware`, `doctor` with `hardware`, `cluster` plans with `segments`.

pub(crate) mod bench;
pub(crate) mod cache;
pub(crate) mod cluster;
pub(crate) mod config;
pub(crate) mod docs;
pub(crate) mod doctor;
pub(crate) mod eval;
pub(crate) mod hardware;
pub(crate) mod interactive;
pub(crate) mod main_job;
pub(crate) mod models;
pub(crate) mod optimize;
pub(crate) mod people;
pub(crate) mod preview;
pub(crate) mod probe;
pub(crate) mod review;
pub(crate) mod segments;
pub(crate) mod unpack;
