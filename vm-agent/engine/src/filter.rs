//! What the filters of lists and events have in common.

use std::collections::BTreeMap;

/// Whether labels have `key` or `key=value`.
pub(crate) fn label_fits(wanted: &str, labels: &BTreeMap<String, String>) -> bool {
    match wanted.split_once('=') {
        Some((key, value)) => labels.get(key).is_some_and(|have| have == value),
        None => labels.contains_key(wanted),
    }
}

/// Whether labels have all of `wanted` and none of `unwanted`.
pub(crate) fn labels_fit(wanted: &[String], unwanted: &[String], labels: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|label| label_fits(label, labels)) && !unwanted.iter().any(|label| label_fits(label, labels))
}

/// Whether a name has this part. `^` at the start and `$` at the end tie it there, as people use them with docker's
/// regular expressions; a leading slash of docker's own names is allowed for.
pub(crate) fn name_fits(wanted: &str, name: &str) -> bool {
    let (wanted, from_start) = wanted.strip_prefix('^').map_or((wanted, false), |rest| (rest, true));
    let (wanted, to_end) = wanted.strip_suffix('$').map_or((wanted, false), |rest| (rest, true));
    let wanted = wanted.strip_prefix('/').unwrap_or(wanted);
    match (from_start, to_end) {
        (true, true) => name == wanted,
        (true, false) => name.starts_with(wanted),
        (false, true) => name.ends_with(wanted),
        (false, false) => name.contains(wanted),
    }
}

/// Regular expressions of container names. As in docker, one that is no expression fits nothing.
pub(crate) struct Names(Option<Vec<regex_lite::Regex>>);

impl Names {
    /// Without expressions, every name fits.
    pub(crate) fn new(wanted: &[String]) -> Self {
        let compile = |text: &String| regex_lite::RegexBuilder::new(text).size_limit(1 << 20).build().ok();
        Self((!wanted.is_empty()).then(|| wanted.iter().filter_map(compile).collect()))
    }

    /// Whether one fits the name, with docker's slash in front or without it.
    pub(crate) fn fit(&self, name: &str) -> bool {
        let Some(all) = &self.0 else { return true };
        all.iter().any(|wanted| wanted.is_match(name) || wanted.is_match(&format!("/{name}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_matched_in_part_or_tied_to_its_ends() {
        for (wanted, fits) in [
            ("eb", true),
            ("^we", true),
            ("^eb", false),
            ("eb$", true),
            ("^web$", true),
            ("^/web$", true),
            ("^we$", false),
        ] {
            assert_eq!(name_fits(wanted, "web"), fits, "{wanted}");
        }
    }

    #[test]
    fn container_names_are_matched_by_expressions() {
        let fit = |wanted: &str| Names::new(&[wanted.to_owned()]).fit("web-1");
        for yes in ["eb", "^web", "^/web-1$", "^web-[0-9]+$", "w.b", "(db|web)"] {
            assert!(fit(yes), "{yes}");
        }
        for no in ["^eb", "web$", "[", "db"] {
            assert!(!fit(no), "{no}");
        }
        assert!(Names::new(&[]).fit("anything"));
    }
}
