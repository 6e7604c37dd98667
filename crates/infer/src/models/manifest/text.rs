//! Manifests as text that people read and edit.

use super::{
    Activation, Aspect, ChannelOrder, Constant, Dimension, Input, Layout, Manifest, Output, PreferredInput, Scores,
    State, Value,
};
use std::fmt::Write as _;

impl Manifest {
    /// The manifest as YAML, with a comment at each field that isn't plain. [`Manifest::parse`] reads it back.
    pub fn to_yaml(&self) -> String {
        let mut text = String::new();
        let mut line = |key: &str, value: &str| text += &format!("{key}: {value}\n");
        line("name", &quoted(&self.name));
        line("description", &quoted(&self.description));
        line("kind", &format!("{} # image, recurrent, multiclass, instances, detector or pose", self.kind.name()));
        line("file", &format!("{} # beside this manifest", quoted(&self.file)));
        line("sha256", &self.sha256);
        line("license", &quoted(&self.license));
        line("source", &quoted(&self.source));
        if !self.notes.is_empty() {
            line("notes", &quoted(&self.notes));
        }
        if self.bf16 {
            line("bf16", "true");
        }
        line("view", &format!("{} # projection of whole VR views for its input", self.view));
        let looks = match self.looks {
            PreferredInput::Either => "either",
            PreferredInput::Windows => "windows",
            PreferredInput::Views => "views",
        };
        line("looks", &format!("{looks} # best on: windows (person crops), views (whole views), either"));
        let spherical = self.crop.spherical.map(|v| format!(", spherical: {v:?}")).unwrap_or_default();
        line(
            "crop",
            &format!(
                "{{size: {}, context: {:?}{spherical}}} # person crop: pixels, and its side relative to the person's \
                 box",
                self.crop.size, self.crop.context
            ),
        );
        text + &self.input.to_yaml() + &constants(&self.constants) + &self.output.to_yaml() + &states(&self.states)
    }
}

impl Input {
    fn to_yaml(&self) -> String {
        let triple = |v: [f32; 3]| format!("[{:?}, {:?}, {:?}]", v[0], v[1], v[2]);
        let mut text = format!("input:\n  name: {}\n", quoted(&self.name));
        let color = if self.color == ChannelOrder::Rgb { "rgb" } else { "bgr" };
        let _ = writeln!(text, "  color: {color}");
        if self.layout == Layout::Nhwc {
            text += "  layout: nhwc # channels last\n";
        }
        let _ = writeln!(text, "  scale: {:?} # RGB from 0 to 1 is multiplied by this", self.scale);
        let _ = writeln!(text, "  mean: {} # subtracted then", triple(self.mean));
        let _ = writeln!(text, "  std: {} # divided by last", triple(self.std));
        if self.divide_by_max {
            text += "  divide_by_max: true # by the picture's highest value, before the rest\n";
        }
        let _ = writeln!(text, "  size: {} # longer side in pixels", self.size);
        let _ = writeln!(text, "  min: {}\n  max: {}", self.min, self.max);
        let _ = writeln!(text, "  multiple: {} # both sides are multiples of this", self.multiple);
        let aspect = match self.aspect {
            Aspect::Keep => "keep",
            Aspect::Square => "square",
            Aspect::Pad => "pad",
        };
        let _ = writeln!(text, "  aspect: {aspect} # keep the view's shape, stretch it to a square, or pad it");
        if self.fixed {
            text += "  fixed: true # only this size works\n";
        }
        if let Some(frame) = self.frame {
            let _ = writeln!(
                text,
                "  frame: {{width: {}, height: {}}} # the only size of the graph",
                frame.width, frame.height
            );
        }
        text
    }
}

