//! A model's manifest: everything that vrseg must know to run an ONNX file.

use crate::error::{ModelError, Result};
use crate::yaml;
use serde::Deserialize;
use std::path::{Component, Path};
use vrseg_image::matte::Normalization;
use vrseg_image::matte::windows::View;

/// How a network works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Each picture's matte depends on that picture only.
    Image,
    /// Each matte depends on the frames before, too, by states that the network returns.
    Recurrent,
    /// A score for each class; the matte is the person's probability.
    Multiclass,
    /// No mattes but boxes around people, see [`crate::detector`].
    Detector,
}

/// Order of the color channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelOrder {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
}

/// Shape of the network's input for a view of any shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Aspect {
    /// The longer side gets `size`, the other follows the view's shape.
    Keep,
    /// Stretched to `size` x `size`.
    Square,
}

/// What is applied to the raw output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// The output is an alpha already.
    None,
    /// The output is a logit.
    Sigmoid,
}

/// The input tensor, f32 `[N, 3, H, W]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name in the ONNX graph.
    pub name: String,
    /// Order of the three channels.
    pub color: ChannelOrder,
    /// RGB in 0..=1 is multiplied by this first.
    #[serde(default = "one")]
    pub scale: f32,
    /// Subtracted then, in channel order.
    #[serde(default)]
    pub mean: [f32; 3],
    /// Divided by last, in channel order.
    #[serde(default = "ones")]
    pub std: [f32; 3],
    /// RGB is divided by its highest value in the picture before `scale` (the U2Net family).
    #[serde(default)]
    pub divide_by_max: bool,
    /// Longer side in pixels unless the user chooses another.
    pub size: u32,
    /// Smallest longer side that works.
    pub min: u32,
    /// Largest longer side that makes sense.
    pub max: u32,
    /// Both sides are multiples of this.
    pub multiple: u32,
    /// Whether the input has the view's shape.
    pub aspect: Aspect,
    /// Only `size` works.
    #[serde(default)]
    pub fixed: bool,
}

/// Classes whose scores together make the matte: `sigmoid(gain * (lse(classes) - lse(background)))`, where `lse` is the
/// logarithm of the sum of the exponentials.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassGroups {
    /// Channels that show people, or a part of them.
    pub classes: Vec<usize>,
    /// Channels that show what isn't a person.
    pub background: Vec<usize>,
    /// How steeply the matte goes from background to person; 1 is the probability itself.
    #[serde(default = "one")]
    pub gain: f32,
}

/// The output tensor, f32 `[N, C, H, W]`. The names of its type and fields are part of cache keys.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Its name in the ONNX graph.
    pub name: String,
    /// What is applied to the raw values.
    pub activation: Activation,
    /// Stretched so that its lowest value is 0 and its highest 1.
    #[serde(default)]
    pub stretch: bool,
    /// Multiclass: the person's channel (softmax over all).
    #[serde(default)]
    pub class: Option<usize>,
    /// Multiclass: several channels that together are a person.
    #[serde(default)]
    pub people: Option<ClassGroups>,
}

/// The crop of the picture around one person that goes through the network.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Crop {
    /// Longer side of the network's input in pixels.
    pub size: u32,
    /// Side of the square that is cut out, as a multiple of the longer side of the person's box.
    pub context: f32,
    /// The same where the square is the picture of a camera that points at the person, in VR; the other one where it isn't
    /// given.
    pub spherical: Option<f32>,
    /// Read for the sake of manifests of before; everybody gets a crop.
    pub enlarge_only: bool,
}

impl Crop {
    /// Side of the square as a multiple of the longer side of the person's box, in VR or in a flat picture.
    pub fn margin(&self, spherical: bool) -> f64 {
        f64::from(self.spherical.filter(|_| spherical).unwrap_or(self.context))
    }
}

impl Default for Crop {
    fn default() -> Self {
        Self { size: 256, context: 1.4, spherical: None, enlarge_only: false }
    }
}

/// One recurrent state. The names of its type and fields are part of cache keys.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Name of the input that accepts it.
    pub input: String,
    /// Name of the output that is the next frame's state.
    pub output: String,
}

