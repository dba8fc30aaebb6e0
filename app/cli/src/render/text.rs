//! Names, labels and messages come from images and containers: they must not steer the terminal.

/// `text` with every control character replaced, so that no escape sequence is left.
pub(crate) fn inert(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect()
}

/// A container's command as a list shows it: quoted, and as wide as docker's column.
pub(crate) fn command(words: &str) -> String {
    const WIDTH: usize = 20;
    ellipsis(&format!("\"{words}\""), WIDTH)
}

/// At most `width` characters, the last of them `…` when some are left out.
fn ellipsis(text: &str, width: usize) -> String {
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
        assert_eq!(ellipsis("\"/docker-entrypoint.sh nginx\"", 20), "\"/docker-entrypoint…");
        assert_eq!(ellipsis("\"sh\"", 20), "\"sh\"");
        assert_eq!(command("/docker-entrypoint.sh nginx"), "\"/docker-entrypoint…");
    }
}
