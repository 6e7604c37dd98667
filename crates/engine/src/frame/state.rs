//! What a run knows of the frames before: all that makes a frame's mattes depend on more than the frame.
//! It is collected from the stages at the border between two segments, so that work that continues there
//! continues exactly as if nothing had happened.

use crate::edits::StrokeState;
use crate::people::PeopleState;
use serde::{Deserialize, Serialize};
use vrseg_image::plane::Plane;
use vrseg_infer::Tensor;
use vrseg_infer::cache::{Chain, InferenceState};

/// The memory of all stages, as it is before a frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TemporalState {
    /// The scene detector's last picture.
    pub scene: Option<Plane<f32>>,
    /// Each model's.
    pub inference: Vec<InferenceState>,
    /// Of each view's stabilizer the last picture and matte; `None` before the first frame.
    pub stabilizers: Vec<Option<(Plane<f32>, Plane<f32>)>>,
    /// Who is where; `None` where nobody is looked for.
    pub people: Option<PeopleState>,
    /// Of each output's moving background the seconds at which its loop in flight began, and the loop's
    /// length as far as it is known.
    pub backgrounds: Vec<Option<(f64, f64)>>,
    /// The brush strokes that are being followed; `None` where there are none.
    pub strokes: Option<StrokeState>,
}

/// What stands before the numbers in a file.
#[derive(Default, Serialize, Deserialize)]
struct Index {
    scene: Option<[usize; 2]>,
    networks: Vec<ModelIndex>,
    stabilizers: Vec<Option<[usize; 2]>>,
    people: Option<PeopleState>,
    /// As bits, so that not one is lost.
    backgrounds: Vec<Option<[u64; 2]>>,
    /// Without its planes, whose sizes come after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    strokes: Option<(StrokeState, Vec<[usize; 2]>)>,
}

/// [`InferenceState`] without its numbers.
#[derive(Serialize, Deserialize)]
struct ModelIndex {
    shapes: Vec<Vec<usize>>,
    slots: Vec<u64>,
    chain: Option<Chain>,
}

/// Numbers that are believed to be in one state: 8 GB.
const MOST: usize = 1 << 31;

impl TemporalState {
    /// Resuming there needs mattes that are cached elsewhere.
    pub fn needs_cache(&self) -> bool {
        self.inference.iter().any(InferenceState::needs_cache)
    }

    /// As bytes: the length of an index, the index, and all numbers behind each other.
    pub fn to_bytes(&self) -> Vec<u8> {
        let size = |p: &Plane<f32>| [p.width(), p.height()];
        let shapes = |states: &[Tensor]| -> Vec<_> { states.iter().map(|t| t.shape.clone()).collect() };
        let model =
            |n: &InferenceState| ModelIndex { shapes: shapes(&n.states), slots: n.slots.clone(), chain: n.chain };
        let index = Index {
            scene: self.scene.as_ref().map(size),
            networks: self.inference.iter().map(model).collect(),
            people: self.people.clone(),
            stabilizers: self.stabilizers.iter().map(|s| s.as_ref().map(|(luma, _)| size(luma))).collect(),
            backgrounds: self.backgrounds.iter().map(|b| b.map(|(a, b)| [a.to_bits(), b.to_bits()])).collect(),
            strokes: self.strokes.as_ref().map(|s| (s.clone(), s.luma.iter().map(size).collect())),
        };
        // Numbers and lists of them can't fail.
        let index = serde_json::to_vec(&index).unwrap_or_default();
        let mut bytes = (index.len() as u64).to_le_bytes().to_vec();
        bytes.extend(index);
        let planes = self.stabilizers.iter().flatten().flat_map(|(luma, alpha)| [luma.data(), alpha.data()]);
        let scene = self.scene.iter().map(Plane::data);
        let recurrent = self.inference.iter().flat_map(|n| &n.states).map(|t| t.data.as_slice());
        let strokes = self.strokes.iter().flat_map(|s| s.luma.iter().map(Plane::data));
        for part in scene.chain(recurrent).chain(planes).chain(strokes) {
            bytes.extend(part.iter().flat_map(|v| v.to_le_bytes()));
        }
        bytes
    }

