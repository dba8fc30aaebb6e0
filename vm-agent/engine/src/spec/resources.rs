//! Limits: of the control group and of the process.

mod block_io;
mod cpuset;

use crate::{
    Error, Result,
    container::{Resources, Ulimit},
};
use serde_json::{Map, Value, json};

/// Docker's smallest memory limit, bytes.
const LEAST_MEMORY: u64 = 6 << 20;
/// The period that `--cpus` is expressed in, microseconds.
const CPU_PERIOD: u64 = 100_000;
/// The limits setrlimit(2) knows.
const LIMITS: &[&str] = &[
    "as",
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// The part of `linux.resources` that is asked for, with docker's device rules.
///
/// # Errors
/// A block device that is not there.
pub(super) fn of(asked: &Resources) -> Result<Value> {
    let mut all = limits(asked)?;
    all.insert("devices".to_owned(), devices());
    Ok(Value::Object(all))
}

/// The document of a live update: every limit that is set, without the device rules.
///
/// # Errors
/// As [`of`].
pub(crate) fn update(asked: &Resources) -> Result<Value> {
    let mut all = limits(asked)?;
    if let Some(limit) = asked.pids {
        // Here no limit is a value of its own: there may have been one.
        all.insert("pids".to_owned(), json!({ "limit": if limit > 0 { limit } else { -1 } }));
    }
    Ok(Value::Object(all))
}

fn limits(asked: &Resources) -> Result<Map<String, Value>> {
    let mut all = Map::new();
    let mut memory = Map::new();
    if let Some(limit) = asked.memory {
        memory.insert("limit".to_owned(), json!(limit));
    }
    if let Some(swap) = asked.memory_swap.filter(|swap| *swap != 0) {
        memory.insert("swap".to_owned(), json!(swap));
    }
    if let Some(reservation) = asked.memory_reservation {
        memory.insert("reservation".to_owned(), json!(reservation));
    }
    let mut cpu = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            cpu.insert(key.to_owned(), value);
        }
    };
    set("shares", asked.cpu_shares.filter(|n| *n > 0).map(|n| json!(n)));
    if let Some(nano) = asked.nano_cpus.filter(|n| *n > 0) {
        set("period", Some(json!(CPU_PERIOD)));
        set("quota", Some(json!(nano / (1_000_000_000 / CPU_PERIOD))));
    } else {
        set("period", asked.cpu_period.filter(|n| *n > 0).map(|n| json!(n)));
        set("quota", asked.cpu_quota.filter(|n| *n != 0).map(|n| json!(n)));
    }
    set("cpus", asked.cpuset_cpus.as_ref().filter(|s| !s.is_empty()).map(|s| json!(s)));
    set("mems", asked.cpuset_mems.as_ref().filter(|s| !s.is_empty()).map(|s| json!(s)));
    for (key, part) in [("memory", memory), ("cpu", cpu), ("blockIO", block_io::of(asked)?)] {
        if !part.is_empty() {
            all.insert(key.to_owned(), Value::Object(part));
        }
    }
    if let Some(limit) = asked.pids.filter(|n| *n > 0) {
        all.insert("pids".to_owned(), json!({ "limit": limit }));
    }
    Ok(all)
}

/// Docker's own additions (moby `adaptContainerSettings`): as much swap as memory unless said otherwise, and shares
/// within their range.
pub(crate) fn adapt(asked: &mut Resources) {
    if let Some(limit) = asked.memory.filter(|limit| *limit > 0)
        && asked.memory_swap.unwrap_or(0) == 0
    {
        asked.memory_swap = Some(i64::try_from(limit.saturating_mul(2)).unwrap_or(i64::MAX));
    }
    asked.cpu_shares = asked.cpu_shares.filter(|n| *n > 0).map(|n| n.clamp(2, 262_144));
}

/// Docker's device rules (moby `oci/defaults.go`): nothing, except the harmless ones.
fn devices() -> Value {
    let rule =
        |major: i64, minor: i64| json!({ "allow": true, "type": "c", "major": major, "minor": minor, "access": "rwm" });
    let mut rules = vec![json!({ "allow": false, "access": "rwm" })];
    // zero, null, urandom, random, tty, console
    rules.extend([(1, 5), (1, 3), (1, 9), (1, 8), (5, 0), (5, 1)].map(|(major, minor)| rule(major, minor)));
    // fuse
    rules.push(json!({ "allow": false, "type": "c", "major": 10, "minor": 229, "access": "rwm" }));
    Value::Array(rules)
}

/// [`check`] for an update, which need not name a memory limit that is there already.
///
/// # Errors
/// One sentence for the user.
pub(crate) fn check_update(asked: &Resources, cpus: usize) -> Result<()> {
    let swap = asked.memory_swap.filter(|_| asked.memory.is_some());
    check(&Resources { memory_swap: swap, ..asked.clone() }, cpus)
}

