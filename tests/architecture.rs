//! The structure of the workspace: which crate may depend on which, who links FFmpeg and ONNX Runtime, no
//! circles between the modules of a crate, and files and folders of a size that can be read.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The crates from the bottom up. A crate may depend on those of the lines above it, never on its own line
/// or on those below.
const LAYERS: &[&[&str]] = &[
    &["vrseg-hardware"],
    &["vrseg-image"],
    &["vrseg-media", "vrseg-infer"],
    &["vrseg-engine"],
    &["vrseg-bench", "vrseg-eval", "vrseg-cluster"],
    &["vrseg"],
];

/// Foreign libraries and the only crate that may depend on them.
const OWNERS: &[(&str, &str)] = &[
    ("ffmpeg-next", "vrseg-media"),
    ("ffmpeg-sys-next", "vrseg-media"),
    ("ort", "vrseg-infer"),
    ("ort-sys", "vrseg-infer"),
    ("nvml-wrapper", "vrseg-hardware"),
];

/// `.rs` files in one folder, its subfolders not counted.
const MOST_FILES: usize = 15;

const MOST_LINES: usize = 550;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The workspace's packages as `cargo metadata` describes them.
fn packages() -> Vec<Value> {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo starts");
    assert!(out.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&out.stderr));
    let metadata: Value = serde_json::from_slice(&out.stdout).expect("cargo metadata prints JSON");
    metadata["packages"].as_array().expect("packages").clone()
}

fn name(package: &Value) -> &str {
    package["name"].as_str().expect("a name")
}

/// Names of a package's dependencies, those for tests and build scripts included.
fn dependencies(package: &Value) -> impl Iterator<Item = &str> {
    package["dependencies"].as_array().expect("dependencies").iter().map(name)
}

