//! Lists of processors and memory nodes, `0-2,7`.

use crate::{Error, Result, container::Resources};
use std::{collections::BTreeSet, fs};

/// Larger numbers name no processor of any machine; a range to one would only take memory.
const MOST: u32 = 8192;

/// Refuses lists that are none, and members the machine does not have, in docker's words.
///
/// # Errors
/// One sentence for the user.
pub(super) fn check(asked: &Resources) -> Result<()> {
    let online = |what: &str| fs::read_to_string(format!("/sys/devices/system/{what}/online")).ok();
    judge(asked.cpuset_cpus.as_deref(), "cpus", "CPUs", online("cpu"))?;
    judge(asked.cpuset_mems.as_deref(), "mems", "memory nodes", online("node"))
}

/// Without a word of the kernel about what there is, its answer at the start counts.
fn judge(asked: Option<&str>, field: &str, what: &str, online: Option<String>) -> Result<()> {
    let Some(asked) = asked.filter(|list| !list.is_empty()) else { return Ok(()) };
    let bad = |why: String| Err(Error::InvalidParameter(why));
    let Some(wanted) = parse(asked) else { return bad(format!("Invalid value {asked} for cpuset {field}")) };
    let Some(online) = online else { return Ok(()) };
    let online = online.trim();
    match parse(online) {
        Some(there) if !wanted.is_subset(&there) => {
            bad(format!("Requested {what} are not available - requested {asked}, available: {online}"))
        }
        _ => Ok(()),
    }
}

fn parse(list: &str) -> Option<BTreeSet<u32>> {
    let mut all = BTreeSet::new();
    for part in list.split(',').map(str::trim) {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let (low, high) = (low.parse::<u32>().ok()?, high.parse::<u32>().ok()?);
        if low > high || high > MOST {
            return None;
        }
        all.extend(low..=high);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_what_is_there() {
        let judge = |asked| judge(Some(asked), "cpus", "CPUs", Some("0-1\n".into())).map_err(|e| e.to_string());
        assert_eq!(judge("0,1"), Ok(()));
        assert_eq!(judge("1-4").unwrap_err(), "Requested CPUs are not available - requested 1-4, available: 0-1");
        for bad in ["x", "1-0", "0-4294967295", "0,,1", "-1"] {
            assert_eq!(judge(bad).unwrap_err(), format!("Invalid value {bad} for cpuset cpus"));
        }
    }
}
