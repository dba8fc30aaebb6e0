//! The keys by which a client leaves a terminal without ending what runs in it (moby `term/ascii.go`, `term/proxy.go`).
//! The engine keeps them from the process; a client that looks for them too knows why its attachment ended.

/// A sequence of keys, as the bytes they send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetachKeys(Vec<u8>);

/// The text names no keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Unknown character: '{0}'")]
pub struct InvalidKeys(String);

impl Default for DetachKeys {
    /// Ctrl-P, Ctrl-Q.
    fn default() -> Self {
        Self(vec![16, 17])
    }
}

impl DetachKeys {
    /// Reads `a,ctrl-b,ctrl-@`: single characters and control keys, with commas between.
    ///
    /// # Errors
    /// The first word that is no key.
    pub fn parse(text: &str) -> Result<Self, InvalidKeys> {
        text.split(',')
            .map(|word| key(word).ok_or_else(|| InvalidKeys(word.to_owned())))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn key(word: &str) -> Option<u8> {
    if let [byte] = word.as_bytes() {
        return Some(*byte);
    }
    let control = word.strip_prefix("ctrl-")?;
    match control.as_bytes() {
        [letter @ b'a'..=b'z'] => Some(letter - b'a' + 1),
        [symbol] => b"@[\\]^_".iter().position(|known| known == symbol).map(|at| match at {
            0 => 0,
            at => 26 + u8::try_from(at).unwrap_or(0),
        }),
        _ => None,
    }
}

/// Looks for the keys in what is typed. A beginning of them is held back until it is clear what it becomes.
#[derive(Debug)]
pub struct Watched {
    keys: DetachKeys,
    matched: usize,
}

impl Watched {
    /// Nothing is typed yet.
    #[must_use]
    pub fn new(keys: DetachKeys) -> Self {
        Self { keys, matched: 0 }
    }

    /// What of `typed` is for the process, and whether the keys have come. What follows them is dropped.
    pub fn take(&mut self, typed: &[u8]) -> (Vec<u8>, bool) {
        let keys = &self.keys.0;
        let mut through = Vec::with_capacity(typed.len());
        for byte in typed {
            while self.matched > 0 && keys.get(self.matched) != Some(byte) {
                // Not the keys after all: what was held back goes through, up to where they may begin anew.
                let held = &keys[..self.matched];
                let again = (1..self.matched).find(|from| keys.starts_with(&held[*from..])).unwrap_or(self.matched);
                through.extend_from_slice(&held[..again]);
                self.matched -= again;
            }
            if keys.get(self.matched) == Some(byte) {
                self.matched += 1;
                if self.matched == keys.len() {
                    return (through, true);
                }
            } else {
                through.push(*byte);
            }
        }
        (through, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_are_read_as_docker_reads_them() {
        for (text, bytes) in [
            ("ctrl-p,ctrl-q", &[16, 17][..]),
            ("a,b", b"ab"),
            ("ctrl-a", &[1]),
            ("ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", &[0, 27, 28, 29, 30, 31]),
            ("~,.", b"~."),
        ] {
            assert_eq!(DetachKeys::parse(text).unwrap().as_bytes(), bytes, "{text}");
        }
        for text in ["", "ab", "ctrl-", "ctrl-A", "ctrl-ab", "a,,b", "é"] {
            assert!(DetachKeys::parse(text).is_err(), "{text}");
        }
        assert_eq!(DetachKeys::parse("a,what").unwrap_err().to_string(), "Unknown character: 'what'");
    }

    #[test]
    fn a_beginning_is_held_back_and_goes_through_when_it_was_none() {
        let mut watched = Watched::new(DetachKeys::default());
        assert_eq!(watched.take(b"a\x10"), (b"a".to_vec(), false));
        assert_eq!(watched.take(b"b"), (b"\x10b".to_vec(), false));
        assert_eq!(watched.take(b"\x10\x10\x11rest"), (b"\x10".to_vec(), true));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_the_keys_are_found_wherever_they_come(
            keys in "[ab]{1,4}", typed in "[abc]{0,40}", cut in 1..5usize
        ) {
            let mut watched = Watched::new(DetachKeys(keys.clone().into_bytes()));
            let (mut through, mut left) = (Vec::new(), false);
            for chunk in typed.as_bytes().chunks(cut) {
                if left { break }
                let (bytes, keys) = watched.take(chunk);
                through.extend_from_slice(&bytes);
                left = keys;
            }
            match typed.find(&keys) {
                Some(at) => prop_assert!(left && through == typed.as_bytes()[..at]),
                None => {
                    through.extend_from_slice(&watched.keys.0[..watched.matched]);
                    prop_assert!(!left && through == typed.as_bytes());
                }
            }
        }
    }
}
