//! Settings that suit the machine: rules that follow from what it is, and what a run says of it.

pub mod bottleneck;
pub mod cuda;
pub mod rules;

#[cfg(test)]
mod machines;
