//! Benchmarks: material, sweeps, results.

pub mod material;

pub use material::Material;
