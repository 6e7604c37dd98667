//! What decides a format, and what is only a warning.

use super::super::halves::Comparison;
use super::super::mesh::MeshFit;
use super::super::part::SpherePart;
use super::super::tags::{Spherical, SphericalKind, StereoTag};
use super::*;

fn clues(name: &str, width: usize, height: usize) -> Clues<'_> {
    Clues { path: Path::new(name), width, height, tags: ContainerTags::default(), boxes: &[] }
}

/// The picture is never examined.
fn blind(_: Layout) -> Option<CornerContent> {
    None
}

fn find(clues: &Clues<'_>) -> FormatFindings {
    detect(&FormatRequest::default(), clues, &mut blind)
}

fn tagged(stereo: StereoTag, spherical: Option<Spherical>) -> ContainerTags {
    ContainerTags { stereo: Some(stereo), right_first: false, spherical }
}

#[test]
fn names_and_frame_shapes_decide_layout_and_projection() {
    use Layout::*;
    use Projection::*;
    let fisheye = |fov| Fisheye { fov };
    for (name, size, layout, projection) in [
        ("a.mp4", (1920, 1080), Mono, Flat),
        ("a.mp4", (3840, 2160), Mono, Flat),
        ("a.mp4", (640, 320), Mono, Flat),
        ("a.mp4", (3840, 1920), SideBySide, HalfEquirectangular),
        ("a.mp4", (3840, 3840), TopBottom, Equirectangular),
        ("a.mp4", (1080, 1080), Mono, Flat),
        ("a.mp4", (3840, 1080), SideBySide, Flat),
        ("a_180.mp4", (640, 320), SideBySide, HalfEquirectangular),
        ("a_180.mp4", (1920, 1080), Mono, Flat),
        ("a_360.mp4", (640, 360), Mono, Flat),
        ("a_180.mp4", (3840, 2160), SideBySide, HalfEquirectangular),
        ("a_360.mp4", (3840, 1920), Mono, Equirectangular),
        ("a_360.mp4", (4096, 4096), TopBottom, Equirectangular),
        ("a_360_TB.mp4", (3840, 2160), TopBottom, Equirectangular),
        ("a_360_SBS.mp4", (3840, 1920), SideBySide, Equirectangular),
        ("a_mono.mp4", (3840, 1920), Mono, Equirectangular),
        ("a_mono_180.mp4", (2048, 2048), Mono, HalfEquirectangular),
        ("a_180.mp4", (2048, 4096), TopBottom, HalfEquirectangular),
        ("a_MKX200.mp4", (5760, 2880), SideBySide, fisheye(200.0)),
        ("a_FISHEYE190.mp4", (4096, 2160), SideBySide, fisheye(190.0)),
        ("a_HSBS.mp4", (1920, 1080), SideBySide, Flat),
        ("a_LR.mp4", (3840, 1920), SideBySide, HalfEquirectangular),
    ] {
        let f = find(&clues(name, size.0, size.1));
        assert_eq!((f.layout.value, f.projection.value), (layout, projection), "{name} {size:?}");
        assert_eq!(f.warnings, [""; 0], "{name} {size:?}");
    }
}

#[test]
fn packing_comes_from_name_or_shape() {
    for (name, size, want) in [
        ("a_180_LR.mp4", (3840, 1920), Packing::Full),
        ("a_180_LR.mp4", (3840, 2160), Packing::Full),
        ("a_180_LR.mp4", (1920, 1920), Packing::Half),
        ("a_360_TB.mp4", (3840, 3840), Packing::Full),
        ("a_360_TB.mp4", (3840, 1920), Packing::Half),
        ("a_LR.mp4", (1920, 1080), Packing::Half),
        ("a_LR.mp4", (3840, 1080), Packing::Full),
        ("a_TB.mp4", (1920, 1080), Packing::Half),
        ("a_TBF.mp4", (1920, 1080), Packing::Full),
        ("a_HSBS.mp4", (3840, 1080), Packing::Half),
    ] {
        assert_eq!(find(&clues(name, size.0, size.1)).packing.value, want, "{name} {size:?}");
    }
}

