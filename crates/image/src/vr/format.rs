//! A video's format, and the evidence for each part of it.

use super::layout::Layout;
use super::projection::Projection;
use super::tags::ContainerTags;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which eye's view comes first: on the left of a side-by-side frame, on top of a top-bottom one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum EyeOrder {
    /// The left eye's view.
    #[default]
    LeftFirst,
    /// The right eye's view.
    RightFirst,
}

impl EyeOrder {
    /// The order of that word of the command line.
    pub fn from_name(name: &str) -> Option<Self> {
        [EyeOrder::LeftFirst, EyeOrder::RightFirst].into_iter().find(|o| o.name() == name)
    }

    /// The word by which the command line knows the order.
    pub fn name(self) -> &'static str {
        match self {
            EyeOrder::LeftFirst => "lr",
            EyeOrder::RightFirst => "rl",
        }
    }
}

impl fmt::Display for EyeOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EyeOrder::LeftFirst => "left eye first",
            EyeOrder::RightFirst => "right eye first",
        })
    }
}

/// Whether each view has the resolution of a picture of its own or shares one picture's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Packing {
    /// Each view has its natural shape.
    #[default]
    Full,
    /// Both views are squeezed, across (side by side) or down (top-bottom), into one picture's size.
    Half,
}

impl Packing {
    /// The word for machine-readable output.
    pub fn name(self) -> &'static str {
        match self {
            Packing::Full => "full",
            Packing::Half => "half",
        }
    }
}

impl fmt::Display for Packing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Packing::Full => "full resolution",
            Packing::Half => "half resolution",
        })
    }
}

/// The format of a video: all that is needed to find the views and to name or tag a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Format {
    /// Where the views lie in a frame.
    pub layout: Layout,
    /// Whose view comes first. Means nothing for [`Layout::Mono`].
    pub eye_order: EyeOrder,
    /// Squeezed or not. Means nothing for [`Layout::Mono`].
    pub packing: Packing,
    /// How each view lies on the sphere.
    pub projection: Projection,
    /// The corners outside the fisheye circles carry an alpha channel (DeoVR's "alpha packed").
    pub alpha_packed: bool,
}

impl Format {
    /// One view on a flat screen, the format of ordinary video.
    pub const FLAT: Format = Format {
        layout: Layout::Mono,
        eye_order: EyeOrder::LeftFirst,
        packing: Packing::Full,
        projection: Projection::Flat,
        alpha_packed: false,
    };

    /// Whether a headset shows it on more than a flat screen, or with two views.
    pub fn is_vr(&self) -> bool {
        self.layout != Layout::Mono || self.projection != Projection::Flat
    }
}

impl Default for Format {
    fn default() -> Self {
        Self::FLAT
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.layout)?;
        if self.layout != Layout::Mono {
            if self.eye_order == EyeOrder::RightFirst {
                write!(f, ", {}", self.eye_order)?;
            }
            if self.packing == Packing::Half {
                write!(f, ", {}", self.packing)?;
            }
        }
        write!(f, ", {}", self.projection)?;
        if self.alpha_packed {
            f.write_str(", alpha packed")?;
        }
        Ok(())
    }
}

/// How reliable a finding is, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// A convention of players; no source states it.
    Guess,
    /// The file name or the picture states it.
    Likely,
    /// The user or the container states it.
    Certain,
}

impl Confidence {
    /// The word for output: "guess", "likely" or "certain".
    pub fn name(self) -> &'static str {
        match self {
            Confidence::Guess => "guess",
            Confidence::Likely => "likely",
            Confidence::Certain => "certain",
        }
    }
}

/// What a finding rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The user's option.
    Option,
    /// The container's metadata; which of it.
    Container(&'static str),
    /// A token of the file name, as it is written there.
    FileName(String),
    /// What a few decoded frames show.
    Pixels(&'static str),
    /// The size and shape of the frame.
    Shape,
    /// Nothing; the usual value is assumed.
    Usual,
}

impl Evidence {
    /// The word for machine-readable output.
    pub fn name(&self) -> &'static str {
        match self {
            Evidence::Option => "option",
            Evidence::Container(_) => "container",
            Evidence::FileName(_) => "file_name",
            Evidence::Pixels(_) => "pixels",
            Evidence::Shape => "shape",
            Evidence::Usual => "usual",
        }
    }

    /// The source, as the subject of a sentence.
    pub(super) fn subject(&self) -> String {
        match self {
            Evidence::Option => "the option".to_owned(),
            Evidence::Container(what) => format!("the container's {what}"),
            Evidence::FileName(token) => format!("the file name (\"{token}\")"),
            Evidence::Pixels(what) => format!("the picture ({what})"),
            Evidence::Shape => "the frame's shape".to_owned(),
            Evidence::Usual => "habit".to_owned(),
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Evidence::Option => f.write_str("as asked"),
            Evidence::Container(what) => write!(f, "from the container's {what}"),
            Evidence::FileName(token) => write!(f, "from \"{token}\" in the file name"),
            Evidence::Pixels(what) => write!(f, "from the picture: {what}"),
            Evidence::Shape => f.write_str("from the frame size"),
            Evidence::Usual => f.write_str("default"),
        }
    }
}

