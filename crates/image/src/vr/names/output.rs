//! Names of output files, with the tokens of what was made.

use super::scan::Scan;
use super::{NameFindings, NamedProjection, strip};
use crate::vr::{EyeOrder, Format, Layout, Packing, Projection};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;

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
        // No player knows a token for these.
        Projection::EquirectangularPart(_) | Projection::FullFrameFisheye { .. } => format!("{order}{packing}"),
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
pub(super) fn format_of(named: &NameFindings) -> Option<Format> {
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

/// The stem of an output file's name: the source's stem without its own tokens, plus the tokens of
/// the output, and `passthrough` for a picture with a key color. Reading the name gives the
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
    // Words that alone mean nothing may mean something next to a token ("my fisheye" + "_LR_180").
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
            stem = super::NAMELESS.as_bytes().to_vec();
            break;
        }
        stem = shorter;
    }
    stem.extend_from_slice(tail.as_bytes());
    OsString::from_vec(stem)
}
