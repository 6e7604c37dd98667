use super::*;
use proptest::prelude::*;
use std::io::Cursor;

fn mp4(code: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], code, body].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|w| w.to_be_bytes()).collect()
}

/// An mp4 file with one video track whose sample entry has those boxes, and `extra` in the track.
fn file_with(entry_boxes: &[u8], extra: &[u8]) -> Vec<u8> {
    let entry = mp4(b"avc1", &[&[0; 78], entry_boxes].concat());
    let stsd = mp4(b"stsd", &[words(&[0, 1]), entry].concat());
    let minf = mp4(b"minf", &[mp4(b"vmhd", &[0; 12]), mp4(b"stbl", &stsd)].concat());
    let hdlr = mp4(b"hdlr", &[&[0; 8], &b"vide"[..], &[0; 13]].concat());
    let mdia = mp4(b"mdia", &[mp4(b"mdhd", &[0; 24]), hdlr, minf].concat());
    let tkhd = mp4(b"tkhd", &words(&[7, 0, 0, 3, 0]));
    let trak = mp4(b"trak", &[tkhd, mdia, extra.to_vec()].concat());
    [mp4(b"ftyp", b"isom"), mp4(b"mdat", &[9; 100]), mp4(b"moov", &[mp4(b"mvhd", &[0; 100]), trak].concat())].concat()
}

fn vr180() -> Vec<u8> {
    let equi = mp4(b"equi", &words(&[0, 0, 0, 0x4000_0000, 0x4000_0000]));
    let prhd = mp4(b"prhd", &words(&[0, 90 << 16, 0, 0]));
    let svhd = mp4(b"svhd", b"\0\0\0\0Some camera\0");
    let sv3d = mp4(b"sv3d", &[svhd, mp4(b"proj", &[prhd, equi].concat())].concat());
    [mp4(b"st3d", &[0, 0, 0, 0, 2]), sv3d].concat()
}

fn parse(bytes: &[u8]) -> Vec<VrBox> {
    read(&mut Cursor::new(bytes)).expect("memory can be read")
}

#[test]
fn mp4_vr180_boxes_are_read() {
    let file = file_with(&vr180(), &[]);
    let boxes = parse(&file);
    let shown: Vec<_> = boxes.iter().map(|b| format!("{} {}: {}", b.track, b.content.name(), b.content)).collect();
    assert_eq!(
        shown,
        [
            "3 st3d: mode 2 (left-right)",
            "3 sv3d: equi, bounds left 0x40000000 top 0x0 right 0x40000000 bottom 0x0, pose 90 0 0, by Some camera"
        ]
    );
    let at = boxes[0].offset as usize;
    assert_eq!(&file[at + 4..at + 8], b"st3d");
    let tags = tags(&boxes);
    assert_eq!(tags.stereo, Some(StereoTag::SideBySide));
    assert!(tags.spherical.unwrap().is_front_half());
}

#[test]
fn meshes_cubemaps_and_right_eye_first_are_read() {
    let sv3d = |projection: Vec<u8>| mp4(b"sv3d", &mp4(b"proj", &projection));
    let of = |boxes: Vec<u8>| tags(&parse(&file_with(&boxes, &[])));
    assert_eq!(of(sv3d(mp4(b"mshp", &[1; 500]))).spherical.unwrap().kind, SphericalKind::Mesh);
    assert_eq!(of(sv3d(mp4(b"cbmp", &[0; 12]))).spherical.unwrap().kind, SphericalKind::Cubemap);
    assert_eq!(of(sv3d(mp4(b"equi", &[0; 20]))).spherical.unwrap().kind, SphericalKind::Equirectangular);
    assert_eq!(of(sv3d(mp4(b"what", &[0; 20]))).spherical, None);
    let right = of(mp4(b"st3d", &[0, 0, 0, 0, 4]));
    assert_eq!((right.stereo, right.right_first), (Some(StereoTag::SideBySide), true));
    let apple = mp4(
        b"vexu",
        &[mp4(b"eyes", &mp4(b"stri", &[0, 0, 0, 0, 3])), mp4(b"proj", &mp4(b"prji", b"\0\0\0\0hequ"))].concat(),
    );
    assert_eq!(of(apple).spherical.unwrap().kind, SphericalKind::HalfEquirectangular);
}

