//! Other programs' and people's words for values: those that are understood, and those that are answered with the right one.

/// Words that are understood, each with the value that it means. They are written in lower case, with hyphens.
pub(super) type Aliases = &'static [(&'static str, &'static str)];

/// Words that are refused, each with what to do instead.
pub(super) type Hints = &'static [(&'static str, Hint)];

/// What to do instead of a word that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// This value of the same setting was probably meant.
    Value(&'static str),
    /// The value of the same setting that is behind the text; such as `the left half is` and `0,0,0.5,1`.
    Is(&'static str, &'static str),
    /// Options that say it, behind a text.
    Options(&'static str, &'static str),
    /// Advice for which there is no line.
    Advice(&'static str),
}

impl Hint {
    /// A sentence.
    pub(super) fn text(self) -> String {
        match self {
            Hint::Value(value) => format!("did you mean {value}?"),
            Hint::Is(text, value) => format!("{text} {value}"),
            Hint::Options(text, options) => format!("{text} {options}"),
            Hint::Advice(text) => text.to_owned(),
        }
    }

    /// What the command line gets instead.
    pub(super) fn instead(self) -> Option<Instead> {
        match self {
            Hint::Value(value) | Hint::Is(_, value) => Some(Instead::Value(value.to_owned())),
            Hint::Options(_, options) => Some(Instead::Options(options)),
            Hint::Advice(_) => None,
        }
    }
}

/// What a command line gets in place of a value that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instead {
    /// Another value.
    Value(String),
    /// These options in place of option and value.
    Options(&'static str),
}

pub(super) const LAYOUTS: Aliases = &[
    ("lr", "sbs"),
    ("side-by-side", "sbs"),
    ("sidebyside", "sbs"),
    ("half-sbs", "sbs"),
    ("full-sbs", "sbs"),
    ("hsbs", "sbs"),
    ("fsbs", "sbs"),
    ("3dh", "sbs"),
    ("ou", "tb"),
    ("over-under", "tb"),
    ("overunder", "tb"),
    ("top-bottom", "tb"),
    ("topbottom", "tb"),
    ("tab", "tb"),
    ("half-ou", "tb"),
    ("half-tb", "tb"),
    ("hou", "tb"),
    ("htb", "tb"),
    ("htab", "tb"),
    ("3dv", "tb"),
    ("2d", "mono"),
    ("single", "mono"),
    ("none", "mono"),
];

pub(super) const LAYOUT_HINTS: Hints = &[
    ("rl", Hint::Options("the right eye first is", "--layout sbs --eye-order rl")),
    ("bt", Hint::Options("the right eye on top is", "--layout tb --eye-order rl")),
    ("stereo", Hint::Advice("side by side is sbs, top-bottom is tb")),
    ("3d", Hint::Advice("side by side is sbs, top-bottom is tb")),
    ("vr180", Hint::Options("that is a projection:", "--projection hequirect")),
    ("180", Hint::Options("that is a projection:", "--projection hequirect")),
    ("360", Hint::Options("that is a projection:", "--projection equirect")),
    ("fisheye", Hint::Options("that is a projection:", "--projection fisheye")),
];

pub(super) const PROJECTIONS: Aliases = &[
    ("vr180", "hequirect"),
    ("180", "hequirect"),
    ("half-equirect", "hequirect"),
    ("half-equirectangular", "hequirect"),
    ("equirect180", "hequirect"),
    ("360", "equirect"),
    ("vr360", "equirect"),
    ("equirectangular", "equirect"),
    ("equirect360", "equirect"),
    ("erp", "equirect"),
    ("spherical", "equirect"),
    ("sphere", "equirect"),
    ("2d", "flat"),
    ("rectilinear", "flat"),
    ("none", "flat"),
    ("fisheye180", "fisheye"),
    ("f180", "fisheye"),
];

const CONVERT_FIRST: &str = "convert it first: ffmpeg -i IN.mp4 -vf v360=eac:equirect OUT_360.mp4";

pub(super) const PROJECTION_HINTS: Hints = &[
    ("eac", Hint::Advice(CONVERT_FIRST)),
    ("cubemap", Hint::Advice("convert it first: ffmpeg -i IN.mp4 -vf v360=c3x2:equirect OUT_360.mp4")),
    ("fisheye190", Hint::Options("the angle is apart:", "--projection fisheye --fov 190")),
    ("rf52", Hint::Options("that lens is", "--projection fisheye --fov 190")),
    ("fisheye200", Hint::Options("the angle is apart:", "--projection fisheye --fov 200")),
    ("mkx200", Hint::Options("that lens is", "--projection fisheye --fov 200")),
    ("vrca220", Hint::Options("that lens is", "--projection fisheye --fov 220")),
    ("sbs", Hint::Options("that is a layout:", "--layout sbs")),
    ("tb", Hint::Options("that is a layout:", "--layout tb")),
    ("lr", Hint::Options("that is a layout:", "--layout sbs")),
    ("mono", Hint::Options("that is a layout:", "--layout mono")),
];

pub(super) const EYE_ORDERS: Aliases = &[
    ("left", "lr"),
    ("left-first", "lr"),
    ("left-right", "lr"),
    ("l", "lr"),
    ("normal", "lr"),
    ("right", "rl"),
    ("right-first", "rl"),
    ("right-left", "rl"),
    ("r", "rl"),
    ("swapped", "rl"),
    ("swap", "rl"),
    ("cross", "rl"),
];

pub(super) const MODE_HINTS: Hints = &[
    ("mask", Hint::Value("matte")),
    ("bw", Hint::Value("matte")),
    ("key", Hint::Value("green")),
    ("keyed", Hint::Value("green")),
    ("chroma", Hint::Value("green")),
    ("chromakey", Hint::Value("green")),
    ("chroma-key", Hint::Value("green")),
    ("greenscreen", Hint::Value("green")),
    ("green-screen", Hint::Value("green")),
    ("transparent", Hint::Value("alpha")),
    ("transparency", Hint::Value("alpha")),
    ("rgba", Hint::Value("alpha")),
    ("cutout", Hint::Value("alpha")),
    ("foreground", Hint::Value("alpha")),
    ("background", Hint::Value("replace")),
    ("composite", Hint::Value("replace")),
    ("tint", Hint::Value("overlay")),
    ("preview", Hint::Value("overlay")),
    ("packed", Hint::Value("passthrough")),
    ("alpha-packed", Hint::Value("passthrough")),
    ("alphapacked", Hint::Value("passthrough")),
    ("ar", Hint::Value("passthrough")),
    ("pass", Hint::Value("passthrough")),
];

pub(super) const PRECISIONS: Aliases = &[
    ("half", "fp16"),
    ("float16", "fp16"),
    ("f16", "fp16"),
    ("16", "fp16"),
    ("float", "fp32"),
    ("full", "fp32"),
    ("single", "fp32"),
    ("float32", "fp32"),
    ("f32", "fp32"),
    ("32", "fp32"),
    ("i8", "int8"),
    ("8", "int8"),
];

pub(super) const PRECISION_HINTS: Hints = &[
    ("tf32", Hint::Advice("auto computes in TF32 on NVIDIA GPUs that have it")),
    ("bf16", Hint::Advice("auto computes in bfloat16 with OpenVINO where the CPU has it")),
];

pub(super) const CODECS: Aliases = &[
    ("x264", "h264"),
    ("avc", "h264"),
    ("h.264", "h264"),
    ("x265", "hevc"),
    ("h265", "hevc"),
    ("h.265", "hevc"),
    ("av01", "av1"),
    ("svtav1", "av1"),
    ("aom", "av1"),
    ("vp09", "vp9"),
    ("prores-ks", "prores"),
    ("prores4444", "prores"),
];

pub(super) const CODEC_HINTS: Hints = &[
    ("copy", Hint::Advice("the pixels of outputs change, so they are encoded again; sound is copied")),
    ("vp8", Hint::Value("vp9")),
    ("mpeg4", Hint::Value("h264")),
    ("nvenc", Hint::Advice("an encoder is named by --encoder: h264_nvenc, hevc_nvenc or av1_nvenc")),
    ("dnxhd", Hint::Value("prores")),
    ("lossless", Hint::Value("ffv1")),
];

pub(super) const DEVICES: Aliases =
    &[("nvidia", "cuda"), ("trt", "tensorrt"), ("ov", "openvino"), ("cuda0", "cuda:0"), ("cuda1", "cuda:1")];

const WHICH_GPU: &str = "choose cuda or tensorrt (NVIDIA), openvino (Intel), or auto";
const NO_GPU: &str = "that GPU isn't supported; auto, cpu, cuda, tensorrt and openvino are";

pub(super) const DEVICE_HINTS: Hints = &[
    ("gpu", Hint::Advice(WHICH_GPU)),
    ("igpu", Hint::Advice(WHICH_GPU)),
    ("0", Hint::Is("an NVIDIA GPU is", "cuda:0")),
    ("1", Hint::Is("an NVIDIA GPU is", "cuda:1")),
    ("intel", Hint::Value("openvino")),
    ("vulkan", Hint::Advice(NO_GPU)),
    ("opencl", Hint::Advice(NO_GPU)),
    ("rocm", Hint::Advice(NO_GPU)),
    ("amd", Hint::Advice(NO_GPU)),
    ("directml", Hint::Advice(NO_GPU)),
    ("mps", Hint::Advice(NO_GPU)),
];

pub(super) const REGION_HINTS: Hints = &[
    ("left", Hint::Is("the left half is", "0,0,0.5,1")),
    ("right", Hint::Is("the right half is", "0.5,0,0.5,1")),
    ("top", Hint::Is("the upper half is", "0,0,1,0.5")),
    ("upper", Hint::Is("the upper half is", "0,0,1,0.5")),
    ("bottom", Hint::Is("the lower half is", "0,0.5,1,0.5")),
    ("lower", Hint::Is("the lower half is", "0,0.5,1,0.5")),
    ("center", Hint::Is("the middle is", "0.25,0.25,0.5,0.5")),
    ("middle", Hint::Is("the middle is", "0.25,0.25,0.5,0.5")),
];

/// Other words for sizes.
pub(super) const SCALES: Aliases = &[
    ("half", "1/2"),
    ("quarter", "1/4"),
    ("uhd", "4k"),
    ("source", "off"),
    ("original", "off"),
    ("full", "off"),
    ("none", "off"),
];

pub(super) const SCALE_HINTS: Hints = &[
    ("hd", Hint::Value("720p")),
    ("full-hd", Hint::Value("1080p")),
    ("fhd", Hint::Value("1080p")),
    ("2", Hint::Is("half of the size is", "1/2")),
    ("quest2", Hint::Options("a player's limits are", "--for quest2")),
    ("quest3", Hint::Options("a player's limits are", "--for quest3")),
    ("pcvr", Hint::Options("a player's limits are", "--for pcvr")),
    ("visionpro", Hint::Options("a player's limits are", "--for visionpro")),
];

/// Other words for the profiles.
pub(super) const PROFILES: Aliases = &[
    ("high", "quality"),
    ("best", "quality"),
    ("hq", "quality"),
    ("max", "quality"),
    ("good", "quality"),
    ("low", "fast"),
    ("draft", "fast"),
    ("quick", "fast"),
    ("speed", "fast"),
    ("medium", "balanced"),
    ("default", "balanced"),
    ("normal", "balanced"),
    ("standard", "balanced"),
];

/// A word as the tables have it.
pub(super) fn normal(word: &str) -> String {
    word.trim().to_lowercase().replace('_', "-")
}

/// What the word means, of a table.
pub(super) fn meant<T: Copy>(table: &[(&'static str, T)], word: &str) -> Option<T> {
    let word = normal(word);
    table.iter().find(|(other, _)| *other == word).map(|(_, value)| *value)
}

/// The number that was meant by one that is beyond a share's range, from 0 to 1: a percentage, or a value of 8 bits. How
/// it is explained, and the number.
pub(super) fn share(text: &str) -> Option<(String, String)> {
    let shown = |n: f64| format!("{}", (n * 1000.0).round() / 1000.0);
    let is = |what: String, n: f64| Some((format!("{what} is {}", shown(n)), shown(n)));
    if let Some(percent) = text.strip_suffix('%') {
        let n: f64 = percent.trim().parse().ok()?;
        return (0.0..=100.0).contains(&n).then(|| is(text.to_owned(), n / 100.0)).flatten();
    }
    let n: f64 = text.replace(',', ".").parse().ok()?;
    match n {
        _ if (0.0..=1.0).contains(&n) => Some((format!("did you mean {}?", shown(n)), shown(n))),
        _ if (2.0..=100.0).contains(&n) => is(format!("{text} %"), n / 100.0),
        _ if n > 100.0 && n <= 255.0 => is(format!("{text} of 255"), n / 255.0),
        _ => None,
    }
}

/// The number in a text with a decimal comma or a unit behind it: `1,5`, `20px`, `2 s`.
pub(super) fn bare_number(text: &str) -> Option<String> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '+'))).unwrap_or(text.len());
    let (number, unit) = (text[..end].replace(',', "."), text[end..].trim());
    let number = number.trim_start_matches('+').to_owned();
    (unit.chars().all(char::is_alphabetic) && unit.len() < 9 && number.parse::<f64>().is_ok()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::schema::{self, SETTINGS};

    #[test]
    fn aliases_mean_values_that_exist_and_are_unique() {
        for setting in SETTINGS {
            let mut seen = std::collections::HashSet::new();
            for (word, value) in setting.aliases {
                assert_eq!(normal(word), *word);
                assert!(setting.parse(value).is_ok(), "{}: {value}", setting.name);
                assert!(seen.insert(*word), "{}: {word} twice", setting.name);
            }
            for (word, hint) in setting.hints {
                assert!(setting.parse(word).is_err() && seen.insert(word), "{}: {word}", setting.name);
                if let Some(Instead::Value(value)) = hint.instead() {
                    assert!(setting.parse(&value).is_ok(), "{}: {value}", setting.name);
                }
            }
        }
        assert!(PROFILES.iter().all(|(_, profile)| schema::PROFILES.contains(profile)));
    }

    #[test]
    fn numbers_beyond_a_share_are_explained() {
        let all = |text| share(text).unwrap_or_default();
        let pair = |text: &str, number: &str| (text.to_owned(), number.to_owned());
        assert_eq!(all("30%"), pair("30% is 0.3", "0.3"));
        assert_eq!(all("128"), pair("128 of 255 is 0.502", "0.502"));
        assert_eq!(all("50"), pair("50 % is 0.5", "0.5"));
        assert_eq!(all("0,5"), pair("did you mean 0.5?", "0.5"));
        assert_eq!(share("900"), None);
    }

    #[test]
    fn numbers_are_found_before_units() {
        for (text, want) in [("1,5", "1.5"), ("20px", "20"), ("2 s", "2"), ("+3", "3"), ("-4 pixels", "-4")] {
            assert_eq!(bare_number(text).as_deref(), Some(want), "{text}");
        }
        for text in ["", "px", "1/2", "3;4", "1.2.3", "5 of many"] {
            assert_eq!(bare_number(text), None, "{text}");
        }
    }
}
