//! File names: the tokens by which headset players know layout and projection, read and written.
//!
//! The tokens are those of DeoVR, HereSphere, SKYBOX, Pigasus, xbvr and of camera and lens makers
//! (`docs/vr_formats.md` lists them). Players read them in any case and order, between any
//! characters that are neither letter nor digit. Some tokens are ordinary words, too (`flat`,
//! `screen`, French `ou`): those count only where the name makes plain that they are meant.

use super::format::{EyeOrder, Format, Packing, Unsupported};
use super::layout::Layout;
use super::projection::Projection;
use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// A projection that a name states.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NamedProjection {
    /// One that vrseg knows.
    Known(Projection),
    /// One that it can't work on.
    Unsupported(Unsupported),
}

/// Something that a token states, with the token as it is written in the name.
#[derive(Clone, Debug, PartialEq)]
pub struct Stated<T> {
    /// What it states.
    pub value: T,
    /// The token.
    pub token: String,
}

/// All that a name states.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Named {
    /// Where the views are.
    pub layout: Option<Stated<Layout>>,
    /// Whose view comes first.
    pub eye_order: Option<Stated<EyeOrder>>,
    /// Squeezed or not.
    pub packing: Option<Stated<Packing>>,
    /// How each view lies on the sphere.
    pub projection: Option<Stated<NamedProjection>>,
    /// Alpha in the corners. Players look for it in fisheye videos only, and so does this.
    pub alpha: Option<Stated<()>>,
    /// Meant for a player's chroma key.
    pub passthrough: Option<Stated<()>>,
    /// Nothing but a bare `180` or `360`, which may as well be a number.
    pub bare_number: bool,
}

impl Named {
    /// The fisheye's field of view in degrees, where a fisheye is stated.
    pub fn fov(&self) -> Option<f32> {
        match self.projection.as_ref()?.value {
            NamedProjection::Known(Projection::Fisheye { fov }) => Some(fov),
            _ => None,
        }
    }
}

/// What a token says.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Says {
    layout: Option<Layout>,
    order: Option<EyeOrder>,
    packing: Option<Packing>,
    /// The projection, and how much more it says than other tokens: `FISHEYE190` more than
    /// `FISHEYE`, and that more than the `180` that many names have besides.
    projection: Option<(NamedProjection, u8)>,
    alpha: bool,
    passthrough: bool,
}

/// When a word counts as a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// No ordinary word: always.
    Strong,
    /// Short or a number: not as the title, nor in the middle of a sentence.
    Weak,
    /// A word of some language: only between `_` or `-`, or beside another token.
    Word,
}

const NONE: Says =
    Says { layout: None, order: None, packing: None, projection: None, alpha: false, passthrough: false };
const SBS: Says = Says { layout: Some(Layout::SideBySide), ..NONE };
const TB: Says = Says { layout: Some(Layout::TopBottom), ..NONE };
const MONO: Says = Says { layout: Some(Layout::Mono), ..NONE };
const LR: Says = Says { order: Some(EyeOrder::LeftFirst), ..SBS };
const RL: Says = Says { order: Some(EyeOrder::RightFirst), ..SBS };
const LEFT_TOP: Says = Says { order: Some(EyeOrder::LeftFirst), ..TB };
const RIGHT_TOP: Says = Says { order: Some(EyeOrder::RightFirst), ..TB };

const fn full(says: Says) -> Says {
    Says { packing: Some(Packing::Full), ..says }
}

const fn half(says: Says) -> Says {
    Says { packing: Some(Packing::Half), ..says }
}

const fn known(projection: Projection, rank: u8) -> Says {
    Says { projection: Some((NamedProjection::Known(projection), rank)), ..NONE }
}

const fn fisheye(fov: f32) -> Says {
    known(Projection::Fisheye { fov }, 3)
}

const fn refused(what: Unsupported) -> Says {
    Says { projection: Some((NamedProjection::Unsupported(what), 2)), ..NONE }
}

const DOME: Says = known(Projection::HalfEquirectangular, 1);
const SPHERE: Says = known(Projection::Equirectangular, 1);
const FLAT: Says = known(Projection::Flat, 1);
const FISHEYE: Says = known(Projection::Fisheye { fov: 180.0 }, 2);
const EAC: Says = refused(Unsupported::EquiangularCubemap);
const CUBE: Says = refused(Unsupported::Cubemap);

