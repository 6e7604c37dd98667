//! `VRSEG_*` variables that nothing reads.

use crate::cli::near::nearest;
use std::ffi::OsString;
use vrseg_engine::settings::schema::{self, SETTINGS};

/// Variables that are not settings, and the beginnings of those that only builds and tests read.
const OTHERS: &[&str] = &["VRSEG_PROFILE", "VRSEG_LOG", "VRSEG_DATA_DIR", "VRSEG_CRASH"];
const DEVELOPERS: &[&str] =
    &["VRSEG_EMBED_", "VRSEG_TEST_", "VRSEG_BROKEN", "VRSEG_UPDATE_DOCS", "VRSEG_PYTHON", "VRSEG_GIT_"];

/// A warning for each variable that looks like a setting and is none. Those of a known section are errors elsewhere.
pub(in crate::cli) fn unknown(env: impl Iterator<Item = (OsString, OsString)>) -> Vec<String> {
    let names = env.filter_map(|(name, value)| name.into_string().ok().filter(|_| !value.is_empty()));
    let mut unknown: Vec<_> = names.filter(|name| name.starts_with("VRSEG_") && !is_known(name)).collect();
    unknown.sort_unstable();
    unknown
        .into_iter()
        .map(|name| match meant(&name) {
            Some(near) => format!("{name}: unknown variable, ignored; did you mean {near}?"),
            None => format!("{name}: unknown variable, ignored; `vrseg --show-config` lists the settings"),
        })
        .collect()
}

fn is_known(name: &str) -> bool {
    if OTHERS.contains(&name) || DEVELOPERS.iter().any(|begin| name.starts_with(begin)) {
        return true;
    }
    let rest = name.trim_start_matches("VRSEG_").to_lowercase();
    rest.split_once('_').is_some_and(|(section, _)| schema::sections().any(|s| s == section))
}

/// The variable that was meant: that of an option or setting by its own name, else the nearest.
fn meant(name: &str) -> Option<String> {
    let leaf = name.trim_start_matches("VRSEG_").to_lowercase();
    let option = format!("--{}", leaf.replace('_', "-"));
    let of_option = SETTINGS.iter().find(|s| s.options.iter().any(|o| o.name == option || o.alias == Some(&option)));
    let of_leaf = || SETTINGS.iter().find(|s| s.leaf() == leaf);
    if let Some(setting) = of_option.or_else(of_leaf) {
        return Some(schema::variable(setting.name));
    }
    let near_leaf = nearest(&leaf, SETTINGS.iter().map(|s| s.leaf()));
    let all: Vec<String> = SETTINGS.iter().map(|s| schema::variable(s.name)).collect();
    let whole = nearest(name, all.iter().map(String::as_str).chain(OTHERS.iter().copied())).map(str::to_owned);
    whole.or_else(|| {
        let leaf = near_leaf?;
        SETTINGS.iter().find(|s| s.leaf() == leaf).map(|s| schema::variable(s.name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(names: &[&str]) -> String {
        unknown(names.iter().map(|name| ((*name).into(), "1".into()))).join("\n")
    }

    #[test]
    fn variables_by_an_options_name_are_explained() {
        for (name, want) in [
            ("VRSEG_THREADS", "VRSEG_PROCESSING_THREADS?"),
            ("VRSEG_DEVICE", "VRSEG_DEVICE_NAME?"),
            ("VRSEG_CRF", "VRSEG_OUTPUT_CRF?"),
            ("VRSEG_MODE", "VRSEG_OUTPUT_MODE?"),
            ("VRSEG_PROFIL", "VRSEG_PROFILE?"),
            ("VRSEG_OUPUT_CRF", "VRSEG_OUTPUT_CRF?"),
        ] {
            assert!(warnings(&[name]).ends_with(want), "{name}: {}", warnings(&[name]));
        }
        assert!(warnings(&["VRSEG_HOLIDAY"]).contains("--show-config"));
        assert_eq!(warnings(&["VRSEG_LOG", "VRSEG_EMBED_ORT", "VRSEG_MATTE_FEATHER", "PATH"]), "");
    }
}
