//! Values that have a form of their own: colors, bit rates, devices.

use crate::scale::Scale;
use crate::spec::{DecodeHardware, PeopleToKeep};
use vrseg_hardware::nearest::nearest;
use vrseg_image::compose::Rgb;
use vrseg_infer::DeviceChoice;

/// What devices may look like, for messages.
pub const DEVICES_FORM: &str =
    "auto, cpu, cuda, cuda:N, tensorrt, tensorrt:N, openvino, several of them as cuda:0,cuda:1, or all";

/// What an amount of memory may look like, for messages.
pub const MEMORY_FORM: &str = "an amount of memory such as 900M or 4G, at least 64M";

/// What a bit rate may look like, for messages.
pub const BITRATE_FORM: &str = "bits per second such as 8000000, 800k or 20M, at least 10k";

pub use crate::scale::SCALE_FORM;

/// What a number of people may look like, for messages.
pub const KEEP_FORM: &str = "all, main or a number of people from 1 to 99";

/// What regions may look like, for messages.
pub const REGIONS_FORM: &str = "X,Y,W,H as shares of the view from 0 to 1 (several separated by semicolons), or a file";

/// What a color may look like, for messages.
pub const COLOR_FORM: &str = "a color as \"#RRGGBB\" or one of green, lime, blue, magenta, red, black, white, gray";

/// Names of colors. `green` is the screen color and not CSS's dark green: who asks for a green
/// screen means the one that is keyed out.
const COLORS: &[(&str, Rgb)] = &[
    ("green", Rgb::KEY_GREEN),
    ("lime", Rgb(0, 255, 0)),
    ("blue", Rgb(0, 0, 255)),
    ("magenta", Rgb(255, 0, 255)),
    ("red", Rgb(255, 0, 0)),
    ("black", Rgb(0, 0, 0)),
    ("white", Rgb(255, 255, 255)),
    ("gray", Rgb(128, 128, 128)),
    ("grey", Rgb(128, 128, 128)),
];

/// Reads a color: a name, `#RRGGBB`, `0xRRGGBB` (as ffmpeg writes it) or `RRGGBB`.
pub fn color(text: &str) -> Option<Rgb> {
    let word = text.to_ascii_lowercase();
    if let Some((_, rgb)) = COLORS.iter().find(|(name, _)| *name == word) {
        return Some(*rgb);
    }
    let digits = word.strip_prefix('#').or_else(|| word.strip_prefix("0x")).unwrap_or(&word);
    if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let n = u32::from_str_radix(digits, 16).ok()?;
    let [_, r, g, b] = n.to_be_bytes();
    Some(Rgb(r, g, b))
}

/// Reads bits per second: `8000000`, `800k`, `20M`, `1.5M`; k and M are powers of ten, as in ffmpeg.
pub fn bitrate(text: &str) -> Option<u64> {
    let (digits, unit) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 1e3),
        b'm' | b'M' => (&text[..text.len() - 1], 1e6),
        _ => (text, 1.0),
    };
    let bits = plain_decimal(digits)? * unit;
    (1e4..=1e11).contains(&bits).then_some(bits as u64)
}

/// Reads an amount of memory in bytes: `900M`, `4G`, `1.5GiB`; K, M, G and T are powers of 1024, as for the
/// kernel. At least 64 MiB, with which nothing but the smallest job can be done.
pub fn memory(text: &str) -> Option<u64> {
    let word = text.to_ascii_lowercase();
    let word = word.strip_suffix("ib").or_else(|| word.strip_suffix('b')).unwrap_or(&word);
    let unit = word.bytes().last().and_then(|unit| b"kmgt".iter().position(|u| *u == unit));
    let digits = &word[..word.len() - usize::from(unit.is_some())];
    let bytes = plain_decimal(digits)? * 1024f64.powi(unit.map_or(0, |at| at as i32 + 1));
    (67_108_864.0..1e15).contains(&bytes).then_some(bytes as u64)
}

