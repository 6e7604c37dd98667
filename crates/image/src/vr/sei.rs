//! Frame packing in the bitstream of H.264 and HEVC: the message by which a stream itself says that both eyes share a
//! frame (ITU-T H.264 D.1.26, H.265 D.2.16). It is the same in both.

use super::tags::{ContainerTags, StereoTag};

/// Type of the message.
const FRAME_PACKING: u32 = 45;
/// Bytes of a message's unit that are read. Real ones have some ten.
const LONGEST: usize = 4096;

/// A codec with such messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// H.264, AVC.
    H264,
    /// H.265, HEVC.
    Hevc,
}

/// The packing that a packet of a key frame states, also one that begins an access unit and is cut off. Its units
/// begin with start codes, or with their length in four bytes.
pub fn packing(packet: &[u8], codec: Codec) -> Option<ContainerTags> {
    let is_annex_b = packet.starts_with(&[0, 0, 1]) || packet.starts_with(&[0, 0, 0, 1]);
    let mut rest = packet;
    while let Some((unit, left)) = if is_annex_b { by_start_code(rest) } else { by_length(rest) } {
        if let Some(messages) = messages(unit, codec)
            && let Some(found) = in_messages(&messages)
        {
            return Some(found);
        }
        rest = left;
    }
    None
}

fn by_length(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = (u32::from_be_bytes(*length) as usize).min(rest.len());
    Some(rest.split_at(length))
}

fn by_start_code(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = bytes.windows(3).position(|w| w == [0, 0, 1])? + 3;
    let rest = &bytes[start..];
    let end = rest.windows(3).position(|w| w == [0, 0, 1]).unwrap_or(rest.len());
    Some(rest.split_at(end))
}

/// The content of a unit of messages, without the bytes that keep start codes out of it.
fn messages(unit: &[u8], codec: Codec) -> Option<Vec<u8>> {
    let first = *unit.first()?;
    let header = match codec {
        Codec::H264 if first & 0x1f == 6 => 1,
        // The messages before a picture.
        Codec::Hevc if first >> 1 & 0x3f == 39 => 2,
        _ => return None,
    };
    let mut content = Vec::new();
    let mut zeros = 0;
    for byte in unit.get(header..)?.iter().take(LONGEST) {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        content.push(*byte);
    }
    Some(content)
}

fn in_messages(mut bytes: &[u8]) -> Option<ContainerTags> {
    loop {
        let (kind, rest) = long_number(bytes)?;
        let (size, rest) = long_number(rest)?;
        let payload = rest.get(..(size as usize).min(rest.len()))?;
        if kind == FRAME_PACKING {
            return arrangement(payload);
        }
        bytes = rest.get(size as usize..)?;
    }
}

/// A number whose bytes of 255 continue.
fn long_number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let full = bytes.iter().take_while(|b| **b == 0xff).count();
    let last = *bytes.get(full)?;
    Some((u32::try_from(full).ok()?.checked_mul(255)? + u32::from(last), &bytes[full + 1..]))
}

fn arrangement(payload: &[u8]) -> Option<ContainerTags> {
    let bit = |at: usize| payload.get(at / 8).map(|byte| usize::from(byte >> (7 - at % 8) & 1));
    let number = |at: usize, n: usize| (at..at + n).try_fold(0, |value, at| Some(value << 1 | bit(at)?));
    // An identifier: as many zeros as bits follow the next one.
    let mut at = 0;
    while bit(at)? == 0 {
        at += 1;
    }
    at = 2 * at + 1;
    if bit(at)? == 1 {
        // The end of an earlier one.
        return None;
    }
    let stereo = match number(at + 1, 7)? {
        3 => StereoTag::SideBySide,
        4 => StereoTag::TopBottom,
        _ => StereoTag::Other,
    };
    // Behind a bit for quincunx sampling: 1 for the left view first, 2 for the right one.
    Some(ContainerTags { stereo: Some(stereo), right_first: number(at + 9, 6)? == 2, spherical: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What x264 writes for `frame-packing=3`, behind another message, and a slice.
    const H264: [&[u8]; 3] = [&[6, 1, 2, 9, 9, 45, 7, 0x81, 0x81, 0, 0, 3, 0, 0x80, 0], &[0x67, 1, 2], &[0x65, 7, 7]];

    fn by_length_of(units: &[&[u8]]) -> Vec<u8> {
        units.iter().flat_map(|u| [&(u.len() as u32).to_be_bytes()[..], u].concat()).collect()
    }

    fn annex_b(units: &[&[u8]]) -> Vec<u8> {
        units.iter().flat_map(|u| [&[0, 0, 0, 1][..], u].concat()).collect()
    }

    #[test]
    fn packing_is_read_from_both_kinds_of_units() {
        let want = ContainerTags { stereo: Some(StereoTag::SideBySide), ..ContainerTags::default() };
        assert_eq!(packing(&by_length_of(&H264), Codec::H264), Some(want));
        assert_eq!(packing(&annex_b(&H264), Codec::H264), Some(want));
        assert_eq!(packing(&annex_b(&H264[1..]), Codec::H264), None);
    }

    #[test]
    fn frame_packing_arrangements_are_distinguished() {
        let of = |payload: &[u8]| {
            let unit = [&[0x4e, 1, 45, payload.len() as u8][..], payload].concat();
            packing(&annex_b(&[&unit]), Codec::Hevc)
        };
        let tags = |stereo, right_first| Some(ContainerTags { stereo: Some(stereo), right_first, spherical: None });
        assert_eq!(of(&[0x82, 0x01, 0]), tags(StereoTag::TopBottom, false));
        assert_eq!(of(&[0x82, 0x02, 0]), tags(StereoTag::TopBottom, true));
        assert_eq!(of(&[0x81, 0x82, 0]), tags(StereoTag::SideBySide, true));
        assert_eq!(of(&[0x80, 0x01, 0]), tags(StereoTag::Other, false));
        // The identifier 1, in three bits; the end of a packing; a message that is cut off.
        assert_eq!(of(&[0b0100_0000, 0b0110_0000, 0b1000_0000]), tags(StereoTag::SideBySide, true));
        assert_eq!(of(&[0xc0]), None);
        assert_eq!(of(&[0x81]), None);
    }

    proptest! {
        #[test]
        fn any_packet_is_read_without_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200), hevc in any::<bool>(), start in any::<bool>(),
        ) {
            let head: &[u8] = if start { &[0, 0, 1, 6, 45] } else { &[0, 0, 0, 20, 6] };
            let _ = packing(&[head, &bytes].concat(), if hevc { Codec::Hevc } else { Codec::H264 });
        }
    }
}
