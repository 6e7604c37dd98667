//! Detecting a video's format. Sources in order of precedence: the user's options, the container, the file's
//! name, the picture, and last the frame's shape.

mod shape;

use super::circle::CornerContent;
use super::format::{
    Confidence, Evidence, EyeOrder, Finding, FormatFindings, FormatRequest, Packing, ProjectionKind, Unsupported,
};
use super::layout::Layout;
use super::names::{self, NameFinding, NameFindings, NamedProjection};
use super::projection::Projection;
use super::tags::{ContainerTags, SphericalKind};
use std::fmt::Display;
use std::path::Path;

/// What is known about a file before it is decoded.
#[derive(Clone, Copy, Debug)]
pub struct Clues<'a> {
    /// Path of the file; only its name is read.
    pub path: &'a Path,
    /// Frame width in pixels.
    pub width: usize,
    /// Frame height in pixels.
    pub height: usize,
    /// Stereo and spherical tags of the container.
    pub tags: ContainerTags,
}

const STEREO: Evidence = Evidence::Container("stereo metadata");
const SPHERE: Evidence = Evidence::Container("spherical metadata");

/// Field of view of a fisheye where nothing states it: what a name's bare `FISHEYE` means.
const USUAL_FOV: f32 = 180.0;

/// Detects the format. `look` decodes a few frames and says whether every view of that layout
/// shows a fisheye's circle (`None`: unknown); it is called only where that decides something.
pub fn detect(
    request: &FormatRequest,
    clues: &Clues<'_>,
    look: &mut dyn FnMut(Layout) -> Option<CornerContent>,
) -> FormatFindings {
    let named = names::read(clues.path);
    let named = if is_just_a_number(&named, clues) { NameFindings::default() } else { named };
    let mut warnings = Vec::new();

    let (mut projection, unsupported) = stated_projection(request, clues, &named, &mut warnings);
    let mut layout = stated_layout(request, clues, &named, &mut warnings).unwrap_or_else(|| {
        let stated = projection.as_ref().map(|p| p.value);
        let mut found = Finding::new(shape::layout(clues, stated), Evidence::Shape);
        // A known projection in a frame of just the right shape leaves no other layout.
        if stated.is_some_and(|p| shape::fits(clues, found.value, p)) {
            found.confidence = Confidence::Likely;
        }
        found
    });

    // The picture is examined where a half-equirectangular view is all that speaks against a fisheye.
    let guess = shape::projection(clues, layout.value);
    let suspect = unsupported.is_none()
        && match &projection {
            Some(p) => p.value == Projection::HalfEquirectangular && matches!(p.evidence, Evidence::FileName(_)),
            None => guess == Projection::HalfEquirectangular,
        };
    let circle = "a fisheye's circle in each view";
    if suspect && shape::is_square(clues, layout.value) && look(layout.value) == Some(CornerContent::Circle) {
        match &projection {
            Some(p) => warnings.push(format!(
                "{} says {}, but the picture shows {circle}; give --projection fisheye --fov DEGREES if it is one",
                p.evidence.subject(),
                p.value
            )),
            None => {
                if layout.confidence == Confidence::Guess {
                    layout = Finding::new(layout.value, Evidence::Pixels(circle));
                }
                warnings.push(format!(
                    "the picture shows {circle}, and nothing says with which field of view; {USUAL_FOV} degrees are \
                     assumed, --fov says better"
                ));
                projection = Some(Finding::new(Projection::Fisheye { fov: USUAL_FOV }, Evidence::Pixels(circle)));
            }
        }
    }
    let projection = projection.unwrap_or_else(|| match unsupported {
        Some(_) => Finding::new(Projection::Flat, Evidence::Usual),
        None if guess == Projection::Flat => Finding::new(guess, Evidence::Usual),
        None => Finding::new(guess, Evidence::Shape),
    });

    let eye_order = eye_order(request, clues, &named, &layout, &mut warnings);
    let packing = packing(clues, &named, layout.value, projection.value);
    let alpha_packed = match (&named.alpha, projection.value) {
        (Some(alpha), Projection::Fisheye { .. }) => Finding::new(true, Evidence::FileName(alpha.token.clone())),
        _ => Finding::new(false, Evidence::Usual),
    };
    FormatFindings {
        layout,
        eye_order,
        packing,
        projection,
        alpha_packed,
        unsupported,
        container: clues.tags,
        warnings,
    }
}