/// Tokens of one word, lower case.
const TOKENS: &[(&str, Class, Says)] = &[
    ("lr", Class::Weak, LR),
    ("rl", Class::Weak, RL),
    ("lrf", Class::Weak, full(LR)),
    ("rlf", Class::Weak, full(RL)),
    ("sbs", Class::Strong, SBS),
    ("sbsf", Class::Strong, full(SBS)),
    ("fsbs", Class::Strong, full(SBS)),
    ("fullsbs", Class::Strong, full(SBS)),
    ("hsbs", Class::Strong, half(SBS)),
    ("halfsbs", Class::Strong, half(SBS)),
    ("3dh", Class::Strong, SBS),
    ("3dhf", Class::Strong, full(SBS)),
    ("3dsbs", Class::Strong, SBS),
    ("sidebyside", Class::Strong, SBS),
    ("leftright", Class::Strong, LR),
    ("rightleft", Class::Strong, RL),
    ("tb", Class::Weak, LEFT_TOP),
    ("bt", Class::Weak, RIGHT_TOP),
    ("tbf", Class::Weak, full(LEFT_TOP)),
    ("btf", Class::Weak, full(RIGHT_TOP)),
    ("htb", Class::Weak, half(LEFT_TOP)),
    ("ftb", Class::Weak, full(LEFT_TOP)),
    ("fulltb", Class::Strong, full(LEFT_TOP)),
    ("halftb", Class::Strong, half(LEFT_TOP)),
    ("ou", Class::Word, TB),
    ("ouf", Class::Word, full(TB)),
    ("hou", Class::Weak, half(TB)),
    ("fou", Class::Word, full(TB)),
    ("fullou", Class::Strong, full(TB)),
    ("halfou", Class::Strong, half(TB)),
    ("3dv", Class::Strong, TB),
    ("3dvf", Class::Strong, full(TB)),
    ("3dtb", Class::Strong, TB),
    ("3dou", Class::Strong, TB),
    ("topbottom", Class::Strong, LEFT_TOP),
    ("bottomtop", Class::Strong, RIGHT_TOP),
    ("overunder", Class::Strong, TB),
    ("2d", Class::Word, MONO),
    ("mono", Class::Word, MONO),
    ("180", Class::Weak, DOME),
    ("180x180", Class::Strong, DOME),
    ("vr180", Class::Strong, DOME),
    ("180vr", Class::Strong, DOME),
    ("360", Class::Weak, SPHERE),
    ("360x180", Class::Strong, SPHERE),
    ("vr360", Class::Strong, SPHERE),
    ("360vr", Class::Strong, SPHERE),
    ("eac", Class::Word, EAC),
    ("eac360", Class::Strong, EAC),
    ("360eac", Class::Strong, EAC),
    ("cubemap", Class::Strong, CUBE),
    ("cubemap360", Class::Strong, CUBE),
    ("360cubemap", Class::Strong, CUBE),
    ("fisheye", Class::Word, FISHEYE),
    ("f180", Class::Strong, fisheye(180.0)),
    ("180f", Class::Strong, fisheye(180.0)),
    ("rf52", Class::Strong, fisheye(190.0)),
    ("mkx200", Class::Strong, fisheye(200.0)),
    ("mkx220", Class::Strong, fisheye(220.0)),
    ("mkx22", Class::Strong, fisheye(220.0)),
    ("vrca220", Class::Strong, fisheye(220.0)),
    ("flat", Class::Word, FLAT),
    ("screen", Class::Word, FLAT),
    ("alpha", Class::Word, Says { alpha: true, ..NONE }),
    ("passthrough", Class::Word, Says { passthrough: true, ..NONE }),
];

