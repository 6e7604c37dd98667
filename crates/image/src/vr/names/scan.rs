//! Finding the tokens in a name.

use super::tokens::{PHRASES, TokenClass, TokenMeaning, token};
use super::{NameFinding, NameFindings, NamedProjection};
use crate::vr::Projection;
use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    /// Nothing: the name begins or ends there.
    End,
    /// `_`, `-` or a bracket: how makers set tokens apart.
    Marker,
    /// Dots and other characters.
    Dot,
    /// Blanks, as in a sentence.
    Blank,
}

impl Gap {
    fn of(bytes: &[u8]) -> Gap {
        let has = |set: &[u8]| bytes.iter().any(|b| set.contains(b));
        if bytes.is_empty() {
            Gap::End
        } else if has(b"()[]{}") {
            Gap::Marker
        } else if has(b" \t") {
            Gap::Blank
        } else if has(b"_-+") {
            Gap::Marker
        } else {
            Gap::Dot
        }
    }
}

/// Words of a name and, by their numbers, what may be tokens.
pub(super) struct Scan<'a> {
    bytes: &'a [u8],
    pub(super) words: Vec<(Range<usize>, String)>,
    pub(super) candidates: Vec<Candidate>,
}

pub(super) struct Candidate {
    words: Range<usize>,
    class: TokenClass,
    pub(super) meaning: TokenMeaning,
}