/// One part of a format, what it rests on and how sure it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding<T> {
    /// The detected value.
    pub value: T,
    /// The source that it comes from.
    pub evidence: Evidence,
    /// How reliable that source is.
    pub confidence: Confidence,
}

impl<T> Finding<T> {
    /// A finding with the confidence that its evidence deserves.
    pub fn new(value: T, evidence: Evidence) -> Self {
        let confidence = match evidence {
            Evidence::Option | Evidence::Container(_) => Confidence::Certain,
            Evidence::FileName(_) | Evidence::Pixels(_) => Confidence::Likely,
            Evidence::Shape | Evidence::Usual => Confidence::Guess,
        };
        Self { value, evidence, confidence }
    }
}

/// Something that a header, a name or an option says, and vrseg can't work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unsupported {
    /// Six faces of a cube.
    Cubemap,
    /// Six faces of a cube, each warped to equal angles (YouTube's EAC).
    EquiangularCubemap,
}

impl Unsupported {
    /// The word for machine-readable output.
    pub fn name(self) -> &'static str {
        match self {
            Unsupported::Cubemap => "cubemap",
            Unsupported::EquiangularCubemap => "eac",
        }
    }

    /// The name of ffmpeg's `v360` filter for it.
    fn v360(self) -> &'static str {
        match self {
            Unsupported::Cubemap => "c3x2",
            Unsupported::EquiangularCubemap => "eac",
        }
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unsupported::Cubemap => "cubemap",
            Unsupported::EquiangularCubemap => "equi-angular cubemap (EAC)",
        })
    }
}

/// Everything that was detected about a video's format. Made by [`super::detect()`].
#[derive(Clone, Debug, PartialEq)]
pub struct FormatFindings {
    /// Where the views lie in a frame.
    pub layout: Finding<Layout>,
    /// Whose view comes first.
    pub eye_order: Finding<EyeOrder>,
    /// Whether views are squeezed into one picture's size.
    pub packing: Finding<Packing>,
    /// How each view lies on the sphere. [`Projection::Flat`] where [`Self::unsupported`] is set.
    pub projection: Finding<Projection>,
    /// Whether the corners carry an alpha channel.
    pub alpha_packed: Finding<bool>,
    /// The video has a projection that vrseg can't work on.
    pub unsupported: Option<Finding<Unsupported>>,
    /// What the container says, also what can't be used.
    pub container: ContainerTags,
    /// Disagreements and guesses that the user should know of, each a full sentence without the
    /// file's name.
    pub warnings: Vec<String>,
}

impl FormatFindings {
    /// The format without its evidence.
    pub fn format(&self) -> Format {
        Format {
            layout: self.layout.value,
            eye_order: self.eye_order.value,
            packing: self.packing.value,
            projection: self.projection.value,
            alpha_packed: self.alpha_packed.value,
        }
    }

    /// Why the video can't be worked on and what to do about it, where that is so.
    pub fn refusal(&self) -> Option<String> {
        let found = self.unsupported.as_ref()?;
        Some(format!(
            "its projection is {} ({}), which vrseg can't process; convert it first, such as with \
             `ffmpeg -i IN -vf v360={}:equirect OUT`, or set --projection if that is wrong",
            found.value,
            found.evidence,
            found.value.v360()
        ))
    }

    /// The format in one line for people, with what it rests on.
    pub fn summary(&self) -> String {
        let (layout, projection) = (&self.layout, &self.projection);
        if layout.evidence == projection.evidence {
            return format!("{}, {}", self.format(), layout.evidence);
        }
        format!("{} ({}), {} ({})", layout.value, layout.evidence, self.projection_text(), projection.evidence)
    }

    /// The projection for people, also one that vrseg can't work on.
    pub fn projection_text(&self) -> String {
        match &self.unsupported {
            Some(found) => found.value.to_string(),
            None => self.projection.value.to_string(),
        }
    }
}

/// What the user's options say about the format; `None`: auto-detected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FormatRequest {
    /// `--layout`: where the views lie in a frame.
    pub layout: Option<Layout>,
    /// `--projection`; a fisheye's field of view comes from `fov`, the name or habit.
    pub projection: Option<ProjectionKind>,
    /// `--fov`, in degrees; alone it means fisheye.
    pub fov: Option<f32>,
    /// `--eye-order`: whose view comes first.
    pub eye_order: Option<EyeOrder>,
}

/// A projection without its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ProjectionKind {
    /// See [`Projection::Flat`].
    Flat,
    /// See [`Projection::HalfEquirectangular`].
    HalfEquirectangular,
    /// See [`Projection::Equirectangular`].
    Equirectangular,
    /// See [`Projection::Fisheye`].
    Fisheye,
}

impl ProjectionKind {
    /// The projection of that word of the command line.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "flat" => ProjectionKind::Flat,
            "hequirect" => ProjectionKind::HalfEquirectangular,
            "equirect" => ProjectionKind::Equirectangular,
            "fisheye" => ProjectionKind::Fisheye,
            _ => return None,
        })
    }
}
