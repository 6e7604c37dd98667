//! A model's manifest: everything that vrseg must know to run an ONNX file.

mod input;
mod kind;
mod output;
mod schema;
mod state;
mod text;

pub(crate) use input::inside;
pub use input::{Aspect, ChannelOrder, Constant, Frame, Input, Layout, Value};
pub use kind::{Kind, PreferredInput};
pub use output::{Activation, ClassGroups, Instances, Output, Scores};
pub use schema::schema;
pub use state::{Dimension, State};

use crate::error::{ModelError, Result};
use crate::yaml;
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::{Component, Path};
use vrseg_image::matte::Normalization;
use vrseg_image::matte::windows::View;

/// The crop of the picture around one person that goes through the model.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Crop {
    /// Longer side of the model's input in pixels.
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

/// What a manifest says about a model.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The model's name for `--model`.
    pub name: String,
    /// One line that `vrseg models` shows.
    pub description: String,
    /// What the model's output depends on and means.
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
    /// Projection of a half or whole sphere in which the model finds people best.
    #[serde(default)]
    #[schemars(schema_with = "schema::view")]
    pub view: View,
    /// The input with which it is best.
    #[serde(default)]
    pub looks: PreferredInput,
    /// Crop around a single person.
    #[serde(default)]
    pub crop: Crop,
    /// The input tensor.
    pub input: Input,
    /// Inputs beside the picture that get the same value in every run.
    #[serde(default)]
    pub constants: Vec<Constant>,
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

impl Manifest {
    /// Parses and checks a manifest; `path` is for messages. `text` may be anything, in YAML or not.
    ///
    /// # Errors
    /// YAML that does not fit (with line and column) and values that contradict each other.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let fail = |what: String| ModelError::Manifest { path: path.to_owned(), what };
        if let Some((line, column)) = yaml::too_deep(text) {
            return Err(fail(format!("nested too deeply at line {line} column {column}")));
        }
        let mut m: Manifest = serde_yaml::from_str(text).map_err(|e| fail(e.to_string()))?;
        m.input.complete();
        match m.broken_rule() {
            Some(what) => Err(fail(what.to_owned())),
            None => Ok(m),
        }
    }

    /// The first rule between fields that the manifest breaks.
    fn broken_rule(&self) -> Option<&'static str> {
        let rules = [
            (self.name.is_empty(), "name: must not be empty"),
            (!is_below_folder(&self.file), "file: must be a path below its folder: no .., no / in front"),
            (!(1.0..=4.0).contains(&self.crop.context), "crop.context: must be from 1 to 4"),
            (self.crop.spherical.is_some_and(|v| !(1.0..=4.0).contains(&v)), "crop.spherical: must be from 1 to 4"),
            (
                (self.kind == Kind::Recurrent) == self.states.is_empty(),
                "states: a recurrent model needs them, and only a recurrent model has them",
            ),
            (
                self.constants.iter().any(|c| c.value.is_some() == c.fit.is_some()),
                "constants: each needs a value, or fit, and not both",
            ),
            (self.constants.iter().any(|c| c.fit == Some(0)), "constants: fit must be 1 or more"),
            (
                self.sha256.len() != 64 || !self.sha256.bytes().all(|b| b.is_ascii_hexdigit()),
                "sha256: must be 64 hexadecimal digits (`sha256sum FILE` prints them)",
            ),
        ];
        let broken = rules.iter().find(|r| r.0).map(|r| r.1);
        broken.or_else(|| self.input.broken_rule()).or_else(|| self.output.broken_rule(self.kind))
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

    /// Width and height of the model's input for a view of `w` x `h`, when the longer side is
    /// to be `size` (`None`: the manifest's own).
    ///
    /// # Errors
    /// A size that the model does not accept.
    pub fn input_size(&self, size: Option<u32>, w: usize, h: usize) -> Result<(usize, usize)> {
        let i = &self.input;
        let fail = |what: String| ModelError::InputSize { name: self.name.clone(), what };
        let long = size.unwrap_or(i.size);
        if i.fixed && long != i.size {
            return Err(fail(format!("its input size is fixed at {}; remove --input-size", i.size)));
        }
        if !(i.min..=i.max).contains(&long) {
            return Err(fail(format!("--input-size {long} is outside of {}..={}", i.min, i.max)));
        }
        if let Some(frame) = i.frame {
            return Ok(frame.around(i.aspect, w, h));
        }
        let snap = |v: f64| {
            let m = f64::from(i.multiple);
            ((v / m).round() * m).max(m) as usize
        };
        let long_px = snap(f64::from(long));
        if i.aspect == Aspect::Square || w == 0 || h == 0 {
            return Ok((long_px, long_px));
        }
        // A model whose input is a ribbon of a few pixels finds nothing.
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
            let whole = include_str!("../../../../../configs/models/rvm.yaml");
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
