//! Runs the real program on real pictures and clips and checks what it wrote, with ffprobe and pixel by pixel.
//!
//! `cargo test --test job NAME` runs the tests whose module or name contains NAME.

mod bench;
mod broken;
mod cache;
mod cluster;
mod doc_commands;
mod docs;
mod edits;
mod errors;
mod eval;
mod events_and_logs;
mod formats;
mod hardware;
mod harness;
mod interrupt;
mod memory;
mod metadata;
mod models;
mod monitoring;
mod openvino;
mod optimize;
mod outputs;
mod packed;
mod people;
mod pictures;
mod preserved;
mod quality;
mod remap;
mod resume;
mod review;
mod scale;
mod standalone;
mod terminal;
mod views;
