//! Rules of the house, held by a program: arrows between crates, who may know which library, file sizes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{DependencyKind, MetadataCommand};
use halligan_tests::root;

/// Longest Rust and WGSL files, in lines; the aim is 300.
const LINES_MAX: usize = 500;

/// Direct dependencies of each crate of ours, by folder name and dependency name.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap();
    let folder = |name: &str| name.strip_prefix("halligan-").map(str::to_owned);
    let normal = |dependency: &&cargo_metadata::Dependency| dependency.kind == DependencyKind::Normal;
    let names = |package: &cargo_metadata::Package| {
        package.dependencies.iter().filter(normal).map(|dependency| dependency.name.clone()).collect()
    };
    metadata.packages.iter().filter_map(|package| Some((folder(&package.name)?, names(package)))).collect()
}

fn users_of(library: &str) -> Vec<String> {
    let crates = dependencies();
    crates
        .iter()
        .filter(|(name, uses)| *name != "tests" && uses.contains(library))
        .map(|(name, _)| name.clone())
        .collect()
}

#[test]
fn arrows_between_crates_point_as_the_architecture_says() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("shaders", &[][..]),
        ("firmware-profiles", &[]),
        ("finetune", &["shaders"]),
        ("runtime", &["finetune", "firmware-profiles"]),
        ("trainer-host", &["runtime", "finetune", "firmware-profiles"]),
        ("tui", &["runtime"]),
    ]);
    for (name, uses) in dependencies() {
        let Some(allowed) = allowed.get(name.as_str()) else { continue };
        let ours = uses.iter().filter_map(|dependency| dependency.strip_prefix("halligan-"));
        for dependency in ours {
            assert!(allowed.contains(&dependency), "{name} must not depend on {dependency}; see ARCHITECTURE.md");
        }
    }
}

#[test]
fn only_shaders_knows_wgpu() {
    assert_eq!(users_of("wgpu"), ["shaders"]);
}

#[test]
fn only_runtime_knows_llama_cpp() {
    assert_eq!(users_of("llama-cpp-2"), ["runtime"]);
}

#[test]
fn only_the_console_and_the_review_screen_know_ratatui() {
    assert_eq!(users_of("ratatui"), ["trainer-host", "tui"]);
    let host = root().join("trainer-host/src");
    let mut found = Vec::new();
    sources(&host, &[".rs"], &mut found);
    for path in found {
        let knows = fs::read_to_string(&path).unwrap().contains("ratatui");
        let review = path.strip_prefix(&host).unwrap().starts_with("data/review");
        assert!(!knows || review, "{} must not know ratatui; only data/review does", path.display());
    }
}

#[test]
fn only_the_server_knows_http() {
    assert_eq!(users_of("axum"), ["tui"]);
    let tui = root().join("tui/src");
    let mut found = Vec::new();
    sources(&tui, &[".rs"], &mut found);
    for path in found {
        let text = fs::read_to_string(&path).unwrap();
        let knows = text.contains("axum");
        let inside = path.strip_prefix(&tui).unwrap();
        let server = inside.starts_with("serve") || inside == Path::new("serve.rs");
        assert!(!knows || server, "{} must not know HTTP; only serve/ does", path.display());
    }
}

#[test]
fn every_crate_of_the_design_card_is_used() {
    let card = [
        "wgpu",
        "half",
        "gguf-rs",
        "tokenizers",
        "llama-cpp-2",
        "heapless",
        "serde-json-core",
        "embedded-io",
        "ratatui",
        "clap",
    ];
    for library in card {
        assert!(!users_of(library).is_empty(), "nothing depends on {library}");
    }
}

/// Tracked kinds of source files below a folder, build folders left out.
fn sources(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" && !name.starts_with("demo-out") {
            sources(&path, endings, found);
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
}

fn all(endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    sources(&root(), endings, &mut found);
    assert!(!found.is_empty());
    found
}

#[test]
fn no_source_file_grows_past_the_limit() {
    for path in all(&[".rs", ".wgsl"]) {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines, {LINES_MAX} at most: split it by idea", path.display());
    }
}

#[test]
fn every_rust_file_says_what_it_is() {
    for path in all(&[".rs"]) {
        let text = fs::read_to_string(&path).unwrap();
        let first = text.lines().find(|line| !line.starts_with("#!")).unwrap_or_default();
        assert!(first.starts_with("//!"), "{} does not start with a //! head", path.display());
    }
}

#[test]
fn sources_are_ascii() {
    for path in all(&[".rs", ".wgsl", ".toml", ".py"]) {
        let bytes = fs::read(&path).unwrap();
        let line = bytes.split(|&byte| byte == b'\n').position(|line| !line.is_ascii());
        assert_eq!(line.map(|line| line + 1), None, "{} holds a character outside ASCII", path.display());
    }
}

#[test]
fn the_built_in_base_is_at_most_12_megabytes() {
    let bytes = fs::metadata(halligan_tests::built_in_base()).unwrap().len();
    assert!(bytes <= 12_000_000, "{bytes} bytes");
}