impl Output {
    fn to_yaml(&self) -> String {
        let mut text = format!("output:\n  name: {}\n", quoted(&self.name));
        let activation = if self.activation == Activation::None { "none" } else { "sigmoid" };
        let _ = writeln!(text, "  activation: {activation} # none: an alpha; sigmoid: a logit");
        if self.layout == Layout::Nhwc {
            text += "  layout: nhwc # channels last\n";
        }
        if self.stretch {
            text += "  stretch: true # the lowest value becomes 0, the highest 1\n";
        }
        match self.scores {
            Scores::Logits => {}
            Scores::Probabilities => text += "  scores: probabilities # the softmax is in the graph\n",
            Scores::Labels => text += "  scores: labels # numbers of classes\n",
        }
        if let Some(class) = self.class {
            let _ = writeln!(text, "  class: {class} # a person's");
        }
        if let Some(g) = &self.people {
            let (classes, background, gain) = (&g.classes, &g.background, g.gain);
            let _ = writeln!(text, "  people: {{classes: {classes:?}, background: {background:?}, gain: {gain:?}}}");
        }
        if let Some(i) = &self.instances {
            let _ = writeln!(
                text,
                "  instances: {{prototypes: {}, person: {}, score: {:?}, overlap: {:?}, objectness: {}}}",
                quoted(&i.prototypes),
                i.person,
                i.score,
                i.overlap,
                i.objectness
            );
        }
        text
    }
}

fn constants(constants: &[Constant]) -> String {
    if constants.is_empty() {
        return String::new();
    }
    let mut text = "constants: # inputs that get the same value in every run\n".to_owned();
    for c in constants {
        let value = match (&c.value, c.fit) {
            (Some(Value::Number(v)), _) => format!("value: {v:?}"),
            (Some(Value::List(v)), _) => format!("value: {v:?}"),
            (None, Some(fit)) => format!("fit: {fit}"),
            (None, None) => String::new(),
        };
        let why = if c.fit.is_some() {
            " # the factor that brings the longer side to that many pixels, 1 at most"
        } else {
            ""
        };
        let _ = writeln!(text, "  - {{name: {}, {value}}}{why}", quoted(&c.name));
    }
    text
}

fn states(states: &[State]) -> String {
    if states.is_empty() {
        return String::new();
    }
    let mut text = "states: # what it keeps from frame to frame\n".to_owned();
    for s in states {
        let length = |d: &Dimension| match *d {
            Dimension::Fixed(n) => n.to_string(),
            Dimension::Pictures => "n".to_owned(),
            Dimension::Rows(by) => format!("h/{by}"),
            Dimension::Columns(by) => format!("w/{by}"),
        };
        let shape: Vec<_> = s.shape.iter().map(length).collect();
        let shape = if shape.is_empty() { String::new() } else { format!(", shape: [{}]", shape.join(", ")) };
        let _ = writeln!(text, "  - {{input: {}, output: {}{shape}}}", quoted(&s.input), quoted(&s.output));
    }
    text
}

/// A text as YAML: in quotes where it would be something else without.
fn quoted(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || " _-./".contains(c))
        && !text.ends_with(' ')
        && !["true", "false", "null", "yes", "no", "on", "off", "n", "y"].contains(&text.to_lowercase().as_str());
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry;
    use std::path::Path;

    fn comes_back(manifest: &Manifest) {
        let text = manifest.to_yaml();
        let mut read = Manifest::parse(&text, Path::new("x.yaml")).unwrap_or_else(|e| panic!("{e}\n{text}"));
        read.crop.enlarge_only = manifest.crop.enlarge_only;
        assert_eq!(&read, manifest, "{text}");
    }

    #[test]
    fn built_in_manifests_come_back() {
        registry::built_in().unwrap().iter().for_each(comes_back);
    }

    #[test]
    fn unusual_manifests_come_back() {
        let mut m = registry::built_in().unwrap().into_iter().find(|m| m.name == "rvm").unwrap();
        m.description = "it's: \"odd\" # \u{e4}".to_owned();
        m.source = "1.5".to_owned();
        m.looks = PreferredInput::Windows;
        m.input.layout = Layout::Nhwc;
        m.input.aspect = Aspect::Pad;
        m.input.mean = [0.485, 0.456, 0.1];
        m.constants = vec![
            Constant { name: "a b".into(), value: Some(Value::List(vec![0.5, 2.0])), fit: None },
            Constant { name: "ratio".into(), value: None, fit: Some(512) },
        ];
        m.states[0].shape = vec![Dimension::Pictures, Dimension::Fixed(16), Dimension::Rows(2), Dimension::Columns(2)];
        comes_back(&m);
        let yolo = "kind: instances\noutput: {name: output0, activation: none, instances: {prototypes: output1}}";
        let text = include_str!("../../../../../configs/models/u2netp.yaml");
        let start = text.find("output:").unwrap();
        let text = text[..start].replace("kind: image\n", "") + yolo + "\n";
        comes_back(&Manifest::parse(&text, Path::new("x.yaml")).unwrap());
    }
}
