//! Detecting a video's format. Sources in order of precedence: the user's options, the container, the file's
//! name, the picture, and last the frame's shape.

mod picture;
mod shape;
mod sources;
mod stated;

use super::boxes::Statement;
use super::circle::CornerContent;
use super::format::{
    Confidence, Evidence, EyeOrder, Finding, FormatFindings, FormatRequest, Packing, ProjectionKind, Unsupported,
};
use super::layout::Layout;
use super::names::{self, NameFinding, NameFindings};
use super::projection::Projection;
use super::tags::ContainerTags;
use picture::{CirclesOnly, Known};
use stated::StatedProjection;
use std::fmt::Display;
use std::path::Path;

pub use picture::Examine;

/// What is known about a file before it is decoded.
#[derive(Clone, Copy, Debug)]
pub struct Clues<'a> {
    /// Path of the file; only its name is read.
    pub path: &'a Path,
    /// Frame width in pixels.
    pub width: usize,
    /// Frame height in pixels.
    pub height: usize,
    /// Stereo and spherical tags of the container and the bitstream, as FFmpeg reads them.
    pub tags: ContainerTags,
    /// What the container's boxes say, the most reliable first.
    pub boxes: &'a [Statement],
}

/// Field of view of a fisheye where nothing states it: what a name's bare `FISHEYE` means.
const USUAL_FOV: f32 = 180.0;

/// Detects the format. `look` decodes a few frames and says whether every view of that layout
/// shows a fisheye's circle (`None`: unknown); it is called only where that decides something.
pub fn detect(
    request: &FormatRequest,
    clues: &Clues<'_>,
    look: &mut dyn FnMut(Layout) -> Option<CornerContent>,
) -> FormatFindings {
    detect_by(request, clues, &mut CirclesOnly(look))
}

