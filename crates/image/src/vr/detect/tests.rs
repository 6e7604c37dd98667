//! What decides a format, and what is only a warning.

use super::super::tags::{Spherical, StereoTag};
use super::*;

fn clues(name: &str, width: usize, height: usize) -> Clues<'_> {
    Clues { path: Path::new(name), width, height, tags: ContainerTags::default() }
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
fn container_overrides_name_and_the_warning_names_both() {
    let mut c = clues("a_LR_180.mp4", 4096, 2048);
    c.tags = tagged(StereoTag::TopBottom, Some(Spherical::EQUIRECTANGULAR));
    let f = find(&c);
    assert_eq!((f.layout.value, f.layout.confidence), (Layout::TopBottom, Confidence::Certain));
    assert_eq!(f.projection.value, Projection::Equirectangular);
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
    let ask = |name, size: (usize, usize), answer| {
        let mut asked = 0;
        let f = detect(&FormatRequest::default(), &clues(name, size.0, size.1), &mut |_| {
            asked += 1;
            answer
        });
        (f, asked)
    };
    let (f, asked) = ask("a.mp4", (4096, 2048), Some(CornerContent::Circle));
    assert_eq!((f.projection.value, asked), (Projection::Fisheye { fov: 180.0 }, 1));
    assert_eq!((f.layout.confidence, f.projection.confidence), (Confidence::Likely, Confidence::Likely));
    assert!(f.warnings[0].contains("--fov"));
    let (f, asked) = ask("a.mp4", (4096, 2048), Some(CornerContent::Filled));
    assert_eq!((f.projection.value, asked), (Projection::HalfEquirectangular, 1));
    let (f, asked) = ask("a_LR_180.mp4", (4096, 2048), Some(CornerContent::Circle));
    assert_eq!((f.projection.value, asked), (Projection::HalfEquirectangular, 1));
    assert!(f.warnings[0].contains("\"180\"") && f.warnings[0].contains("circle"), "{:?}", f.warnings);
    for (name, size) in [("a.mp4", (1920, 1080)), ("a_MKX200.mp4", (4096, 2048)), ("a_360.mp4", (4096, 2048))] {
        assert_eq!(ask(name, size, Some(CornerContent::Circle)).1, 0, "{name}");
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
