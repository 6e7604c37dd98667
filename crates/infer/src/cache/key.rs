//! Keys of cached mattes.

use super::matte::LEVELS;
use crate::batch::{Batch, Tensor};
use crate::models::manifest::{Aspect, Layout, Manifest, Output, Scores, State};
use serde::{Deserialize, Serialize};

/// A BLAKE3 hash. Videos come from strangers and entries stay for weeks, so it must not be possible to construct two
/// inputs with the same key: that rules out faster hashes that are not cryptographic, and needs no secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key(pub(super) [u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&blake3::Hash::from(self.0).to_hex()[..12])
    }
}

/// To be raised with every change of the mattes that the same input gives, or of how an entry is stored.
const VERSION: u32 = 2;

/// The part of a key that says what computes: the same numbers give other mattes elsewhere.
#[derive(Clone, Debug)]
pub struct CacheKeyContext(Key);

impl CacheKeyContext {
    /// `runtime` is the version of ONNX Runtime, `arithmetic` how the session computes, `processor` the name of what it
    /// runs on: kernels differ in their last bits.
    pub fn new(manifest: &Manifest, runtime: &str, arithmetic: &str, processor: &str) -> Self {
        let m = manifest;
        let mut hasher = blake3::Hasher::new();
        for part in [
            &format!("vrseg {VERSION} {LEVELS}"),
            &m.sha256,
            // How the graph's output is read. How its input is prepared shows in the numbers that a frame's key hashes.
            &format!("{} {} {}{}", m.input.name, output_text(&m.output), states_text(&m.states), unusual_text(m)),
            runtime,
            arithmetic,
            processor,
        ] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        Self(Key(hasher.finalize().into()))
    }

    /// The start of a chain of frames.
    pub(super) fn start(&self) -> Key {
        self.0
    }

    /// The key of a recurrent model's frame whose pictures follow others than those at the same place of the frame
    /// before: `follows` has the place of each picture's predecessor, `None` for one that begins.
    pub(super) fn relinked(key: &Key, follows: &[Option<usize>]) -> Key {
        let mut hasher = blake3::Hasher::new_keyed(&key.0);
        for place in follows {
            hasher.update(&place.map_or(u64::MAX, |place| place as u64).to_le_bytes());
        }
        Key(hasher.finalize().into())
    }

    /// The key of a frame: picture `first` and those behind it, `n` in all, after the frames of
    /// `before`, the key of the frame before or [`CacheKeyContext::start`].
    pub(super) fn frame(before: &Key, batch: &Batch, first: usize, n: usize) -> Key {
        let len = 3 * batch.width * batch.height;
        let mut hasher = blake3::Hasher::new_keyed(&before.0);
        // The picture first and in one piece: BLAKE3 processes sixteen of its blocks at a time if they start
        // there. In small pieces behind the numbers it took four times as long.
        hasher.update(bytemuck::cast_slice(&batch.data[first * len..][..n * len]));
        for number in [n, batch.width, batch.height] {
            hasher.update(&(number as u64).to_le_bytes());
        }
        Key(hasher.finalize().into())
    }

    /// The start of a chain that resumes from saved states.
    pub(super) fn resumed(&self, states: &[Tensor]) -> Key {
        let mut hasher = blake3::Hasher::new_keyed(&self.0.0);
        for state in states {
            for d in &state.shape {
                hasher.update(&(*d as u64).to_le_bytes());
            }
            hasher.update(bytemuck::cast_slice(&state.data));
        }
        Key(hasher.finalize().into())
    }
}

/// What of an output's description decides how it is read. What most models don't have is omitted where it isn't there,
/// so that their keys stay what they were before it was known.
fn output_text(output: &Output) -> String {
    let Output { name, activation, stretch, class, people, layout: _, scores: _, instances: _ } = output;
    let plain =
        format!("Output {{ name: {name:?}, activation: {activation:?}, stretch: {stretch:?}, class: {class:?} }}");
    people.as_ref().map_or(plain.clone(), |groups| format!("{plain} {groups:?}"))
}

