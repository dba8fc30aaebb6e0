//! Words of an instruction: quotes, escapes and variables, as a Dockerfile has them.

/// The words of the JSON form; `None` when the text is none.
pub(super) fn exec_form(text: &str) -> Option<Vec<String>> {
    if text.starts_with('[') { serde_json::from_str(text).ok() } else { None }
}

/// Words apart by blanks, with quotes taken off and variables put in.
pub(super) fn words(text: &str, env: &[String]) -> Result<Vec<String>, String> {
    split(text)?.into_iter().map(|word| expand(&word, env)).collect()
}

/// `key=value ...`, or `key value with blanks`.
pub(super) fn pairs(instruction: &str, text: &str, env: &[String]) -> Result<Vec<(String, String)>, String> {
    let raw = split(text)?;
    let Some(first) = raw.first() else { return Err(format!("{instruction} must have two arguments")) };
    if !first.contains('=') {
        let (key, value) = text
            .split_once(|c: char| c.is_ascii_whitespace())
            .ok_or_else(|| format!("{instruction} must have two arguments"))?;
        return Ok(vec![(expand(key, env)?, expand(value.trim(), env)?)]);
    }
    let pair = |word: &String| {
        let (key, value) = word
            .split_once('=')
            .ok_or_else(|| format!("Syntax error - can't find = in {word:?}. Must be of the form: name=value"))?;
        let key = expand(key, env)?;
        if key.is_empty() {
            return Err(format!("{instruction} names can not be blank"));
        }
        Ok((key, expand(value, env)?))
    };
    raw.iter().map(pair).collect()
}

/// Cuts at blanks outside of quotes; quotes and escapes stay for [`expand`].
fn split(text: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => {
                word.push(c);
                word.extend(rest.next());
            }
            ('"' | '\'', None) => {
                quote = Some(c);
                word.push(c);
            }
            (c, Some(open)) if c == open => {
                quote = None;
                word.push(c);
            }
            (c, None) if c.is_ascii_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => word.push(c),
        }
    }
    if quote.is_some() {
        return Err("unexpected end of statement while looking for matching quote".to_owned());
    }
    if !word.is_empty() {
        words.push(word);
    }
    Ok(words)
}

/// Takes quotes off and puts variables in: `$A`, `${A}`, `${A:-else}`, `${A:+other}`.
pub(super) fn expand(text: &str, env: &[String]) -> Result<String, String> {
    let value = |name: &str| env.iter().rev().find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='));
    let (mut out, mut quote) = (String::new(), None);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, quote) {
            ('\\', None) => out.extend(rest.next()),
            ('\\', Some('"')) => match rest.next() {
                Some(escaped @ ('"' | '$' | '\\')) => out.push(escaped),
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            },
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('$', None | Some('"')) if rest.peek() == Some(&'{') => {
                rest.next();
                let mut inner = String::new();
                loop {
                    match rest.next() {
                        Some('}') => break,
                        Some(c) => inner.push(c),
                        None => return Err("syntax error: missing '}'".to_owned()),
                    }
                }
                let end = inner.find(|c: char| !is_name(c)).unwrap_or(inner.len());
                let (name, modifier) = inner.split_at(end);
                let found = value(name).filter(|found| !found.is_empty() || modifier.is_empty());
                match (modifier.get(..2), found) {
                    (None, found) if modifier.is_empty() => out.push_str(found.unwrap_or_default()),
                    (Some(":-"), found) => out.push_str(found.unwrap_or(&modifier[2..])),
                    (Some(":+"), Some(_)) => out.push_str(&modifier[2..]),
                    (Some(":+"), None) => {}
                    _ => return Err(format!("unsupported modifier ({modifier}) in substitution")),
                }
            }
            ('$', None | Some('"')) => {
                let mut name = String::new();
                while let Some(c) = rest.next_if(|c| is_name(*c)) {
                    name.push(c);
                }
                match name.as_str() {
                    "" => out.push('$'),
                    name => out.push_str(value(name).unwrap_or_default()),
                }
            }
            _ => out.push(c),
        }
    }
    if quote.is_some() {
        return Err("unexpected end of statement while looking for matching quote".to_owned());
    }
    Ok(out)
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn variables_and_quotes() {
        let env = ["A=one".to_owned(), "E=".to_owned()];
        for (text, expected) in [
            ("$A ${A}x '$A' \"$A\" \\$A", "one onex $A one $A"),
            ("${B:-else} ${E:-else} ${A:+yes}${B:+no}$", "else else yes$"),
            ("a\"b c\"d", "ab cd"),
            ("$Bnone", ""),
        ] {
            assert_eq!(expand(text, &env).unwrap(), expected, "{text}");
        }
        assert!(expand("${A", &env).is_err() && expand("${A%x}", &env).is_err());
    }

    proptest! {
        #[test]
        fn any_text_gets_an_answer(text in "[$\\{\\}\"'\\\\a=: -]{0,40}") {
            drop(expand(&text, &[]));
            drop(pairs("ENV", &text, &[]));
            drop(words(&text, &[]));
        }
    }
}
