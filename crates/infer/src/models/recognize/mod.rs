//! What model an ONNX file holds: told by its inputs, outputs, operators and the names of its weights, or by its checksum.

mod draft;
mod families;
mod known;
mod license;
mod parts;
mod refusal;
mod salient;
#[cfg(test)]
mod tests;
mod transformers;
mod video;
mod yolo;

pub use draft::{Draft, Guess};
pub use license::{License, Terms};

use super::graph::Graph;
use super::manifest::Manifest;
use parts::Identity;
use std::path::Path;

/// What a file was taken for.
#[derive(Clone, Debug)]
pub enum Finding {
    /// A model that is known.
    Known(Box<Known>),
    /// A model that takes a picture, of which nothing else is known.
    Unknown(Box<Draft>),
    /// Nothing that makes mattes, and why, as a text for users.
    Refused(String),
}

/// A model that was recognized.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its name in the field, with its variant.
    pub title: String,
    /// What it was recognized by, a clause each.
    pub why: Vec<String>,
    /// Upstream's license.
    pub license: License,
    /// What runs it.
    pub manifest: Manifest,
}

/// Says what the ONNX file `path` holds: `bytes`, whose SHA-256 is `sha256`, as a model that is to be called `name`.
pub fn recognize(path: &Path, bytes: &[u8], sha256: &str, name: &str) -> Finding {
    let graph = match Graph::read(bytes) {
        Ok(graph) => graph,
        Err(why) => return Finding::Refused(why),
    };
    let file = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    // A published file keeps its meaning under any name.
    let published = known::published(sha256);
    let identity = Identity { name, sha256, file: published.map_or(&file, |(usual, _)| usual) };
    if let Some(why) = refusal::of(&graph, path.parent().unwrap_or(Path::new(""))) {
        return Finding::Refused(why);
    }
    if let Some(known) = known::by_checksum(&identity) {
        return Finding::Known(Box::new(known));
    }
    if let Some(found) = families::ALL.iter().find_map(|family| family(&graph, &identity)) {
        return match found {
            Ok(mut known) => {
                if let Some((usual, from)) = published {
                    known.why.push(format!("its checksum is that of {usual} ({from})"));
                }
                Finding::Known(Box::new(known))
            }
            Err(why) => Finding::Refused(why),
        };
    }
    match Draft::of(graph, &identity) {
        Ok(draft) => Finding::Unknown(Box::new(draft)),
        Err(why) => Finding::Refused(why),
    }
}
