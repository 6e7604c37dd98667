//! A JSON Schema of manifests, by which editors complete and check them.

use super::Manifest;
use schemars::{Schema, SchemaGenerator, json_schema};

/// The schema as text, made of the same types that read manifests. A test keeps `configs/manifest.schema.json` equal to it.
pub fn schema() -> String {
    let mut schema = schemars::schema_for!(Manifest);
    schema.insert("title".to_owned(), "Manifest of a vrseg model".into());
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// How a sphere is shown to a model, an enum of the crate below, which knows no schemas.
pub(super) fn view(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": ["eye", "equirect", "fisheye", "rectilinear"], "default": "eye" })
}
