//! Layouts and projections of VR video and how they are recognised.

pub mod boxes;
pub mod circle;
pub mod detect;
pub mod format;
pub mod layout;
pub mod names;
pub mod projection;
pub mod tags;

pub use detect::{Clues, detect};
pub use format::{
    Confidence, Evidence, EyeOrder, Finding, Format, FormatFindings, FormatRequest, Packing, ProjectionKind,
    Unsupported,
};
pub use layout::Layout;
pub use projection::Projection;
pub use tags::{ContainerTags, Spherical, SphericalKind, StereoTag};
