//! Entries of the caches: the mattes of a frame, or of a run of frames with the states behind them. And both as bytes,
//! which are parsed as carefully as if a stranger had written them.

use super::key::Key;
use super::matte::{LEVELS, from_levels, to_levels};
use crate::batch::Tensor;
use vrseg_image::plane::Plane;

/// Pixels in one frame's mattes, at most: 64 pictures of 4096 x 4096. More than that is damage.
const MAX_PIXELS: usize = 1 << 30;
/// Numbers in a state, at most: 2 GB. More than that is damage.
const MAX_STATE_NUMBERS: usize = 1 << 29;
/// 1 compresses mattes nearly as well as 9, in a tenth of the time.
const ZSTD_LEVEL: i32 = 1;

/// The mattes of one frame, one for each picture of the model's input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mattes {
    /// Width and height of each.
    sizes: Vec<(usize, usize)>,
    /// Their levels, one matte behind the other.
    levels: Vec<u16>,
}

impl Mattes {
    /// Rounds `alphas` to whole levels, and copies these.
    pub(crate) fn round(alphas: &mut [Plane<f32>]) -> Self {
        let sizes: Vec<_> = alphas.iter().map(|a| (a.width(), a.height())).collect();
        let mut levels = vec![0; sizes.iter().map(|(w, h)| w * h).sum()];
        let mut rest = levels.as_mut_slice();
        for alpha in alphas {
            let (own, others) = rest.split_at_mut(alpha.data().len());
            to_levels(alpha.data_mut(), own);
            rest = others;
        }
        Self { sizes, levels }
    }

    /// Writes the mattes into `alphas`; `false` where there are not as many.
    pub(crate) fn fill(&self, alphas: &mut [Plane<f32>]) -> bool {
        if alphas.len() != self.sizes.len() {
            return false;
        }
        let mut rest = self.levels.as_slice();
        for (alpha, (w, h)) in alphas.iter_mut().zip(&self.sizes) {
            let (own, others) = rest.split_at(w * h);
            alpha.resize(*w, *h);
            from_levels(own, alpha.data_mut());
            rest = others;
        }
        true
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        2 * self.levels.len() + 16 * self.sizes.len() + 64
    }

    /// As bytes, compressed.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.number(self.sizes.len());
        for (w, h) in &self.sizes {
            out.number(*w);
            out.number(*h);
        }
        let raw: Vec<u8> = self.levels.iter().flat_map(|v| v.to_le_bytes()).collect();
        out.compressed(&raw);
        out.0
    }

    /// The inverse of [`Mattes::to_bytes`]; `None` where the bytes are not such mattes.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(bytes);
        let n = from.count(8)?;
        let mut sizes = Vec::with_capacity(n);
        let mut pixels = 0usize;
        for _ in 0..n {
            let (w, h) = (from.number()?, from.number()?);
            pixels = pixels.checked_add(w.checked_mul(h).filter(|p| *p > 0)?).filter(|p| *p <= MAX_PIXELS)?;
            sizes.push((w, h));
        }
        let raw = from.compressed(2 * pixels)?;
        from.end()?;
        let levels: Vec<u16> = raw.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect();
        levels.iter().all(|v| *v <= LEVELS).then_some(Self { sizes, levels })
    }
}

/// Consecutive frames of a recurrent model.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Run {
    /// Each frame's key and compressed mattes.
    frames: Vec<(Key, Vec<u8>)>,
    /// The states behind the last frame; `None` where they are not needed, since a cut follows.
    end: Option<Vec<Tensor>>,
}

impl Run {
    pub(crate) fn push(&mut self, key: Key, mattes: &Mattes) {
        self.frames.push((key, mattes.to_bytes()));
    }

    pub(crate) fn end_with(&mut self, states: Option<Vec<Tensor>>) {
        self.end = states;
    }

