//! Container names as they may appear in paths.

use std::{fmt, str::FromStr};

use crate::failure::Failure;

/// `NAME_MAX`, `linux/limits.h`.
const MAX_LENGTH: usize = 255;

/// The id of a container: letters, digits and `_+-.`, as runc has it, and never a path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ContainerId(String);

impl FromStr for ContainerId {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-.".contains(&byte);
        let is_id = !text.is_empty() && text.len() <= MAX_LENGTH && text.bytes().all(is_allowed);
        if is_id && text != "." && text != ".." && !text.starts_with('-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(Failure::other(format!("invalid container id {text:?}: use letters, digits and _+-. only")))
        }
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_never_a_path() {
        for good in ["a", "0123abc", "a_b+c-d.e", "..."] {
            assert_eq!(good.parse::<ContainerId>().unwrap().to_string(), good);
        }
        for bad in ["", ".", "..", "a/b", "/", "a b", "é", "-a", &"x".repeat(256)] {
            assert!(bad.parse::<ContainerId>().is_err(), "{bad:?}");
        }
    }
}
