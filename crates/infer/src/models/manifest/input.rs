//! What a model's inputs take: the picture, and constants beside it.

use schemars::JsonSchema;
use serde::Deserialize;

/// Order of the color channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChannelOrder {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
}

/// Shape of the model's input for a view of any shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Aspect {
    /// The longer side gets `size`, the other follows the view's shape.
    Keep,
    /// Stretched to `size` x `size`, or to `frame`.
    Square,
    /// The view's shape is kept, and the rest of `size` x `size`, or of `frame`, is filled with the mean color.
    Pad,
}

/// Order of a tensor's dimensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Pictures, channels, rows, columns: what PyTorch exports.
    #[default]
    Nchw,
    /// Pictures, rows, columns, channels: what comes from TensorFlow and TensorFlow Lite.
    Nhwc,
}

/// A size in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Frame {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// The input tensor, `[N, 3, H, W]` or `[N, H, W, 3]`, in the number format that the graph asks for: FP32, FP16 or bytes.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name in the ONNX graph.
    pub name: String,
    /// Order of the three channels.
    pub color: ChannelOrder,
    /// Order of the dimensions.
    #[serde(default)]
    pub layout: Layout,
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
    /// Smallest longer side that works; `size` where it is omitted.
    #[serde(default)]
    pub min: u32,
    /// Largest longer side that makes sense; `size` where it is omitted.
    #[serde(default)]
    pub max: u32,
    /// Both sides are multiples of this.
    #[serde(default = "one_pixel")]
    pub multiple: u32,
    /// Whether the input has the view's shape.
    pub aspect: Aspect,
    /// Only `size` works.
    #[serde(default)]
    pub fixed: bool,
    /// The only size that the graph takes, where that is no square: pictures are stretched to it, or padded.
    #[serde(default)]
    pub frame: Option<Frame>,
}

impl Frame {
    /// Size at which a view of `w` x `h` is sampled so that it fills the frame, or fits into it.
    pub(super) fn around(self, aspect: Aspect, w: usize, h: usize) -> (usize, usize) {
        inside((self.width as usize, self.height as usize), aspect, (w, h))
    }
}

/// Size of a picture of `w` x `h` in a frame of `width` x `height`: stretched to all of it, or in its own shape and padded.
pub(crate) fn inside((width, height): (usize, usize), aspect: Aspect, (w, h): (usize, usize)) -> (usize, usize) {
    if aspect != Aspect::Pad || w == 0 || h == 0 {
        return (width, height);
    }
    let scale = (width as f64 / w as f64).min(height as f64 / h as f64);
    let side = |of: usize, most: usize| ((of as f64 * scale).round() as usize).clamp(1, most);
    (side(w, width), side(h, height))
}

impl Input {
    /// The first rule between its fields that it breaks.
    pub(super) fn broken_rule(&self) -> Option<&'static str> {
        let frame_is_odd = |f: Frame| f.width.max(f.height) != self.size || !self.fixed || f.width.min(f.height) == 0;
        let rules = [
            (self.multiple == 0, "input.multiple: must be 1 or more"),
            (self.min == 0 || self.min > self.size || self.size > self.max, "input: needs 0 < min <= size <= max"),
            (
                self.multiple != 0 && !self.size.is_multiple_of(self.multiple),
                "input.size: must be a multiple of input.multiple",
            ),
            (self.max > 8192, "input.max: must be 8192 or less"),
            (self.std.contains(&0.0), "input.std: must not be 0"),
            (self.frame.is_some_and(frame_is_odd), "input.frame: needs fixed: true, and its longer side as size"),
            (
                self.frame.is_some() && self.aspect == Aspect::Keep,
                "input.frame: needs aspect: square (stretched) or pad",
            ),
        ];
        rules.iter().find(|r| r.0).map(|r| r.1)
    }

    /// Replaces what was omitted by what follows from `size`.
    pub(super) fn complete(&mut self) {
        for side in [&mut self.min, &mut self.max] {
            if *side == 0 {
                *side = self.size;
            }
        }
    }

    /// The size that the graph takes for pictures of this size, where it is another.
    pub(crate) fn graph_size(&self, (width, height): (usize, usize)) -> Option<(usize, usize)> {
        let size = match (self.frame, self.aspect) {
            (Some(frame), _) => (frame.width as usize, frame.height as usize),
            (None, Aspect::Pad) => {
                let side = width.max(height).next_multiple_of(self.multiple.max(1) as usize);
                (side, side)
            }
            (None, Aspect::Keep | Aspect::Square) => return None,
        };
        (size != (width, height)).then_some(size)
    }
}

/// An input beside the picture that gets the same value in every run: a number or a list of numbers.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Constant {
    /// Its name in the ONNX graph.
    pub name: String,
    /// Its value.
    #[serde(default)]
    pub value: Option<Value>,
    /// Instead of `value`: the factor, 1 at most, that brings the picture's longer side to this many pixels. Robust Video
    /// Matting's `downsample_ratio` is such a factor.
    #[serde(default)]
    pub fit: Option<u32>,
}

/// One number, or several.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Value {
    /// A scalar, or the only value of a vector.
    Number(f64),
    /// A vector.
    List(Vec<f64>),
}

impl Constant {
    /// Its numbers for pictures of `width` x `height`.
    pub(crate) fn numbers(&self, (width, height): (usize, usize)) -> Vec<f64> {
        match (&self.value, self.fit) {
            (Some(Value::Number(value)), _) => vec![*value],
            (Some(Value::List(values)), _) => values.clone(),
            (None, Some(side)) => vec![(f64::from(side) / width.max(height).max(1) as f64).min(1.0)],
            (None, None) => Vec::new(),
        }
    }
}

fn one() -> f32 {
    1.0
}

fn ones() -> [f32; 3] {
    [1.0; 3]
}

fn one_pixel() -> u32 {
    1
}
