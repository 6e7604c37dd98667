//! `vrseg hardware --json` is what docs/hardware.md says.

use crate::harness::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Fields and types of each object of the document: a heading `` ### `path` `` and a table.
fn documented() -> BTreeMap<String, BTreeMap<String, String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/hardware.md");
    let text = std::fs::read_to_string(path).expect("the document");
    let mut objects = BTreeMap::new();
    for section in text.split("\n### `").skip(1) {
        let (name, rest) = section.split_once('`').expect("a name in backticks");
        let mut fields = BTreeMap::new();
        for line in rest.lines().filter(|l| l.starts_with("| `")) {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            for field in cells[1].split(", ") {
                fields.insert(field.trim_matches('`').to_owned(), cells[2].to_owned());
            }
        }
        objects.insert(name.to_owned(), fields);
    }
    objects
}

fn is_a(value: &Value, said: &str) -> bool {
    match value {
        Value::Null => said.contains("null"),
        Value::Bool(_) => said.starts_with("boolean"),
        Value::Number(n) => said.starts_with("number") || n.is_u64() && said.starts_with("integer"),
        Value::String(_) => said.starts_with("string"),
        Value::Array(_) => said.starts_with("array"),
        Value::Object(_) => false,
    }
}

#[test]
fn the_report_is_as_the_document_has_it() {
    let out = ok(["hardware", "--json"]);
    let report: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let known = documented();
    let top: BTreeSet<_> = report.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(top, known.keys().filter(|k| !k.contains('.')).map(String::as_str).collect());
    for (path, fields) in &known {
        let value = path.split('.').fold(&report, |v, key| &v[key]);
        let objects = value.as_array().map_or_else(|| vec![value], |all| all.iter().collect());
        for object in objects {
            let have: BTreeSet<_> = object.as_object().expect("an object").keys().collect();
            assert_eq!(have, fields.keys().collect(), "{path}");
            for (name, said) in fields {
                assert!(is_a(&object[name], said), "{path}.{name}: {} is not {said}", object[name]);
            }
        }
    }
    let works = |list: &Value, name: &str, field: &str| {
        let all = list.as_array().expect("a list");
        all.iter().find(|e| e["name"] == name).map(|e| (e[field] == true, e["why"].is_null()))
    };
    assert_eq!(works(&report["providers"], "cpu", "loads"), Some((true, true)));
    assert_eq!(works(&report["ffmpeg"]["encoders"], "ffv1", "opens"), Some((true, true)));
    // What doesn't work says why.
    for list in [&report["providers"], &report["ffmpeg"]["encoders"]] {
        for entry in list.as_array().expect("a list") {
            let works = entry["loads"] == true || entry["opens"] == true;
            assert_eq!(works, entry["why"].is_null(), "{entry}");
        }
    }
}
