//! The folders, and what each must hold.

use std::path::{Path, PathBuf};

/// The checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests stands in the root").to_path_buf()
}

/// Every source with one of these endings that git would keep.
pub(crate) fn sources(endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk(&root(), endings, &mut found);
    assert!(found.len() > 50, "the walk found almost nothing");
    found
}

fn walk(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            if !["target", "dist", "node_modules", ".git"].iter().any(|skip| name == *skip) {
                walk(&path, endings, found);
            }
        } else if path.extension().is_some_and(|end| endings.iter().any(|ending| end == *ending)) {
            found.push(path);
        }
    }
}

#[test]
fn every_crate_begins_with_a_readme_that_says_what_it_may_not_know() {
    let mut broken = Vec::new();
    for group in ["app", "vm-agent"] {
        for folder in
            std::fs::read_dir(root().join(group)).expect("a group").flatten().filter(|entry| entry.path().is_dir())
        {
            let readme = std::fs::read_to_string(folder.path().join("README.md")).unwrap_or_default();
            if !readme.to_lowercase().contains("not know") {
                broken.push(folder.path().display().to_string());
            }
        }
    }
    assert!(broken.is_empty(), "no README, or it does not say what the crate may not know: {broken:?}");
}

#[test]
fn no_module_is_named_for_nothing() {
    let vague = ["util", "utils", "common", "helper", "helpers", "manager", "misc"];
    let named: Vec<_> = sources(&["rs", "ts", "svelte"])
        .into_iter()
        .filter(|path| path.file_stem().is_some_and(|stem| vague.iter().any(|word| stem == *word)))
        .collect();
    assert!(named.is_empty(), "name these for what they provide: {named:?}");
}
