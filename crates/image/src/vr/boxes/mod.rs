//! A bounded reader of our own for what mp4 and Matroska files say about VR: the raw boxes and
//! elements, without FFmpeg's reading of them.
//!
//! `vrseg probe` shows them, tests check written files with them, and they show what FFmpeg does
//! not report: that there is a mesh, or that the right eye comes first. Only headers on the way to
//! those boxes are read, never pictures. Whatever the file holds, it ends: every step goes forward,
//! and there is a limit on steps, on depth and on the bytes of one box.

mod ebml;
mod mp4;

use super::tags::{ContainerTags, Spherical, SphericalKind, StereoTag};
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

/// Boxes or elements that are read in one file. Real ones need some hundred.
const STEPS: u32 = 20_000;

/// Bytes of one box that are read: V1's XML is the longest, with about 1 kB.
const LONGEST: u64 = 64 << 10;

/// How an `sv3d` box says that the picture lies on the sphere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoxProjection {
    /// `equi`: what is cut off at the left, top, right and bottom, as 0.32 fixed-point fractions.
    Equirectangular([u32; 4]),
    /// `cbmp`: layout (0 is the only one) and padding in pixels.
    Cubemap {
        /// Arrangement of the six faces.
        layout: u32,
        /// Padding between faces in pixels.
        padding: u32,
    },
    /// `mshp`, with its size in bytes.
    Mesh(u64),
    /// Another box, with its four-character code.
    Unknown([u8; 4]),
}

/// What one box or element says.
#[derive(Clone, Debug, PartialEq)]
pub enum VrContent {
    /// mp4 `st3d`: stereo mode, 0 mono, 1 top-bottom, 2 left-right, 3 by mesh, 4 right-left.
    Stereo(u8),
    /// mp4 `sv3d`: projection and pose.
    Spherical {
        /// `svhd`: the program that wrote it.
        source: String,
        /// `prhd`: yaw, pitch, roll in degrees, 16.16 fixed point.
        pose: [i32; 3],
        /// The projection box beside `prhd`.
        projection: Option<BoxProjection>,
    },
    /// mp4 `uuid` box of Spherical Video V1: its XML.
    Xml(String),
    /// mp4 `vexu` (Apple): the projection's code and the bits of `stri` (1 left eye, 2 right eye,
    /// 8 eyes reversed).
    Apple {
        /// `prji`: the projection's code, such as `hequ`.
        projection: Option<[u8; 4]>,
        /// `stri`: the bits of the eyes.
        eyes: Option<u8>,
    },
    /// Matroska `StereoMode`: 0 mono, 1 left-right, 2 bottom-top, 3 top-bottom, 11 right-left ...
    MatroskaStereo(u64),
    /// Matroska `Projection`: kind, bounds and pose.
    MatroskaProjection {
        /// `ProjectionType`: 0 rectangular, 1 equirectangular, 2 cubemap, 3 mesh.
        kind: u64,
        /// `ProjectionPrivate`: the body of mp4's `equi`, `cbmp` or `mshp`, as far as it was read.
        private: Vec<u8>,
        /// Yaw, pitch, roll in degrees.
        pose: [f64; 3],
    },
}

/// A box or element about VR.
#[derive(Clone, Debug, PartialEq)]
pub struct VrBox {
    /// Number of its track in the file (0 where that is missing).
    pub track: u64,
    /// Where its header begins, in bytes from the file's start.
    pub offset: u64,
    /// Its parsed content.
    pub content: VrContent,
}

/// Reads the boxes of an mp4/mov or Matroska/WebM file; none for other files.
///
/// # Errors
/// The file can't be read. A damaged file is no error: it has fewer boxes.
pub fn read(file: &mut (impl Read + Seek)) -> io::Result<Vec<VrBox>> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut source = Source { file, length, steps: STEPS };
    let head = source.bytes(0, 12)?;
    if head.starts_with(&ebml::MAGIC) { ebml::read(&mut source) } else { mp4::read(&mut source) }
}

