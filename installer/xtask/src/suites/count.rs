//! How many tests ran, read from the closing lines of the test runners.

use std::fmt;
use std::ops::Add;

/// A count of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Count {
    /// Adds a line `test result: ok. 3 passed; 0 failed; 1 ignored; …`; other lines say nothing.
    pub(super) fn read_cargo(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix("test result: ") else { return };
        for part in rest.split([';', '.']) {
            let mut words = part.split_whitespace();
            if let (Some(number), Some(what)) = (words.next().and_then(|word| word.parse::<u64>().ok()), words.next()) {
                match what {
                    "passed" => self.passed += number,
                    "failed" => self.failed += number,
                    "ignored" => self.skipped += number,
                    _ => {}
                }
            }
        }
    }

    /// Reads vitest's JSON report.
    pub(super) fn read_vitest(report: &[u8]) -> Option<Self> {
        let report: serde_json::Value = serde_json::from_slice(report).ok()?;
        let number = |key: &str| report.get(key).and_then(serde_json::Value::as_u64);
        Some(Self {
            passed: number("numPassedTests")?,
            failed: number("numFailedTests")?
                + number("numFailedTestSuites").filter(|_| number("numFailedTests") == Some(0)).unwrap_or(0),
            skipped: number("numPendingTests").unwrap_or(0),
        })
    }
}

impl Add for Count {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// What the failed tests printed, from cargo's `failures:` to its list of names.
pub(super) fn failures(lines: &[String]) -> String {
    let mut shown = Vec::new();
    let mut inside = false;
    for line in lines {
        if line.trim() == "failures:" {
            inside = true;
        } else if line.starts_with("test result:") {
            inside = false;
        } else if inside {
            shown.push(line.trim_end());
        }
    }
    let start = shown.len().saturating_sub(200);
    shown[start..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_closing_lines_add_up() {
        let mut count = Count::default();
        count.read_cargo(
            "test result: ok. 10 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.11s",
        );
        count.read_cargo(
            "test result: FAILED. 1 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
        );
        count.read_cargo("running 4 tests");
        assert_eq!(count.to_string(), "11 passed, 3 failed, 2 skipped");
    }

    #[test]
    fn a_vitest_report_with_a_suite_that_did_not_load_counts_as_failed() {
        let report = br#"{"numPassedTests":4,"numFailedTests":0,"numPendingTests":0,"numFailedTestSuites":1}"#;
        assert_eq!(Count::read_vitest(report), Some(Count { passed: 4, failed: 1, skipped: 0 }));
    }
}
