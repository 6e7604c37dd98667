//! HDR10 metadata: the mastering display and the light level of the content.

use crate::formats::sidedata::{StreamSideData, find, int};
use ffmpeg_next as ffmpeg;
use ffmpeg_next::ffi::AVPacketSideDataType as Kind;

/// The mastering display of HDR10 (SMPTE ST 2086), as FFmpeg's rationals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MasteringDisplay {
    /// CIE 1931 x, y of red, green, blue.
    pub primaries: [[f64; 2]; 3],
    /// CIE 1931 x, y of white.
    pub white: [f64; 2],
    /// Lowest luminance in cd/m2.
    pub min_luminance: f64,
    /// Highest luminance in cd/m2.
    pub max_luminance: f64,
}

impl MasteringDisplay {
    /// From an AVMasteringDisplayMetadata; `None` where half of it is missing.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let ratio = |i: usize| Some(f64::from(int(bytes, 2 * i)?) / f64::from(int(bytes, 2 * i + 1)?));
        let mut v = [0.0; 10];
        for (i, v) in v.iter_mut().enumerate() {
            *v = ratio(i)?;
        }
        let complete = int(bytes, 20)? != 0 && int(bytes, 21)? != 0 && v.iter().all(|v| v.is_finite());
        complete.then_some(Self {
            primaries: [[v[0], v[1]], [v[2], v[3]], [v[4], v[5]]],
            white: [v[6], v[7]],
            min_luminance: v[8],
            max_luminance: v[9],
        })
    }

    /// x265's `master-display`: chromaticities in 0.00002, luminances in 0.0001 cd/m2.
    pub(crate) fn x265(&self) -> String {
        let xy = |p: [f64; 2]| format!("({:.0},{:.0})", p[0] * 50000.0, p[1] * 50000.0);
        let [r, g, b] = self.primaries;
        format!(
            "G{}B{}R{}WP{}L({:.0},{:.0})",
            xy(g),
            xy(b),
            xy(r),
            xy(self.white),
            self.max_luminance * 10000.0,
            self.min_luminance * 10000.0
        )
    }
}

/// Content light level of HDR10 (CTA-861.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentLight {
    /// MaxCLL in cd/m2.
    pub max_content: u32,
    /// MaxFALL in cd/m2.
    pub max_average: u32,
}

impl ContentLight {
    /// From an AVContentLightMetadata.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Self { max_content: int(bytes, 0)? as u32, max_average: int(bytes, 1)? as u32 })
    }
}

/// HDR10 metadata, parsed and as FFmpeg's bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hdr {
    pub mastering: Option<MasteringDisplay>,
    pub light: Option<ContentLight>,
    /// Both as stream side data.
    pub raw: Vec<StreamSideData>,
}

impl Hdr {
    /// From the stream, or, where that has none, from its first frame.
    pub(crate) fn of(stream: &[StreamSideData], frame: &ffmpeg::frame::Video) -> Self {
        use Kind::{AV_PKT_DATA_CONTENT_LIGHT_LEVEL, AV_PKT_DATA_MASTERING_DISPLAY_METADATA};
        use ffmpeg::frame::side_data::Type;
        let pick = |kind: Kind, frame_kind| -> Option<StreamSideData> {
            let of_stream = find(stream, kind).map(<[u8]>::to_vec);
            let bytes = of_stream.or_else(|| frame.side_data(frame_kind).map(|d| d.data().to_vec()))?;
            Some(StreamSideData { kind: kind.into(), bytes })
        };
        let mastering = pick(AV_PKT_DATA_MASTERING_DISPLAY_METADATA, Type::MasteringDisplayMetadata);
        let light = pick(AV_PKT_DATA_CONTENT_LIGHT_LEVEL, Type::ContentLightLevel);
        Self {
            mastering: mastering.as_ref().and_then(|d| MasteringDisplay::parse(&d.bytes)),
            light: light.as_ref().and_then(|d| ContentLight::parse(&d.bytes)),
            raw: mastering.into_iter().chain(light).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mastering_display_is_written_in_units_of_x265() {
        // The usual P3 display: x265's documentation gives this very string.
        let rational = |v: f64, unit: f64| [(v * unit).round() as i32, unit as i32];
        let mut words = Vec::new();
        for v in [0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290] {
            words.extend(rational(v, 50000.0));
        }
        words.extend(rational(0.0001, 10000.0));
        words.extend(rational(1000.0, 10000.0));
        words.extend([1, 1]);
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_ne_bytes()).collect();
        let display = MasteringDisplay::parse(&bytes).unwrap();
        assert_eq!(display.x265(), "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)");
        assert_eq!(MasteringDisplay::parse(&bytes[..80]), None);
    }
}