/// A bare `180` or `360` in the name of an ordinary 16:9 video is a number ("walk_360.mp4" in 360p).
/// From 1800 lines on it counts: YouTube's VR180 comes in 3840x2160.
fn is_just_a_number(named: &NameFindings, clues: &Clues<'_>) -> bool {
    let ratio = clues.width as f64 / clues.height.max(1) as f64;
    named.bare_number && (1.2..1.9).contains(&ratio) && clues.height < 1800 && clues.tags.is_empty()
}

fn by_name<T>(stated: NameFinding<T>) -> Finding<T> {
    Finding::new(stated.value, Evidence::FileName(stated.token))
}

/// The strongest finding; weaker ones that say otherwise become warnings, unless the user decided.
fn strongest<T: PartialEq + Display>(
    findings: impl IntoIterator<Item = Option<Finding<T>>>,
    option: &str,
    warnings: &mut Vec<String>,
) -> Option<Finding<T>> {
    let mut all = findings.into_iter().flatten();
    let first = all.next()?;
    if first.evidence != Evidence::Option {
        warnings.extend(all.filter(|f| f.value != first.value).map(|f| {
            format!(
                "{} says {}, {} says {}; {} is taken, {option} overrides it",
                first.evidence.subject(),
                first.value,
                f.evidence.subject(),
                f.value,
                first.value
            )
        }));
    }
    Some(first)
}

fn stated_layout(
    request: &FormatRequest,
    clues: &Clues<'_>,
    named: &NameFindings,
    warnings: &mut Vec<String>,
) -> Option<Finding<Layout>> {
    let option = request.layout.map(|l| Finding::new(l, Evidence::Option));
    let container = clues.tags.stereo.and_then(|s| s.layout()).map(|l| Finding::new(l, STEREO));
    strongest([option, container, named.layout.clone().map(by_name)], "--layout", warnings)
}

/// A projection as sources state it, with a fisheye's field of view only where they know it.
#[derive(Clone, Copy, Debug)]
enum StatedProjection {
    Projection(ProjectionKind, Option<f32>),
    Unsupported(Unsupported),
}

impl PartialEq for StatedProjection {
    /// Whether two sources agree: a source without a field of view has none to disagree with.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (StatedProjection::Projection(a, x), StatedProjection::Projection(b, y)) => {
                a == b && (x.is_none() || y.is_none() || x == y)
            }
            (StatedProjection::Unsupported(a), StatedProjection::Unsupported(b)) => a == b,
            _ => false,
        }
    }
}

impl Display for StatedProjection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            StatedProjection::Projection(ProjectionKind::Fisheye, None) => f.write_str("fisheye"),
            StatedProjection::Projection(kind, fov) => projection(kind, fov.unwrap_or(USUAL_FOV)).fmt(f),
            StatedProjection::Unsupported(what) => what.fmt(f),
        }
    }
}

fn projection(kind: ProjectionKind, fov: f32) -> Projection {
    match kind {
        ProjectionKind::Flat => Projection::Flat,
        ProjectionKind::HalfEquirectangular => Projection::HalfEquirectangular,
        ProjectionKind::Equirectangular => Projection::Equirectangular,
        ProjectionKind::Fisheye => Projection::Fisheye { fov },
    }
}

fn kind(projection: Projection) -> (ProjectionKind, Option<f32>) {
    match projection {
        Projection::Flat => (ProjectionKind::Flat, None),
        Projection::HalfEquirectangular => (ProjectionKind::HalfEquirectangular, None),
        Projection::Equirectangular => (ProjectionKind::Equirectangular, None),
        Projection::Fisheye { fov } => (ProjectionKind::Fisheye, Some(fov)),
    }
}

