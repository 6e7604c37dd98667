//! A bounded reader of our own for what mp4 and Matroska files say about VR: the raw boxes and
//! elements, without FFmpeg's reading of them.
//!
//! `vrseg probe` shows them, tests check written files with them, and they show what FFmpeg does
//! not report: that there is a mesh, or that the right eye comes first. Only headers on the way to
//! those boxes are read, never pictures. Whatever the file holds, it ends: every step goes forward,
//! and there is a limit on steps, on depth and on the bytes of one box.

mod apple;
mod ebml;
mod mp4;
mod v1;

use super::mesh::{self, MeshFit};
use super::tags::{ContainerTags, Spherical, SphericalKind, StereoTag};
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

/// Boxes or elements that are read in one file. Real ones need some hundred.
const STEPS: u32 = 20_000;

/// Bytes of one box that are read: V1's XML is the longest but for meshes, with about 1 kB.
const LONGEST: u64 = 64 << 10;

/// Bytes of meshes that are read. A camera's have 36 kB.
const LONGEST_MESH: u64 = 2 << 20;

/// How an `sv3d` box says that the picture lies on the sphere.
#[derive(Clone, Copy, Debug, PartialEq)]
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
    /// `mshp`: one mesh or two.
    Mesh {
        /// Its size.
        bytes: u64,
        /// The projection that comes nearest; `None` where the meshes can't be read.
        fit: Option<MeshFit>,
    },
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
    /// mp4 `vexu` (Apple): the projection's code, the bits of `stri` (1 left eye, 2 right eye, 8 eyes reversed) and
    /// how both eyes share a frame.
    Apple {
        /// `prji`: the projection's code, such as `hequ`.
        projection: Option<[u8; 4]>,
        /// `stri`: the bits of the eyes.
        eyes: Option<u8>,
        /// `pkin`: the packing's code, `side` or `over`.
        packing: Option<[u8; 4]>,
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

/// What one box says, in the terms that detection goes by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statement {
    /// What says it, for messages: "mesh", "V1 metadata".
    pub source: &'static str,
    /// Stereo packing and projection.
    pub tags: ContainerTags,
    /// The projection that comes nearest to a mesh.
    pub mesh: Option<MeshFit>,
    /// The two eyes' views are in two layers of the video (MV-HEVC).
    pub two_layers: bool,
}

/// What a file's boxes say, the most reliable first. Of several tracks the first with such boxes counts.
pub fn statements(boxes: &[VrBox]) -> Vec<Statement> {
    let Some(track) = boxes.first().map(|b| b.track) else { return Vec::new() };
    let mut all: Vec<_> = boxes.iter().filter(|b| b.track == track).map(|b| &b.content).collect();
    // Google's V2 goes before V1, by its RFC.
    all.sort_by_key(|content| match content {
        VrContent::Xml(_) => 2,
        VrContent::Apple { .. } => 1,
        _ => 0,
    });
    let mut all: Vec<_> = all.into_iter().map(VrContent::statement).collect();
    // FFmpeg 7.1 writes a `vexu` without the packing beside an `st3d` with it. Of two layers there is no `st3d`.
    if all.iter().any(|statement| matches!(statement.tags.stereo, Some(StereoTag::SideBySide | StereoTag::TopBottom))) {
        for statement in all.iter_mut().filter(|statement| statement.two_layers) {
            (statement.tags.stereo, statement.two_layers) = (None, false);
        }
    }
    all
}

/// What a file's boxes say together.
pub fn tags(boxes: &[VrBox]) -> ContainerTags {
    statements(boxes).iter().fold(ContainerTags::default(), |tags, statement| tags.or(statement.tags))
}

impl VrContent {
    fn statement(&self) -> Statement {
        let tags = self.tags();
        let (mut mesh, mut two_layers) = (None, false);
        let source = match self {
            VrContent::Stereo(_) | VrContent::MatroskaStereo(_) => "stereo metadata",
            VrContent::Spherical { projection: Some(BoxProjection::Mesh { fit, .. }), .. } => {
                mesh = *fit;
                "mesh"
            }
            VrContent::MatroskaProjection { kind: 3, private, .. } => {
                mesh = mesh::fit(private);
                "mesh"
            }
            VrContent::Spherical { .. } | VrContent::MatroskaProjection { .. } => "spherical metadata",
            VrContent::Xml(_) => "V1 metadata",
            VrContent::Apple { eyes, packing, .. } => {
                two_layers = packing.is_none() && eyes.is_some_and(|eyes| eyes & apple::BOTH == apple::BOTH);
                "vexu metadata"
            }
        };
        Statement { source, tags, mesh, two_layers }
    }

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
                        BoxProjection::Mesh { .. } => (SphericalKind::Mesh, [0; 4]),
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
                let bounds = if kind == SphericalKind::EquirectangularTile { bounds } else { [0; 4] };
                let pose = pose.map(|degrees| (degrees * 65536.0) as i32);
                ContainerTags { spherical: Some(Spherical { kind, pose, bounds }), ..ContainerTags::default() }
            }
            VrContent::Xml(xml) => v1::tags(xml),
            VrContent::Apple { projection, eyes, packing } => apple::tags(*projection, *eyes, *packing),
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
            BoxProjection::Mesh { bytes, fit: None } => write!(f, "mshp, a mesh of {bytes} bytes"),
            BoxProjection::Mesh { bytes, fit: Some(fit) } => {
                let s = if fit.meshes == 1 { "" } else { "es" };
                let (meshes, nearest, off) = (fit.meshes, fit.projection, fit.error);
                write!(f, "mshp, {meshes} mesh{s} of {bytes} bytes, nearest {nearest} (off by {off:.1} degrees)")
            }
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
                    if let Some(value) = v1::value(xml, name) {
                        write!(f, "{separator}{name} {}", clean(value))?;
                        separator = ", ";
                    }
                }
                if let Some(part) = v1::part(xml) {
                    write!(f, "{separator}cropped to {part}")?;
                    separator = ", ";
                }
                if separator.is_empty() { f.write_str("nothing that is known") } else { Ok(()) }
            }
            VrContent::Apple { projection, eyes, packing } => {
                let code = projection.map_or_else(|| "none".to_owned(), fourcc);
                write!(f, "projection {code}")?;
                eyes.map_or(Ok(()), |eyes| write!(f, ", eyes {eyes:#x}"))?;
                packing.map_or(Ok(()), |code| write!(f, ", packing {}", fourcc(code)))
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
        self.bytes_up_to(offset, n, LONGEST)
    }

    /// At most `n` (and at most `most`) bytes from `offset`; fewer at the file's end.
    fn bytes_up_to(&mut self, offset: u64, n: u64, most: u64) -> io::Result<Vec<u8>> {
        let n = n.min(most).min(self.length.saturating_sub(offset));
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
