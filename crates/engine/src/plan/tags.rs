//! What an output's container says about stereo and the sphere.

use vrseg_image::vr::{Confidence, ContainerTags, Evidence, FormatFindings, Spherical, SphericalKind, StereoTag};

/// See [`super::Plan::preserved_tags`]. `source`: what FFmpeg reads in the input, which is less than the boxes say.
pub(super) fn preserved_tags(found: &FormatFindings, source: ContainerTags) -> ContainerTags {
    let made = ContainerTags::of(&found.format());
    let (layout, projection) = (&found.layout, &found.projection);
    let by_option = |e: &Evidence| *e == Evidence::Option;
    let mut tags = ContainerTags { spherical: preserved_sphere(found, source, made), ..source };
    let sure = layout.confidence >= Confidence::Likely;
    let corrected = by_option(&layout.evidence) || by_option(&found.eye_order.evidence);
    if corrected || (source.stereo.is_none() && sure) {
        (tags.stereo, tags.right_first) = (made.stereo, made.right_first);
    }
    // A sphere without a word on stereo is one view, by Google's RFC: so not where that is a guess.
    if by_option(&projection.evidence)
        || (found.container.spherical.is_none() && sure && projection.confidence >= Confidence::Likely)
    {
        tags.spherical = made.spherical;
    }
    if tags.stereo == Some(StereoTag::Mono) && tags.spherical.is_none() && source.stereo.is_none() {
        tags.stereo = None;
    }
    tags
}

/// Whether outputs that say `preserved` lose the mesh that says how their views lie on the sphere.
pub(super) fn loses_mesh(found: &FormatFindings, preserved: ContainerTags) -> bool {
    let mesh = found.container.spherical.is_some_and(|s| s.kind == SphericalKind::Mesh);
    mesh && preserved.spherical.is_none() && matches!(found.projection.evidence, Evidence::Container(_))
}