/// A number of digits and a point: `parse` alone would take "1e3", "inf" and "-5".
fn plain_decimal(digits: &str) -> Option<f64> {
    digits.bytes().all(|b| b.is_ascii_digit() || b == b'.').then(|| digits.parse().ok()).flatten()
}

/// What works on a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Devices {
    /// A device.
    One(DeviceChoice),
    /// A worker for each of these.
    Several(Vec<DeviceChoice>),
    /// A worker for each NVIDIA GPU.
    All,
}

/// Reads a device, several with commas between them, or `all`.
pub fn devices(text: &str) -> Option<Devices> {
    if text == "all" {
        return Some(Devices::All);
    }
    let all: Vec<_> = text.split(',').map(device).collect::<Option<_>>()?;
    Some(match all[..] {
        [one] => Devices::One(one),
        _ => Devices::Several(all),
    })
}

/// Reads a device: `auto`, `cpu`, `cuda[:N]`, `tensorrt[:N]`, `openvino`.
pub fn device(text: &str) -> Option<DeviceChoice> {
    let (name, number) = match text.split_once(':') {
        Some((name, n)) => (name, Some(n.parse::<u32>().ok()?)),
        None => (text, None),
    };
    match (name, number) {
        ("auto", None) => Some(DeviceChoice::Auto),
        ("cpu", None) => Some(DeviceChoice::Cpu),
        ("openvino", None) => Some(DeviceChoice::OpenVino),
        ("cuda", n) => Some(DeviceChoice::Cuda(n.unwrap_or(0))),
        ("tensorrt", n) => Some(DeviceChoice::TensorRt(n.unwrap_or(0))),
        _ => None,
    }
}

/// How `decode.hardware` is written.
pub(super) const DECODING_FORM: &str = "off, auto, cuda or cuda:N";

/// Reads what decodes a source: `off`, `auto`, `cuda[:N]`.
pub(super) fn decoding(text: &str) -> Option<DecodeHardware> {
    match (text, device(text)) {
        ("off" | "none" | "cpu", _) => Some(DecodeHardware::Off),
        (_, Some(DeviceChoice::Auto)) => Some(DecodeHardware::Auto),
        (_, Some(DeviceChoice::Cuda(n))) => Some(DecodeHardware::Cuda(n)),
        _ => None,
    }
}

/// Whether `decode.hardware` takes it.
pub(super) fn is_decoding(text: &str) -> bool {
    decoding(text).is_some()
}

/// Reads a part of a view, `X,Y,W,H` as shares of its width and height: left, top, right and bottom edge.
pub fn region(text: &str) -> Option<[f32; 4]> {
    let numbers = text.split(',').map(|n| n.trim().parse::<f32>().ok()).collect::<Option<Vec<_>>>()?;
    let [x, y, w, h] = numbers[..] else { return None };
    let fits =
        numbers.iter().all(|n| (0.0..=1.0).contains(n)) && w > 0.0 && h > 0.0 && x + w <= 1.001 && y + h <= 1.001;
    fits.then_some([x, y, (x + w).min(1.0), (y + h).min(1.0)])
}

/// Reads parts of a view, separated by semicolons; `None` for a file's name too.
pub fn regions(text: &str) -> Option<Vec<[f32; 4]>> {
    text.split(';').map(region).collect()
}

/// Reads how many people a matte shall show.
pub fn keep(text: &str) -> Option<PeopleToKeep> {
    match text {
        "all" => Some(PeopleToKeep::All),
        "main" => Some(PeopleToKeep::Largest(1)),
        _ => text.parse().ok().filter(|n| (1..=99).contains(n)).map(PeopleToKeep::Largest),
    }
}