/// Refuses limits that the kernel would, in docker's words.
///
/// # Errors
/// One sentence for the user.
pub(crate) fn check(asked: &Resources, cpus: usize) -> Result<()> {
    let bad = |why: String| Err(Error::InvalidParameter(why));
    let limit = asked.memory.unwrap_or(0);
    if limit != 0 && limit < LEAST_MEMORY {
        return bad("Minimum memory limit allowed is 6MB".to_owned());
    }
    match asked.memory_swap {
        Some(swap) if swap > 0 && limit == 0 => {
            return bad("You should always set the Memory limit when using Memoryswap limit, see usage".to_owned());
        }
        Some(swap) if u64::try_from(swap).is_ok_and(|swap| swap != 0 && swap < limit) => {
            return bad("Minimum memoryswap limit should be larger than memory limit, see usage".to_owned());
        }
        _ => {}
    }
    if asked.memory_reservation.is_some_and(|soft| soft != 0 && soft < LEAST_MEMORY) {
        return bad("Minimum memory reservation allowed is 6MB".to_owned());
    }
    if asked.memory_reservation.is_some_and(|soft| limit != 0 && soft > limit) {
        return bad("Minimum memory limit can not be less than memory reservation limit, see usage".to_owned());
    }
    if let Some(nano) = asked.nano_cpus.filter(|n| *n > 0) {
        if asked.cpu_period.is_some_and(|n| n > 0) {
            return bad("Conflicting options: Nano CPUs and CPU Period cannot both be set".to_owned());
        }
        if asked.cpu_quota.is_some_and(|n| n > 0) {
            return bad("Conflicting options: Nano CPUs and CPU Quota cannot both be set".to_owned());
        }
        let most = u64::try_from(cpus).unwrap_or(u64::MAX).saturating_mul(1_000_000_000);
        if !(10_000_000..=most).contains(&nano) {
            return bad(format!("range of CPUs is from 0.01 to {cpus}.00, as there are only {cpus} CPUs available"));
        }
    }
    if asked.cpu_period.is_some_and(|n| n != 0 && !(1_000..=1_000_000).contains(&n)) {
        return bad("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)".to_owned());
    }
    if asked.cpu_quota.is_some_and(|n| n > 0 && n < 1_000) {
        return bad("CPU cfs quota can not be less than 1ms (i.e. 1000)".to_owned());
    }
    cpuset::check(asked)?;
    block_io::check(asked)
}

/// The process's limits that are asked for; the others are the engine's own.
pub(super) fn rlimits(asked: &[Ulimit]) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for limit in asked {
        if !LIMITS.contains(&limit.name.as_str()) {
            return Err(Error::InvalidParameter(format!("invalid ulimit type: {}", limit.name)));
        }
        // A negative number is "unlimited", which is the largest number there is.
        let value = |n: i64| u64::try_from(n).unwrap_or(u64::MAX);
        if value(limit.soft) > value(limit.hard) {
            let (soft, hard) = (limit.soft, limit.hard);
            return Err(Error::InvalidParameter(format!(
                "ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"
            )));
        }
        all.push(json!({ "type": format!("RLIMIT_{}", limit.name.to_uppercase()), "soft": value(limit.soft), "hard": value(limit.hard) }));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_expressed_as_the_kernel_takes_them() {
        let mut asked = Resources {
            memory: Some(64 << 20),
            nano_cpus: Some(1_500_000_000),
            pids: Some(100),
            ..Resources::default()
        };
        adapt(&mut asked);
        let resources = of(&asked).unwrap();
        assert_eq!(resources["memory"], json!({ "limit": 64 << 20, "swap": 128 << 20 }));
        assert_eq!(resources["cpu"], json!({ "period": 100_000, "quota": 150_000 }));
        assert_eq!(resources["pids"], json!({ "limit": 100 }));
        let unlimited = Resources { pids: Some(-1), cpu_quota: Some(-1), ..Resources::default() };
        assert_eq!(update(&unlimited).unwrap(), json!({ "pids": { "limit": -1 }, "cpu": { "quota": -1 } }));
        let none = of(&Resources { pids: Some(-1), ..Resources::default() }).unwrap();
        assert!(none.get("pids").is_none() && none.get("memory").is_none() && none.get("cpu").is_none());
    }

    #[test]
    fn limits_that_make_no_sense_are_refused_in_dockers_words() {
        let said = |asked: Resources| check(&asked, 2).unwrap_err().to_string();
        assert_eq!(said(Resources { memory: Some(1), ..Resources::default() }), "Minimum memory limit allowed is 6MB");
        assert_eq!(
            said(Resources { nano_cpus: Some(3_000_000_000), ..Resources::default() }),
            "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"
        );
        assert_eq!(
            said(Resources { nano_cpus: Some(1_000_000_000), cpu_quota: Some(5000), ..Resources::default() }),
            "Conflicting options: Nano CPUs and CPU Quota cannot both be set"
        );
        assert_eq!(
            said(Resources { memory_reservation: Some(1), ..Resources::default() }),
            "Minimum memory reservation allowed is 6MB"
        );
        let ulimit = Ulimit { name: "nofile".into(), soft: 20, hard: 10 };
        assert!(rlimits(&[ulimit]).unwrap_err().to_string().starts_with("ulimit soft limit must be less"));
        let unlimited = Ulimit { name: "core".into(), soft: 5, hard: -1 };
        assert_eq!(rlimits(&[unlimited]).unwrap()[0]["hard"], json!(u64::MAX));
    }
}
