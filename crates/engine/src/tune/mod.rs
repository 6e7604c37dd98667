//! Settings that suit the machine: rules that follow from what it is, what a run says of it,
//! and the search for faster ones.

pub mod bottleneck;
pub mod cuda;
pub mod rules;
pub mod search;
pub mod tuning_cache;

#[cfg(test)]
mod machines;