#[test]
fn container_overrides_name_without_certainty_and_the_warning_names_both() {
    let mut c = clues("a_LR_180.mp4", 4096, 2048);
    c.tags = tagged(StereoTag::TopBottom, Some(Spherical::EQUIRECTANGULAR));
    let f = find(&c);
    assert_eq!((f.layout.value, f.layout.confidence), (Layout::TopBottom, Confidence::Likely));
    assert_eq!((f.projection.value, f.projection.confidence), (Projection::Equirectangular, Confidence::Likely));
    assert_eq!(f.warnings.len(), 2, "{:?}", f.warnings);
    for warning in &f.warnings {
        assert!(warning.contains("the container's") && warning.contains("the file name (\""), "{warning}");
    }
    // What the user says ends the quarrel.
    let request = FormatRequest {
        layout: Some(Layout::SideBySide),
        projection: Some(ProjectionKind::HalfEquirectangular),
        ..FormatRequest::default()
    };
    let f = detect(&request, &c, &mut blind);
    assert_eq!((f.layout.value, f.projection.value), (Layout::SideBySide, Projection::HalfEquirectangular));
    assert_eq!(f.warnings, [""; 0]);
}

#[test]
fn container_tags_decide_the_projection() {
    let find =
        |spherical| find(&Clues { tags: tagged(StereoTag::SideBySide, Some(spherical)), ..clues("a.mp4", 4096, 2048) });
    assert_eq!(find(Spherical::VR180).projection.value, Projection::HalfEquirectangular);
    let of = |kind| Spherical { kind, ..Spherical::EQUIRECTANGULAR };
    assert_eq!(find(of(SphericalKind::Rectilinear)).projection.value, Projection::Flat);
    let fisheye = find(of(SphericalKind::Fisheye));
    assert_eq!(fisheye.projection.value, Projection::Fisheye { fov: 180.0 });
    assert!(fisheye.warnings[0].contains("--fov"), "{:?}", fisheye.warnings);
    let cube = find(of(SphericalKind::Cubemap));
    assert!(cube.refusal().unwrap().contains("cubemap"));
    let mesh = find(of(SphericalKind::Mesh));
    assert_eq!(mesh.projection.evidence, Evidence::Shape);
    assert!(mesh.warnings[0].contains("mesh"), "{:?}", mesh.warnings);
}

#[test]
fn fisheye_fov_comes_from_any_source_that_states_it() {
    let tags =
        tagged(StereoTag::SideBySide, Some(Spherical { kind: SphericalKind::Fisheye, ..Spherical::EQUIRECTANGULAR }));
    let f = find(&Clues { tags, ..clues("a_MKX200.mp4", 4096, 2048) });
    assert_eq!((f.projection.value, f.warnings.len()), (Projection::Fisheye { fov: 200.0 }, 0));
    assert!(matches!(f.projection.evidence, Evidence::Container(_)));
    let request = FormatRequest { fov: Some(195.0), ..FormatRequest::default() };
    let f = detect(&request, &clues("a_MKX200.mp4", 4096, 2048), &mut blind);
    assert_eq!(
        (f.projection.value, f.projection.confidence),
        (Projection::Fisheye { fov: 195.0 }, Confidence::Certain)
    );
}

#[test]
fn unsupported_projections_are_refused_with_advice() {
    let c = clues("a_EAC360.webm", 3840, 2560);
    let f = find(&c);
    let text = f.refusal().unwrap();
    assert!(text.contains("EAC") && text.contains("v360=eac") && text.contains("\"EAC360\""), "{text}");
    let request = FormatRequest { projection: Some(ProjectionKind::Flat), ..FormatRequest::default() };
    assert_eq!(detect(&request, &c, &mut blind).refusal(), None);
}

