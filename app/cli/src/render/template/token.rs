//! A template's text in pieces: what stands as it is, and the words of each action.

use super::field::Place;

/// What a template consists of at first sight.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    Text(String),
    /// The words between `{{` and `}}`.
    Action(Vec<Token>),
}

/// A word of an action.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// `if`, `json`, `true`.
    Name(String),
    /// `.`, `.A.B`: the names behind the dots. `spaced` tells one that stands alone from one behind a parenthesis.
    Field { path: Path, spaced: bool },
    /// `$`, `$x.A`: the variable and the names behind it.
    Variable(String, Path),
    /// In quotes.
    Text(String),
    /// As it is written.
    Number(String),
    /// `(`, `)`, `|`, `,`, `=`, `:=`.
    Sign(&'static str),
}

/// The names behind dots.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path {
    pub(super) names: Vec<String>,
    /// What Go's messages point at: the last of at most two names.
    pub(super) place: Place,
}

/// Cuts a template into pieces; white space around `{{-` and `-}}` goes. `plain` is done to the text between actions.
pub(super) fn pieces(text: &str, plain: impl Fn(&str) -> String) -> Result<Vec<Piece>, String> {
    let mut all = Vec::new();
    let (mut rest, mut trim_start) = (text, false);
    loop {
        let (before, action) = match rest.split_once("{{") {
            Some((before, action)) => (before, Some(action)),
            None => (rest, None),
        };
        let before = plain(before);
        let mut before = if trim_start { before.trim_start() } else { &before };
        let Some(action) = action else {
            all.push(Piece::Text(before.to_owned()));
            return Ok(all);
        };
        let inside = action.strip_prefix('-').filter(|inside| inside.starts_with(char::is_whitespace));
        if inside.is_some() {
            before = before.trim_end();
        }
        all.push(Piece::Text(before.to_owned()));
        let inside = inside.unwrap_or(action);
        if let Some(comment) = inside.trim_start().strip_prefix("/*") {
            let (_, behind) = comment.split_once("*/").ok_or("unclosed comment")?;
            let behind = behind.trim_start();
            trim_start = behind.starts_with('-');
            rest = behind.trim_start_matches('-').strip_prefix("}}").ok_or("comment ends before closing delimiter")?;
            continue;
        }
        let (tokens, behind, trims) = words(text, inside)?;
        all.push(Piece::Action(tokens));
        (rest, trim_start) = (behind, trims);
    }
}

/// The words of `text`, the rest of `whole`, up to `}}`; what follows it, and whether white space there goes.
fn words<'a>(whole: &str, text: &'a str) -> Result<(Vec<Token>, &'a str, bool), String> {
    let mut all = Vec::new();
    let mut rest = text;
    loop {
        let trimmed = rest.trim_start();
        let spaced = trimmed.len() != rest.len() || all.is_empty();
        rest = trimmed;
        if let Some(behind) = rest.strip_prefix("}}") {
            return Ok((all, behind, false));
        }
        if let Some(behind) = rest.strip_prefix("-}}").filter(|_| spaced) {
            return Ok((all, behind, true));
        }
        let Some(first) = rest.chars().next() else { return Err(format!("unclosed action in {{{{{text}")) };
        let (token, behind) = match first {
            '"' => quoted(rest)?,
            '`' => {
                let (raw, behind) = rest[1..].split_once('`').ok_or("unterminated raw quoted string")?;
                (Token::Text(raw.to_owned()), behind)
            }
            '.' if !rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                let (path, behind) = path(whole, rest)?;
                (Token::Field { path, spaced }, behind)
            }
            '$' => {
                let (name, behind) = word(&rest[1..]);
                let (path, behind) = path(whole, behind)?;
                (Token::Variable(name.to_owned(), path), behind)
            }
            c if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') => {
                let end = rest[1..].find(|c: char| !c.is_alphanumeric() && c != '.').map_or(rest.len(), |at| at + 1);
                (Token::Number(rest[..end].to_owned()), &rest[end..])
            }
            c if c.is_alphabetic() || c == '_' => {
                let (name, behind) = word(rest);
                (Token::Name(name.to_owned()), behind)
            }
            _ => {
                let sign = ["(", ")", "|", ",", ":=", "="].into_iter().find(|sign| rest.starts_with(sign));
                let sign = sign.ok_or_else(|| format!("unexpected {first:?} in {{{{{text}"))?;
                (Token::Sign(sign), &rest[sign.len()..])
            }
        };
        all.push(token);
        rest = behind;
    }
}

fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len()))
}

/// `.A.B` at the beginning of `text`, the rest of `whole`; `.` alone is no name at all, and neither is nothing.
fn path<'a>(whole: &str, text: &'a str) -> Result<(Path, &'a str), String> {
    let (names, behind) = names(text)?;
    let first = names.first().filter(|_| names.len() > 1).map_or(0, |name| name.len() + 1);
    Ok((Path { names, place: Place::of(whole, whole.len() - text.len() + first) }, behind))
}

fn names(text: &str) -> Result<(Vec<String>, &str), String> {
    let (mut all, mut rest) = (Vec::new(), text);
    while let Some(behind) = rest.strip_prefix('.') {
        let (name, behind) = word(behind);
        if name.is_empty() {
            if all.is_empty() && !behind.starts_with('.') {
                return Ok((all, behind));
            }
            return Err(format!("a name is missing behind the dot in {text:?}"));
        }
        all.push(name.to_owned());
        rest = behind;
    }
    Ok((all, rest))
}

/// A text in quotes, with Go's escapes.
fn quoted(text: &str) -> Result<(Token, &str), String> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((Token::Text(value), &text[at + 1..])),
            '\n' => break,
            '\\' => value.push(match chars.next().map(|(_, escaped)| escaped) {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some(same @ ('"' | '\\' | '\'')) => same,
                Some(other) => return Err(format!("the escape \\{other} is not supported by Berth")),
                None => break,
            }),
            c => value.push(c),
        }
    }
    Err("unterminated quoted string".to_owned())
}