/// Detects the format, asking `picture` only where its answer decides something.
pub fn detect_by(request: &FormatRequest, clues: &Clues<'_>, picture: &mut dyn Examine) -> FormatFindings {
    let named = names::read(clues.path);
    let named = if is_just_a_number(&named, clues) { NameFindings::default() } else { named };
    let mut warnings = Vec::new();

    let (projection, unsupported) = stated_projection(request, clues, &named, &mut warnings);
    let layout = stated_layout(request, clues, &named, &mut warnings).unwrap_or_else(|| {
        let stated = projection.as_ref().map(|p| p.value);
        let mut found = Finding::new(shape::layout(clues, stated), Evidence::Shape);
        // A known projection in a frame of just the right shape leaves no other layout.
        if stated.is_some_and(|p| shape::fits(clues, found.value, p)) {
            found.confidence = Confidence::Likely;
        }
        found
    });
    if sources::has_two_layers(clues) && layout.value == Layout::Mono {
        warnings.push(
            "the two eyes' views are in two layers of the video (MV-HEVC), of which only the first is decoded: the \
             second eye's view is missing, and the video is treated as mono"
                .to_owned(),
        );
    }
    let mut known = Known { layout, projection, refused: unsupported.is_some() };
    known.examine(clues, picture, &mut warnings);
    let Known { layout, projection, .. } = known;
    let projection = projection.unwrap_or_else(|| match shape::projection(clues, layout.value) {
        _ if unsupported.is_some() => Finding::new(Projection::Flat, Evidence::Usual),
        Projection::Flat => Finding::new(Projection::Flat, Evidence::Usual),
        guess => Finding::new(guess, Evidence::Shape),
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
        container: sources::together(clues),
        warnings,
    }
}

/// A bare `180` or `360` in the name of an ordinary 16:9 video is a number ("walk_360.mp4" in 360p).
/// From 1800 lines on it counts: YouTube's VR180 comes in 3840x2160.
fn is_just_a_number(named: &NameFindings, clues: &Clues<'_>) -> bool {
    let ratio = clues.width as f64 / clues.height.max(1) as f64;
    named.bare_number && (1.2..1.9).contains(&ratio) && clues.height < 1800 && sources::together(clues).is_empty()
}

fn by_name<T>(stated: NameFinding<T>) -> Finding<T> {
    Finding::new(stated.value, Evidence::FileName(stated.token))
}

/// The strongest finding; weaker ones that say otherwise become warnings and take away its certainty, unless the user
/// decided.
fn strongest<T: PartialEq + Display>(
    findings: impl IntoIterator<Item = Finding<T>>,
    option: &str,
    warnings: &mut Vec<String>,
) -> Option<Finding<T>> {
    let mut all = findings.into_iter();
    let mut first = all.next()?;
    if first.evidence == Evidence::Option {
        return Some(first);
    }
    for other in all.filter(|f| f.value != first.value) {
        warnings.push(format!(
            "{} says {}, {} says {}; using {}, {option} overrides it",
            first.evidence.subject(),
            first.value,
            other.evidence.subject(),
            other.value,
            first.value
        ));
        first.confidence = first.confidence.min(Confidence::Likely);
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
    let all = option.into_iter().chain(sources::layouts(clues)).chain(named.layout.clone().map(by_name));
    strongest(all, "--layout", warnings)
}

/// The projection by option, container or name.
fn stated_projection(
    request: &FormatRequest,
    clues: &Clues<'_>,
    named: &NameFindings,
    warnings: &mut Vec<String>,
) -> (Option<Finding<Projection>>, Option<Finding<Unsupported>>) {
    // A field of view alone means a fisheye.
    let requested = request.projection.or(request.fov.map(|_| ProjectionKind::Fisheye));
    let option = requested.map(|k| Finding::new(StatedProjection::requested(k, request.fov), Evidence::Option));
    let mut container = sources::projections(clues);
    let needed = option.is_none();
    // Only one of several sources could be read: so nobody knows whether they agree.
    if let (Some(first), Some(what), true) = (container.stated.first_mut(), container.unreadable.first(), needed) {
        first.confidence = Confidence::Likely;
        warnings.push(format!(
            "the container describes the projection as {what}, which vrseg can't read, {} says {}; using {1}, \
             --projection overrides it",
            first.evidence.subject(),
            first.value,
        ));
    } else if let (Some(what), true) = (container.unreadable.first(), needed) {
        warnings.push(format!(
            "the container describes the projection as {what}, which vrseg can't read; using the name, the picture \
             and the frame size instead, --projection overrides it"
        ));
    }
    if let (Some((nearest, off)), true) = (container.poor_mesh, needed) {
        container.stated.iter_mut().for_each(|f| f.confidence = Confidence::Likely);
        warnings.push(format!(
            "the container's mesh is an unknown projection; using {nearest}, which is off by {off:.1} degrees on \
             average"
        ));
    }
    let name =
        named.projection.clone().map(|s| Finding::new(StatedProjection::named(s.value), Evidence::FileName(s.token)));
    let all = option.into_iter().chain(container.stated).chain(name);
    let Some(found) = strongest(all, "--projection", warnings) else { return (None, None) };
    let fov = request.fov.or_else(|| named.fov());
    if let (StatedProjection::Fisheye, None) = (found.value, fov) {
        warnings.push(format!("the fisheye's field of view is unknown; assuming {USUAL_FOV} degrees, --fov sets it"));
    }
    let (evidence, confidence) = (found.evidence, found.confidence);
    match found.value.projection(fov) {
        Ok(value) => (Some(Finding { value, evidence, confidence }), None),
        Err(value) => (None, Some(Finding { value, evidence, confidence })),
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
    let same_layout = named.layout.as_ref().is_some_and(|l| l.value == layout.value);
    let name = named.eye_order.clone().filter(|_| same_layout).map(by_name);
    let all = option.into_iter().chain(sources::eye_orders(clues, layout.value)).chain(name);
    strongest(all, "--eye-order", warnings).unwrap_or_else(|| Finding::new(EyeOrder::LeftFirst, Evidence::Usual))
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
