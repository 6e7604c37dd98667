//! A recognized format with its evidence, as `--json` shows it.

use serde::Serialize;
use vrseg_image::vr::{Finding, FormatFindings, Projection};

#[derive(Clone, Debug, Serialize)]
struct FindingView<T> {
    value: T,
    evidence: &'static str,
    detail: String,
    confidence: &'static str,
}

impl<T> FindingView<T> {
    fn of<V>(finding: &Finding<V>, value: T) -> Self {
        let evidence = &finding.evidence;
        let confidence = finding.confidence.name();
        FindingView { value, evidence: evidence.name(), detail: evidence.to_string(), confidence }
    }
}

/// Longitudes and latitudes of a view's edges in degrees; 0 is straight ahead, to the right and up are more.
#[derive(Clone, Copy, Debug, Serialize)]
struct PartView {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl PartView {
    fn of(projection: Projection) -> Option<Self> {
        let round = |degrees: f64| (degrees * 100.0).round() / 100.0;
        match projection {
            Projection::EquirectangularPart(part) => Some(PartView {
                left: round(part.left),
                right: round(part.right),
                top: round(part.top),
                bottom: round(part.bottom),
            }),
            Projection::FullFrameFisheye { h_fov, v_fov } => {
                let (h, v) = (round(f64::from(h_fov) / 2.0), round(f64::from(v_fov) / 2.0));
                Some(PartView { left: -h, right: h, top: v, bottom: -v })
            }
            _ => None,
        }
    }
}

/// A format with its evidence for programs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FormatView {
    layout: FindingView<&'static str>,
    eye_order: FindingView<&'static str>,
    packing: FindingView<&'static str>,
    projection: FindingView<&'static str>,
    /// Degrees, for a fisheye.
    fov: Option<f32>,
    /// What a part of a sphere or a full-frame fisheye covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<PartView>,
    alpha_packed: FindingView<bool>,
    supported: bool,
    warnings: Vec<String>,
}

impl FormatView {
    pub(crate) fn of(f: &FormatFindings) -> Self {
        let projection = match &f.unsupported {
            Some(found) => FindingView::of(found, found.value.name()),
            None => FindingView::of(&f.projection, f.projection.value.name()),
        };
        FormatView {
            layout: FindingView::of(&f.layout, f.layout.value.name()),
            eye_order: FindingView::of(&f.eye_order, f.eye_order.value.name()),
            packing: FindingView::of(&f.packing, f.packing.value.name()),
            projection,
            fov: match f.projection.value {
                Projection::Fisheye { fov } => Some(fov),
                _ => None,
            },
            part: PartView::of(f.projection.value),
            alpha_packed: FindingView::of(&f.alpha_packed, f.alpha_packed.value),
            supported: f.unsupported.is_none(),
            warnings: f.warnings.clone(),
        }
    }
}