#[test]
fn apples_boxes_tell_eyes_and_packing() {
    let statement = |eyes: u8, packing: &[u8]| {
        let stri = mp4(b"eyes", &mp4(b"stri", &[0, 0, 0, 0, eyes]));
        let pack = if packing.is_empty() { Vec::new() } else { mp4(b"pack", &mp4(b"pkin", packing)) };
        statements(&parse(&file_with(&mp4(b"vexu", &[stri, pack].concat()), &[])))[0]
    };
    let side = statement(11, b"\0\0\0\0side");
    assert_eq!((side.tags.stereo, side.tags.right_first), (Some(StereoTag::SideBySide), true));
    assert_eq!((side.source, side.two_layers), ("vexu metadata", false));
    let layers = statement(3, b"");
    assert_eq!((layers.tags.stereo, layers.two_layers), (Some(StereoTag::Mono), true));
    assert!(!statement(1, b"").two_layers);
}

#[test]
fn packing_that_another_box_states_is_no_sign_of_layers() {
    // What FFmpeg 7.1 writes of a side by side video.
    let vexu = mp4(b"vexu", &mp4(b"eyes", &mp4(b"stri", &[0, 0, 0, 0, 3])));
    let boxes = parse(&file_with(&[mp4(b"st3d", &[0, 0, 0, 0, 2]), vexu.clone()].concat(), &[]));
    let found: Vec<_> = statements(&boxes).iter().map(|s| (s.tags.stereo, s.two_layers)).collect();
    assert_eq!(found, [(Some(StereoTag::SideBySide), false), (None, false)]);
    // One view beside two eyes is a contradiction.
    let boxes = parse(&file_with(&[mp4(b"st3d", &[0; 5]), vexu].concat(), &[]));
    assert!(statements(&boxes)[1].two_layers);
}

#[test]
fn most_reliable_source_comes_first() {
    let xml = b"<GSpherical:ProjectionType>equirectangular</GSpherical:ProjectionType>";
    let uuid = [0xff, 0xcc, 0x82, 0x63, 0xf8, 0x55, 0x4a, 0x93, 0x88, 0x14, 0x58, 0x7a, 0x02, 0x52, 0x1f, 0xdd];
    let file = file_with(&vr180(), &mp4(b"uuid", &[&uuid[..], xml].concat()));
    let sources: Vec<_> = statements(&parse(&file)).iter().map(|statement| statement.source).collect();
    assert_eq!(sources, ["stereo metadata", "spherical metadata", "V1 metadata"]);
    assert!(tags(&parse(&file)).spherical.unwrap().is_front_half());
}

#[test]
fn spherical_v1_xml_is_read() {
    let xml = b"<rdf:SphericalVideo><GSpherical:Spherical>true</GSpherical:Spherical>\
        <GSpherical:ProjectionType>equirectangular</GSpherical:ProjectionType>\
        <GSpherical:StereoMode>top-bottom</GSpherical:StereoMode></rdf:SphericalVideo>";
    let uuid = [0xff, 0xcc, 0x82, 0x63, 0xf8, 0x55, 0x4a, 0x93, 0x88, 0x14, 0x58, 0x7a, 0x02, 0x52, 0x1f, 0xdd];
    let boxes = parse(&file_with(&[], &mp4(b"uuid", &[&uuid[..], xml].concat())));
    assert_eq!(boxes[0].content.to_string(), "Spherical true, ProjectionType equirectangular, StereoMode top-bottom");
    let tags = tags(&boxes);
    assert_eq!((tags.stereo, tags.spherical), (Some(StereoTag::TopBottom), Some(Spherical::EQUIRECTANGULAR)));
    assert_eq!(parse(&file_with(&[], &mp4(b"uuid", &[7; 40]))), []);
    let crop = "<GSpherical:CroppedAreaImageWidthPixels>2</GSpherical:CroppedAreaImageWidthPixels>\
        <GSpherical:CroppedAreaImageHeightPixels>2</GSpherical:CroppedAreaImageHeightPixels>\
        <GSpherical:CroppedAreaLeftPixels>1</GSpherical:CroppedAreaLeftPixels>\
        <GSpherical:FullPanoWidthPixels>4</GSpherical:FullPanoWidthPixels>\
        <GSpherical:FullPanoHeightPixels>2</GSpherical:FullPanoHeightPixels>";
    assert_eq!(VrContent::Xml(crop.to_owned()).to_string(), "cropped to 180x180 degrees");
}

