//! Layouts and projections of VR video: how they are recognized, named and tagged, their maths, and
//! pictures seen through another lens.

pub mod boxes;
pub mod camera;
pub mod circle;
pub mod detect;
pub mod format;
pub mod halves;
pub mod layout;
pub mod mesh;
pub mod names;
pub mod part;
pub mod projection;
pub mod remap;
pub mod sei;
pub mod tags;

pub use camera::{Camera, Lens, Picture, Ray};
pub use detect::{Clues, Examine, detect, detect_by};
pub use format::{
    Confidence, Evidence, EyeOrder, Finding, Format, FormatFindings, FormatRequest, Packing, ProjectionKind,
    Unsupported,
};
pub use layout::Layout;
pub use mesh::MeshFit;
pub use part::SpherePart;
pub use projection::Projection;
pub use remap::{Filter, RemapTable, Remapper, SampleGrid};
pub use tags::{ContainerTags, Spherical, SphericalKind, StereoTag};
