//! `WWW-Authenticate` (RFC 9110, section 11.6.1), as registries use it.

use std::collections::BTreeMap;

/// One way in that a registry offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    /// Lower-case.
    pub(super) scheme: String,
    /// Names are lower-case.
    pub(super) parameters: BTreeMap<String, String>,
}

/// The challenges of one header value; what cannot be read is left out.
pub(super) fn parse(header: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = header.trim_start_matches([' ', ',', '\t']);
    while !rest.is_empty() {
        let (word, after) = token(rest);
        if word.is_empty() {
            break;
        }
        let spaced = after.trim_start();
        if let Some(value) = spaced.strip_prefix('=') {
            let Some(challenge) = challenges.last_mut() else { break };
            let Some((value, after)) = quoted_or_token(value.trim_start()) else { break };
            challenge.parameters.insert(word.to_lowercase(), value);
            rest = after;
        } else {
            challenges.push(Challenge { scheme: word.to_lowercase(), parameters: BTreeMap::new() });
            rest = after;
        }
        rest = rest.trim_start_matches([' ', ',', '\t']);
    }
    challenges
}

fn token(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~:/?@[]".contains(c)));
    text.split_at(end.unwrap_or(text.len()))
}

fn quoted_or_token(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (word, rest) = token(text);
        return Some((word.to_owned(), rest));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_challenge_keeps_commas_inside_quotes() {
        let header = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull,push""#;
        let [challenge] = parse(header).try_into().unwrap();
        assert_eq!(challenge.scheme, "bearer");
        assert_eq!(challenge.parameters["realm"], "https://auth.docker.io/token");
        assert_eq!(challenge.parameters["scope"], "repository:library/nginx:pull,push");
    }

    #[test]
    fn several_challenges_in_one_header_are_told_apart() {
        let schemes: Vec<String> = parse(r#"Basic realm="a \"b\"", Bearer realm=https://x/t, Negotiate"#)
            .into_iter()
            .map(|c| c.scheme)
            .collect();
        assert_eq!(schemes, ["basic", "bearer", "negotiate"]);
        assert_eq!(parse(r#"Basic realm="a \"b\"""#)[0].parameters["realm"], r#"a "b""#);
    }
}
