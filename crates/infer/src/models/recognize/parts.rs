//! Parts of manifests that the families share.

use super::Known;
use super::license::License;
use crate::models::graph::{Graph, Port};
use crate::models::manifest::{
    Activation, Aspect, ChannelOrder, Constant, Crop, Frame, Input, Kind, Layout, Manifest, Output, PreferredInput,
    Scores, State,
};
use vrseg_image::matte::windows::View;

/// What is known of a file beside its graph.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity<'a> {
    /// The name that the model is to have.
    pub(super) name: &'a str,
    /// The file's SHA-256.
    pub(super) sha256: &'a str,
    /// Its own name in small letters.
    pub(super) file: &'a str,
}

/// How RGB from 0 to 1 is normalized.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Normalized {
    pub(super) mean: [f32; 3],
    pub(super) std: [f32; 3],
    pub(super) divide_by_max: bool,
}

impl Normalized {
    /// RGB from 0 to 1.
    pub(super) const PLAIN: Self = Self { mean: [0.0; 3], std: [1.0; 3], divide_by_max: false };
    /// RGB from -1 to 1.
    pub(super) const SIGNED: Self = Self { mean: [0.5; 3], std: [0.5; 3], divide_by_max: false };
    /// RGB from -0.5 to 0.5.
    pub(super) const CENTERED: Self = Self { mean: [0.5; 3], std: [1.0; 3], divide_by_max: false };
    /// By the mean and standard deviation of ImageNet's photos, as torchvision has them.
    pub(super) const IMAGENET: Self =
        Self { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], divide_by_max: false };
}

/// Sizes that a model takes where its graph leaves them open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) size: u32,
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) multiple: u32,
    pub(super) aspect: Aspect,
}

/// The input `port`: of the size that the graph fixes, or of `sizes`.
pub(super) fn input(port: &Port, normalized: Normalized, sizes: Sizes) -> Input {
    let layout = if port.length(3) == Some(3) && port.length(1) != Some(3) { Layout::Nhwc } else { Layout::Nchw };
    let (rows, columns) = if layout == Layout::Nhwc { (1, 2) } else { (2, 3) };
    let fixed = port.length(columns).zip(port.length(rows)).map(|(w, h)| Frame { width: w as u32, height: h as u32 });
    let Normalized { mean, std, divide_by_max } = normalized;
    let (name, color) = (port.name.clone(), ChannelOrder::Rgb);
    let Sizes { size, min, max, multiple, aspect } = sizes;
    let open = Input {
        name,
        color,
        layout,
        scale: 1.0,
        mean,
        std,
        divide_by_max,
        size,
        min,
        max,
        multiple,
        aspect,
        fixed: false,
        frame: None,
    };
    let Some(frame) = fixed else { return open };
    let size = frame.width.max(frame.height);
    let square = frame.width == frame.height;
    let aspect = if aspect == Aspect::Pad { Aspect::Pad } else { Aspect::Square };
    // Padded squares need the frame, too: a wide view is smaller than the graph's size.
    let frame = Some(frame).filter(|_| !square || aspect == Aspect::Pad);
    Input { size, min: size, max: size, multiple: 1, aspect, fixed: true, frame, ..open }
}

/// An output with one channel: an alpha where the graph's last operator is a sigmoid, else a logit.
pub(super) fn alpha_or_logit(graph: &Graph, port: &Port) -> Output {
    match graph.last_operator(&port.name) {
        "Sigmoid" | "HardSigmoid" | "Softmax" | "Div" => alpha(port),
        _ => Output { activation: Activation::Sigmoid, ..alpha(port) },
    }
}

/// An output with one channel that is an alpha.
pub(super) fn alpha(port: &Port) -> Output {
    let last = port.shape.len() == 4 && port.length(3) == Some(1) && port.length(1) != Some(1);
    Output {
        name: port.name.clone(),
        activation: Activation::None,
        layout: if last { Layout::Nhwc } else { Layout::Nchw },
        stretch: false,
        scores: Scores::Logits,
        class: None,
        people: None,
        instances: None,
    }
}

/// A manifest whose model is best on person crops, made of its parts.
pub(super) struct Parts {
    pub(super) title: String,
    pub(super) why: Vec<String>,
    pub(super) license: License,
    pub(super) source: &'static str,
    pub(super) kind: Kind,
    pub(super) looks: PreferredInput,
    pub(super) view: View,
    pub(super) crop: Crop,
    pub(super) input: Input,
    pub(super) output: Output,
    pub(super) constants: Vec<Constant>,
    pub(super) states: Vec<State>,
    /// What users must know of its mattes.
    pub(super) notes: &'static str,
}

impl Parts {
    /// An image model that is best on person crops.
    pub(super) fn image(title: impl Into<String>, license: License, input: Input, output: Output) -> Self {
        let size =
            if input.fixed { input.size } else { 256.clamp(input.min, input.max).next_multiple_of(input.multiple) };
        Self {
            title: title.into(),
            why: Vec::new(),
            license,
            source: "",
            kind: Kind::Image,
            looks: PreferredInput::Windows,
            view: View::default(),
            crop: Crop { size, ..Crop::default() },
            input,
            output,
            constants: Vec::new(),
            states: Vec::new(),
            notes: "",
        }
    }

    /// With a window of this size in pixels, where the graph doesn't fix it.
    pub(super) fn window(mut self, size: u32, context: f32) -> Self {
        if !self.input.fixed {
            self.crop.size = size;
        }
        self.crop.context = context;
        self
    }

    /// With one more reason.
    pub(super) fn because(mut self, why: impl Into<String>) -> Self {
        self.why.push(why.into());
        self
    }

    /// From this project.
    pub(super) fn from(mut self, source: &'static str) -> Self {
        self.source = source;
        self
    }

    /// With this remark for users.
    pub(super) fn noting(mut self, notes: &'static str) -> Self {
        self.notes = notes;
        self
    }

    /// The whole.
    pub(super) fn known(self, identity: &Identity<'_>) -> Known {
        let manifest = Manifest {
            name: identity.name.to_owned(),
            description: self.title.clone(),
            kind: self.kind,
            file: format!("{}.onnx", identity.name),
            sha256: identity.sha256.to_owned(),
            license: self.license.spdx.to_owned(),
            source: self.source.to_owned(),
            notes: self.notes.to_owned(),
            bf16: false,
            view: self.view,
            looks: self.looks,
            crop: self.crop,
            input: self.input,
            constants: self.constants,
            output: self.output,
            states: self.states,
        };
        Known { title: self.title, why: self.why, license: self.license, manifest }
    }
}

/// The names of ports, for reasons.
pub(super) fn names(ports: &[Port]) -> String {
    ports.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// A number of weights as users read it.
pub(super) fn millions(parameters: u64) -> String {
    format!("{:.1} million weights", parameters as f64 / 1e6)
}