/// The value that was probably meant by one that doesn't have that form.
pub(super) fn near(form: &str, text: &str) -> Option<String> {
    let word = text.trim().to_ascii_lowercase();
    let among = |words: &[&'static str]| nearest(&word, words.iter().copied()).map(str::to_owned);
    match form {
        COLOR_FORM => hex(&word).or_else(|| {
            let names: Vec<_> = COLORS.iter().map(|(name, _)| *name).collect();
            among(&names)
        }),
        DEVICES_FORM => {
            let named = ["nvidia", "gpu", "cuda"].iter().find_map(|name| word.strip_prefix(name));
            let number = named.map(|rest| rest.trim_start_matches([':', '-', ' '])).and_then(|n| n.parse::<u32>().ok());
            number
                .map(|n| format!("cuda:{n}"))
                .or_else(|| among(&["auto", "cpu", "cuda", "tensorrt", "openvino", "all"]))
        }
        KEEP_FORM => match word.as_str() {
            "one" | "single" | "largest" | "biggest" | "first" => Some("main".to_owned()),
            "everyone" | "everybody" | "any" => Some("all".to_owned()),
            _ => among(&["all", "main"]),
        },
        BITRATE_FORM => with_unit(&word, &[("k", "k"), ("m", "M"), ("g", "000M")], "M"),
        MEMORY_FORM => with_unit(&word, &[("m", "M"), ("g", "G"), ("t", "T")], "G"),
        SCALE_FORM => Some(word.replace([' ', '_', '-'], "")).map(|w| w.replace('×', "x")),
        _ => None,
    }
}

/// `#RRGGBB` of other ways to write a color: `#0f0`, `rgb(0,177,64)`, `0,177,64`.
fn hex(word: &str) -> Option<String> {
    let digits = word.strip_prefix('#').or_else(|| word.strip_prefix("0x")).unwrap_or(word);
    if digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Some(digits.chars().fold("#".to_owned(), |all, digit| format!("{all}{digit}{digit}")));
    }
    let numbers = word.trim_start_matches("rgb").trim_matches(['(', ')']).split([',', ' ', ':']);
    let numbers = numbers.filter(|n| !n.is_empty()).map(|n| n.parse::<u8>().ok()).collect::<Option<Vec<_>>>()?;
    let [r, g, b] = numbers[..] else { return None };
    Some(format!("#{r:02X}{g:02X}{b:02X}"))
}

/// A number with the unit that a word behind it begins with; `usual` where there is none.
fn with_unit(word: &str, units: &[(&str, &str)], usual: &str) -> Option<String> {
    let end = word.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(word.len());
    let (number, rest) = (&word[..end], word[end..].trim());
    number.parse::<f64>().ok()?;
    let unit = units.iter().find(|(begin, _)| rest.starts_with(begin)).map(|(_, unit)| *unit);
    let unit = if rest.is_empty() { Some(usual) } else { unit };
    unit.map(|unit| format!("{number}{unit}"))
}

pub(super) fn is_keep(text: &str) -> bool {
    keep(text).is_some()
}

pub(super) fn is_regions(text: &str) -> bool {
    regions(text).is_some() || (!text.is_empty() && !text.contains(','))
}

pub(super) fn is_color(text: &str) -> bool {
    color(text).is_some()
}

pub(super) fn is_bitrate(text: &str) -> bool {
    bitrate(text).is_some()
}

pub(super) fn is_scale(text: &str) -> bool {
    Scale::read(text).is_some()
}

pub(super) fn is_memory(text: &str) -> bool {
    memory(text).is_some()
}

