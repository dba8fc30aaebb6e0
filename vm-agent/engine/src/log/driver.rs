//! Log drivers: what may be asked of them, and what a monitor is told. The texts are docker's (moby `daemon/logger`).

use crate::{Error, Result, container::LogConfig, truth::truth};
use regex_lite::Regex;
use std::{collections::BTreeMap, path::PathBuf, sync::LazyLock};

/// Docker's default, and what a container has that asks for none.
pub(crate) const DEFAULT: &str = JSON_FILE;
const JSON_FILE: &str = "json-file";
/// The same files, which rotate and are compressed unless told otherwise.
const LOCAL: &str = "local";
const NONE: &str = "none";
/// The drivers that keep something, as they are listed.
pub const DRIVERS: &[&str] = &[JSON_FILE, LOCAL];
/// Options of every driver. They say whether a container waits for its log; a file never keeps it waiting.
const COMMON: &[&str] = &["mode", "max-buffer-size"];
const OPTIONS: &[&str] = &["max-size", "max-file", "compress", "labels", "labels-regex", "env", "env-regex", "tag"];
const LOCAL_SIZE: u64 = 20 << 20;
const LOCAL_FILES: u32 = 5;

static SIZE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?i)^(\d+(?:\.\d+)?) ?([kmgtp])?i?b?$").ok());

/// Where and how a container's output is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTarget {
    /// The file that is written; finished ones have its name and a number.
    pub path: PathBuf,
    /// A file of so many bytes is finished; `None` for any.
    pub max_size: Option<u64>,
    /// How many files are kept, at least one.
    pub max_files: u32,
    /// Finished ones are compressed.
    pub compress: bool,
    /// What every entry carries.
    pub attributes: BTreeMap<String, String>,
}

/// The files of a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rotation {
    pub(crate) max_size: Option<u64>,
    pub(crate) max_files: u32,
    pub(crate) compress: bool,
}

/// Whether others may read the files too, as docker has it.
pub(crate) fn is_public(config: &LogConfig) -> bool {
    config.driver == JSON_FILE
}

/// Whether output is kept anywhere.
pub(crate) fn is_kept(config: &LogConfig) -> bool {
    config.driver != NONE
}

/// What is asked of a driver; `None` when nothing is to be kept.
pub(crate) fn rotation(config: &LogConfig) -> Result<Option<Rotation>> {
    let LogConfig { driver, options } = config;
    if !is_kept(config) {
        return Ok(None);
    }
    let refuse = |why: String| Err(Error::InvalidParameter(why));
    let mode = options.get("mode").map_or("", String::as_str);
    if !matches!(mode, "" | "blocking" | "non-blocking") {
        return refuse(format!("logger: logging mode not supported: {mode}"));
    }
    if let Some(size) = options.get("max-buffer-size") {
        if mode != "non-blocking" {
            return refuse("logger: max-buffer-size option is only supported with 'mode=non-blocking'".to_owned());
        }
        bytes(size).map_err(|why| Error::InvalidParameter(format!("error parsing option max-buffer-size: {why}")))?;
    }
    if !DRIVERS.contains(&driver.as_str()) {
        return refuse(format!("logger: no log driver named '{driver}' is registered"));
    }
    if let Some(unknown) = options.keys().find(|key| !COMMON.iter().chain(OPTIONS).any(|known| key == known)) {
        return refuse(match driver.as_str() {
            LOCAL => format!("unknown log opt '{unknown}' for log driver local"),
            _ => format!("unknown log opt '{unknown}' for json-file log driver"),
        });
    }
    let files = if driver == LOCAL { of_local(options) } else { of_json_file(options) };
    files.map(Some).map_err(|why| Error::InvalidParameter(format!("failed to initialize logging driver: {why}")))
}

fn of_json_file(options: &BTreeMap<String, String>) -> Result<Rotation, String> {
    let max_size = options.get("max-size").map(|text| bytes(text)).transpose()?;
    if max_size == Some(0) {
        return Err("max-size must be a positive number".to_owned());
    }
    let max_files = options.get("max-file").map_or(Ok(1), |text| integer(text))?;
    if max_files < 1 {
        return Err("max-file cannot be less than 1".to_owned());
    }
    let senseless = (max_files == 1 || max_size.is_none())
        .then_some("compress cannot be true when max-file is less than 2 or max-size is not set");
    let compress = compresses(options, false, senseless)?;
    Ok(Rotation { max_size, max_files: u32::try_from(max_files).unwrap_or(u32::MAX), compress })
}

fn of_local(options: &BTreeMap<String, String>) -> Result<Rotation, String> {
    let max_size = options.get("max-size").map(|text| {
        let size = bytes(text).map_err(|why| format!("invalid value for max-size: {text}: {why}"));
        size.map(|size| Some(size).filter(|size| *size > 0))
    });
    let max_files = options.get("max-file").map_or(Ok(LOCAL_FILES.into()), |text| {
        integer(text).map_err(|why| format!("invalid value for max-file: {text}: {why}"))
    })?;
    if max_files < 0 {
        return Err("max-file must not be negative".to_owned());
    }
    let senseless = (max_files < 2).then_some("compression cannot be enabled when max file count is 1");
    let compress = compresses(options, true, senseless)?;
    Ok(Rotation {
        max_size: max_size.unwrap_or(Ok(Some(LOCAL_SIZE)))?,
        max_files: u32::try_from(max_files.max(1)).unwrap_or(u32::MAX),
        compress,
    })
}

