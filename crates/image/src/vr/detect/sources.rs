//! What the container's sources of metadata say, each for itself, so that contradictions among them show.

use super::Clues;
use super::stated::StatedProjection;
use crate::vr::boxes::Statement;
use crate::vr::format::{Evidence, EyeOrder, Finding, Unsupported};
use crate::vr::layout::Layout;
use crate::vr::projection::Projection;
use crate::vr::tags::{ContainerTags, Spherical, SphericalKind};

/// All sources, the most reliable first. FFmpeg read the same boxes, and less of them: its word counts for what
/// no box states (H.264's frame packing, other containers).
fn sources<'a>(clues: &'a Clues<'_>) -> impl Iterator<Item = Statement> + 'a {
    let known = boxed(clues);
    let stereo = clues.tags.stereo.filter(|_| known.stereo.is_none());
    let spherical = clues.tags.spherical.filter(|_| known.spherical.is_none());
    let of = |source, tags| Statement { source, tags, mesh: None, two_layers: false };
    let tags = ContainerTags { stereo, right_first: clues.tags.right_first, spherical: None };
    let rest = [
        of("stereo metadata", tags),
        of("spherical metadata", ContainerTags { spherical, ..ContainerTags::default() }),
    ];
    clues.boxes.iter().copied().chain(rest)
}

fn boxed(clues: &Clues<'_>) -> ContainerTags {
    clues.boxes.iter().fold(ContainerTags::default(), |tags, statement| tags.or(statement.tags))
}

/// What all sources say together.
pub(super) fn together(clues: &Clues<'_>) -> ContainerTags {
    boxed(clues).or(clues.tags)
}

/// Whether the second eye's view is in a layer of the video that isn't decoded.
pub(super) fn has_two_layers(clues: &Clues<'_>) -> bool {
    clues.boxes.iter().any(|statement| statement.two_layers)
}

/// The layout by a source, and whose view comes first.
fn views(statement: &Statement) -> Option<(Layout, EyeOrder)> {
    let order = if statement.tags.right_first { EyeOrder::RightFirst } else { EyeOrder::LeftFirst };
    let by_tag = statement.tags.stereo.and_then(|tag| tag.layout()).map(|layout| (layout, order));
    by_tag.or(statement.mesh.and_then(|mesh| mesh.layout))
}

/// The layout by each source that states one.
pub(super) fn layouts<'a>(clues: &'a Clues<'_>) -> impl Iterator<Item = Finding<Layout>> + 'a {
    sources(clues)
        .filter_map(|statement| Some(Finding::new(views(&statement)?.0, Evidence::Container(statement.source))))
}

/// The eye order by each source of that layout: one that was wrong about the layout is not believed here either.
pub(super) fn eye_orders<'a>(clues: &'a Clues<'_>, layout: Layout) -> impl Iterator<Item = Finding<EyeOrder>> + 'a {
    let of = move |statement: Statement| {
        let (_, order) = views(&statement).filter(|(l, _)| *l == layout)?;
        Some(Finding::new(order, Evidence::Container(statement.source)))
    };
    sources(clues).filter_map(of)
}

/// The projection by each source.
#[derive(Debug, Default)]
pub(super) struct Projections {
    /// Those that can be used, or have to be refused.
    pub stated: Vec<Finding<StatedProjection>>,
    /// What can't be read.
    pub unreadable: Vec<String>,
    /// A mesh that no projection describes: the nearest one, and by how many degrees it is off.
    pub poor_mesh: Option<(Projection, f64)>,
}

pub(super) fn projections(clues: &Clues<'_>) -> Projections {
    let mut all = Projections::default();
    for statement in sources(clues) {
        let Some(tag) = statement.tags.spherical else { continue };
        match projection(&statement, tag) {
            Ok(stated) => all.stated.push(Finding::new(stated, Evidence::Container(statement.source))),
            Err(what) => all.unreadable.push(what),
        }
        if let Some(mesh) = statement.mesh.filter(|mesh| !mesh.is_good()) {
            all.poor_mesh = all.poor_mesh.or(Some((mesh.projection, mesh.error)));
        }
    }
    all
}

/// The projection of a tag, or what can't be read.
fn projection(statement: &Statement, tag: Spherical) -> Result<StatedProjection, String> {
    let known = |projection| Ok(StatedProjection::Known(projection));
    match tag.kind {
        SphericalKind::Equirectangular => known(Projection::Equirectangular),
        SphericalKind::HalfEquirectangular => known(Projection::HalfEquirectangular),
        SphericalKind::EquirectangularTile if tag.is_front_half() => known(Projection::HalfEquirectangular),
        SphericalKind::EquirectangularTile => match tag.part() {
            Some(part) => known(Projection::of_part(part)),
            None => Err(format!("a part of the sphere without extent ({tag})")),
        },
        SphericalKind::Rectilinear => known(Projection::Flat),
        SphericalKind::Fisheye => Ok(StatedProjection::Fisheye),
        SphericalKind::Cubemap => Ok(StatedProjection::Unsupported(Unsupported::Cubemap)),
        SphericalKind::Mesh => match statement.mesh {
            Some(mesh) => known(mesh.projection),
            None => Err("a mesh of triangles".to_owned()),
        },
        SphericalKind::Other(_) => Err(tag.to_string()),
    }
}
