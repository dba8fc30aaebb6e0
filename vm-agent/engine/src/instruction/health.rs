//! `HEALTHCHECK [OPTIONS] CMD command` and `HEALTHCHECK NONE`.

use super::words::exec_form;
use berth_image::Healthcheck;

/// Docker's shortest time but zero, nanoseconds.
const SHORTEST: i64 = 1_000_000;

pub(super) fn parse(text: &str) -> Result<Healthcheck, String> {
    let mut health = Healthcheck::default();
    let mut rest = text;
    while let Some(flag) = rest.strip_prefix("--") {
        let (flag, after) = flag.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((flag, ""));
        let (name, value) = flag.split_once('=').ok_or_else(|| format!("Missing a value on flag: {flag}"))?;
        match name {
            "interval" => health.interval = duration(name, value)?,
            "timeout" => health.timeout = duration(name, value)?,
            "start-period" => health.start_period = duration(name, value)?,
            "start-interval" => health.start_interval = duration(name, value)?,
            "retries" => {
                let retries: i64 = value.parse().map_err(|_| format!("--retries={value} is no number"))?;
                if retries < 0 {
                    return Err(format!("--retries cannot be negative ({retries})"));
                }
                health.retries = retries;
            }
            _ => return Err(format!("Unknown flag: {name}")),
        }
        rest = after.trim_start();
    }
    let (kind, command) = rest.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((rest, ""));
    let command = command.trim();
    health.test = match kind.to_ascii_uppercase().as_str() {
        "NONE" if command.is_empty() => vec!["NONE".to_owned()],
        "NONE" => return Err("HEALTHCHECK NONE takes no arguments".to_owned()),
        "CMD" if command.is_empty() => return Err("Missing command after HEALTHCHECK CMD".to_owned()),
        "CMD" => match exec_form(command) {
            Some(words) => ["CMD".to_owned()].into_iter().chain(words).collect(),
            None => vec!["CMD-SHELL".to_owned(), command.to_owned()],
        },
        other => return Err(format!("Unknown type {other:?} in HEALTHCHECK (try CMD)")),
    };
    Ok(health)
}

/// Go's durations: `1m30s`, `500ms`, `1.5h`; nanoseconds.
fn duration(name: &str, text: &str) -> Result<i64, String> {
    let bad = || format!("time: invalid duration {text:?} of --{name}");
    let (mut nanos, mut rest) = (0_f64, text);
    if rest.is_empty() {
        return Err(bad());
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
        let number: f64 = rest[..end].parse().map_err(|_| bad())?;
        let unit_end = rest[end..].find(|c: char| c.is_ascii_digit() || c == '.').map_or(rest.len(), |at| end + at);
        let unit = match &rest[end..unit_end] {
            "ns" => 1.0,
            "us" | "µs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return Err(bad()),
        };
        nanos += number * unit;
        rest = &rest[unit_end..];
    }
    #[expect(clippy::cast_possible_truncation, reason = "a float's cast saturates")]
    let nanos = nanos as i64;
    if nanos != 0 && nanos < SHORTEST {
        return Err(format!("Interval {name:?} cannot be less than 1ms"));
    }
    Ok(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_forms_are_read() {
        let health = parse("--interval=1m30s --timeout=500ms --start-period=0s CMD [\"true\"]").unwrap();
        assert_eq!(health.test, ["CMD", "true"]);
        assert_eq!((health.interval, health.timeout, health.start_period), (90_000_000_000, 500_000_000, 0));
        assert_eq!(parse("NONE").unwrap().test, ["NONE"]);
        for bad in
            ["--interval=5 CMD x", "--interval=1us CMD x", "--nope=1 CMD x", "CMD", "NONE x", "--retries=-1 CMD x"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
