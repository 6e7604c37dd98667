//! Layouts and projections of VR video and how they are recognised.

pub mod camera;
pub mod layout;
pub mod projection;
pub mod remap;

pub use camera::{Camera, Lens, Picture, Ray};
pub use layout::{Detected, Evidence, Layout, StereoTag};
pub use projection::Projection;
pub use remap::{Filter, RemapTable, Remapper, SampleGrid};