#[test]
fn picture_is_examined_only_where_it_decides() {
    let detect_circles = |name, size: (usize, usize), answer| {
        let mut calls = 0;
        let f = detect(&FormatRequest::default(), &clues(name, size.0, size.1), &mut |_| {
            calls += 1;
            answer
        });
        (f, calls)
    };
    let (f, calls) = detect_circles("a.mp4", (4096, 2048), Some(CornerContent::Circle));
    assert_eq!((f.projection.value, calls), (Projection::Fisheye { fov: 180.0 }, 1));
    assert_eq!((f.layout.confidence, f.projection.confidence), (Confidence::Likely, Confidence::Likely));
    assert!(f.warnings[0].contains("--fov"));
    let (f, calls) = detect_circles("a.mp4", (4096, 2048), Some(CornerContent::Filled));
    assert_eq!((f.projection.value, calls), (Projection::HalfEquirectangular, 1));
    let (f, calls) = detect_circles("a_LR_180.mp4", (4096, 2048), Some(CornerContent::Circle));
    assert_eq!((f.projection.value, calls), (Projection::HalfEquirectangular, 1));
    assert!(f.warnings[0].contains("\"180\"") && f.warnings[0].contains("circle"), "{:?}", f.warnings);
    for (name, size) in [("a.mp4", (1920, 1080)), ("a_MKX200.mp4", (4096, 2048)), ("a_360.mp4", (4096, 2048))] {
        assert_eq!(detect_circles(name, size, Some(CornerContent::Circle)).1, 0, "{name}");
    }
}

#[test]
fn eye_order_comes_from_option_container_or_name() {
    let mut c = clues("a_RL_180.mp4", 4096, 2048);
    assert_eq!(find(&c).eye_order.value, EyeOrder::RightFirst);
    c.tags = tagged(StereoTag::SideBySide, None);
    let f = find(&c);
    assert_eq!((f.eye_order.value, f.warnings.len()), (EyeOrder::LeftFirst, 1));
    c.tags.right_first = true;
    assert_eq!(find(&c).warnings, [""; 0]);
    let request = FormatRequest { eye_order: Some(EyeOrder::LeftFirst), ..FormatRequest::default() };
    assert_eq!(detect(&request, &c, &mut blind).eye_order, Finding::new(EyeOrder::LeftFirst, Evidence::Option));
}

#[test]
fn st3d_of_one_view_is_certainly_mono() {
    for (name, width, height) in [("a.mp4", 4096, 2048), ("a.mp4", 3840, 3840), ("a.mp4", 7680, 1920)] {
        let tags = tagged(StereoTag::Mono, None);
        let f = find(&Clues { tags, ..clues(name, width, height) });
        assert_eq!((f.layout.value, f.layout.confidence), (Layout::Mono, Confidence::Certain), "{width}x{height}");
    }
    // A name that says otherwise takes away the certainty, not the layout.
    let f = find(&Clues { tags: tagged(StereoTag::Mono, None), ..clues("a_180_LR.mp4", 4096, 2048) });
    assert_eq!((f.layout.value, f.layout.confidence, f.warnings.len()), (Layout::Mono, Confidence::Likely, 1));
}

/// What a box says.
fn statement(source: &'static str, tags: ContainerTags) -> Statement {
    Statement { source, tags, mesh: None, two_layers: false }
}

fn sphere(spherical: Spherical) -> ContainerTags {
    ContainerTags { spherical: Some(spherical), ..ContainerTags::default() }
}

/// A mesh that comes so near to a projection.
fn mesh(projection: Projection, error: f64) -> Statement {
    let tags = sphere(Spherical { kind: SphericalKind::Mesh, ..Spherical::EQUIRECTANGULAR });
    let fit = MeshFit { projection, error, meshes: 2, layout: Some((Layout::TopBottom, EyeOrder::RightFirst)) };
    Statement { source: "mesh", tags, mesh: Some(fit), two_layers: false }
}

fn part(left: f64, right: f64, top: f64, bottom: f64) -> SpherePart {
    SpherePart { left, right, top, bottom }
}

#[test]
fn bounds_of_any_size_are_a_projection() {
    let of = |part: SpherePart| {
        let tile =
            Spherical { kind: SphericalKind::EquirectangularTile, bounds: part.bounds(), ..Spherical::EQUIRECTANGULAR };
        find(&Clues { tags: sphere(tile), ..clues("a.mp4", 2400, 1800) })
    };
    let f = of(part(-90.0, 90.0, 67.5, -67.5));
    assert_eq!(f.projection.confidence, Confidence::Certain);
    assert_eq!(f.projection.value.to_string(), "equirectangular, 180x135 degrees");
    assert_eq!((f.layout.value, f.warnings.len()), (Layout::Mono, 0), "the shape of one view");
    assert_eq!(of(SpherePart::FRONT_HALF).projection.value, Projection::HalfEquirectangular);
    let nothing =
        Spherical { kind: SphericalKind::EquirectangularTile, bounds: [u32::MAX; 4], ..Spherical::EQUIRECTANGULAR };
    let f = find(&Clues { tags: sphere(nothing), ..clues("a.mp4", 1920, 1080) });
    assert_eq!((f.projection.value, f.warnings.len()), (Projection::Flat, 1));
}

