//! The tokens themselves: what each means, and when it counts.

use super::NamedProjection;
use crate::vr::{EyeOrder, Layout, Packing, Projection, Unsupported};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TokenMeaning {
    pub(super) layout: Option<Layout>,
    pub(super) order: Option<EyeOrder>,
    pub(super) packing: Option<Packing>,
    /// The projection and the rank of the token: `FISHEYE190` outranks `FISHEYE`, which outranks
    /// the `180` that many names have besides.
    pub(super) projection: Option<(NamedProjection, u8)>,
    pub(super) alpha: bool,
    pub(super) passthrough: bool,
}

/// When a word counts as a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenClass {
    /// Always: it is no ordinary word.
    Strong,
    /// Short or a number: not as the title, nor in the middle of a sentence.
    Weak,
    /// A word of some language: only between `_` or `-`, or next to another token.
    Word,
}

const NONE: TokenMeaning =
    TokenMeaning { layout: None, order: None, packing: None, projection: None, alpha: false, passthrough: false };
const SBS: TokenMeaning = TokenMeaning { layout: Some(Layout::SideBySide), ..NONE };
const TB: TokenMeaning = TokenMeaning { layout: Some(Layout::TopBottom), ..NONE };
const MONO: TokenMeaning = TokenMeaning { layout: Some(Layout::Mono), ..NONE };
const LR: TokenMeaning = TokenMeaning { order: Some(EyeOrder::LeftFirst), ..SBS };
const RL: TokenMeaning = TokenMeaning { order: Some(EyeOrder::RightFirst), ..SBS };
const LEFT_TOP: TokenMeaning = TokenMeaning { order: Some(EyeOrder::LeftFirst), ..TB };
const RIGHT_TOP: TokenMeaning = TokenMeaning { order: Some(EyeOrder::RightFirst), ..TB };

const fn full(meaning: TokenMeaning) -> TokenMeaning {
    TokenMeaning { packing: Some(Packing::Full), ..meaning }
}

const fn half(meaning: TokenMeaning) -> TokenMeaning {
    TokenMeaning { packing: Some(Packing::Half), ..meaning }
}

const fn known(projection: Projection, rank: u8) -> TokenMeaning {
    TokenMeaning { projection: Some((NamedProjection::Known(projection), rank)), ..NONE }
}

const fn fisheye(fov: f32) -> TokenMeaning {
    known(Projection::Fisheye { fov }, 3)
}

const fn refused(what: Unsupported) -> TokenMeaning {
    TokenMeaning { projection: Some((NamedProjection::Unsupported(what), 2)), ..NONE }
}

const DOME: TokenMeaning = known(Projection::HalfEquirectangular, 1);
const SPHERE: TokenMeaning = known(Projection::Equirectangular, 1);
const FLAT: TokenMeaning = known(Projection::Flat, 1);
const FISHEYE: TokenMeaning = known(Projection::Fisheye { fov: 180.0 }, 2);
const EAC: TokenMeaning = refused(Unsupported::EquiangularCubemap);
const CUBE: TokenMeaning = refused(Unsupported::Cubemap);

/// Tokens of one word, lower case.
pub(super) const TOKENS: &[(&str, TokenClass, TokenMeaning)] = &[
    ("lr", TokenClass::Weak, LR),
    ("rl", TokenClass::Weak, RL),
    ("lrf", TokenClass::Weak, full(LR)),
    ("rlf", TokenClass::Weak, full(RL)),
    ("sbs", TokenClass::Strong, SBS),
    ("sbsf", TokenClass::Strong, full(SBS)),
    ("fsbs", TokenClass::Strong, full(SBS)),
    ("fullsbs", TokenClass::Strong, full(SBS)),
    ("hsbs", TokenClass::Strong, half(SBS)),
    ("halfsbs", TokenClass::Strong, half(SBS)),
    ("3dh", TokenClass::Strong, SBS),
    ("3dhf", TokenClass::Strong, full(SBS)),
    ("3dsbs", TokenClass::Strong, SBS),
    ("sidebyside", TokenClass::Strong, SBS),
    ("leftright", TokenClass::Strong, LR),
    ("rightleft", TokenClass::Strong, RL),
    ("tb", TokenClass::Weak, LEFT_TOP),
    ("bt", TokenClass::Weak, RIGHT_TOP),
    ("tbf", TokenClass::Weak, full(LEFT_TOP)),
    ("btf", TokenClass::Weak, full(RIGHT_TOP)),
    ("htb", TokenClass::Weak, half(LEFT_TOP)),
    ("ftb", TokenClass::Weak, full(LEFT_TOP)),
    ("fulltb", TokenClass::Strong, full(LEFT_TOP)),
    ("halftb", TokenClass::Strong, half(LEFT_TOP)),
    ("ou", TokenClass::Word, TB),
    ("ouf", TokenClass::Word, full(TB)),
    ("hou", TokenClass::Weak, half(TB)),
    ("fou", TokenClass::Word, full(TB)),
    ("fullou", TokenClass::Strong, full(TB)),
    ("halfou", TokenClass::Strong, half(TB)),
    ("3dv", TokenClass::Strong, TB),
    ("3dvf", TokenClass::Strong, full(TB)),
    ("3dtb", TokenClass::Strong, TB),
    ("3dou", TokenClass::Strong, TB),
    ("topbottom", TokenClass::Strong, LEFT_TOP),
    ("bottomtop", TokenClass::Strong, RIGHT_TOP),
    ("overunder", TokenClass::Strong, TB),
    ("2d", TokenClass::Word, MONO),
    ("mono", TokenClass::Word, MONO),
    ("180", TokenClass::Weak, DOME),
    ("180x180", TokenClass::Strong, DOME),
    ("vr180", TokenClass::Strong, DOME),
    ("180vr", TokenClass::Strong, DOME),
    ("360", TokenClass::Weak, SPHERE),
    ("360x180", TokenClass::Strong, SPHERE),
    ("vr360", TokenClass::Strong, SPHERE),
    ("360vr", TokenClass::Strong, SPHERE),
    ("eac", TokenClass::Word, EAC),
    ("eac360", TokenClass::Strong, EAC),
    ("360eac", TokenClass::Strong, EAC),
    ("cubemap", TokenClass::Strong, CUBE),
    ("cubemap360", TokenClass::Strong, CUBE),
    ("360cubemap", TokenClass::Strong, CUBE),
    ("fisheye", TokenClass::Word, FISHEYE),
    ("f180", TokenClass::Strong, fisheye(180.0)),
    ("180f", TokenClass::Strong, fisheye(180.0)),
    ("rf52", TokenClass::Strong, fisheye(190.0)),
    ("mkx200", TokenClass::Strong, fisheye(200.0)),
    ("mkx220", TokenClass::Strong, fisheye(220.0)),
    ("mkx22", TokenClass::Strong, fisheye(220.0)),
    ("vrca220", TokenClass::Strong, fisheye(220.0)),
    ("flat", TokenClass::Word, FLAT),
    ("screen", TokenClass::Word, FLAT),
    ("alpha", TokenClass::Word, TokenMeaning { alpha: true, ..NONE }),
    ("passthrough", TokenClass::Word, TokenMeaning { passthrough: true, ..NONE }),
];

