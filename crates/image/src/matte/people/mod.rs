//! A closer look at each person.
//!
//! A network that sees a whole eye at 512 pixels loses who is small in it, and selfie punches holes
//! into who is large. So people are kept track of ([`Tracks`]): a detector says now and then where
//! they are, and between two of its looks their boxes follow their mattes. Around each box a square
//! is cut out of the full-size picture, a window whose mapping is a rectangle, and shown to networks
//! of their own; [`Layers`] puts their mattes over that of the whole eye, which keeps its say
//! wherever no box lies: whom the detector misses doesn't vanish.

mod crop;
mod cutter;
mod layers;
mod shift;
mod track;

pub use crop::{Cell, tiles};
pub use cutter::{Cutter, Form};
pub use layers::{Layers, Piece};
pub use shift::shift;
pub use track::{Spot, Track, Tracks, overlap};