/// Recurrent states. Their first shapes are no part of it: they are zeros in any shape that the graph takes.
fn states_text(states: &[State]) -> String {
    let one = |s: &State| format!("State {{ input: {:?}, output: {:?} }}", s.input, s.output);
    format!("[{}]", states.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// What few manifests have and the numbers of a frame don't show; empty for all others.
fn unusual_text(m: &Manifest) -> String {
    let mut text = String::new();
    let mut add = |unusual: bool, what: String| {
        if unusual {
            text += " ";
            text += &what;
        }
    };
    add(m.input.layout != Layout::Nchw, format!("{:?}", m.input.layout));
    add(m.input.aspect == Aspect::Pad, format!("{:?} {}", m.input.aspect, m.input.multiple));
    add(m.input.frame.is_some(), format!("{:?}", m.input.frame));
    add(!m.constants.is_empty(), format!("{:?}", m.constants));
    add(m.output.layout != Layout::Nchw, format!("{:?}", m.output.layout));
    add(m.output.scores != Scores::Logits, format!("{:?}", m.output.scores));
    add(m.output.instances.is_some(), format!("{:?}", m.output.instances));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry;

    fn batch(n: usize, width: usize, height: usize) -> Batch {
        let data = (0..n * 3 * width * height).map(|i| i as f32 / 7.0).collect();
        Batch { data, n, width, height }
    }

    #[test]
    fn key_depends_on_every_bit_and_every_frame_before() {
        let selfie = registry::built_in().unwrap().remove(0);
        let context = CacheKeyContext::new(&selfie, "1.31", "fp32", "cpu");
        let key = |b: &Batch, first, n| CacheKeyContext::frame(&context.start(), b, first, n);
        let one = batch(2, 40, 30);
        assert_eq!(key(&one, 0, 2), key(&one.clone(), 0, 2));
        assert_ne!(key(&one, 0, 1), key(&one, 1, 1));
        let mut other = one.clone();
        let last = other.data.len() - 1;
        other.data[last] = f32::from_bits(other.data[last].to_bits() ^ 1);
        assert_ne!(key(&one, 0, 2), key(&other, 0, 2));
        let turned = Batch { width: 30, height: 40, ..one.clone() };
        assert_ne!(key(&one, 0, 2), key(&turned, 0, 2), "the same numbers in another shape");
        let (a, b) = (key(&one, 0, 1), key(&one, 1, 1));
        assert_ne!(CacheKeyContext::frame(&a, &one, 1, 1), CacheKeyContext::frame(&b, &one, 1, 1), "another past");
    }

    #[test]
    fn manifests_of_before_keep_their_keys() {
        let rvm = registry::built_in().unwrap().into_iter().find(|m| m.name == "rvm").unwrap();
        assert_eq!(
            states_text(&rvm.states[..2]),
            r#"[State { input: "r1i", output: "r1o" }, State { input: "r2i", output: "r2o" }]"#
        );
        assert_eq!(unusual_text(&rvm), "");
        let mut other = rvm.clone();
        other.input.aspect = Aspect::Pad;
        other.output.scores = Scores::Labels;
        assert_eq!(unusual_text(&other), " Pad 16 Labels");
    }

    #[test]
    fn key_depends_on_what_computes() {
        let all = registry::built_in().unwrap();
        let start = |m: &Manifest, a: &str, b: &str, c: &str| CacheKeyContext::new(m, a, b, c).start();
        let base = start(&all[0], "1.31", "fp32", "cpu");
        assert_eq!(base, start(&all[0].clone(), "1.31", "fp32", "cpu"));
        for other in [
            start(&all[1], "1.31", "fp32", "cpu"),
            start(&all[0], "1.32", "fp32", "cpu"),
            start(&all[0], "1.31", "tf32", "cpu"),
            start(&all[0], "1.31", "fp32", "cpu 2"),
            start(&all[0], "1.31f", "p32", "cpu"),
        ] {
            assert_ne!(base, other);
        }
    }
}
