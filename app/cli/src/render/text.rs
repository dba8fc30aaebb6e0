//! Names, labels and messages come from images and containers: they must not steer the terminal.

/// `text` with every control character replaced, so that no escape sequence is left.
pub(crate) fn inert(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect()
}

/// A container's command as a list shows it: cut as docker cuts it, and quoted then.
pub(crate) fn command(words: &str) -> String {
    const WIDTH: usize = 20;
    quoted(&ellipsis(words, WIDTH))
}

/// A container's whole command as a list shows it, with Go's escapes.
pub(crate) fn quoted(words: &str) -> String {
    let mut out = String::from("\"");
    for c in words.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out + "\""
}

/// At most `width` characters, the last of them `…` when some are left out.
pub(crate) fn ellipsis(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.into();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// The first twelve hex digits of an id or digest.
pub(crate) fn short_id(id: &str) -> &str {
    let hex = id.strip_prefix("sha256:").unwrap_or(id);
    hex.get(..12).unwrap_or(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_escape_sequence_survives() {
        assert_eq!(inert("a\u{1b}]0;owned\u{7}b\u{9b}31m\n"), "a ]0;owned b 31m ");
    }

    #[test]
    fn long_commands_are_cut_as_docker_does() {
        assert_eq!(command("/docker-entrypoint.sh nginx"), "\"/docker-entrypoint.…\"");
        assert_eq!(command("sh"), "\"sh\"");
        assert_eq!(command("sh -c \"a\tb\u{1b}"), "\"sh -c \\\"a\\tb\\x1b\"");
    }
}