/// Tokens of several words.
pub(super) const PHRASES: &[(&[&str], TokenClass, TokenMeaning)] = &[
    (&["full", "side", "by", "side"], TokenClass::Strong, full(SBS)),
    (&["half", "side", "by", "side"], TokenClass::Strong, half(SBS)),
    (&["side", "by", "side"], TokenClass::Weak, SBS),
    (&["left", "right"], TokenClass::Weak, LR),
    (&["right", "left"], TokenClass::Weak, RL),
    (&["top", "bottom"], TokenClass::Weak, LEFT_TOP),
    (&["top", "and", "bottom"], TokenClass::Weak, LEFT_TOP),
    (&["bottom", "top"], TokenClass::Weak, RIGHT_TOP),
    (&["over", "under"], TokenClass::Weak, TB),
    (&["full", "sbs"], TokenClass::Strong, full(SBS)),
    (&["half", "sbs"], TokenClass::Strong, half(SBS)),
    (&["f", "sbs"], TokenClass::Strong, full(SBS)),
    (&["h", "sbs"], TokenClass::Strong, half(SBS)),
    (&["full", "ou"], TokenClass::Strong, full(TB)),
    (&["half", "ou"], TokenClass::Strong, half(TB)),
    (&["h", "ou"], TokenClass::Weak, half(TB)),
    (&["full", "tb"], TokenClass::Strong, full(LEFT_TOP)),
    (&["half", "tb"], TokenClass::Strong, half(LEFT_TOP)),
    (&["h", "tb"], TokenClass::Weak, half(LEFT_TOP)),
    (&["vr", "180"], TokenClass::Strong, DOME),
    (&["vr", "360"], TokenClass::Strong, SPHERE),
    (&["360", "180"], TokenClass::Weak, SPHERE),
    (&["eac", "360"], TokenClass::Strong, EAC),
    (&["360", "eac"], TokenClass::Strong, EAC),
    (&["cube", "map"], TokenClass::Strong, CUBE),
    (&["rf", "52"], TokenClass::Strong, fisheye(190.0)),
    (&["rf5", "2"], TokenClass::Strong, fisheye(190.0)),
    (&["mkx", "200"], TokenClass::Strong, fisheye(200.0)),
    (&["mkx", "220"], TokenClass::Strong, fisheye(220.0)),
    (&["vrca", "220"], TokenClass::Strong, fisheye(220.0)),
    (&["fisheye", "180"], TokenClass::Strong, fisheye(180.0)),
    (&["fisheye", "190"], TokenClass::Strong, fisheye(190.0)),
    (&["fisheye", "200"], TokenClass::Strong, fisheye(200.0)),
    (&["fisheye", "220"], TokenClass::Strong, fisheye(220.0)),
];

/// Numbers that are written together with a layout: `180LR`, `TB360`.
const FIELDS: &[(&str, TokenMeaning)] = &[("vr180", DOME), ("vr360", SPHERE), ("180", DOME), ("360", SPHERE)];

/// Fields of view that a name may state.
const FOVS: std::ops::RangeInclusive<u16> = 90..=270;

/// The meaning of a single word.
pub(super) fn token(word: &str) -> Option<(TokenClass, TokenMeaning)> {
    if let Some((_, class, meaning)) = TOKENS.iter().find(|(t, ..)| *t == word) {
        return Some((*class, *meaning));
    }
    if let Some(digits) = word.strip_prefix("fisheye") {
        let fov = digits.parse::<u16>().ok().filter(|n| !digits.starts_with('0') && FOVS.contains(n))?;
        return Some((TokenClass::Strong, fisheye(f32::from(fov))));
    }
    FIELDS.iter().find_map(|(field, projection)| {
        let rest = word.strip_prefix(field).or_else(|| word.strip_suffix(field))?;
        let (_, _, meaning) = TOKENS.iter().find(|(t, _, s)| *t == rest && s.layout.is_some())?;
        Some((TokenClass::Strong, TokenMeaning { projection: projection.projection, ..*meaning }))
    })
}
