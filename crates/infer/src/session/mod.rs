//! Sessions: ONNX Runtime's library, execution providers, and what runs a model on one of them.

mod arena;
pub(crate) mod engine;
pub(crate) mod fallback;
pub(crate) mod fault;
mod feed;
mod instances;
pub(crate) mod output;
pub mod provider;
pub mod runtime;
pub mod selftest;
mod shared_library;
pub(crate) mod tensorrt;
