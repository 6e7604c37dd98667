//! Files that are recognized by their checksum.

use super::Known;
use super::license::License;
use super::parts::Identity;
use crate::models::registry;

/// Files that their makers, or many who pass them on, publish with their checksums: sha256, the file's usual name, where it is from.
/// Read in rembg's sources, in opencv_zoo's pointers to its files, and in lists of third parties that agree.
const PUBLISHED: &[(&str, &str, &str)] = &[
    ("88d4531297118f595bf2fd60f6f566aec2e559393802d1f436c380f0cbbd2828", "rvm_mobilenetv3_fp32.onnx", "release v1.0.0"),
    ("25db300fcb6ee27f941a1b52c97856e8d1f13c7f35817f81a612f89af0e8a85c", "rvm_resnet50_fp32.onnx", "release v1.0.0"),
    ("309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8", "u2netp.onnx", "rembg's releases"),
    ("8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491", "u2net.onnx", "rembg's releases"),
    ("60920e99c45464f2ba57bee2ad08c919a52bbf852739e96947fbb4358c0d964a", "isnet-general-use.onnx", "rembg's releases"),
    (
        "58f621f00f5d756097615970a88a791584600dcf7c45b18a0a6267535a1ebd3c",
        "birefnet-general.onnx",
        "BiRefNet's releases",
    ),
    (
        "5600024376f572a557870a5eb0afb1e5961636bef4e1e22132025467d0f03333",
        "birefnet-general-lite.onnx",
        "BiRefNet's releases",
    ),
    ("5b486f08200f513f460da46dd701db5fbb47d79b4be4b708a19444bcd4e79958", "bria-rmbg-2.0.onnx", "rembg's releases"),
    (
        "07c308cf0fc7e6e8b2065a12ed7fc07e1de8febb7dc7839d7b7f15dd66584df9",
        "modnet_photographic.onnx",
        "HivisionIDPhotos",
    ),
    ("552d8a984054e59b5d773d24b9b12022b22046ceb2bbc4c9aaeaceb36a9ddf24", "pphumanseg_2023mar.onnx", "opencv_zoo"),
];

/// The usual name of a published file with this checksum, and where it is from.
pub(super) fn published(sha256: &str) -> Option<(&'static str, &'static str)> {
    PUBLISHED.iter().find(|(sum, ..)| sum.eq_ignore_ascii_case(sha256)).map(|(_, file, from)| (*file, *from))
}

/// A file that a built-in model describes, under another name.
pub(super) fn by_checksum(identity: &Identity<'_>) -> Option<Known> {
    let built_in = registry::built_in().ok()?;
    let same = built_in.into_iter().find(|m| m.sha256.eq_ignore_ascii_case(identity.sha256))?;
    let (name, file) = (identity.name.to_owned(), format!("{}.onnx", identity.name));
    let license = license_of(&same.license);
    let why = vec![format!("its checksum is that of the built-in model {}", same.name)];
    let title = same.description.clone();
    Some(Known { title, why, license, manifest: crate::manifest::Manifest { name, file, ..same } })
}

fn license_of(spdx: &str) -> License {
    let known = [
        License::permissive("Apache-2.0", "as the built-in model's"),
        License::copyleft("GPL-3.0-only", "as the built-in model's"),
        License::copyleft("AGPL-3.0-only", "as the built-in model's"),
    ];
    known.into_iter().find(|l| l.spdx == spdx).unwrap_or(License::UNKNOWN)
}
