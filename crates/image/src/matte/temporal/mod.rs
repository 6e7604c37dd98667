//! What frames have to do with the frames before: smoothing, motion and scene cuts.

mod motion;
mod scene;
mod stabilizer;

pub use motion::{Motion, MotionSearch, propagate};
pub use scene::SceneDetector;
pub use stabilizer::Stabilizer;
