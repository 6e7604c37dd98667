//! What a run knows of the people in the frames before.

use vrseg_image::matte::people::{CropRect, Tracks};
use vrseg_infer::Tensor;

/// What [`People`](super::People) knows of the frames before.
#[derive(Clone, Debug, PartialEq)]
pub struct PeopleState {
    /// Who is where.
    pub tracks: Tracks,
    /// Of each network what it was shown.
    pub crops: Vec<Vec<CropState>>,
}

/// What a network was shown of somebody in one eye.
#[derive(Clone, Debug, PartialEq)]
pub struct CropState {
    /// Their number, and the eye's.
    pub person: (u64, usize),
    /// The crop around them.
    pub cell: CropRect,
    /// The model's input.
    pub size: (usize, usize),
    /// The model's states.
    pub states: Vec<Tensor>,
}