/// What a file's boxes say, in the terms that detection goes by. Of several tracks the first with
/// such boxes counts.
pub fn tags(boxes: &[VrBox]) -> ContainerTags {
    let mut tags = ContainerTags::default();
    let Some(track) = boxes.first().map(|b| b.track) else { return tags };
    for content in boxes.iter().filter(|b| b.track == track).map(|b| &b.content) {
        tags = tags.or(content.tags());
    }
    tags
}

impl VrContent {
    fn tags(&self) -> ContainerTags {
        let stereo = |tag, right_first| ContainerTags { stereo: Some(tag), right_first, spherical: None };
        match self {
            VrContent::Stereo(mode) => match mode {
                0 => stereo(StereoTag::Mono, false),
                1 => stereo(StereoTag::TopBottom, false),
                2 => stereo(StereoTag::SideBySide, false),
                4 => stereo(StereoTag::SideBySide, true),
                _ => stereo(StereoTag::Other, false),
            },
            VrContent::MatroskaStereo(mode) => match mode {
                0 => stereo(StereoTag::Mono, false),
                1 => stereo(StereoTag::SideBySide, false),
                11 => stereo(StereoTag::SideBySide, true),
                2 => stereo(StereoTag::TopBottom, true),
                3 => stereo(StereoTag::TopBottom, false),
                _ => stereo(StereoTag::Other, false),
            },
            VrContent::Spherical { pose, projection, .. } => ContainerTags {
                spherical: projection.and_then(|p| {
                    let (kind, bounds) = match p {
                        BoxProjection::Equirectangular([0, 0, 0, 0]) => (SphericalKind::Equirectangular, [0; 4]),
                        BoxProjection::Equirectangular(bounds) => (SphericalKind::EquirectangularTile, bounds),
                        BoxProjection::Cubemap { .. } => (SphericalKind::Cubemap, [0; 4]),
                        BoxProjection::Mesh(_) => (SphericalKind::Mesh, [0; 4]),
                        BoxProjection::Unknown(_) => return None,
                    };
                    Some(Spherical { kind, pose: *pose, bounds })
                }),
                ..ContainerTags::default()
            },
            VrContent::MatroskaProjection { kind, private, pose } => {
                let bounds = mp4::equi_bounds(private).unwrap_or_default();
                let kind = match kind {
                    1 if bounds == [0; 4] => SphericalKind::Equirectangular,
                    1 => SphericalKind::EquirectangularTile,
                    2 => SphericalKind::Cubemap,
                    3 => SphericalKind::Mesh,
                    // Rectangular: many muxers write it for every video.
                    _ => return ContainerTags::default(),
                };
                let pose = pose.map(|degrees| (degrees * 65536.0) as i32);
                ContainerTags { spherical: Some(Spherical { kind, pose, bounds }), ..ContainerTags::default() }
            }
            VrContent::Xml(xml) => {
                let spherical = xml_value(xml, "ProjectionType") == Some("equirectangular");
                let mode = match xml_value(xml, "StereoMode") {
                    Some("left-right") => Some(StereoTag::SideBySide),
                    Some("top-bottom") => Some(StereoTag::TopBottom),
                    Some("mono") => Some(StereoTag::Mono),
                    _ => None,
                };
                ContainerTags {
                    stereo: mode,
                    right_first: false,
                    spherical: spherical.then_some(Spherical::EQUIRECTANGULAR),
                }
            }
            VrContent::Apple { projection, .. } => {
                let kind = match projection.as_ref() {
                    Some(b"equi") => SphericalKind::Equirectangular,
                    Some(b"hequ") => SphericalKind::HalfEquirectangular,
                    Some(b"fish") => SphericalKind::Fisheye,
                    Some(b"rect") => SphericalKind::Rectilinear,
                    _ => return ContainerTags::default(),
                };
                let spherical = Some(Spherical { kind, pose: [0; 3], bounds: [0; 4] });
                ContainerTags { spherical, ..ContainerTags::default() }
            }
        }
    }

    /// The box's or element's name.
    pub fn name(&self) -> &'static str {
        match self {
            VrContent::Stereo(_) => "st3d",
            VrContent::Spherical { .. } => "sv3d",
            VrContent::Xml(_) => "uuid (Spherical Video V1)",
            VrContent::Apple { .. } => "vexu",
            VrContent::MatroskaStereo(_) => "StereoMode",
            VrContent::MatroskaProjection { .. } => "Projection",
        }
    }
}

