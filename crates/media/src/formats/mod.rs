//! What files can be: containers and side data.

pub(crate) mod container;
pub(crate) mod sidedata;