/// The projection by option, container or name.
fn stated_projection(
    request: &FormatRequest,
    clues: &Clues<'_>,
    named: &NameFindings,
    warnings: &mut Vec<String>,
) -> (Option<Finding<Projection>>, Option<Finding<Unsupported>>) {
    // A field of view alone means a fisheye.
    let asked = request.projection.or(request.fov.map(|_| ProjectionKind::Fisheye));
    let option = asked.map(|k| {
        let fov = request.fov.filter(|_| k == ProjectionKind::Fisheye);
        Finding::new(StatedProjection::Projection(k, fov), Evidence::Option)
    });
    let container = in_container(clues, option.is_none(), warnings);
    let name = named.projection.clone().map(|s| {
        let value = match s.value {
            NamedProjection::Known(p) => {
                let (k, fov) = kind(p);
                StatedProjection::Projection(k, fov)
            }
            NamedProjection::Unsupported(what) => StatedProjection::Unsupported(what),
        };
        Finding::new(value, Evidence::FileName(s.token))
    });
    let Some(found) = strongest([option, container, name], "--projection", warnings) else { return (None, None) };
    match found.value {
        StatedProjection::Unsupported(what) => {
            (None, Some(Finding { value: what, evidence: found.evidence, confidence: found.confidence }))
        }
        StatedProjection::Projection(k, fov) => {
            let fov = fov.or_else(|| named.fov());
            if k == ProjectionKind::Fisheye && fov.is_none() {
                warnings.push(format!(
                    "nothing says with which field of view the fisheye was taken; {USUAL_FOV} degrees are assumed, \
                     --fov says better"
                ));
            }
            let value = projection(k, fov.unwrap_or(USUAL_FOV));
            (Some(Finding { value, evidence: found.evidence, confidence: found.confidence }), None)
        }
    }
}

/// The projection that the container states, where it is one of ours or one to be refused.
fn in_container(clues: &Clues<'_>, needed: bool, warnings: &mut Vec<String>) -> Option<Finding<StatedProjection>> {
    let tag = clues.tags.spherical?;
    let known = |k| Some(Finding::new(StatedProjection::Projection(k, None), SPHERE));
    let mut unreadable = |what: String| {
        if needed {
            warnings.push(format!(
                "the container describes the projection as {what}, which vrseg can't read; it goes by the name, the \
                 picture and the shape instead, --projection says better"
            ));
        }
        None
    };
    match tag.kind {
        SphericalKind::Equirectangular => known(ProjectionKind::Equirectangular),
        SphericalKind::HalfEquirectangular => known(ProjectionKind::HalfEquirectangular),
        SphericalKind::EquirectangularTile if tag.is_front_half() => known(ProjectionKind::HalfEquirectangular),
        SphericalKind::Rectilinear => known(ProjectionKind::Flat),
        SphericalKind::Fisheye => known(ProjectionKind::Fisheye),
        SphericalKind::Cubemap => Some(Finding::new(StatedProjection::Unsupported(Unsupported::Cubemap), SPHERE)),
        SphericalKind::EquirectangularTile => unreadable(format!("a part of the sphere ({tag})")),
        SphericalKind::Mesh => unreadable("a mesh of triangles".to_owned()),
        SphericalKind::Other(_) => unreadable(tag.to_string()),
    }
}

fn eye_order(
    request: &FormatRequest,
    clues: &Clues<'_>,
    named: &NameFindings,
    layout: &Finding<Layout>,
    warnings: &mut Vec<String>,
) -> Finding<EyeOrder> {
    let option = request.eye_order.map(|o| Finding::new(o, Evidence::Option));
    if layout.value == Layout::Mono {
        return option.unwrap_or_else(|| Finding::new(EyeOrder::LeftFirst, Evidence::Usual));
    }
    // A source that was wrong about the layout is not believed here either.
    let container = clues.tags.stereo.filter(|s| s.layout() == Some(layout.value)).map(|_| {
        let order = if clues.tags.right_first { EyeOrder::RightFirst } else { EyeOrder::LeftFirst };
        Finding::new(order, STEREO)
    });
    let same_layout = named.layout.as_ref().is_some_and(|l| l.value == layout.value);
    let name = named.eye_order.clone().filter(|_| same_layout).map(by_name);
    strongest([option, container, name], "--eye-order", warnings)
        .unwrap_or_else(|| Finding::new(EyeOrder::LeftFirst, Evidence::Usual))
}

fn packing(clues: &Clues<'_>, named: &NameFindings, layout: Layout, projection: Projection) -> Finding<Packing> {
    let same_layout = named.layout.as_ref().is_some_and(|l| l.value == layout);
    match named.packing.clone() {
        _ if layout == Layout::Mono => Finding::new(Packing::Full, Evidence::Usual),
        Some(stated) if same_layout => by_name(stated),
        _ => Finding::new(shape::packing(clues, layout, projection), Evidence::Shape),
    }
}

#[cfg(test)]
mod tests;
