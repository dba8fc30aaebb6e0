//! Container names: which are allowed, and made-up ones.

use crate::{Error, Result};

const ADJECTIVES: &[&str] = &[
    "able", "amber", "azure", "bold", "brave", "bright", "brisk", "calm", "clear", "clever", "cool", "coral", "crisp",
    "deft", "eager", "early", "fair", "fleet", "fond", "fresh", "gentle", "glad", "golden", "grand", "hardy", "jolly",
    "keen", "kind", "light", "lively", "loyal", "lucid", "mellow", "merry", "neat", "noble", "placid", "proud",
    "quick", "quiet", "rapid", "ready", "sharp", "silver", "sleek", "solid", "steady", "stout", "sunny", "swift",
    "tidy", "true", "vivid", "warm", "wise", "witty",
];
const VESSELS: &[&str] = &[
    "anchor", "barge", "beacon", "bow", "brig", "buoy", "canal", "canoe", "clipper", "cove", "crane", "current",
    "cutter", "deck", "dinghy", "dock", "dory", "ferry", "fjord", "galleon", "galley", "gull", "harbor", "hawser",
    "helm", "hull", "jetty", "junk", "kayak", "keel", "ketch", "lagoon", "lantern", "lighter", "lugger", "mast",
    "mooring", "oar", "packet", "pier", "pilot", "pinnace", "port", "prow", "punt", "quay", "raft", "rudder", "sail",
    "schooner", "skiff", "sloop", "spar", "tender", "tide", "trawler", "tug", "wharf", "yacht", "yawl",
];

/// A name as the user gave it, without its leading slash.
pub(crate) fn check(name: &str) -> Result<&str> {
    let bare = name.strip_prefix('/').unwrap_or(name);
    let (first, rest) = bare.as_bytes().split_first().ok_or_else(|| Error::InvalidName(name.to_owned()))?;
    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    if first.is_ascii_alphanumeric() && !rest.is_empty() && rest.iter().all(word) {
        Ok(bare)
    } else {
        Err(Error::InvalidName(name.to_owned()))
    }
}

/// A name made from random numbers, with a digit at the end when earlier attempts were taken.
pub(crate) fn make_up(random: u64, attempt: u32) -> String {
    let pick = |words: &[&'static str], number: u64| {
        let index = usize::try_from(number % words.len() as u64).unwrap_or(0);
        words[index]
    };
    let base = format!("{}_{}", pick(ADJECTIVES, random), pick(VESSELS, random >> 32));
    if attempt == 0 { base } else { format!("{base}{attempt}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_follow_dockers_rule() {
        for good in ["web", "/web", "a1", "My_web.2-x"] {
            assert_eq!(check(good).unwrap(), good.trim_start_matches('/'));
        }
        for bad in ["", "/", "a", "-web", "we b", "wéb", "a/b", "//web"] {
            let error = check(bad).unwrap_err().to_string();
            assert_eq!(error, format!("Invalid container name ({bad}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"));
        }
    }

    proptest! {
        #[test]
        fn a_made_up_name_is_allowed(random: u64, attempt in 0u32..9) {
            let name = make_up(random, attempt);
            prop_assert_eq!(check(&name).unwrap(), &name);
        }
    }
}