    /// The opposite of [`TemporalState::to_bytes`]; `None` where that didn't make the bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<8>()?;
        let (index, numbers) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        let index: Index = serde_json::from_slice(index).ok()?;
        let mut numbers = numbers.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let mut take = |shape: &[usize]| -> Option<Vec<f32>> {
            let n = shape
                .iter()
                .try_fold(1usize, |n, d| n.checked_mul(*d))
                .filter(|n| *n < MOST && *n * 4 <= bytes.len())?;
            let data: Vec<f32> = numbers.by_ref().take(n).collect();
            (data.len() == n).then_some(data)
        };
        let mut plane = |[w, h]: [usize; 2]| Some(Plane::from_vec(take(&[w, h])?, w, h));
        let scene = match index.scene {
            Some(size) => Some(plane(size)?),
            None => None,
        };
        let mut inference = Vec::new();
        for ModelIndex { shapes, slots, chain } in index.networks {
            let states = shapes.into_iter().map(|shape| Some(Tensor { data: take(&shape)?, shape }));
            inference.push(InferenceState { states: states.collect::<Option<_>>()?, slots, chain });
        }
        let mut plane = |[w, h]: [usize; 2]| Some(Plane::from_vec(take(&[w, h])?, w, h));
        let mut stabilizers = Vec::new();
        for size in index.stabilizers {
            stabilizers.push(match size {
                Some(size) => Some((plane(size)?, plane(size)?)),
                None => None,
            });
        }
        let strokes = match index.strokes {
            Some((mut strokes, sizes)) => {
                strokes.luma = sizes.into_iter().map(plane).collect::<Option<_>>()?;
                Some(strokes)
            }
            None => None,
        };
        let float = |b: Option<[u64; 2]>| b.map(|[a, b]| (f64::from_bits(a), f64::from_bits(b)));
        let backgrounds = index.backgrounds.into_iter().map(float).collect();
        numbers.next().is_none().then_some(Self {
            scene,
            inference,
            stabilizers,
            people: index.people,
            backgrounds,
            strokes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection;
    use proptest::prelude::*;

    /// One with something of everything.
    fn full() -> TemporalState {
        let plane = |seed: u32, w: usize, h: usize| {
            let value = |i: usize| f32::from_bits((seed + i as u32).wrapping_mul(2_654_435_761));
            Plane::from_vec(
                (0..w * h).map(value).filter(|v| !v.is_nan()).chain(std::iter::repeat(0.5)).take(w * h).collect(),
                w,
                h,
            )
        };
        TemporalState {
            scene: Some(plane(1, 32, 32)),
            inference: vec![
                InferenceState {
                    states: vec![
                        Tensor { shape: vec![2, 3, 4, 5], data: plane(7, 120, 1).data().to_vec() },
                        Tensor { shape: vec![1, 1, 1, 1], data: vec![f32::MIN_POSITIVE] },
                    ],
                    slots: vec![7, u64::MAX],
                    chain: serde_json::from_value(serde_json::json!({
                        "start": vec![7; 32], "last": vec![8; 32], "within": (vec![9; 32], 3),
                    }))
                    .expect("a chain"),
                },
                InferenceState::default(),
            ],
            stabilizers: vec![Some((plane(3, 7, 5), plane(4, 7, 5))), None],
            people: Some(PeopleState::sample()),
            backgrounds: vec![None, Some((0.1 + 0.2, f64::MAX))],
            strokes: Some(StrokeState::sample(vec![plane(9, 6, 4), plane(11, 6, 4)])),
        }
    }

    #[test]
    fn not_a_bit_is_lost() {
        let state = full();
        let bytes = state.to_bytes();
        assert_eq!(TemporalState::from_bytes(&bytes), Some(state));
        assert_eq!(TemporalState::from_bytes(&TemporalState::default().to_bytes()), Some(TemporalState::default()));
        for n in [0, 7, 8, 20, bytes.len() - 1] {
            assert_eq!(TemporalState::from_bytes(&bytes[..n]), None, "{n}");
        }
        let mut huge = bytes.clone();
        huge[0..8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(TemporalState::from_bytes(&huge), None);
    }

    proptest! {
        /// Bytes of a stranger make no state, or one that is not larger than they are.
        #[test]
        fn damaged_bytes_are_read_without_harm(
            changes in collection::vec((any::<usize>(), any::<u8>()), 1..6),
            cut in any::<usize>(),
        ) {
            let mut bytes = full().to_bytes();
            // The index is short: half of the changes meet it.
            for (i, (at, with)) in changes.iter().enumerate() {
                let n = if i % 2 == 0 { bytes.len() } else { bytes.len().min(600) };
                bytes[at % n] = *with;
            }
            bytes.truncate(if cut % 4 == 0 { cut % (bytes.len() + 1) } else { bytes.len() });
            if let Some(state) = TemporalState::from_bytes(&bytes) {
                prop_assert!(state.to_bytes().len() < 2 * bytes.len() + 1000);
            }
        }
    }
}
