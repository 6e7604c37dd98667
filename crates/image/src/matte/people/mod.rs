//! Windows on people: an ordinary camera pointed at each person, so that the model sees everybody upright, whole and
//! as large as it was trained on, and sees no place where nobody is.
//!
//! The detector finds people now and then, through [`detector_views`]; [`Tracks`] follow them by motion in between.
//! [`WindowSampler`] makes the picture of each [`Window`], and [`PersonLayers`] brings the mattes back onto the eye.

mod divide;
mod follow;
mod layers;
mod shift;
mod surface;
#[cfg(test)]
mod tests;
mod track;
mod views;
mod window;

pub use divide::divide;
pub use layers::{PersonLayers, PersonMatte, filled};
pub use shift::shift;
pub use surface::{PlanePoint, Region, Spot, Surface, TangentPlane};
pub use track::{PersonBox, SAME_PERSON, Track, Tracks, Trust, merge_views, overlap};
pub use views::{blacken_outside, detector_views, shown};
pub use window::{SourceFormat, Window, WindowSampler};
