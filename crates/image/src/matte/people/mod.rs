//! Person crops: mattes of single people, made at a higher resolution.
//!
//! A model that gets a whole eye at 512 pixels loses people who are small in it, and selfie punches holes
//! into large ones. So people are tracked ([`Tracks`]): a detector finds them now and then,
//! and between two detection passes their boxes follow their mattes. Around each box a crop
//! is cut out of the full-size picture and passed to crop models;
//! [`PersonLayers`] puts their mattes over that of the whole eye, which still counts
//! wherever no box lies: a person that the detector misses doesn't vanish.

mod crop;
mod cutter;
mod layers;
mod shift;
mod track;

pub use crop::{CropRect, tiles};
pub use cutter::{CropSampler, SourceFormat};
pub use layers::{PersonLayers, PersonMatte};
pub use shift::shift;
pub use track::{PersonBox, Track, Tracks, overlap};
