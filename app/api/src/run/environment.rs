//! `-e`, `--env-file` and `-l`: lines of `KEY=value`.

use crate::error::Error;

/// One `-e` argument: `KEY=value`, or `KEY` for the value that the caller's own environment has.
/// `None` when it has none: docker then leaves the variable out.
///
/// # Errors
/// [`Error::Invalid`] for an empty name.
pub fn variable(text: &str, own: impl Fn(&str) -> Option<String>) -> Result<Option<String>, Error> {
    match text.split_once('=') {
        Some(("", _)) => Err(Error::Invalid(format!("invalid environment variable: {text}"))),
        Some(_) => Ok(Some(text.into())),
        None if text.is_empty() => Err(Error::Invalid("invalid environment variable: ".into())),
        None => Ok(own(text).map(|value| format!("{text}={value}"))),
    }
}

/// The variables of an `--env-file`: one per line, `#` begins a comment line, nothing is unquoted.
///
/// # Errors
/// [`Error::Invalid`] naming the line.
pub fn file(name: &str, content: &str, own: impl Fn(&str) -> Option<String>) -> Result<Vec<String>, Error> {
    let mut all = Vec::new();
    for line in lines("env", name, content)? {
        all.extend(variable(line, &own)?);
    }
    Ok(all)
}

/// The labels of a `--label-file`, in the same form; one without a value is empty.
///
/// # Errors
/// [`Error::Invalid`] naming the line.
pub fn label_file(name: &str, content: &str) -> Result<Vec<(String, String)>, Error> {
    lines("label", name, content)?.into_iter().map(label).collect()
}

/// The lines that say something; each begins with a key.
fn lines<'a>(kind: &str, name: &str, content: &'a str) -> Result<Vec<&'a str>, Error> {
    let mut all = Vec::new();
    for (number, line) in content.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let key = line.split_once('=').map_or(line, |(key, _)| key);
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err(Error::Invalid(format!(
                "invalid {kind} file ({name}): line {}: variable '{key}' contains whitespaces or is empty",
                number + 1
            )));
        }
        all.push(line);
    }
    Ok(all)
}

/// One `-l` argument: `key=value` or `key`.
///
/// # Errors
/// [`Error::Invalid`] for an empty key.
pub fn label(text: &str) -> Result<(String, String), Error> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    if key.is_empty() {
        return Err(Error::Invalid(format!("invalid label '{text}': empty name")));
    }
    Ok((key.into(), value.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(key: &str) -> Option<String> {
        (key == "HOME").then(|| "/root".into())
    }

    #[test]
    fn a_bare_name_takes_the_callers_value_or_nothing() {
        assert_eq!(variable("A=b=c", own).unwrap().as_deref(), Some("A=b=c"));
        assert_eq!(variable("HOME", own).unwrap().as_deref(), Some("HOME=/root"));
        assert_eq!(variable("NONE", own).unwrap(), None);
        assert!(variable("=x", own).is_err());
    }

    #[test]
    fn a_file_keeps_quotes_and_skips_comments() {
        let all = file("f", "\u{feff}A=1\n# c\n\n  B=\"two words\"\nHOME\nNONE\n", own).unwrap();
        assert_eq!(all, ["A=1", "B=\"two words\"", "HOME=/root"]);
        assert!(file("f", "A=1\nmy key=2", own).unwrap_err().to_string().contains("line 2"));
    }

    #[test]
    fn labels_may_be_bare() {
        let all = label_file("f", "# c\na=b=c\nbare\n").unwrap();
        assert_eq!(all, [("a".into(), "b=c".into()), ("bare".into(), String::new())]);
        assert!(label_file("f", "my key=1").unwrap_err().to_string().starts_with("invalid label file (f): line 1"));
        assert_eq!(label("a").unwrap(), ("a".into(), String::new()));
        assert_eq!(label("a=b=c").unwrap(), ("a".into(), "b=c".into()));
        assert!(label("=b").is_err());
    }
}
