//! What is attached to a line, as docker prints it in front: `key=value,key=value`, escaped as in a query.

use std::{collections::BTreeMap, fmt::Write};

pub(super) fn details(attributes: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (key, value) in attributes {
        if !text.is_empty() {
            text.push(',');
        }
        escape(key, &mut text);
        text.push('=');
        escape(value, &mut text);
    }
    text
}

fn escape(part: &str, into: &mut String) {
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => into.push(char::from(byte)),
            b' ' => into.push('+'),
            // Writing to a string does not fail.
            _ => drop(write!(into, "%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_in_order_and_escaped() {
        let pairs = [("tier", "front end"), ("a/b", "x=y,é"), ("none", "")];
        let attributes = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        assert_eq!(details(&attributes), "a%2Fb=x%3Dy%2C%C3%A9,none=,tier=front+end");
    }
}
