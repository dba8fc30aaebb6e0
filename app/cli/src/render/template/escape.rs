//! Texts made safe for where they go, as Go's `text/template` does it.

/// For HTML.
pub(super) fn html(text: &str) -> String {
    each(text, |c, out| match c {
        '\0' => out.push('\u{fffd}'),
        '"' => out.push_str("&#34;"),
        '\'' => out.push_str("&#39;"),
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        other => out.push(other),
    })
}

/// For a string of JavaScript.
pub(super) fn javascript(text: &str) -> String {
    each(text, |c, out| match c {
        '\\' | '\'' | '"' => out.extend(['\\', c]),
        ' ' => out.push(' '),
        '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
        other if other.is_control() || other.is_whitespace() => out.push_str(&format!("\\u{:04X}", u32::from(other))),
        other => out.push(other),
    })
}

/// For the query of an address.
pub(super) fn query(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn each(text: &str, escape: impl Fn(char, &mut String)) -> String {
    let mut out = String::new();
    text.chars().for_each(|c| escape(c, &mut out));
    out
}
