//! What files and pictures can be: containers, layouts, colors, side data. Above [`crate::ffi`] only.

pub(crate) mod color;
pub(crate) mod container;
pub(crate) mod hdr;
pub(crate) mod layout;
pub(crate) mod mp4_boxes;
pub(crate) mod sequence;
pub(crate) mod sidedata;
pub(crate) mod spatial_audio;
pub(crate) mod tags;
