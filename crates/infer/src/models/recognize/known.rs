//! Files that are recognized by their checksum.

use super::Known;
use super::license::{License, Terms};
use super::parts::Identity;
use crate::models::registry;

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
    known.into_iter().find(|l| l.spdx == spdx).unwrap_or(License { terms: Terms::Unknown, ..License::UNKNOWN })
}