/// Tokens of several words.
const PHRASES: &[(&[&str], Class, Says)] = &[
    (&["full", "side", "by", "side"], Class::Strong, full(SBS)),
    (&["half", "side", "by", "side"], Class::Strong, half(SBS)),
    (&["side", "by", "side"], Class::Weak, SBS),
    (&["left", "right"], Class::Weak, LR),
    (&["right", "left"], Class::Weak, RL),
    (&["top", "bottom"], Class::Weak, LEFT_TOP),
    (&["top", "and", "bottom"], Class::Weak, LEFT_TOP),
    (&["bottom", "top"], Class::Weak, RIGHT_TOP),
    (&["over", "under"], Class::Weak, TB),
    (&["full", "sbs"], Class::Strong, full(SBS)),
    (&["half", "sbs"], Class::Strong, half(SBS)),
    (&["f", "sbs"], Class::Strong, full(SBS)),
    (&["h", "sbs"], Class::Strong, half(SBS)),
    (&["full", "ou"], Class::Strong, full(TB)),
    (&["half", "ou"], Class::Strong, half(TB)),
    (&["h", "ou"], Class::Weak, half(TB)),
    (&["full", "tb"], Class::Strong, full(LEFT_TOP)),
    (&["half", "tb"], Class::Strong, half(LEFT_TOP)),
    (&["h", "tb"], Class::Weak, half(LEFT_TOP)),
    (&["vr", "180"], Class::Strong, DOME),
    (&["vr", "360"], Class::Strong, SPHERE),
    (&["360", "180"], Class::Weak, SPHERE),
    (&["eac", "360"], Class::Strong, EAC),
    (&["360", "eac"], Class::Strong, EAC),
    (&["cube", "map"], Class::Strong, CUBE),
    (&["rf", "52"], Class::Strong, fisheye(190.0)),
    (&["rf5", "2"], Class::Strong, fisheye(190.0)),
    (&["mkx", "200"], Class::Strong, fisheye(200.0)),
    (&["mkx", "220"], Class::Strong, fisheye(220.0)),
    (&["vrca", "220"], Class::Strong, fisheye(220.0)),
    (&["fisheye", "180"], Class::Strong, fisheye(180.0)),
    (&["fisheye", "190"], Class::Strong, fisheye(190.0)),
    (&["fisheye", "200"], Class::Strong, fisheye(200.0)),
    (&["fisheye", "220"], Class::Strong, fisheye(220.0)),
];

/// Numbers that are written together with a layout: `180LR`, `TB360`.
const FIELDS: &[(&str, Says)] = &[("vr180", DOME), ("vr360", SPHERE), ("180", DOME), ("360", SPHERE)];

/// Fields of view that a name may state.
const FOVS: std::ops::RangeInclusive<u16> = 90..=270;

/// What a word says by itself.
fn token(word: &str) -> Option<(Class, Says)> {
    if let Some((_, class, says)) = TOKENS.iter().find(|(t, ..)| *t == word) {
        return Some((*class, *says));
    }
    if let Some(digits) = word.strip_prefix("fisheye") {
        let fov = digits.parse::<u16>().ok().filter(|n| !digits.starts_with('0') && FOVS.contains(n))?;
        return Some((Class::Strong, fisheye(f32::from(fov))));
    }
    FIELDS.iter().find_map(|(field, projection)| {
        let rest = word.strip_prefix(field).or_else(|| word.strip_suffix(field))?;
        let (_, _, says) = TOKENS.iter().find(|(t, _, s)| *t == rest && s.layout.is_some())?;
        Some((Class::Strong, Says { projection: projection.projection, ..*says }))
    })
}

/// What lies between two words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    /// Nothing: the name begins or ends there.
    End,
    /// `_`, `-` or a bracket: how makers set tokens apart.
    Marker,
    /// Dots and other characters.
    Dot,
    /// Blanks: a sentence.
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
struct Scan<'a> {
    bytes: &'a [u8],
    words: Vec<(Range<usize>, String)>,
    candidates: Vec<Candidate>,
}

struct Candidate {
    words: Range<usize>,
    class: Class,
    says: Says,
}