/// What a manifest says about a model.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The model's name for `--model`.
    pub name: String,
    /// One line that `vrseg models` shows.
    pub description: String,
    /// What the network's output depends on and means.
    pub kind: Kind,
    /// Path of the weights, relative to the models folder, or to the manifest's own folder.
    pub file: String,
    /// SHA-256 of the weights, 64 hexadecimal digits.
    pub sha256: String,
    /// SPDX expression of the weights' license.
    #[serde(alias = "licence")]
    pub license: String,
    /// URL or words that say where the weights come from.
    pub source: String,
    /// Longer text that `vrseg models` shows.
    #[serde(default)]
    pub notes: String,
    /// Whether `device: auto` may compute in bfloat16 (OpenVINO on a CPU that multiplies it): it was measured to be at
    /// least 1.3 times as fast, with a matte whose IoU with FP32's is .97 or more.
    #[serde(default)]
    pub bf16: bool,
    /// Projection of a half or whole sphere in which the network finds people best.
    #[serde(default)]
    pub view: View,
    /// Crop around a single person.
    #[serde(default)]
    pub crop: Crop,
    /// The input tensor.
    pub input: Input,
    /// The output tensor.
    pub output: Output,
    /// Recurrent states, in the order of [`crate::States`]; empty for other kinds.
    #[serde(default)]
    pub states: Vec<State>,
}

/// Whether a path is relative and leads nowhere up: a manifest from a stranger must not reach other files.
fn is_below_folder(file: &str) -> bool {
    let mut parts = Path::new(file).components().peekable();
    parts.peek().is_some() && parts.all(|c| matches!(c, Component::Normal(_)))
}

fn one() -> f32 {
    1.0
}

fn ones() -> [f32; 3] {
    [1.0; 3]
}

