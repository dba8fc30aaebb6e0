//! Text as the inside of a JSON string.

/// Bytes that are looked at together.
const BLOCK: usize = 32;

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
    while let Some(at) = first_to_escape(text) {
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

/// Where the first byte stands that a JSON string holds only escaped.
fn first_to_escape(text: &[u8]) -> Option<usize> {
    let needs_escape = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    // Whole blocks without a way out in between are looked at with the processor's widest instructions.
    let plain = text.chunks(BLOCK).take_while(|block| !block.iter().fold(false, |any, byte| any | needs_escape(byte)));
    let from = plain.map(<[u8]>::len).sum();
    text[from..].iter().position(needs_escape).map(|at| from + at)
}
