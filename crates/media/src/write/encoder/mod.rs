//! The video encoder: which one, with which settings, whether it works here, and running it.

pub(crate) mod nvenc;
pub(crate) mod pixel_choice;
pub(crate) mod plan;
pub(crate) mod settings;
pub(crate) mod video;
