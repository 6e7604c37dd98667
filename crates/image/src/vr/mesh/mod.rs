//! The meshes of VR180 cameras (`mshp` of Google's Spherical Video V2 RFC): how a picture is laid onto triangles
//! around the viewer, and which projection comes nearest to that.
//!
//! Whatever the bytes hold, reading ends: inflated data, vertices and indices are limited and every length is
//! checked.

mod bits;
mod decode;
mod fit;

pub use fit::MeshFit;

/// The projection that comes nearest to the meshes in the body of an `mshp` box, from its version on; `None` where
/// they can't be read.
///
/// The checksum is not compared: writers have left it empty, and players don't look at it.
pub fn fit(body: &[u8]) -> Option<MeshFit> {
    fit::fit(&decode::meshes(body)?)
}

#[cfg(test)]
mod tests;