impl<'a> Scan<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let words = words(bytes);
        let mut candidates = Vec::new();
        let mut at = 0;
        while at < words.len() {
            let here = |phrase: &[&str]| {
                words
                    .get(at..at + phrase.len())
                    .is_some_and(|w| w.iter().map(|w| w.1.as_str()).eq(phrase.iter().copied()))
            };
            let phrase = PHRASES.iter().find(|(p, ..)| here(p)).map(|(p, class, says)| (p.len(), *class, *says));
            let found = phrase.or_else(|| token(&words[at].1).map(|(class, says)| (1, class, says)));
            match found {
                Some((n, class, says)) => {
                    candidates.push(Candidate { words: at..at + n, class, says });
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
    fn counts(&self, number: usize) -> bool {
        let Candidate { words: Range { start, end }, class, .. } = &self.candidates[number];
        let next = self.candidates.get(number + 1).is_some_and(|c| c.words.start == *end);
        let before = number.checked_sub(1).is_some_and(|n| self.candidates[n].words.end == *start);
        // The first word is the title ("tb.mp4", "Mono Lake.mp4") unless tokens go on.
        let title = *start == 0;
        match class {
            Class::Strong => true,
            _ if title => next,
            Class::Weak => {
                let others = self.candidates.iter().enumerate().any(|(i, c)| i != number && c.class != Class::Word);
                self.gap_before(*start) != Gap::Blank || *end == self.words.len() || others || before || next
            }
            Class::Word => {
                let apart = self.gap_before(*start) == Gap::Marker
                    && matches!(self.gap_after(*end - 1), Gap::Marker | Gap::End);
                apart || before || next
            }
        }
    }

    /// The candidate as it is written.
    fn text(&self, c: &Candidate) -> String {
        let (from, to) = (self.words[c.words.start].0.start, self.words[c.words.end - 1].0.end);
        String::from_utf8_lossy(&self.bytes[from..to]).into_owned()
    }

    fn read(&self) -> Named {
        let mut counted: Vec<&Candidate> =
            (0..self.candidates.len()).filter(|i| self.counts(*i)).map(|i| &self.candidates[i]).collect();
        let fisheye =
            |c: &&Candidate| matches!(c.says.projection, Some((NamedProjection::Known(Projection::Fisheye { .. }), _)));
        if !counted.iter().any(fisheye) {
            counted.retain(|c| !c.says.alpha);
        }
        let mut named = Named::default();
        let mut rank = 0;
        // Later tokens win: makers append theirs to whatever the name was.
        for c in &counted {
            let token = || self.text(c);
            if let Some(value) = c.says.layout {
                if named.layout.as_ref().is_some_and(|l| l.value != value) {
                    (named.eye_order, named.packing) = (None, None);
                }
                named.layout = Some(Stated { value, token: token() });
            }
            if let Some(value) = c.says.order {
                named.eye_order = Some(Stated { value, token: token() });
            }
            if let Some(value) = c.says.packing {
                named.packing = Some(Stated { value, token: token() });
            }
            if let Some((value, r)) = c.says.projection
                && r >= rank
            {
                named.projection = Some(Stated { value, token: token() });
                rank = r;
            }
            if c.says.alpha {
                named.alpha = Some(Stated { value: (), token: token() });
            }
            if c.says.passthrough {
                named.passthrough = Some(Stated { value: (), token: token() });
            }
        }
        named.bare_number = match counted.as_slice() {
            [one] => one.class == Class::Weak && matches!(one.says.projection, Some((_, 1))),
            _ => false,
        };
        named
    }

    /// The name without the candidates that `drop` names, and without what set them apart.
    fn without(&self, drop: impl Fn(usize) -> bool) -> Vec<u8> {
        let mut dropped = vec![false; self.words.len()];
        for (i, c) in self.candidates.iter().enumerate().filter(|(i, _)| drop(*i)) {
            debug_assert!(i < self.candidates.len());
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
fn words(bytes: &[u8]) -> Vec<(Range<usize>, String)> {
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

/// What a file's name states.
pub fn read(path: &Path) -> Named {
    Scan::new(path.file_stem().unwrap_or_default().as_bytes()).read()
}

/// A file name's stem without the tokens that [`read`] goes by; `video` where nothing else was in it.
pub fn strip(stem: &OsStr) -> OsString {
    let scan = Scan::new(stem.as_bytes());
    let fisheye = scan.read().fov().is_some();
    let kept = scan.without(|i| scan.counts(i) && (fisheye || !scan.candidates[i].says.alpha));
    if words(&kept).is_empty() && !scan.words.is_empty() {
        return "video".into();
    }
    OsString::from_vec(kept)
}

/// The tokens, each with a `_` before it, by which players know a format: `_LR_180_SBS`. Empty for
/// a flat picture of one view.
pub fn tokens(format: &Format) -> String {
    let left = format.eye_order == EyeOrder::LeftFirst;
    let full = format.packing == Packing::Full;
    let sbs = format.layout == Layout::SideBySide;
    let order = match (format.layout, left) {
        (Layout::Mono, _) => "_mono",
        (Layout::SideBySide, true) => "_LR",
        (Layout::SideBySide, false) => "_RL",
        (Layout::TopBottom, true) => "_TB",
        (Layout::TopBottom, false) => "_BT",
    };
    // What says how much each view is squeezed.
    let packing = match (format.layout, full) {
        (Layout::Mono, _) => "",
        (Layout::SideBySide, true) => "_SBS",
        (Layout::SideBySide, false) => "_HSBS",
        (Layout::TopBottom, true) => "",
        (Layout::TopBottom, false) => "_HOU",
    };
    let mut text = match format.projection {
        Projection::Flat => match (format.layout, full) {
            (Layout::Mono, _) => String::new(),
            // A flat screen has no natural shape to tell full from half by. iw3's users report that
            // SKYBOX, Pigasus and DeoVR know `LRF_Full_SBS`.
            (Layout::SideBySide, true) => format!("{order}F_Full_SBS"),
            (Layout::TopBottom, true) => format!("{order}F"),
            (_, false) => format!("{order}{packing}"),
        },
        Projection::HalfEquirectangular => format!("{order}_180{packing}"),
        Projection::Equirectangular => format!("{order}_360{packing}"),
        Projection::Fisheye { fov } => {
            let fov = fov.round() as i32;
            let lens = match fov {
                180 => "_FISHEYE_F180".to_owned(),
                200 => "_MKX200".to_owned(),
                220 => "_MKX220".to_owned(),
                n => format!("_FISHEYE{n}"),
            };
            match (sbs && left && full, fov) {
                // What PTMediaServer found to satisfy both DeoVR and HereSphere.
                (true, 180) => format!("_LR_180{lens}"),
                // A fisheye is side by side, left eye first, unless a name says otherwise.
                (true, _) => lens,
                (false, _) => format!("{order}{packing}{lens}"),
            }
        }
    };
    if format.alpha_packed && matches!(format.projection, Projection::Fisheye { .. }) {
        text += "_alpha";
    }
    text
}

/// What a name says of a format once it has [`tokens`]' defaults for what it leaves open.
fn format_of(named: &Named) -> Option<Format> {
    let projection = match named.projection.as_ref().map(|p| p.value) {
        Some(NamedProjection::Known(p)) => p,
        Some(NamedProjection::Unsupported(_)) => return None,
        None => Projection::Flat,
    };
    let fisheye = matches!(projection, Projection::Fisheye { .. });
    let usual = if fisheye { Layout::SideBySide } else { Layout::Mono };
    Some(Format {
        layout: named.layout.as_ref().map_or(usual, |l| l.value),
        eye_order: named.eye_order.as_ref().map_or(EyeOrder::LeftFirst, |o| o.value),
        packing: named.packing.as_ref().map_or(Packing::Full, |p| p.value),
        projection,
        alpha_packed: named.alpha.is_some(),
    })
}

/// The stem of a made file's name: the source's stem, its own tokens taken out, with the tokens of
/// what was made, and `passthrough` for a picture with a key color. Reading the name gives the
/// format again, whatever the stem is; a fisheye's field of view is rounded to whole degrees.
pub fn name(stem: &OsStr, format: &Format, passthrough: bool) -> OsString {
    let tokens = tokens(format);
    // A key color and packed alpha exclude each other.
    let tail = if passthrough && !format.alpha_packed { tokens + "_passthrough" } else { tokens };
    let want = format_of(&Scan::new(format!("x{tail}").as_bytes()).read());
    let good = |stem: &[u8]| {
        let name = [stem, tail.as_bytes()].concat();
        format_of(&Scan::new(&name).read()) == want
    };
    let mut stem = strip(stem).into_vec();
    // Words that alone mean nothing may mean something beside a token ("my fisheye" + "_LR_180").
    while !good(&stem) {
        let scan = Scan::new(&stem);
        let shorter = if scan.candidates.is_empty() {
            // What is left makes a phrase with the first token ("half" + "_TB").
            match scan.words.split_last() {
                Some((_, rest)) => stem[..rest.last().map_or(0, |w| w.0.end)].to_vec(),
                None => Vec::new(),
            }
        } else {
            scan.without(|_| true)
        };
        if shorter.is_empty() || shorter.len() >= stem.len() {
            stem = b"video".to_vec();
            break;
        }
        stem = shorter;
    }
    stem.extend_from_slice(tail.as_bytes());
    OsString::from_vec(stem)
}

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
