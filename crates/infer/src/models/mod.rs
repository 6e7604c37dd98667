//! Models: what a manifest says, where the weights are, and whether they are the right ones.

pub mod manifest;
pub mod registry;
pub(crate) mod weights;