/// An element with a length of `width` bytes.
fn element(id: u32, body: &[u8], width: u32) -> Vec<u8> {
    let id: Vec<u8> = id.to_be_bytes().into_iter().skip_while(|b| *b == 0).collect();
    let size = (1u64 << (7 * width)) | body.len() as u64;
    [&id[..], &size.to_be_bytes()[8 - width as usize..], body].concat()
}

fn matroska() -> Vec<u8> {
    let equi = words(&[0, 0, 0, 0x4000_0000, 0x4000_0000]);
    let projection = [
        element(0x7671, &[1], 1),
        element(0x7672, &equi, 2),
        element(0x7673, &90f32.to_be_bytes(), 1),
        element(0x7674, &(-1.5f64).to_be_bytes(), 1),
    ]
    .concat();
    let video = [element(0xb0, &[16, 0], 1), element(0x53b8, &[11], 1), element(0x7670, &projection, 8)].concat();
    let entry = [element(0xd7, &[5], 1), element(0xe0, &video, 4)].concat();
    let tracks = element(0x1654_ae6b, &element(0xae, &entry, 3), 8);
    let info = element(0x1549_a966, &[0; 30], 2);
    let segment = [info, tracks, element(0x1f43_b675, &[0; 50], 8)].concat();
    [element(0x1a45_dfa3, &[0; 20], 1), element(0x1853_8067, &segment, 8)].concat()
}

#[test]
fn matroska_projection_is_read() {
    let mut file = matroska();
    let boxes = parse(&file);
    let shown: Vec<_> = boxes.iter().map(|b| format!("{} {}: {}", b.track, b.content.name(), b.content)).collect();
    assert_eq!(
        shown,
        [
            "5 StereoMode: mode 11 (right-left)",
            "5 Projection: type 1 (equirectangular), equi, bounds left 0x40000000 top 0x0 right 0x40000000 bottom 0x0, \
             pose 90 -1.5 0"
        ]
    );
    let tags = tags(&boxes);
    assert_eq!((tags.stereo, tags.right_first), (Some(StereoTag::SideBySide), true));
    assert!(tags.spherical.unwrap().is_front_half());
    // A live stream's segment has no length.
    let at = file.windows(4).position(|w| w == [0x18, 0x53, 0x80, 0x67]).unwrap();
    file[at + 4..at + 12].copy_from_slice(&[1, 255, 255, 255, 255, 255, 255, 255]);
    assert_eq!(parse(&file), boxes);
}

#[test]
fn endless_row_of_boxes_ends() {
    // Empty boxes, more of them than anybody needs; and boxes that claim to hold themselves.
    let many: Vec<u8> = mp4(b"free", &[]).repeat(100_000);
    assert_eq!(parse(&many), []);
    assert_eq!(parse(&mp4(b"moov", &many)), []);
    assert_eq!(parse(&[0, 0, 0, 1, b'm', b'o', b'o', b'v', 255, 255, 255, 255, 255, 255, 255, 255]), []);
    assert_eq!(
        parse(&[element(0x1a45_dfa3, &[], 1), element(0x1853_8067, &[0xec, 0x80].repeat(60_000), 8)].concat()),
        []
    );
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), kind in 0..3usize) {
        let head: &[u8] = [&b""[..], b"\0\0\0\0moov", &[0x1a, 0x45, 0xdf, 0xa3, 0x80, 0x18, 0x53, 0x80, 0x67, 0xff]][kind];
        for b in parse(&[head, &bytes].concat()) {
            let _ = b.content.to_string();
        }
    }

    #[test]
    fn damaged_files_are_parsed_without_panic(
        matroska_file in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut file = if matroska_file { matroska() } else { file_with(&vr180(), &[]) };
        for (at, value) in changes {
            let at = at.index(file.len());
            file[at] = value;
        }
        file.truncate(cut.index(file.len()) + 1);
        let boxes = parse(&file);
        let _ = tags(&boxes);
        for b in boxes {
            let _ = b.content.to_string();
        }
    }
}
