//! Real names, and names of all kinds written and read again.

use super::output::format_of;
use super::tokens::{PHRASES, TOKENS};
use super::*;
use crate::vr::Format;
use proptest::prelude::*;

/// What a name states, in short: layout with order and packing, projection, marks.
fn short(name: &str) -> String {
    let n = read(Path::new(name));
    let mut words = Vec::new();
    if let Some(l) = &n.layout {
        let order = match n.eye_order.as_ref().map(|o| o.value) {
            Some(EyeOrder::LeftFirst) => "+left",
            Some(EyeOrder::RightFirst) => "+right",
            None => "",
        };
        let packing = n.packing.as_ref().map(|p| format!("+{}", p.value.name())).unwrap_or_default();
        words.push(format!("{}{order}{packing}", l.value.name()));
    }
    words.extend(n.projection.as_ref().map(|p| match p.value {
        NamedProjection::Known(Projection::Fisheye { fov }) => format!("fisheye{fov}"),
        NamedProjection::Known(p) => p.name().to_owned(),
        NamedProjection::Unsupported(u) => u.name().to_owned(),
    }));
    words.extend(n.alpha.as_ref().map(|_| "alpha".to_owned()));
    words.extend(n.passthrough.as_ref().map(|_| "passthrough".to_owned()));
    words.join(" ")
}

/// Names, and what [`short`] must make of them.
const REAL_NAMES: &[(&str, &str)] = &[
    // Studios and shops.
    ("scene_180_LR.mp4", "sbs+left hequirect"),
    ("Scene_LR_180.mp4", "sbs+left hequirect"),
    ("studio.scene-name_180_180x180_3dh_LR.mp4", "sbs+left hequirect"),
    ("Studio_Title_oculus_180_180x180_3dh_LR.mp4", "sbs+left hequirect"),
    ("title_4096p_30_180_180x180_3dh.mp4", "sbs hequirect"),
    ("title_8K_LR_180.mp4", "sbs+left hequirect"),
    ("title_180_sbs.mp4", "sbs hequirect"),
    ("Title-180-SBS.mkv", "sbs hequirect"),
    ("title_180x180_3dh_LR_60fps.h265.mp4", "sbs+left hequirect"),
    ("title_vr180_3dh.mp4", "sbs hequirect"),
    ("VR180_holiday.mp4", "hequirect"),
    ("holiday VR180.mp4", "hequirect"),
    ("holiday_180°_3D.mp4", "hequirect"),
    ("SLR_Studio_Title_2880p_12345_FISHEYE190.mp4", "fisheye190"),
    ("SLR_Studio_Title_2880p_12345_FISHEYE190_alpha.mp4", "fisheye190 alpha"),
    ("SLR_Studio_Title_4000p_12345_MKX200.mp4", "fisheye200"),
    ("SLR_Title_original_12345_MKX200_alpha.mp4", "fisheye200 alpha"),
    ("SLR_Title_3072p_999_LR_180.mp4", "sbs+left hequirect"),
    ("title_MKX220.mp4", "fisheye220"),
    ("title_MKX22.mp4", "fisheye220"),
    ("title_VRCA220.mp4", "fisheye220"),
    ("title_vrca220_ALPHA.mp4", "fisheye220 alpha"),
    ("title_RF52.mp4", "fisheye190"),
    ("title_rf52_alpha.mp4", "fisheye190 alpha"),
    ("EOS_R5C_RF5.2_take3.mp4", "fisheye190"),
    ("title_F180.mp4", "fisheye180"),
    ("title_180F.mp4", "fisheye180"),
    ("title_FISHEYE.mp4", "fisheye180"),
    ("title_FISHEYE180_LR.mp4", "sbs+left fisheye180"),
    ("title_fisheye_200.mp4", "fisheye200"),
    ("name_LR_180_FISHEYE_F180_alpha.mp4", "sbs+left fisheye180 alpha"),
    ("name_180_LR_FISHEYE190.mp4", "sbs+left fisheye190"),
    ("name_FISHEYE190_LR_180.mp4", "sbs+left fisheye190"),
    ("name_LR_180_SBS_passthrough.mp4", "sbs+left hequirect passthrough"),
    ("name_MKX200_LR_alpha.mp4", "sbs+left fisheye200 alpha"),
    // 360.
    ("tour_360_TB.mp4", "tb+left equirect"),
    ("Tour-360-TB.mkv", "tb+left equirect"),
    ("tour.360.OU.mp4", "tb equirect"),
    ("tour_360_BT.mp4", "tb+right equirect"),
    ("tour_360x180_3dv.mp4", "tb equirect"),
    ("tour_360x180_3DV_HOU.mp4", "tb+half equirect"),
    ("tour_mono_360.mp4", "mono equirect"),
    ("mono_360_walk.mp4", "mono equirect"),
    ("walk_360_mono.mp4", "mono equirect"),
    ("walk_mono_180.mp4", "mono hequirect"),
    ("walk_2D_180.mp4", "mono hequirect"),
    ("Beach walk 360.mp4", "equirect"),
    ("Insta360 take 7.mp4", ""),
    ("tour_360TB.mp4", "tb+left equirect"),
    ("tour_180LR.mp4", "sbs+left hequirect"),
    ("tour_TB360.mp4", "tb+left equirect"),
    ("tour_EAC360.webm", "eac"),
    ("tour_360EAC_TB.webm", "tb+left eac"),
    ("tour_cubemap.mp4", "cubemap"),
    ("tour_360_180.mp4", "equirect"),
    // Flat stereo.
    ("Film.2010.1080p.3D.HSBS.x264.mkv", "sbs+half"),
    ("Film.2010.1080p.3D.Half-SBS.x264.mkv", "sbs+half"),
    ("Film.2010.3D.H-SBS.mkv", "sbs+half"),
    ("Film.2010.3D.Half-OU.mkv", "tb+half"),
    ("Film.2010.3D.H.OU.mkv", "tb+half"),
    ("Film_Full_SBS.mkv", "sbs+full"),
    ("Film_LRF_Full_SBS.mkv", "sbs+left+full"),
    ("Film_SBSF.mkv", "sbs+full"),
    ("Film_3dhf.mkv", "sbs+full"),
    ("Film_RLF.mkv", "sbs+right+full"),
    ("Film_TBF.mkv", "tb+left+full"),
    ("Film_OUF.mkv", "tb+full"),
    ("Film_fulltb.mkv", "tb+left+full"),
    ("Film_BTF.mkv", "tb+right+full"),
    ("clip_left_right.mp4", "sbs+left"),
    ("clip_right_left.mp4", "sbs+right"),
    ("clip.over-under.mp4", "tb"),
    ("clip side by side.mp4", "sbs"),
    ("clip_top_bottom.mp4", "tb+left"),
    ("clip LR.mp4", "sbs+left"),
    ("clip (180 SBS).mp4", "sbs hequirect"),
    ("clip [3DH][180x180].mp4", "sbs hequirect"),
    ("clip+180+lr.mp4", "sbs+left hequirect"),
    ("LR_180_scene.mp4", "sbs+left hequirect"),
    ("clip_RL_180.mp4", "sbs+right hequirect"),
    ("clip_flat.mp4", "flat"),
    ("clip_2D_screen.mp4", "mono flat"),
    ("clip_TB_later_said_LR.mp4", "sbs+left"),
    // Ordinary names.
    ("holiday.mp4", ""),
    ("tb.mp4", ""),
    ("180.mp4", ""),
    ("Mono Lake.mp4", ""),
    ("Toi ou Moi.mp4", ""),
    ("Big Screen Test.mp4", ""),
    ("My fisheye lens test.mp4", ""),
    ("Our flat tour.mp4", ""),
    ("Alpha Centauri.mkv", ""),
    ("scene_LR_180_alpha.mov", "sbs+left hequirect"),
    ("Screen recording 2024-01-02.mp4", ""),
    ("a_1080p_f180x.mp4", ""),
    ("fisheye999.mp4", ""),
    ("", ""),
];

