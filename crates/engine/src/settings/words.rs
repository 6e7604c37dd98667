//! Other programs' and people's words for values: those that are understood, and those that are answered with the right one.

/// Words that are understood, each with the value that it means. They are written in lower case, with hyphens.
pub(super) type Aliases = &'static [(&'static str, &'static str)];

/// Words that are refused, each with what to do instead.
pub(super) type Hints = &'static [(&'static str, &'static str)];

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
    ("rl", "the right eye first is --layout sbs --eye-order rl"),
    ("bt", "the right eye on top is --layout tb --eye-order rl"),
    ("stereo", "side by side is sbs, top-bottom is tb"),
    ("3d", "side by side is sbs, top-bottom is tb"),
    ("vr180", "that is a projection: --projection hequirect"),
    ("180", "that is a projection: --projection hequirect"),
    ("360", "that is a projection: --projection equirect"),
    ("fisheye", "that is a projection: --projection fisheye"),
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
    ("eac", CONVERT_FIRST),
    ("cubemap", "convert it first: ffmpeg -i IN.mp4 -vf v360=c3x2:equirect OUT_360.mp4"),
    ("fisheye190", "the angle has its own option: --projection fisheye --fov 190"),
    ("rf52", "that lens is --projection fisheye --fov 190"),
    ("fisheye200", "the angle has its own option: --projection fisheye --fov 200"),
    ("mkx200", "that lens is --projection fisheye --fov 200"),
    ("vrca220", "that lens is --projection fisheye --fov 220"),
    ("sbs", "that is a layout: --layout sbs"),
    ("tb", "that is a layout: --layout tb"),
    ("lr", "that is a layout: --layout sbs"),
    ("mono", "that is a layout: --layout mono"),
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
    ("mask", "did you mean matte?"),
    ("bw", "did you mean matte?"),
    ("key", "did you mean green?"),
    ("keyed", "did you mean green?"),
    ("chroma", "did you mean green?"),
    ("chromakey", "did you mean green?"),
    ("chroma-key", "did you mean green?"),
    ("greenscreen", "did you mean green?"),
    ("green-screen", "did you mean green?"),
    ("transparent", "did you mean alpha?"),
    ("transparency", "did you mean alpha?"),
    ("rgba", "did you mean alpha?"),
    ("cutout", "did you mean alpha?"),
    ("foreground", "did you mean alpha?"),
    ("background", "did you mean replace?"),
    ("composite", "did you mean replace?"),
    ("tint", "did you mean overlay?"),
    ("preview", "did you mean overlay?"),
    ("packed", "did you mean passthrough?"),
    ("alpha-packed", "did you mean passthrough?"),
    ("alphapacked", "did you mean passthrough?"),
    ("ar", "did you mean passthrough?"),
    ("pass", "did you mean passthrough?"),
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
    ("tf32", "auto computes in TF32 on NVIDIA GPUs that have it"),
    ("bf16", "auto computes in bfloat16 with OpenVINO where the CPU has it"),
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
    ("copy", "the pixels of outputs change, so they are encoded again; sound is copied"),
    ("vp8", "did you mean vp9?"),
    ("mpeg4", "did you mean h264?"),
    ("nvenc", "an encoder is named by --encoder: h264_nvenc, hevc_nvenc or av1_nvenc"),
    ("dnxhd", "did you mean prores?"),
    ("lossless", "did you mean ffv1?"),
];

pub(super) const DEVICES: Aliases =
    &[("nvidia", "cuda"), ("trt", "tensorrt"), ("ov", "openvino"), ("cuda0", "cuda:0"), ("cuda1", "cuda:1")];

const WHICH_GPU: &str = "choose cuda or tensorrt (NVIDIA), openvino (Intel), or auto";
const NO_GPU: &str = "that GPU isn't supported; auto, cpu, cuda, tensorrt and openvino are";

pub(super) const DEVICE_HINTS: Hints = &[
    ("gpu", WHICH_GPU),
    ("igpu", WHICH_GPU),
    ("0", "an NVIDIA GPU is cuda:0"),
    ("1", "an NVIDIA GPU is cuda:1"),
    ("intel", "did you mean openvino?"),
    ("vulkan", NO_GPU),
    ("opencl", NO_GPU),
    ("rocm", NO_GPU),
    ("amd", NO_GPU),
    ("directml", NO_GPU),
    ("mps", NO_GPU),
];

pub(super) const REGION_HINTS: Hints = &[
    ("left", "the left half is 0,0,0.5,1"),
    ("right", "the right half is 0.5,0,0.5,1"),
    ("top", "the upper half is 0,0,1,0.5"),
    ("upper", "the upper half is 0,0,1,0.5"),
    ("bottom", "the lower half is 0,0.5,1,0.5"),
    ("lower", "the lower half is 0,0.5,1,0.5"),
    ("center", "the middle is 0.25,0.25,0.5,0.5"),
    ("middle", "the middle is 0.25,0.25,0.5,0.5"),
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
pub(super) fn meant(table: &[(&'static str, &'static str)], word: &str) -> Option<&'static str> {
    let word = normal(word);
    table.iter().find(|(other, _)| *other == word).map(|(_, value)| *value)
}

/// The number that was meant by one that is beyond a share's range, from 0 to 1: a percentage, or a value of 8 bits.
pub(super) fn share(text: &str) -> Option<String> {
    let shown = |n: f64| format!("{}", (n * 1000.0).round() / 1000.0);
    if let Some(percent) = text.strip_suffix('%') {
        let n: f64 = percent.trim().parse().ok()?;
        return (0.0..=100.0).contains(&n).then(|| format!("{text} is {}", shown(n / 100.0)));
    }
    let n: f64 = text.replace(',', ".").parse().ok()?;
    match n {
        _ if (0.0..=1.0).contains(&n) => Some(format!("did you mean {}?", shown(n))),
        _ if (2.0..=100.0).contains(&n) => Some(format!("{text} % is {}", shown(n / 100.0))),
        _ if n > 100.0 && n <= 255.0 => Some(format!("{text} of 255 is {}", shown(n / 255.0))),
        _ => None,
    }
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
            for (word, _) in setting.hints {
                assert!(setting.parse(word).is_err() && seen.insert(word), "{}: {word}", setting.name);
            }
        }
        assert!(PROFILES.iter().all(|(_, profile)| schema::PROFILES.contains(profile)));
    }

    #[test]
    fn numbers_beyond_a_share_are_explained() {
        assert_eq!(share("30%").as_deref(), Some("30% is 0.3"));
        assert_eq!(share("128").as_deref(), Some("128 of 255 is 0.502"));
        assert_eq!(share("50").as_deref(), Some("50 % is 0.5"));
        assert_eq!(share("0,5").as_deref(), Some("did you mean 0.5?"));
        assert_eq!(share("900"), None);
    }
}