impl<'a> Scan<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let words = words(bytes);
        let mut candidates = Vec::new();
        let mut at = 0;
        while at < words.len() {
            let here = |phrase: &[&str]| {
                words
                    .get(at..at + phrase.len())
                    .is_some_and(|w| w.iter().map(|w| w.1.as_str()).eq(phrase.iter().copied()))
            };
            let phrase = PHRASES.iter().find(|(p, ..)| here(p)).map(|(p, class, meaning)| (p.len(), *class, *meaning));
            let found = phrase.or_else(|| token(&words[at].1).map(|(class, meaning)| (1, class, meaning)));
            match found {
                Some((n, class, meaning)) => {
                    candidates.push(Candidate { words: at..at + n, class, meaning });
                    at += n;
                }
                None => at += 1,
            }
        }
        Self { bytes, words, candidates }
    }

    fn gap_before(&self, word: usize) -> Gap {
        let from = if word == 0 { 0 } else { self.words[word - 1].0.end };
        Gap::of(&self.bytes[from..self.words[word].0.start])
    }

    fn gap_after(&self, word: usize) -> Gap {
        let to = self.words.get(word + 1).map_or(self.bytes.len(), |w| w.0.start);
        Gap::of(&self.bytes[self.words[word].0.end..to])
    }

    /// Whether a candidate is meant as a token.
    pub(super) fn counts(&self, number: usize) -> bool {
        let Candidate { words: Range { start, end }, class, .. } = &self.candidates[number];
        let next = self.candidates.get(number + 1).is_some_and(|c| c.words.start == *end);
        let before = number.checked_sub(1).is_some_and(|n| self.candidates[n].words.end == *start);
        // The first word is the title ("tb.mp4", "Mono Lake.mp4") unless tokens follow.
        let title = *start == 0;
        match class {
            TokenClass::Strong => true,
            _ if title => next,
            TokenClass::Weak => {
                let others =
                    self.candidates.iter().enumerate().any(|(i, c)| i != number && c.class != TokenClass::Word);
                self.gap_before(*start) != Gap::Blank || *end == self.words.len() || others || before || next
            }
            TokenClass::Word => {
                let apart = self.gap_before(*start) == Gap::Marker
                    && matches!(self.gap_after(*end - 1), Gap::Marker | Gap::End);
                apart || before || next
            }
        }
    }

    /// The candidate, spelled as in the name.
    fn text(&self, c: &Candidate) -> String {
        let (from, to) = (self.words[c.words.start].0.start, self.words[c.words.end - 1].0.end);
        String::from_utf8_lossy(&self.bytes[from..to]).into_owned()
    }

    pub(super) fn read(&self) -> NameFindings {
        let mut counted: Vec<&Candidate> =
            (0..self.candidates.len()).filter(|i| self.counts(*i)).map(|i| &self.candidates[i]).collect();
        let fisheye = |c: &&Candidate| {
            matches!(c.meaning.projection, Some((NamedProjection::Known(Projection::Fisheye { .. }), _)))
        };
        if !counted.iter().any(fisheye) {
            counted.retain(|c| !c.meaning.alpha);
        }
        let mut named = NameFindings::default();
        let mut rank = 0;
        // Later tokens win: makers append theirs to whatever the name was.
        for c in &counted {
            let token = || self.text(c);
            if let Some(value) = c.meaning.layout {
                if named.layout.as_ref().is_some_and(|l| l.value != value) {
                    (named.eye_order, named.packing) = (None, None);
                }
                named.layout = Some(NameFinding { value, token: token() });
            }
            if let Some(value) = c.meaning.order {
                named.eye_order = Some(NameFinding { value, token: token() });
            }
            if let Some(value) = c.meaning.packing {
                named.packing = Some(NameFinding { value, token: token() });
            }
            if let Some((value, r)) = c.meaning.projection
                && r >= rank
            {
                named.projection = Some(NameFinding { value, token: token() });
                rank = r;
            }
            if c.meaning.alpha {
                named.alpha = Some(NameFinding { value: (), token: token() });
            }
            if c.meaning.passthrough {
                named.passthrough = Some(NameFinding { value: (), token: token() });
            }
        }
        named.bare_number = match counted.as_slice() {
            [one] => one.class == TokenClass::Weak && matches!(one.meaning.projection, Some((_, 1))),
            _ => false,
        };
        named
    }

    /// The name without the candidates that `drop` names, and without what set them apart.
    pub(super) fn without(&self, drop: impl Fn(usize) -> bool) -> Vec<u8> {
        let mut dropped = vec![false; self.words.len()];
        for (_, c) in self.candidates.iter().enumerate().filter(|(i, _)| drop(*i)) {
            dropped[c.words.clone()].fill(true);
        }
        if !dropped.contains(&true) {
            return self.bytes.to_vec();
        }
        let mut kept = Vec::new();
        let mut end = 0;
        let mut after_dropped = false;
        for ((range, _), dropped) in self.words.iter().zip(&dropped) {
            if !dropped {
                let gap = &self.bytes[end..range.start];
                if after_dropped {
                    // "clip (180 SBS) b": the brackets go with what they held.
                    if !kept.is_empty() {
                        kept.extend(gap.iter().filter(|b| !b"()[]{}".contains(b)));
                    }
                } else {
                    kept.extend_from_slice(gap);
                }
                kept.extend_from_slice(&self.bytes[range.clone()]);
            }
            after_dropped = *dropped;
            end = range.end;
        }
        if !after_dropped {
            kept.extend_from_slice(&self.bytes[end..]);
        }
        kept
    }
}

/// The words of a name: runs of letters and digits. Bytes that are no ASCII are letters, whatever
/// their encoding, but for the degree sign of "180°".
pub(super) fn words(bytes: &[u8]) -> Vec<(Range<usize>, String)> {
    let is_letter = |at: usize| {
        let b = bytes[at];
        let degree = bytes[at..].starts_with("°".as_bytes()) || at > 0 && bytes[at - 1..].starts_with("°".as_bytes());
        b.is_ascii_alphanumeric() || !b.is_ascii() && !degree
    };
    let mut words = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        while at < bytes.len() && is_letter(at) {
            at += 1;
        }
        if at > start {
            words.push((start..at, String::from_utf8_lossy(&bytes[start..at]).to_ascii_lowercase()));
        }
        at += 1;
    }
    words
}