/// Docker's sizes of files count in 1000.
fn bytes(text: &str) -> Result<u64, String> {
    let invalid = || format!("invalid size: '{text}'");
    let found = SIZE.as_ref().and_then(|size| size.captures(text)).ok_or_else(invalid)?;
    let power = found.get(2).and_then(|unit| "kmgtp".find(&unit.as_str().to_lowercase())).map_or(0, |at| at + 1);
    let number: f64 = found[1].parse().map_err(|_| invalid())?;
    let size = number * 1000_f64.powi(i32::try_from(power).unwrap_or(0));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range by the comparison")]
    if size < 9e18 { Ok(size as u64) } else { Err(invalid()) }
}

fn integer(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("strconv.Atoi: parsing {text:?}: invalid syntax"))
}

/// Whether finished files are compressed; refused where it would be `senseless`.
fn compresses(options: &BTreeMap<String, String>, default: bool, senseless: Option<&str>) -> Result<bool, String> {
    let asked = options
        .get("compress")
        .map(|text| truth(text).ok_or_else(|| format!("strconv.ParseBool: parsing {text:?}: invalid syntax")));
    match (asked.unwrap_or(Ok(default))?, senseless) {
        (true, Some(why)) => Err(why.to_owned()),
        (compress, _) => Ok(compress),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(driver: &str, options: &[(&str, &str)]) -> Result<Option<Rotation>> {
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        rotation(&LogConfig { driver: driver.to_owned(), options })
    }

    #[test]
    fn each_driver_has_dockers_defaults() {
        for (driver, options, expected) in [
            ("json-file", &[][..], (None, 1, false)),
            ("json-file", &[("max-size", "10m"), ("max-file", "3")], (Some(10_000_000), 3, false)),
            ("json-file", &[("max-size", "10m"), ("max-file", "3"), ("compress", "true")], (Some(10_000_000), 3, true)),
            (
                "json-file",
                &[("max-size", "1.5kb"), ("mode", "non-blocking"), ("max-buffer-size", "4m")],
                (Some(1500), 1, false),
            ),
            ("local", &[], (Some(20 << 20), 5, true)),
            ("local", &[("max-file", "1"), ("compress", "false")], (Some(20 << 20), 1, false)),
            ("local", &[("max-size", "1k"), ("max-file", "2")], (Some(1000), 2, true)),
        ] {
            let (max_size, max_files, compress) = expected;
            assert_eq!(
                asked(driver, options).unwrap(),
                Some(Rotation { max_size, max_files, compress }),
                "{driver} {options:?}"
            );
        }
        assert_eq!(asked("none", &[("anything", "goes")]).unwrap(), None);
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_dockers_words() {
        let begun = "failed to initialize logging driver: ";
        for (driver, options, expected) in [
            ("syslog", &[][..], "logger: no log driver named 'syslog' is registered".to_owned()),
            ("json-file", &[("what", "1")], "unknown log opt 'what' for json-file log driver".to_owned()),
            ("local", &[("what", "1")], "unknown log opt 'what' for log driver local".to_owned()),
            ("json-file", &[("mode", "fast")], "logger: logging mode not supported: fast".to_owned()),
            (
                "json-file",
                &[("max-buffer-size", "1m")],
                "logger: max-buffer-size option is only supported with 'mode=non-blocking'".to_owned(),
            ),
            ("json-file", &[("max-size", "10q")], format!("{begun}invalid size: '10q'")),
            ("json-file", &[("max-size", "-1")], format!("{begun}invalid size: '-1'")),
            ("json-file", &[("max-size", "0")], format!("{begun}max-size must be a positive number")),
            ("json-file", &[("max-file", "0")], format!("{begun}max-file cannot be less than 1")),
            ("json-file", &[("max-file", "x")], format!("{begun}strconv.Atoi: parsing \"x\": invalid syntax")),
            ("json-file", &[("compress", "x")], format!("{begun}strconv.ParseBool: parsing \"x\": invalid syntax")),
            (
                "json-file",
                &[("compress", "true")],
                format!("{begun}compress cannot be true when max-file is less than 2 or max-size is not set"),
            ),
            ("local", &[("max-size", "x")], format!("{begun}invalid value for max-size: x: invalid size: 'x'")),
            (
                "local",
                &[("max-file", "1"), ("compress", "true")],
                format!("{begun}compression cannot be enabled when max file count is 1"),
            ),
            ("local", &[("max-file", "1")], format!("{begun}compression cannot be enabled when max file count is 1")),
        ] {
            assert_eq!(asked(driver, options).unwrap_err().to_string(), expected);
        }
    }
}
