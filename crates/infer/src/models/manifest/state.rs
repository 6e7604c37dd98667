//! What a recurrent model keeps from frame to frame.

use schemars::JsonSchema;
use serde::Deserialize;

/// One recurrent state.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Name of the input that accepts it.
    pub input: String,
    /// Name of the output that is the next frame's state.
    pub output: String,
    /// Its shape before the first frame, filled with zeros: numbers, `n` (pictures), `h` and `w` (the input's rows and columns),
    /// `h/16` (divided, rounded up). Left out: `[1, 1, 1, 1]`, which Robust Video Matting takes for an empty state of any size.
    #[serde(default)]
    pub shape: Vec<Dimension>,
}

/// Length of one dimension of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "Text")]
#[schemars(with = "Text")]
pub enum Dimension {
    /// Always this.
    Fixed(usize),
    /// The number of pictures.
    Pictures,
    /// The input's rows divided by this, rounded up.
    Rows(usize),
    /// The input's columns divided by this, rounded up.
    Columns(usize),
}

/// A dimension as it is written: a number or a rule.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Text {
    Number(usize),
    Rule(String),
}

impl TryFrom<Text> for Dimension {
    type Error = String;

    fn try_from(text: Text) -> Result<Self, String> {
        let rule = match &text {
            Text::Number(0) => return Err("a state's dimension must be 1 or more".to_owned()),
            Text::Number(n) => return Ok(Self::Fixed(*n)),
            Text::Rule(rule) => rule.trim(),
        };
        let (side, divisor) = rule.split_once('/').unwrap_or((rule, "1"));
        let divisor = divisor.trim().parse::<usize>().ok().filter(|d| *d > 0);
        match (side.trim(), divisor) {
            ("n", Some(1)) => Ok(Self::Pictures),
            ("h", Some(by)) => Ok(Self::Rows(by)),
            ("w", Some(by)) => Ok(Self::Columns(by)),
            _ => Err(format!("a state's dimension is a number, n, h, w or h/16, not {rule:?}")),
        }
    }
}

impl State {
    /// Its shape before the first frame of `n` pictures of `width` x `height`.
    pub(crate) fn first_shape(&self, n: usize, (width, height): (usize, usize)) -> Vec<usize> {
        if self.shape.is_empty() {
            return vec![1; 4];
        }
        let length = |d: &Dimension| match *d {
            Dimension::Fixed(length) => length,
            Dimension::Pictures => n,
            Dimension::Rows(by) => height.div_ceil(by),
            Dimension::Columns(by) => width.div_ceil(by),
        };
        self.shape.iter().map(length).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_follow_the_input() {
        let state: State = serde_yaml::from_str("{input: a, output: b, shape: [n, 16, h/2, w/16]}").unwrap();
        assert_eq!(state.first_shape(2, (500, 300)), [2, 16, 150, 32]);
        let plain: State = serde_yaml::from_str("{input: a, output: b}").unwrap();
        assert_eq!(plain.first_shape(2, (500, 300)), [1, 1, 1, 1]);
        for wrong in ["x", "h/0", "n/2", "h/w", "0"] {
            let text = format!("{{input: a, output: b, shape: [{wrong}]}}");
            assert!(serde_yaml::from_str::<State>(&text).is_err(), "{wrong}");
        }
    }
}