pub(super) fn is_devices(text: &str) -> bool {
    devices(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_are_parsed() {
        assert_eq!(color("#00B140"), Some(Rgb::KEY_GREEN));
        assert_eq!(color("0x00b140"), Some(Rgb::KEY_GREEN));
        assert_eq!(color("Green"), Some(Rgb::KEY_GREEN));
        assert_eq!(color("ff8000"), Some(Rgb(255, 128, 0)));
        for bad in ["", "#", "#12345", "#1234567", "+12345", "#12345é", "teal"] {
            assert_eq!(color(bad), None, "{bad}");
        }
    }

    #[test]
    fn memory_is_counted_in_powers_of_1024() {
        for (text, bytes) in [("64M", 64 << 20), ("4g", 4 << 30), ("1.5GiB", 3 << 29), ("900MB", 900 << 20)] {
            assert_eq!(memory(text), Some(bytes), "{text}");
        }
        assert_eq!(memory("67108864"), Some(64 << 20));
        for bad in ["", "M", "4", "63M", "-4G", "1e3G", "4X", "inf", "4 G", "9999T", "b", "4\u{e9}"] {
            assert_eq!(memory(bad), None, "{bad}");
        }
    }

    #[test]
    fn bit_rates_are_parsed() {
        assert_eq!(bitrate("20M"), Some(20_000_000));
        assert_eq!(bitrate("1.5m"), Some(1_500_000));
        assert_eq!(bitrate("800k"), Some(800_000));
        assert_eq!(bitrate("8000000"), Some(8_000_000));
        for bad in ["", "M", "-5M", "1e9", "inf", "20Mb", "5", "1..5M", "é"] {
            assert_eq!(bitrate(bad), None, "{bad}");
        }
    }

    #[test]
    fn values_near_a_form_are_found() {
        for (form, text, want) in [
            (COLOR_FORM, "#0f0", Some("#00ff00")),
            (COLOR_FORM, "rgb(0, 177, 64)", Some("#00B140")),
            (COLOR_FORM, "grean", Some("green")),
            (COLOR_FORM, "sunset", None),
            (BITRATE_FORM, "20Mbps", Some("20M")),
            (BITRATE_FORM, "20", Some("20M")),
            (BITRATE_FORM, "fast", None),
            (MEMORY_FORM, "4", Some("4G")),
            (MEMORY_FORM, "900 MB", Some("900M")),
            (DEVICES_FORM, "cude", Some("cuda")),
            (DEVICES_FORM, "nvidia:0", Some("cuda:0")),
            (KEEP_FORM, "largest", Some("main")),
            (SCALE_FORM, "1920 x 1080", Some("1920x1080")),
        ] {
            assert_eq!(near(form, text).as_deref(), want, "{text}");
        }
    }

    #[test]
    fn regions_are_parsed() {
        assert_eq!(regions("0,0,0.5,1"), Some(vec![[0.0, 0.0, 0.5, 1.0]]));
        assert_eq!(regions("0.5, 0, 0.5, 1; 0,0.25,1,0.5").map(|r| r[1]), Some([0.0, 0.25, 1.0, 0.75]));
        for bad in ["", "0,0,1", "0,0,0,1", "0.6,0,0.5,1", "-0.1,0,1,1", "0,0,1,1;", "NaN,0,1,1", "regions.txt"] {
            assert_eq!(regions(bad), None, "{bad}");
        }
        assert!(is_regions("regions.txt") && !is_regions("0,0,2,1"));
    }

    #[test]
    fn numbers_of_people_are_parsed() {
        assert_eq!(keep("all"), Some(PeopleToKeep::All));
        assert_eq!(keep("main"), Some(PeopleToKeep::Largest(1)));
        assert_eq!(keep("3"), Some(PeopleToKeep::Largest(3)));
        for bad in ["", "0", "100", "-1", "some", "1.5"] {
            assert_eq!(keep(bad), None, "{bad}");
        }
    }

    #[test]
    fn devices_are_parsed() {
        assert_eq!(device("cuda"), Some(DeviceChoice::Cuda(0)));
        assert_eq!(device("cuda:1"), Some(DeviceChoice::Cuda(1)));
        assert_eq!(device("tensorrt:2"), Some(DeviceChoice::TensorRt(2)));
        for bad in ["gpu", "cpu:1", "cuda:", "cuda:-1", "CUDA", "openvino:0"] {
            assert_eq!(device(bad), None, "{bad}");
        }
        assert_eq!(devices("cuda:1"), Some(Devices::One(DeviceChoice::Cuda(1))));
        let two = vec![DeviceChoice::Cuda(0), DeviceChoice::Cuda(1)];
        assert_eq!(devices("cuda:0,cuda:1"), Some(Devices::Several(two)));
        assert_eq!(devices("all"), Some(Devices::All));
        for bad in ["", "cuda:0,", "cuda:0, cuda:1", "all,cpu"] {
            assert_eq!(devices(bad), None, "{bad}");
        }
    }
}
