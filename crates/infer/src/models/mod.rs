//! Models: what a manifest says, where the weights are, and whether they are the right ones.

pub mod graph;
pub mod manifest;
pub mod recognize;
pub mod registry;
pub(crate) mod weights;