#[test]
fn boxes_go_before_ffmpegs_reading_of_them() {
    // FFmpeg takes V1's crop for the whole sphere.
    let boxes = [statement("V1 metadata", sphere(Spherical::VR180))];
    let f = find(&Clues { tags: sphere(Spherical::EQUIRECTANGULAR), boxes: &boxes, ..clues("a.mp4", 2048, 2048) });
    assert_eq!(
        (f.projection.value, f.projection.confidence, f.warnings.len()),
        (Projection::HalfEquirectangular, Confidence::Certain, 0)
    );
    assert_eq!(f.container.spherical, Some(Spherical::VR180));
    // What no box states is FFmpeg's to say.
    let f = find(&Clues { tags: tagged(StereoTag::TopBottom, None), boxes: &boxes, ..clues("a.mp4", 2048, 4096) });
    assert_eq!((f.layout.value, f.layout.confidence), (Layout::TopBottom, Confidence::Certain));
}

#[test]
fn sources_that_disagree_are_not_certain_and_the_warning_names_both() {
    let boxes = [
        mesh(Projection::FullFrameFisheye { h_fov: 124.0, v_fov: 94.0 }, 1.4),
        statement("V1 metadata", sphere(Spherical::EQUIRECTANGULAR)),
    ];
    let f = find(&Clues { boxes: &boxes, ..clues("a.mp4", 1072, 1504) });
    assert_eq!(f.projection.value, Projection::FullFrameFisheye { h_fov: 124.0, v_fov: 94.0 });
    assert_eq!(f.projection.confidence, Confidence::Likely);
    let warning = &f.warnings[0];
    assert!(warning.contains("the container's mesh says") && warning.contains("V1 metadata says"), "{warning}");

    let boxes = [
        statement("stereo metadata", tagged(StereoTag::TopBottom, None)),
        statement("vexu metadata", tagged(StereoTag::SideBySide, None)),
    ];
    let f = find(&Clues { boxes: &boxes, ..clues("a.mp4", 3840, 1920) });
    assert_eq!((f.layout.value, f.layout.confidence), (Layout::TopBottom, Confidence::Likely));
    assert!(f.warnings[0].contains("the container's vexu metadata says side by side"), "{:?}", f.warnings);
    // Sources that agree stay certain.
    let boxes = [statement("stereo metadata", tagged(StereoTag::TopBottom, None)); 2];
    let f = find(&Clues { boxes: &boxes, ..clues("a_TB.mp4", 3840, 3840) });
    assert_eq!((f.layout.confidence, f.warnings.len()), (Confidence::Certain, 0));
}

#[test]
fn meshes_tell_projection_and_views() {
    let f = find(&Clues { boxes: &[mesh(Projection::HalfEquirectangular, 0.1)], ..clues("a.mp4", 2000, 4000) });
    assert_eq!((f.projection.value, f.projection.confidence), (Projection::HalfEquirectangular, Confidence::Certain));
    assert_eq!((f.layout.value, f.eye_order.value), (Layout::TopBottom, EyeOrder::RightFirst));
    assert_eq!(f.warnings, [""; 0]);
    let f = find(&Clues { boxes: &[mesh(Projection::HalfEquirectangular, 7.25)], ..clues("a.mp4", 2000, 4000) });
    assert_eq!((f.projection.value, f.projection.confidence), (Projection::HalfEquirectangular, Confidence::Likely));
    assert!(f.warnings[0].contains("an unknown projection"), "{:?}", f.warnings);
    // One that can't be read, beside V1.
    let unreadable = Statement { mesh: None, ..mesh(Projection::Flat, 0.0) };
    let boxes = [unreadable, statement("V1 metadata", sphere(Spherical::EQUIRECTANGULAR))];
    let f = find(&Clues { boxes: &boxes, ..clues("a.mp4", 4096, 2048) });
    assert_eq!((f.projection.value, f.projection.confidence), (Projection::Equirectangular, Confidence::Likely));
    assert!(f.warnings[0].contains("a mesh of triangles") && f.warnings[0].contains("V1 metadata"), "{:?}", f.warnings);
}

