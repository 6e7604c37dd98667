//! Runs the real program on real pictures and clips and checks what it wrote, with ffprobe and
//! pixel by pixel.

mod bench;
mod broken;
mod cache;
mod docs;
mod eval;
mod faults;
mod formats;
mod hardware;
mod harness;
mod interrupt;
mod kept;
mod memory;
mod openvino;
mod optimize;
mod outputs;
mod packed;
mod people;
mod quality;
mod readme;
mod remap;
mod resume;
mod said;
mod standalone;
mod views;
mod watch;