#[test]
fn crates_depend_only_on_lower_layers() {
    let layer = |name: &str| LAYERS.iter().position(|crates| crates.contains(&name));
    let mut wrong = Vec::new();
    for package in &packages() {
        let name = name(package);
        let Some(own) = layer(name) else {
            wrong.push(format!("{name} has no layer: add it to LAYERS in tests/architecture.rs"));
            continue;
        };
        for dependency in dependencies(package) {
            if layer(dependency).is_some_and(|other| other >= own) {
                wrong.push(format!("{name} must not depend on {dependency}, which is not below it"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_crate_links_each_foreign_library() {
    let mut wrong = Vec::new();
    for package in &packages() {
        for dependency in dependencies(package) {
            for (library, owner) in OWNERS {
                if dependency == *library && name(package) != *owner {
                    wrong.push(format!("{} depends on {library}; only {owner} may", name(package)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn modules_of_a_crate_have_no_circles() {
    let mut wrong = Vec::new();
    for package in &packages() {
        let name = name(package);
        let manifest = Path::new(package["manifest_path"].as_str().expect("a path"));
        let circles = circles(&module_arrows(&manifest.with_file_name("src")));
        if !circles.is_empty() {
            wrong.push(format!("{name}: its modules need each other:\n{}", circles.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn folders_hold_few_files() {
    let mut wrong = Vec::new();
    for folder in source_folders() {
        let files = entries(&folder).iter().filter(|path| is_rust(path)).count();
        let name = below_root(&folder);
        if files > MOST_FILES {
            wrong.push(format!("{name} holds {files} .rs files, more than {MOST_FILES}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_short() {
    let files: Vec<_> = source_folders().iter().flat_map(|f| entries(f)).filter(|path| is_rust(path)).collect();
    assert!(files.len() > 100, "only {} source files found", files.len());
    let mut wrong = Vec::new();
    for file in &files {
        let lines = read(file).lines().count();
        let name = below_root(file);
        if lines > MOST_LINES {
            wrong.push(format!("{name} has {lines} lines, more than {MOST_LINES}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A file that no module declares is not compiled, and its tests are not run, without a word from Cargo.
#[test]
fn every_source_file_is_declared() {
    let mut wrong = Vec::new();
    for file in source_folders().iter().flat_map(|f| entries(f)).filter(|path| is_rust(path)) {
        let folder = file.parent().expect("a folder");
        let stem = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
        // A folder's own file is declared above it.
        let (name, above) = match &*stem(&file) {
            "lib" | "main" => continue,
            "mod" => (stem(folder), folder.parent().expect("a folder")),
            name => (name.to_owned(), folder),
        };
        let parents = ["mod.rs", "lib.rs", "main.rs"].map(|f| above.join(f));
        let mark = format!("mod {name};");
        if !parents.iter().any(|p| p.exists() && read(p).lines().any(|line| line.trim_end().ends_with(&mark))) {
            wrong.push(format!("{} is declared nowhere", below_root(&file)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `src`, every `crates/*/src` and all folders below them.
fn source_folders() -> Vec<PathBuf> {
    let crates = entries(&root().join("crates"));
    let mut open: Vec<_> = crates.iter().map(|path| path.join("src")).chain([root().join("src")]).collect();
    let mut all = Vec::new();
    while let Some(folder) = open.pop() {
        open.extend(entries(&folder).into_iter().filter(|path| path.is_dir()));
        all.push(folder);
    }
    all
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn below_root(path: &Path) -> String {
    path.strip_prefix(root()).expect("below the root").display().to_string()
}

/// Which top-level module of a crate uses which other, and where it does so for the first time.
type Arrows = BTreeMap<String, BTreeMap<String, String>>;

/// Reads every file of a crate. Tests are omitted: they may use what lies above them.
fn module_arrows(src: &Path) -> Arrows {
    let module = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    let top: Vec<_> = entries(src).into_iter().filter(|path| is_rust(path) || path.is_dir()).collect();
    let modules: BTreeSet<String> =
        top.iter().map(|path| module(path)).filter(|name| !is_test(name) && name != "lib" && name != "main").collect();
    // What the crate's root re-exports, `crate::Name`, belongs to a module, too.
    let root_file = src.join("lib.rs");
    let exported: BTreeMap<String, String> = paths_behind(&read(&root_file), "pub use ")
        .into_iter()
        .filter(|(_, path)| modules.contains(&path[0]))
        .map(|(_, path)| (path[path.len() - 1].clone(), path[0].clone()))
        .collect();
    let mut arrows = Arrows::new();
    for path in top.iter().filter(|path| modules.contains(&module(path))) {
        let from = module(path);
        for file in files_below(path) {
            let below = file.strip_prefix(src).expect("below the crate").with_extension("");
            let parts: Vec<_> = below.iter().filter(|part| *part != "mod").collect();
            for (line, path) in root_paths(&without_tests(&read(&file)), parts.len()) {
                let to = if modules.contains(&path[0]) { Some(&path[0]) } else { exported.get(&path[0]) };
                if let Some(to) = to.filter(|to| **to != from) {
                    let place = || format!("{}:{line}", below_root(&file));
                    arrows.entry(from.clone()).or_default().entry(to.clone()).or_insert_with(place);
                }
            }
        }
    }
    arrows
}

/// Modules that only tests use.
fn is_test(module: &str) -> bool {
    module == "tests" || module == "testing" || module == "snapshots" || module.ends_with("_tests")
}

fn files_below(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let parts = entries(path).into_iter();
    let kept = parts.filter(|p| (p.is_dir() || is_rust(p)) && !is_test(&p.file_stem().unwrap().to_string_lossy()));
    kept.flat_map(|p| files_below(&p)).collect()
}

/// The text without comments and without its inline test modules; lines keep their numbers.
fn without_tests(text: &str) -> String {
    let mut inside = false;
    let mut kept = String::new();
    let mut previous = "";
    for line in text.lines() {
        inside |= line.starts_with("mod ") && line.ends_with('{') && previous.starts_with("#[cfg(test)]");
        if !inside {
            kept += line.split("//").next().unwrap_or_default();
        }
        kept.push('\n');
        inside &= line != "}";
        previous = line;
    }
    kept
}

/// Line and names of every path from the crate's root: behind `crate::`, and behind as many `super::` as
/// the module is deep.
fn root_paths(text: &str, depth: usize) -> Vec<(usize, Vec<String>)> {
    let mut found = paths_behind(text, "crate::");
    found.extend(paths_behind(text, &"super::".repeat(depth)));
    found
}

/// Line and names of every path behind a mark, `{a, b::c}` taken apart.
fn paths_behind(text: &str, mark: &str) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(mark) {
        let before = &text[..at];
        // `my_crate::` and `super::super::` are other marks.
        if before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let line = before.matches('\n').count() + 1;
        let mut paths = Vec::new();
        use_tree(&text[at + mark.len()..], &[], &mut paths);
        found.extend(paths.into_iter().filter(|path| !path.is_empty()).map(|path| (line, path)));
    }
    found
}

/// Adds the paths of a `use` tree, or of a single path, to `paths`; returns the rest of the text.
fn use_tree<'a>(text: &'a str, prefix: &[String], paths: &mut Vec<Vec<String>>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        while !rest.is_empty() {
            rest = rest.trim_start();
            if let Some(end) = rest.strip_prefix('}') {
                return end;
            }
            let before = rest.len();
            rest = use_tree(rest, prefix, paths);
            rest = rest[rest.find([',', '}']).unwrap_or(rest.len())..].trim_start_matches(',');
            assert!(rest.len() < before, "a list that does not end");
        }
        return rest;
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let mut path = prefix.to_vec();
    if end > 0 && &text[..end] != "self" {
        path.push(text[..end].to_owned());
    }
    match text[end..].strip_prefix("::") {
        Some(rest) if rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '{') => {
            use_tree(rest, &path, paths)
        }
        _ => {
            paths.push(path);
            &text[end..]
        }
    }
}

/// A shortest circle through each module that is in one, without repetitions.
fn circles(arrows: &Arrows) -> Vec<String> {
    let mut shown = BTreeSet::new();
    let mut all = Vec::new();
    for start in arrows.keys() {
        let Some(circle) = shortest_circle(arrows, start).filter(|c| !c.iter().all(|m| shown.contains(m))) else {
            continue;
        };
        let place = |i: usize| &arrows[&circle[i]][&circle[(i + 1) % circle.len()]];
        let steps: Vec<_> = (0..circle.len()).map(|i| format!("{} -> ({})", circle[i], place(i))).collect();
        all.push(format!("  {} {start}", steps.join(" ")));
        shown.extend(circle);
    }
    all
}

/// The modules of a shortest circle through `start`, in order.
fn shortest_circle(arrows: &Arrows, start: &str) -> Option<Vec<String>> {
    let mut open = VecDeque::from([vec![start.to_owned()]]);
    let mut seen = BTreeSet::new();
    while let Some(path) = open.pop_front() {
        for next in arrows.get(&path[path.len() - 1]).into_iter().flat_map(BTreeMap::keys) {
            if next == start {
                return Some(path);
            }
            if seen.insert(next.clone()) {
                open.push_back([&path[..], std::slice::from_ref(next)].concat());
            }
        }
    }
    None
}

#[test]
fn circles_are_found() {
    let text = "use crate::{a::{self, X}, b};\nfn f() {\n    super::c::g(); // crate::d\n}\n\
                #[cfg(test)]\nmod tests {\n    use crate::e;\n}\nuse crate::f;\n";
    let found: Vec<_> =
        root_paths(&without_tests(text), 1).into_iter().map(|(line, path)| (line, path.join("::"))).collect();
    let want = [(1, "a"), (1, "a::X"), (1, "b"), (9, "f"), (3, "c::g")];
    assert_eq!(found, want.map(|(line, path)| (line, path.to_owned())));

    let arrow = |from: &str, to: &[&str]| {
        (from.to_owned(), to.iter().map(|t| ((*t).to_owned(), format!("{from}.rs:1"))).collect::<BTreeMap<_, _>>())
    };
    let line = Arrows::from([arrow("a", &["b", "c"]), arrow("b", &["c"])]);
    assert!(circles(&line).is_empty());
    let circle = Arrows::from([arrow("a", &["b"]), arrow("b", &["c"]), arrow("c", &["a"])]);
    assert_eq!(circles(&circle), ["  a -> (a.rs:1) b -> (b.rs:1) c -> (c.rs:1) a"]);
}
