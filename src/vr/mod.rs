//! Layouts and projections of VR video and how they are recognised.

pub mod layout;
pub mod projection;

pub use layout::{Detected, Evidence, Layout, StereoTag};
pub use projection::Projection;