#[test]
fn missing_second_layer_is_a_warning() {
    let one = Statement { two_layers: true, ..statement("vexu metadata", tagged(StereoTag::Mono, None)) };
    let f = find(&Clues { boxes: &[one], ..clues("a.mov", 1920, 1080) });
    assert_eq!((f.layout.value, f.layout.confidence), (Layout::Mono, Confidence::Certain));
    assert!(f.warnings[0].contains("second eye's view is missing"), "{:?}", f.warnings);
}

/// A picture that is examined.
struct FakePicture {
    likeness: f64,
    border_gap: f64,
    circle: CornerContent,
    calls: usize,
}

impl Examine for FakePicture {
    fn circles(&mut self, _: Layout) -> Option<CornerContent> {
        Some(self.circle)
    }

    fn halves(&mut self, _: Layout) -> Option<Comparison> {
        self.calls += 1;
        let border_likeness = if self.border_gap < 0.4 { 0.95 } else { 0.3 };
        Some(Comparison { likeness: self.likeness, border_gap: self.border_gap, border_likeness })
    }
}

fn detect_picture(
    name: &str,
    size: (usize, usize),
    likeness: f64,
    border_gap: f64,
    circle: bool,
) -> (FormatFindings, usize) {
    let circle = if circle { CornerContent::Circle } else { CornerContent::Filled };
    let mut seen = FakePicture { likeness, border_gap, circle, calls: 0 };
    (detect_by(&FormatRequest::default(), &clues(name, size.0, size.1), &mut seen), seen.calls)
}

#[test]
fn halves_tell_stereo_from_panoramas_and_flat_pictures() {
    use Layout::*;
    use Projection::*;
    let (wide, square) = ((4096, 2048), (4096, 4096));
    for (size, likeness, gap, circle, layout, projection, confidence) in [
        (wide, 0.95, 1.0, false, SideBySide, HalfEquirectangular, Confidence::Likely),
        (wide, 0.95, 1.0, true, SideBySide, Fisheye { fov: 180.0 }, Confidence::Likely),
        (wide, 0.2, 0.2, false, Mono, Equirectangular, Confidence::Likely),
        (wide, 0.2, 1.0, false, Mono, Flat, Confidence::Guess),
        (wide, 0.65, 0.2, false, SideBySide, HalfEquirectangular, Confidence::Guess),
        (square, 0.95, 0.2, false, TopBottom, Equirectangular, Confidence::Likely),
        (square, 0.1, 1.0, false, Mono, Flat, Confidence::Guess),
        (square, 0.1, 1.0, true, Mono, Fisheye { fov: 180.0 }, Confidence::Likely),
        (square, 0.65, 0.2, false, TopBottom, Equirectangular, Confidence::Guess),
    ] {
        let (f, _) = detect_picture("a.mp4", size, likeness, gap, circle);
        assert_eq!(
            (f.layout.value, f.projection.value, f.projection.confidence),
            (layout, projection, confidence),
            "{size:?} {likeness} {gap} {circle}"
        );
        assert!(f.layout.confidence <= Confidence::Likely);
    }
    let (f, _) = detect_picture("a.mp4", wide, 0.55, 0.1, true);
    assert!(f.warnings.iter().any(|w| w.contains("stitch")), "{:?}", f.warnings);
}

#[test]
fn halves_are_compared_only_where_nothing_is_named() {
    assert_eq!(detect_picture("a.mp4", (4096, 2048), 0.9, 1.0, false).1, 1);
    for (name, size) in [
        ("a_180.mp4", (4096, 2048)),
        ("a_LR.mp4", (4096, 2048)),
        ("a_EAC360.mp4", (4096, 2048)),
        ("a.mp4", (1920, 1080)),
        ("a.mp4", (640, 320)),
        ("a.mp4", (3840, 1080)),
    ] {
        assert_eq!(detect_picture(name, size, 0.9, 1.0, false).1, 0, "{name} {size:?}");
    }
}