    pub(crate) fn len(&self) -> usize {
        self.frames.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// The key of frame `i`.
    pub(crate) fn key(&self, i: usize) -> Option<&Key> {
        self.frames.get(i).map(|f| &f.0)
    }

    pub(crate) fn starts_with(&self, key: &Key) -> bool {
        self.key(0) == Some(key)
    }

    /// The mattes of frame `i`.
    pub(crate) fn mattes(&self, i: usize) -> Option<Mattes> {
        Mattes::from_bytes(&self.frames.get(i)?.1)
    }

    /// The states behind the last frame.
    pub(crate) fn end(&self) -> Option<&[Tensor]> {
        self.end.as_deref()
    }

    /// Bytes of the compressed mattes.
    pub(crate) fn compressed_bytes(&self) -> usize {
        self.frames.iter().map(|f| f.1.len()).sum()
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        let states: usize = self.end.iter().flatten().map(|t| 4 * t.data.len()).sum();
        self.compressed_bytes() + 64 * self.frames.len() + states + 64
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer(Vec::with_capacity(self.bytes()));
        out.number(self.frames.len());
        for (key, mattes) in &self.frames {
            out.0.extend(key.0);
            out.number(mattes.len());
            out.0.extend(mattes);
        }
        out.number(self.end.as_ref().map_or(0, |states| states.len() + 1));
        for state in self.end.iter().flatten() {
            out.number(state.shape.len());
            state.shape.iter().for_each(|d| out.number(*d));
            out.0.extend(state.data.iter().flat_map(|v| v.to_le_bytes()));
        }
        out.0
    }

    /// The inverse of [`Run::to_bytes`]; `None` where the bytes are no such run. A frame's mattes are decompressed and
    /// checked only by [`Run::mattes`].
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(bytes);
        let n = from.count(36)?;
        let mut frames = Vec::with_capacity(n);
        for _ in 0..n {
            let key = Key(*from.take(32)?.first_chunk()?);
            let len = from.number()?;
            frames.push((key, from.take(len)?.to_vec()));
        }
        let end = match from.count(4)? {
            0 => None,
            n => {
                let mut states = Vec::with_capacity(n - 1);
                for _ in 1..n {
                    let rank = from.count(4)?;
                    let shape = (0..rank).map(|_| from.number()).collect::<Option<Vec<_>>>()?;
                    let len =
                        shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d)).filter(|n| *n <= MAX_STATE_NUMBERS)?;
                    let data = from.take(4 * len)?.chunks_exact(4);
                    let data = data.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
                    states.push(Tensor { shape, data });
                }
                Some(states)
            }
        };
        from.end()?;
        Some(Self { frames, end })
    }
}

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, n: usize) {
        // All counts here are far below 2^32.
        self.0.extend((n as u32).to_le_bytes());
    }

    fn compressed(&mut self, raw: &[u8]) {
        // Compressing into memory can't fail; if it did, the entry would be a miss.
        let packed = zstd::bulk::compress(raw, ZSTD_LEVEL).unwrap_or_default();
        self.number(packed.len());
        self.0.extend(packed);
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (own, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(own)
    }

    fn number(&mut self) -> Option<usize> {
        Some(u32::from_le_bytes(*self.take(4)?.first_chunk()?) as usize)
    }

    /// A number of items of at least `each` bytes, all of which must be there (one more is accepted, for counts that
    /// start with 1).
    fn count(&mut self, each: usize) -> Option<usize> {
        let n = self.number()?;
        (n <= self.0.len() / each + 1).then_some(n)
    }

    /// Decompresses exactly `len` bytes.
    fn compressed(&mut self, len: usize) -> Option<Vec<u8>> {
        let n = self.number()?;
        let packed = self.take(n)?;
        // Memory is allocated only for data that claims the right size.
        let claimed = zstd::zstd_safe::get_frame_content_size(packed).ok()??;
        if claimed != len as u64 {
            return None;
        }
        zstd::bulk::decompress(packed, len).ok().filter(|raw| raw.len() == len)
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn alphas() -> Vec<Plane<f32>> {
        let plane = |w: usize, h: usize| Plane::from_vec((0..w * h).map(|i| (i % 97) as f32 / 96.0).collect(), w, h);
        vec![plane(31, 17), plane(64, 1)]
    }

    fn run() -> Run {
        let mut run = Run::default();
        for i in 0..3 {
            run.push(Key([i; 32]), &Mattes::round(&mut alphas()));
        }
        run.end_with(Some(vec![
            Tensor { shape: vec![1, 2, 3], data: vec![-1.5; 6] },
            Tensor { shape: vec![1, 1, 1, 1], data: vec![f32::MIN_POSITIVE] },
        ]));
        run
    }

    #[test]
    fn mattes_survive_a_round_trip() {
        let mut used = alphas();
        let mattes = Mattes::round(&mut used);
        let mut filled = vec![Plane::new(5, 5), Plane::default()];
        assert!(Mattes::from_bytes(&mattes.to_bytes()).unwrap().fill(&mut filled));
        assert_eq!(filled, used);
        assert!(!mattes.fill(&mut filled[..1]), "another number of pictures");
    }

    #[test]
    fn runs_survive_a_round_trip_with_their_states() {
        let run = run();
        assert_eq!(Run::from_bytes(&run.to_bytes()).as_ref(), Some(&run));
        let mut open = run.clone();
        open.end_with(None);
        assert_eq!(Run::from_bytes(&open.to_bytes()).unwrap().end(), None);
        open.end_with(Some(Vec::new()));
        assert_eq!(Run::from_bytes(&open.to_bytes()).unwrap().end(), Some(&[][..]), "no states are states, too");
        assert_eq!(run.mattes(2).unwrap(), Mattes::round(&mut alphas()));
        assert!(run.mattes(3).is_none() && run.starts_with(&Key([0; 32])) && !run.starts_with(&Key([1; 32])));
    }

    #[test]
    fn truncated_or_too_long_bytes_are_rejected() {
        for bytes in [Mattes::round(&mut alphas()).to_bytes(), run().to_bytes()] {
            for n in 0..bytes.len() {
                assert!(Mattes::from_bytes(&bytes[..n]).is_none() && Run::from_bytes(&bytes[..n]).is_none(), "{n}");
            }
            let long = [bytes, vec![0]].concat();
            assert!(Mattes::from_bytes(&long).is_none() && Run::from_bytes(&long).is_none());
        }
    }

    #[test]
    fn decompression_bomb_is_not_allocated() {
        // A gigabyte of zeros packs into some kilobytes.
        let bomb = zstd::bulk::compress(&vec![0; 1 << 28], 1).unwrap();
        let mut out = Writer::default();
        [1, 10, 10, bomb.len()].iter().for_each(|n| out.number(*n));
        out.0.extend(bomb);
        assert!(Mattes::from_bytes(&out.0).is_none());
        let mut out = Writer::default();
        [u32::MAX as usize, 1, 1].iter().for_each(|n| out.number(*n));
        assert!(Mattes::from_bytes(&out.0).is_none() && Run::from_bytes(&out.0).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Mattes::from_bytes(&bytes);
            if let Some(run) = Run::from_bytes(&bytes) {
                let _ = run.mattes(0);
            }
        }

        #[test]
        fn flipped_bit_never_makes_sizes_contradict_the_data(at in 0usize..10_000, bit in 0u8..8) {
            let mut bytes = run().to_bytes();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            if let Some(mattes) = Run::from_bytes(&bytes).and_then(|r| r.mattes(1)) {
                let pixels: usize = mattes.sizes.iter().map(|(w, h)| w * h).sum();
                prop_assert_eq!(pixels, mattes.levels.len());
            }
        }
    }
}
