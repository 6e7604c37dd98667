//! A projection as sources state it.

use super::USUAL_FOV;
use crate::vr::format::{ProjectionKind, Unsupported};
use crate::vr::names::NamedProjection;
use crate::vr::projection::Projection;
use std::fmt;

/// A projection as a source states it, with a fisheye's field of view only where it knows that.
#[derive(Clone, Copy, Debug)]
pub(super) enum StatedProjection {
    Known(Projection),
    /// A fisheye of an unstated field of view.
    Fisheye,
    Unsupported(Unsupported),
}

/// Degrees by which two sources may differ and still agree: they round to pixels, and meshes are measured.
const TOLERANCE: f64 = 2.0;

impl PartialEq for StatedProjection {
    /// Whether two sources agree: a source without a field of view has none to disagree with.
    fn eq(&self, other: &Self) -> bool {
        use Projection::{EquirectangularPart, Fisheye, FullFrameFisheye};
        use StatedProjection::Known;
        let near = |a: f32, b: f32| f64::from((a - b).abs()) <= TOLERANCE;
        match (*self, *other) {
            (Known(EquirectangularPart(a)), Known(EquirectangularPart(b))) => a.is_near(&b, TOLERANCE),
            (Known(Fisheye { fov: a }), Known(Fisheye { fov: b })) => near(a, b),
            (Known(FullFrameFisheye { h_fov: a, v_fov: c }), Known(FullFrameFisheye { h_fov: b, v_fov: d })) => {
                near(a, b) && near(c, d)
            }
            (Known(a), Known(b)) => a == b,
            (StatedProjection::Fisheye, Known(p)) | (Known(p), StatedProjection::Fisheye) => {
                matches!(p, Fisheye { .. } | FullFrameFisheye { .. })
            }
            (StatedProjection::Fisheye, StatedProjection::Fisheye) => true,
            (StatedProjection::Unsupported(a), StatedProjection::Unsupported(b)) => a == b,
            _ => false,
        }
    }
}

impl fmt::Display for StatedProjection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StatedProjection::Known(projection) => projection.fmt(f),
            StatedProjection::Fisheye => f.write_str("fisheye"),
            StatedProjection::Unsupported(what) => what.fmt(f),
        }
    }
}

impl StatedProjection {
    /// What the user requests.
    pub(super) fn requested(kind: ProjectionKind, fov: Option<f32>) -> Self {
        StatedProjection::Known(match (kind, fov) {
            (ProjectionKind::Flat, _) => Projection::Flat,
            (ProjectionKind::HalfEquirectangular, _) => Projection::HalfEquirectangular,
            (ProjectionKind::Equirectangular, _) => Projection::Equirectangular,
            (ProjectionKind::Fisheye, Some(fov)) => Projection::Fisheye { fov },
            (ProjectionKind::Fisheye, None) => return StatedProjection::Fisheye,
        })
    }

    /// What a name says.
    pub(super) fn named(named: NamedProjection) -> Self {
        match named {
            NamedProjection::Known(projection) => StatedProjection::Known(projection),
            NamedProjection::Unsupported(what) => StatedProjection::Unsupported(what),
        }
    }

    /// The projection, a fisheye's with `fov` or the usual field of view.
    pub(super) fn projection(self, fov: Option<f32>) -> Result<Projection, Unsupported> {
        match self {
            StatedProjection::Known(projection) => Ok(projection),
            StatedProjection::Fisheye => Ok(Projection::Fisheye { fov: fov.unwrap_or(USUAL_FOV) }),
            StatedProjection::Unsupported(what) => Err(what),
        }
    }
}
