//! Volume names.

use crate::{Error, Result};

/// The longest directory name, bytes.
const LONGEST: usize = 255;

/// Refuses what could not be a directory's name, in docker's words.
pub(crate) fn check(name: &str) -> Result<()> {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric());
    let rest = bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    if name.len() == 1 {
        return Err(Error::InvalidParameter(
            "volume name is too short, names should be at least two alphanumeric characters".to_owned(),
        ));
    }
    if first && rest && name.len() <= LONGEST {
        return Ok(());
    }
    Err(Error::InvalidParameter(format!(
        "{name:?} includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_lead_elsewhere() {
        for good in ["data", "a1", "My_vol.2-x"] {
            check(good).unwrap();
        }
        for bad in ["", "a", "..", "../x", "a/b", ".hidden", "-x", "a\0b"] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
