//! `-v`: `[source:]target[:options]`.

use crate::error::Error;
use serde::{Deserialize, Serialize};

/// One mount of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct VolumeSpec {
    /// What is mounted.
    pub source: VolumeSource,
    /// Where, an absolute path in the container.
    pub target: String,
    /// As given: `ro` or `rw`, `nocopy`, a propagation such as `rslave`, and words that change nothing here.
    pub options: String,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "kebab-case", tag = "kind", content = "name")]
pub enum VolumeSource {
    /// A new volume without a name.
    Anonymous,
    /// The volume of this name, created when it is missing.
    Named(String),
    /// A path on this host.
    HostPath(String),
}

/// Parses one `-v` argument.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn parse(text: &str) -> Result<VolumeSpec, Error> {
    let invalid = || Error::Invalid(format!("invalid volume specification: '{text}'"));
    let parts = split(text);
    let (source, target, options) = match parts.as_slice() {
        [target] => (None, *target, ""),
        [source, target] => (Some(*source), *target, ""),
        [source, target, options] => (Some(*source), *target, *options),
        _ => return Err(invalid()),
    };
    if target.is_empty() || source == Some("") {
        return Err(invalid());
    }
    if !target.starts_with('/') {
        return Err(Error::Invalid(format!(
            "invalid volume specification: '{text}': invalid mount path: '{target}' mount path must be absolute"
        )));
    }
    if target.trim_matches('/').is_empty() {
        return Err(Error::Invalid(format!("invalid volume specification: '{text}': destination can't be '/'")));
    }
    if !are_options(options) {
        return Err(Error::Invalid(format!("invalid mode: {options}")));
    }
    let source = match source {
        None => VolumeSource::Anonymous,
        Some(path) if is_path(path) => VolumeSource::HostPath(path.into()),
        Some(name) if is_name(name) => VolumeSource::Named(name.into()),
        Some(name) => {
            return Err(Error::Invalid(format!(
                "{name:?} includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are \
                 allowed. If you intended to pass a host directory, use absolute path"
            )));
        }
    };
    Ok(VolumeSpec { source, target: target.into(), options: options.into() })
}

/// Parts between colons; the colon of a Windows drive (`C:\x`) belongs to its path.
fn split(text: &str) -> Vec<&str> {
    let drive = |at: usize| {
        let bytes = text.as_bytes();
        matches!(bytes.get(at + 2), Some(b'\\' | b'/')) && bytes[at].is_ascii_alphabetic()
    };
    let skip = if text.as_bytes().get(1) == Some(&b':') && drive(0) { 2 } else { 0 };
    let mut parts: Vec<&str> = Vec::new();
    let mut from = 0;
    for (at, _) in text.match_indices(':').filter(|(at, _)| *at >= skip) {
        parts.push(&text[from..at]);
        from = at + 1;
    }
    parts.push(&text[from..]);
    parts
}

fn is_path(source: &str) -> bool {
    let bytes = source.as_bytes();
    let drive = bytes.len() > 2 && bytes[1] == b':' && bytes[0].is_ascii_alphabetic();
    source.starts_with(['/', '.', '~', '\\']) || drive
}

fn is_name(source: &str) -> bool {
    source.len() > 1
        && source.starts_with(|c: char| c.is_ascii_alphanumeric())
        && source.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// Known options, none of a kind twice; whether one fits what is mounted is the engine's to say.
fn are_options(options: &str) -> bool {
    const KINDS: [&[&str]; 5] = [
        &["ro", "rw"],
        &["nocopy"],
        &["private", "rprivate", "slave", "rslave", "shared", "rshared"],
        // SELinux labels and consistency hints of other products: there is nothing to do for them.
        &["z", "Z"],
        &["cached", "delegated", "consistent", "default"],
    ];
    let all: Vec<&str> = options.split(',').filter(|option| !option.is_empty()).collect();
    let known = all.iter().all(|option| KINDS.iter().any(|kind| kind.contains(option)));
    known && KINDS.iter().all(|kind| all.iter().filter(|option| kind.contains(option)).count() <= 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_paths_and_anonymous_volumes_are_told_apart() {
        let named = parse("data:/var/lib:ro").unwrap();
        assert_eq!(
            named,
            VolumeSpec { source: VolumeSource::Named("data".into()), target: "/var/lib".into(), options: "ro".into() }
        );
        assert_eq!(parse("/cache").unwrap().source, VolumeSource::Anonymous);
        assert_eq!(parse("./src:/src").unwrap().source, VolumeSource::HostPath("./src".into()));
        assert_eq!(parse(r"C:\src:/src:ro").unwrap().source, VolumeSource::HostPath(r"C:\src".into()));
        assert_eq!(parse("data:/x:rw,z").unwrap().options, "rw,z");
        assert_eq!(parse("/sys:/x:ro,rprivate").unwrap().options, "ro,rprivate");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            ":",
            ":/x",
            "a:",
            "data:rel",
            "data:/",
            "data:/x:rx",
            "data:/x:ro,rw",
            "/sys:/x:slave,rslave",
            "da ta:/x",
            "a:/b:ro:c",
            "x:/y",
        ] {
            assert!(matches!(parse(text), Err(Error::Invalid(_))), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gets_an_answer(text in ".{0,40}") {
            if let Ok(spec) = parse(&text) {
                prop_assert!(spec.target.starts_with('/'));
            }
        }
    }
}
