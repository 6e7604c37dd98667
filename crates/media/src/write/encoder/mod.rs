//! The video encoder: which one, with which settings, whether it works here, and running it.

mod context;
pub(crate) mod nvenc;
pub(crate) mod open;
mod pixel_choice;
pub(crate) mod plan;
pub(crate) mod players;
mod settings;
pub(crate) mod trial;
pub(crate) mod video;
