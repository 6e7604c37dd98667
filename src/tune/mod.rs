//! Settings that suit the machine: rules that follow from what it is.

pub mod rules;

#[cfg(test)]
mod machines;
