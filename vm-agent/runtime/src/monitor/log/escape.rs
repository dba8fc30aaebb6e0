//! Text as the inside of a JSON string.

/// Appends `text` as the inside of a JSON string. What is not UTF-8 becomes U+FFFD, as docker does it.
pub(super) fn escape(text: &[u8], into: &mut Vec<u8>) {
    for chunk in text.utf8_chunks() {
        escape_valid(chunk.valid().as_bytes(), into);
        if !chunk.invalid().is_empty() {
            into.extend_from_slice(b"\\ufffd");
        }
    }
}

fn escape_valid(mut text: &[u8], into: &mut Vec<u8>) {
    let needs_escape = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    while let Some(at) = text.iter().position(needs_escape) {
        into.extend_from_slice(&text[..at]);
        match text[at] {
            b'\n' => into.extend_from_slice(b"\\n"),
            b'\r' => into.extend_from_slice(b"\\r"),
            b'\t' => into.extend_from_slice(b"\\t"),
            byte @ (b'"' | b'\\') => into.extend_from_slice(&[b'\\', byte]),
            byte => {
                let digit = |value: u8| b"0123456789abcdef"[usize::from(value)];
                into.extend_from_slice(b"\\u00");
                into.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
            }
        }
        text = &text[at + 1..];
    }
    into.extend_from_slice(text);
}
