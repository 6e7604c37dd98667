//! How good a matte is: the field's metrics, for stills and videos, with the definitions that
//! matting papers share, so that figures can be compared with published ones.
//!
//! | metric | unit | better | definition |
//! |---|---|---|---|
//! | [`iou`] | 0..=1 | high | region similarity J: intersection over union at alpha 0.5 |
//! | [`boundary_f`] | 0..=1 | high | contour accuracy F (DAVIS), tolerance 0.008 of the diagonal |
//! | [`mad`], [`mse`] | 1e-3 | low | mean absolute, mean squared difference |
//! | [`Gradient`] | 1e3 | low | gradient error (Rhemann et al., CVPR 2009) |
//! | [`Connectivity`] | 1e3 | low | connectivity error (Rhemann et al., CVPR 2009) |
//! | [`dtssd`] | 1e-2 | low | temporal coherence (Erofeev et al., BMVC 2015) |
//! | [`flicker`] | 1e-3 | low | mean absolute second difference over time; needs no truth |
//! | [`StereoScores`] | | | one eye's matte moved onto the other's by disparity; needs no truth |
//!
//! Scales and the details on which implementations differ (border, normalization, threshold steps)
//! are those of the Robust Video Matting evaluation, which MatAnyone and others took over.
//! [`evaluate`] reads files; [`Meter`] takes planes.

mod agreement;
mod boundary;
mod connectivity;
mod difference;
mod gradient;
mod meter;
mod read;
mod region;
mod report;
mod stereo;
mod temporal;

pub use agreement::{Agreement, agreement};
pub use boundary::boundary_f;
pub use connectivity::Connectivity;
pub use difference::{mad, mse};
pub use gradient::Gradient;
pub use meter::{Meter, Scores};
pub use region::iou;
pub use report::{EvalError, Report, Request, evaluate};
pub use stereo::{SIDE, StereoMeter, StereoScores};
pub use temporal::{dtssd, flicker};

use vrseg_image::plane::Plane;

/// Alpha from which a pixel counts as person where a metric needs a decision: 0.5, that is 128 of 255.
pub const THRESHOLD: f32 = 0.5;

/// Floats that are summed side by side: as many as the widest vector register holds.
const LANES: usize = 16;

/// Sum of `f` over pairs. For use inside `simd::dispatch!`: the order of additions is fixed by
/// [`LANES`], so the result is the same at every instruction set up to fused multiplications.
#[inline(always)]
fn sum(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0f32; LANES];
    for (a, b) in a.iter().zip(b) {
        for ((lane, &a), &b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += f(a, b);
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(&a, &b)| f(a, b)).sum();
    lanes.iter().sum::<f32>() + rest
}

/// Mean over a plane of what `row` sums over a row; rows are added in double precision.
fn mean_of_rows(a: &Plane<f32>, b: &Plane<f32>, row: impl Fn(&[f32], &[f32]) -> f32) -> f64 {
    assert_same_size(a, b);
    let width = a.width().max(1);
    let rows = a.data().chunks_exact(width).zip(b.data().chunks_exact(width));
    let total: f64 = rows.map(|(a, b)| f64::from(row(a, b))).sum();
    total / a.data().len().max(1) as f64
}

/// # Panics
/// When the planes differ in size: readers have refused such files before.
fn assert_same_size(a: &Plane<f32>, b: &Plane<f32>) {
    assert_eq!((a.width(), a.height()), (b.width(), b.height()), "mattes that are compared have one size");
}