impl Manifest {
    /// Parses and checks a manifest; `path` is for messages. `text` may be anything, in YAML or not.
    ///
    /// # Errors
    /// YAML that does not fit (with line and column) and values that contradict each other.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let fail = |what: String| ModelError::Manifest { path: path.to_owned(), what };
        if let Some((line, column)) = yaml::too_deep(text) {
            return Err(fail(format!("brackets within brackets within brackets at line {line} column {column}")));
        }
        let m: Manifest = serde_yaml::from_str(text).map_err(|e| fail(e.to_string()))?;
        let i = &m.input;
        let rules = [
            (m.name.is_empty(), "name: must not be empty"),
            (!is_below_folder(&m.file), "file: must be a path below its folder: no .., no / in front"),
            (i.multiple == 0, "input.multiple: must be 1 or more"),
            (i.min == 0 || i.min > i.size || i.size > i.max, "input: needs 0 < min <= size <= max"),
            (i.multiple != 0 && !i.size.is_multiple_of(i.multiple), "input.size: must be a multiple of input.multiple"),
            (i.max > 8192, "input.max: must be 8192 or less"),
            (i.std.contains(&0.0), "input.std: must not be 0"),
            (!(1.0..=4.0).contains(&m.crop.context), "crop.context: must be from 1 to 4"),
            (m.crop.spherical.is_some_and(|v| !(1.0..=4.0).contains(&v)), "crop.spherical: must be from 1 to 4"),
            (
                (m.kind == Kind::Recurrent) == m.states.is_empty(),
                "states: a recurrent model needs them, and only a recurrent model has them",
            ),
            (
                (m.kind == Kind::Multiclass) != (m.output.class.is_some() || m.output.people.is_some()),
                "output.class or output.people: a multiclass model needs one of them, and only a multiclass model has one",
            ),
            (m.output.class.is_some() && m.output.people.is_some(), "output: class and people can't both be given"),
            (
                m.output.people.iter().any(|g| g.classes.is_empty() || g.background.is_empty()),
                "output.people: classes and background need a channel each, at least",
            ),
            (
                m.sha256.len() != 64 || !m.sha256.bytes().all(|b| b.is_ascii_hexdigit()),
                "sha256: must be 64 hexadecimal digits (`sha256sum FILE` prints them)",
            ),
        ];
        match rules.iter().find(|r| r.0) {
            Some((_, what)) => Err(fail((*what).to_owned())),
            None => Ok(m),
        }
    }

    /// How RGB is turned into the input tensor.
    pub fn normalization(&self) -> Normalization {
        let i = &self.input;
        Normalization {
            bgr: i.color == ChannelOrder::Bgr,
            scale: i.scale,
            mean: i.mean,
            std: i.std,
            divide_by_max: i.divide_by_max,
        }
    }

    /// Width and height of the network's input for a view of `w` x `h`, when the longer side is
    /// to be `size` (`None`: the manifest's own).
    ///
    /// # Errors
    /// A size that the model does not accept.
    pub fn input_size(&self, size: Option<u32>, w: usize, h: usize) -> Result<(usize, usize)> {
        let i = &self.input;
        let fail = |what: String| ModelError::InputSize { name: self.name.clone(), what };
        let long = size.unwrap_or(i.size);
        if i.fixed && long != i.size {
            return Err(fail(format!("its input size is fixed at {}; leave --input-size out", i.size)));
        }
        if !(i.min..=i.max).contains(&long) {
            return Err(fail(format!("--input-size {long} is outside of {}..={}", i.min, i.max)));
        }
        let snap = |v: f64| {
            let m = f64::from(i.multiple);
            ((v / m).round() * m).max(m) as usize
        };
        let long_px = snap(f64::from(long));
        if i.aspect == Aspect::Square || w == 0 || h == 0 {
            return Ok((long_px, long_px));
        }
        // A network whose input is a ribbon of a few pixels finds nothing.
        let floor = f64::from(i.min.min(long)) / 2.0;
        let short = |a: usize, b: usize| snap((f64::from(long) * a as f64 / b as f64).max(floor));
        Ok(if w >= h { (long_px, short(h, w)) } else { (short(w, h), long_px) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(kind: &str, extra: &str) -> String {
        format!(
            "name: x\ndescription: d\nkind: {kind}\nfile: x.onnx\nsha256: {}\nlicense: MIT\nsource: s\n\
             input: {{name: i, color: rgb, size: 512, min: 128, max: 1024, multiple: 16, aspect: keep}}\n\
             output: {{name: o, activation: none}}\n{extra}",
            "0".repeat(64)
        )
    }

    #[test]
    fn input_size_follows_the_view() {
        let m = Manifest::parse(&text("image", ""), Path::new("x.yaml")).unwrap();
        assert_eq!(m.input_size(None, 1920, 1080).unwrap(), (512, 288));
        assert_eq!(m.input_size(None, 1080, 1920).unwrap(), (288, 512));
        assert_eq!(m.input_size(Some(256), 1000, 1000).unwrap(), (256, 256));
        assert!(m.input_size(Some(64), 10, 10).unwrap_err().to_string().contains("128..=1024"));
    }

    #[test]
    fn weights_must_be_below_the_manifests_folder() {
        let with = |file: &str| Manifest::parse(&text("image", "").replace("x.onnx", file), Path::new("x.yaml"));
        assert!(with("weights/x.onnx").is_ok());
        for bad in ["../x.onnx", "/etc/passwd", "a/../../x.onnx", "..", "\"\""] {
            assert!(with(bad).unwrap_err().to_string().contains("below its folder"), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_without_panic(lines in proptest::collection::vec("[a-z]{0,9}:? ?.{0,20}", 0..20)) {
            let _ = Manifest::parse(&lines.join("\n"), Path::new("x.yaml"));
        }

        #[test]
        fn damaged_manifest_is_parsed_without_panic(at in 0usize..2000, with in any::<char>(), cut in 0usize..2000) {
            let whole = include_str!("../../../../configs/models/rvm.yaml");
            let mut chars: Vec<char> = whole.chars().collect();
            let n = chars.len();
            chars[at % n] = with;
            let _ = Manifest::parse(&chars[..n.min(1 + cut)].iter().collect::<String>(), Path::new("x.yaml"));
        }
    }

    #[test]
    fn errors_name_the_field() {
        let e = |t: String| Manifest::parse(&t, Path::new("x.yaml")).unwrap_err().to_string();
        assert!(e(text("recurrent", "")).contains("states:"));
        assert!(e(text("multiclass", "")).contains("output.class"));
        let grouped = |people: &str| {
            text("multiclass", "").replace("activation: none", &format!("activation: none, people: {people}"))
        };
        let read = Manifest::parse(&grouped("{classes: [1, 2], background: [0]}"), Path::new("x.yaml")).unwrap();
        assert_eq!(read.output.people.map(|g| (g.classes, g.gain)), Some((vec![1, 2], 1.0)));
        assert!(e(grouped("{classes: [], background: [0]}")).contains("output.people"));
        assert!(e(text("image", "color: red\n")).contains("unknown field `color`"));
    }
}