#[test]
fn real_file_names_are_recognized() {
    for (name, want) in REAL_NAMES {
        assert_eq!(short(name), *want, "{name}");
    }
}

#[test]
fn tokens_keep_their_spelling() {
    let n = read(Path::new("Scene_Side_By_Side_Rf52.mp4"));
    assert_eq!(n.layout.unwrap().token, "Side_By_Side");
    assert_eq!(n.projection.unwrap().token, "Rf52");
}

#[test]
fn tokens_are_stripped_from_names() {
    for (name, want) in [
        ("scene_180_LR", "scene"),
        ("SLR_Studio_Title_2880p_12345_FISHEYE190_alpha", "SLR_Studio_Title_2880p_12345"),
        ("scene_180_180x180_3dh_LR_h265", "scene_h265"),
        ("studio.scene.v2_LR_180", "studio.scene.v2"),
        ("clip (180 SBS)", "clip"),
        ("clip (180 SBS) b", "clip b"),
        ("LR_180_scene", "scene"),
        ("Toi ou Moi", "Toi ou Moi"),
        ("scene_LR_180_alpha", "scene_alpha"),
        ("scene_180_LR_passthrough", "scene"),
        ("LR_180", "video"),
        ("holiday", "holiday"),
    ] {
        assert_eq!(strip(OsStr::new(name)), OsStr::new(want), "{name}");
    }
    // Bytes that are no UTF-8 stay as they are.
    assert_eq!(strip(OsStr::from_bytes(b"sc\xe8ne_180_LR")), OsStr::from_bytes(b"sc\xe8ne"));
}

