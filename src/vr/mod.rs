//! Layouts of VR video and how they are recognised.

pub mod layout;

pub use layout::{Detected, Evidence, Layout, StereoTag};