/// The text of `<GSpherical:NAME>`.
fn xml_value<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<GSpherical:{name}>"))?;
    rest.split_once('<').map(|(value, _)| value.trim())
}

/// Text of a file for people: no control characters, not long.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

fn fourcc(code: [u8; 4]) -> String {
    code.iter().map(|b| if b.is_ascii_graphic() { char::from(*b) } else { '?' }).collect()
}

impl fmt::Display for BoxProjection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BoxProjection::Equirectangular([left, top, right, bottom]) => {
                write!(f, "equi, bounds left {left:#x} top {top:#x} right {right:#x} bottom {bottom:#x}")
            }
            BoxProjection::Cubemap { layout, padding } => write!(f, "cbmp, layout {layout}, padding {padding}"),
            BoxProjection::Mesh(bytes) => write!(f, "mshp, a mesh of {bytes} bytes"),
            BoxProjection::Unknown(code) => write!(f, "unknown projection {}", fourcc(*code)),
        }
    }
}

impl fmt::Display for VrContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VrContent::Stereo(mode) => {
                let word = ["mono", "top-bottom", "left-right", "by mesh", "right-left"].get(usize::from(*mode));
                write!(f, "mode {mode} ({})", word.unwrap_or(&"unknown"))
            }
            VrContent::Spherical { source, pose: [yaw, pitch, roll], projection } => {
                match projection {
                    Some(p) => p.fmt(f)?,
                    None => f.write_str("no projection")?,
                }
                let degrees = |v: &i32| f64::from(*v) / 65536.0;
                write!(f, ", pose {} {} {}", degrees(yaw), degrees(pitch), degrees(roll))?;
                if source.is_empty() { Ok(()) } else { write!(f, ", by {}", clean(source)) }
            }
            VrContent::Xml(xml) => {
                let mut separator = "";
                for name in ["Spherical", "Stitched", "ProjectionType", "StereoMode", "StitchingSoftware"] {
                    if let Some(value) = xml_value(xml, name) {
                        write!(f, "{separator}{name} {}", clean(value))?;
                        separator = ", ";
                    }
                }
                if separator.is_empty() { f.write_str("nothing that is known") } else { Ok(()) }
            }
            VrContent::Apple { projection, eyes } => {
                let code = projection.map_or_else(|| "none".to_owned(), fourcc);
                write!(f, "projection {code}")?;
                eyes.map_or(Ok(()), |eyes| write!(f, ", eyes {eyes:#x}"))
            }
            VrContent::MatroskaStereo(mode) => {
                let word = match mode {
                    0 => "mono",
                    1 => "left-right",
                    2 => "bottom-top",
                    3 => "top-bottom",
                    11 => "right-left",
                    _ => "other",
                };
                write!(f, "mode {mode} ({word})")
            }
            VrContent::MatroskaProjection { kind, private, pose: [yaw, pitch, roll] } => {
                let word =
                    ["rectangular", "equirectangular", "cubemap", "mesh"].get(usize::try_from(*kind).unwrap_or(9));
                write!(f, "type {kind} ({})", word.unwrap_or(&"unknown"))?;
                if let (1, Some(bounds)) = (kind, mp4::equi_bounds(private)) {
                    write!(f, ", {}", BoxProjection::Equirectangular(bounds))?;
                }
                write!(f, ", pose {yaw} {pitch} {roll}")
            }
        }
    }
}

/// A file that is read here and there, with a limit on how often.
struct Source<'a, R> {
    file: &'a mut R,
    length: u64,
    steps: u32,
}

impl<R: Read + Seek> Source<'_, R> {
    /// At most `n` (and at most [`LONGEST`]) bytes from `offset`; fewer at the file's end.
    fn bytes(&mut self, offset: u64, n: u64) -> io::Result<Vec<u8>> {
        let n = n.min(LONGEST).min(self.length.saturating_sub(offset));
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.by_ref().take(n).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Counts a step; false when there have been too many.
    fn step(&mut self) -> bool {
        self.steps = self.steps.saturating_sub(1);
        self.steps > 0
    }
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests;