fn format(layout: Layout, projection: Projection) -> Format {
    Format { layout, projection, ..Format::FLAT }
}

#[test]
fn output_names_have_player_tokens() {
    let sbs = |projection| format(Layout::SideBySide, projection);
    let fisheye = |fov| Format { alpha_packed: true, ..sbs(Projection::Fisheye { fov }) };
    let made = |stem: &str, format: Format, key| name(OsStr::new(stem), &format, key).into_string().unwrap();
    let dome = sbs(Projection::HalfEquirectangular);
    assert_eq!(made("scene_180_180x180_3dh_LR", dome, true), "scene_LR_180_SBS_passthrough");
    assert_eq!(made("scene", fisheye(180.0), false), "scene_LR_180_FISHEYE_F180_alpha");
    assert_eq!(made("scene_180_LR", fisheye(190.0), false), "scene_FISHEYE190_alpha");
    assert_eq!(made("scene_MKX200", fisheye(200.0), false), "scene_MKX200_alpha");
    assert_eq!(made("scene_VRCA220", fisheye(220.0), true), "scene_MKX220_alpha");
    assert_eq!(made("tour_360_OU", format(Layout::TopBottom, Projection::Equirectangular), false), "tour_TB_360");
    assert_eq!(made("tour", format(Layout::Mono, Projection::Equirectangular), true), "tour_mono_360_passthrough");
    assert_eq!(made("film", sbs(Projection::Flat), false), "film_LRF_Full_SBS");
    assert_eq!(made("film", Format { packing: Packing::Half, ..sbs(Projection::Flat) }, false), "film_LR_HSBS");
    assert_eq!(made("holiday", Format::FLAT, false), "holiday");
    let right = Format { eye_order: EyeOrder::RightFirst, ..fisheye(190.0) };
    assert_eq!(made("scene", right, false), "scene_RL_SBS_FISHEYE190_alpha");
    // A word that would mean something beside the new tokens, and one that makes a phrase of them.
    assert_eq!(made("my fisheye", dome, false), "my_LR_180_SBS");
    assert_eq!(made("half", format(Layout::TopBottom, Projection::Equirectangular), false), "video_TB_360");
}

fn any_format() -> impl Strategy<Value = Format> {
    let projection = prop_oneof![
        Just(Projection::Flat),
        Just(Projection::HalfEquirectangular),
        Just(Projection::Equirectangular),
        prop_oneof![Just(180u16), Just(190), Just(200), Just(220), 90u16..=270]
            .prop_map(|fov| Projection::Fisheye { fov: f32::from(fov) }),
    ];
    let layout = prop_oneof![Just(Layout::Mono), Just(Layout::SideBySide), Just(Layout::TopBottom)];
    (layout, projection, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(layout, projection, right, half, alpha)| {
            let stereo = layout != Layout::Mono;
            Format {
                layout,
                eye_order: if right && stereo { EyeOrder::RightFirst } else { EyeOrder::LeftFirst },
                packing: if half && stereo { Packing::Half } else { Packing::Full },
                projection,
                alpha_packed: alpha && matches!(projection, Projection::Fisheye { .. }),
            }
        },
    )
}

/// Stems full of tokens, half tokens and everything else.
fn any_stem() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        2 => prop::sample::select(TOKENS).prop_map(|(t, ..)| t.as_bytes().to_vec()),
        1 => prop::sample::select(PHRASES).prop_map(|(p, ..)| p.join("_").into_bytes()),
        1 => prop::sample::select(&["half", "full", "h", "f", "left", "fisheye", "190", "vr", "x", "°", "cube"][..])
            .prop_map(|t| t.as_bytes().to_vec()),
        1 => "[a-zA-Z0-9]{0,6}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    let gap = prop::sample::select(&["_", "-", " ", ".", "", " (", ") ", " - "][..]);
    prop::collection::vec((word, gap), 0..7)
        .prop_map(|parts| parts.into_iter().flat_map(|(word, gap)| [word, gap.as_bytes().to_vec()].concat()).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn names_of_any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = read(Path::new(OsStr::from_bytes(&bytes)));
        let _ = strip(OsStr::from_bytes(&bytes));
    }

    #[test]
    fn written_names_are_read_back(stem in any_stem(), format in any_format(), key in any::<bool>()) {
        let made = name(OsStr::from_bytes(&stem), &format, key && format.is_vr());
        let named = Scan::new(made.as_bytes()).read();
        if format.is_vr() {
            prop_assert_eq!(format_of(&named), Some(format), "{:?}", made);
        } else {
            prop_assert_eq!(format_of(&named), Some(Format::FLAT), "{:?}", made);
        }
    }

    #[test]
    fn stripped_names_have_no_tokens_left(stem in any_stem()) {
        let once = strip(OsStr::from_bytes(&stem));
        prop_assert!(once.len() <= stem.len().max(5));
    }
}