/// The sphere that the container states, in terms that every player knows. FFmpeg takes the crop of Spherical Video V1
/// for the whole sphere, and knows neither meshes nor Apple's boxes.
fn preserved_sphere(found: &FormatFindings, source: ContainerTags, made: ContainerTags) -> Option<Spherical> {
    let stated = found.container.spherical?;
    let by_container = matches!(found.projection.evidence, Evidence::Container(_));
    match stated.kind {
        SphericalKind::Equirectangular | SphericalKind::EquirectangularTile | SphericalKind::Cubemap => {
            let pose = if stated.pose == [0; 3] { source.spherical.map_or([0; 3], |s| s.pose) } else { stated.pose };
            Some(Spherical { pose, ..stated })
        }
        SphericalKind::HalfEquirectangular | SphericalKind::Mesh if by_container => {
            made.spherical.map(|sphere| Spherical { pose: stated.pose, ..sphere })
        }
        SphericalKind::HalfEquirectangular
        | SphericalKind::Mesh
        | SphericalKind::Rectilinear
        | SphericalKind::Fisheye
        | SphericalKind::Other(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use vrseg_image::vr::boxes::Statement;
    use vrseg_image::vr::{Clues, FormatRequest, Layout, MeshFit, Projection, ProjectionKind, SpherePart, detect};

    fn preserved(name: &str, source: ContainerTags, request: FormatRequest) -> ContainerTags {
        let clues = Clues { path: Path::new(name), width: 4096, height: 2048, tags: source, boxes: &[] };
        preserved_tags(&detect(&request, &clues, &mut |_| None), source)
    }

    const VR180: ContainerTags =
        ContainerTags { stereo: Some(StereoTag::SideBySide), right_first: false, spherical: Some(Spherical::VR180) };

    #[test]
    fn source_metadata_stays_and_likely_format_is_added() {
        let (none, open) = (ContainerTags::default(), FormatRequest::default());
        let turned =
            ContainerTags { spherical: Some(Spherical { pose: [9 << 16, 0, 0], ..Spherical::VR180 }), ..VR180 };
        assert_eq!(preserved("a.mp4", turned, open), turned);
        assert_eq!(preserved("a_LR_180.mp4", none, open), VR180);
        assert_eq!(preserved("a_180.mp4", none, open), VR180, "only side by side fits this shape");
        assert_eq!(preserved("a.mp4", none, open), none, "guesses are not written");
        assert_eq!(preserved("a_LR.mp4", none, open), ContainerTags { spherical: None, ..VR180 });
        assert_eq!(preserved("a_MKX200.mp4", none, open), ContainerTags { spherical: None, ..VR180 });
        assert_eq!(preserved("a_flat_mono.mp4", none, open), none);
    }

    #[test]
    fn options_override_the_container() {
        let request = FormatRequest { projection: Some(ProjectionKind::Fisheye), ..FormatRequest::default() };
        assert_eq!(preserved("a.mp4", VR180, request), ContainerTags { spherical: None, ..VR180 });
        let flat = FormatRequest {
            layout: Some(Layout::Mono),
            projection: Some(ProjectionKind::Flat),
            ..FormatRequest::default()
        };
        assert!(preserved("a.mp4", VR180, flat).is_empty());
    }

    #[test]
    fn nothing_is_written_in_place_of_a_mesh() {
        let mesh = Spherical { kind: SphericalKind::Mesh, ..Spherical::EQUIRECTANGULAR };
        let clues = Clues {
            path: Path::new("a_LR_180.mp4"),
            width: 4096,
            height: 2048,
            tags: ContainerTags { spherical: Some(mesh), ..ContainerTags::default() },
            boxes: &[],
        };
        let found = detect(&FormatRequest::default(), &clues, &mut |_| None);
        assert_eq!(preserved_tags(&found, ContainerTags::default()).spherical, None);
    }

    /// What is detected where FFmpeg read `source` and the boxes say `statements`.
    fn found(source: ContainerTags, statements: &[Statement]) -> FormatFindings {
        let clues = Clues { path: Path::new("a.mp4"), width: 4096, height: 2048, tags: source, boxes: statements };
        detect(&FormatRequest::default(), &clues, &mut |_| None)
    }

    fn preserved_of(source: ContainerTags, statements: &[Statement]) -> ContainerTags {
        preserved_tags(&found(source, statements), source)
    }

    const WHOLE: ContainerTags =
        ContainerTags { stereo: None, right_first: false, spherical: Some(Spherical::EQUIRECTANGULAR) };

    fn statement(kind: SphericalKind, mesh: Option<Projection>) -> Statement {
        let tags = ContainerTags { spherical: Some(Spherical { kind, ..Spherical::EQUIRECTANGULAR }), ..WHOLE };
        let mesh = mesh.map(|projection| MeshFit { projection, error: 0.1, meshes: 1, layout: None });
        Statement { source: "mesh", tags, mesh, two_layers: false }
    }

    #[test]
    fn crop_of_the_sphere_is_kept_where_ffmpeg_reads_the_whole() {
        let part = SpherePart { left: -90.0, right: 90.0, top: 67.5, bottom: -67.5 };
        let cropped =
            Spherical { kind: SphericalKind::EquirectangularTile, bounds: part.bounds(), ..Spherical::EQUIRECTANGULAR };
        let mut statement = statement(SphericalKind::EquirectangularTile, None);
        statement.tags.spherical = Some(cropped);
        assert_eq!(preserved_of(WHOLE, &[statement]).spherical, Some(cropped));
        // The direction of the first view is FFmpeg's to read.
        let turned = Spherical { pose: [9 << 16, 0, 0], ..Spherical::EQUIRECTANGULAR };
        let preserved = preserved_of(ContainerTags { spherical: Some(turned), ..WHOLE }, &[statement]);
        assert_eq!(preserved.spherical, Some(Spherical { pose: turned.pose, ..cropped }));
    }

    #[test]
    fn mesh_is_replaced_by_the_projection_that_it_is() {
        let half = statement(SphericalKind::Mesh, Some(Projection::HalfEquirectangular));
        assert_eq!(preserved_of(WHOLE, &[half]).spherical, Some(Spherical::VR180));
        let lens = statement(SphericalKind::Mesh, Some(Projection::FullFrameFisheye { h_fov: 124.0, v_fov: 94.0 }));
        assert_eq!(preserved_of(WHOLE, &[lens]).spherical, None, "no tag for that");
        assert!(loses_mesh(&found(WHOLE, &[lens]), ContainerTags::default()));
        assert!(!loses_mesh(&found(WHOLE, &[half]), WHOLE));
        assert!(!loses_mesh(&found(WHOLE, &[]), ContainerTags::default()));
    }

    #[test]
    fn projections_of_apples_boxes_are_written_as_googles() {
        let half = statement(SphericalKind::HalfEquirectangular, None);
        assert_eq!(preserved_of(ContainerTags::default(), &[half]).spherical, Some(Spherical::VR180));
        let flat = statement(SphericalKind::Rectilinear, None);
        assert_eq!(preserved_of(ContainerTags::default(), &[flat]).spherical, None);
    }
}
