//! Installs the Debian packages of `packages.txt` that the system lacks.

use crate::checkout::Checkout;
use crate::process;
use crate::steps::{Note, Problem};
use anyhow::Result;
use std::io::{IsTerminal, Write};
use std::process::Command;

const LIST: &str = include_str!("../packages.txt");
/// What the engine and its runtime are measured against; nothing else needs it.
const PEERS: &str = include_str!("../peers.txt");

/// Installs what is missing; asks first unless `yes`, `CI` or root.
pub(crate) fn install_missing(checkout: &Checkout, yes: bool, note: &Note) -> Result<()> {
    install(checkout, LIST, yes, note)
}

/// As [`install_missing`], for what benches compare with.
pub(crate) fn install_peers(checkout: &Checkout, note: &Note) -> Result<()> {
    install(checkout, PEERS, false, note)
}

fn install(checkout: &Checkout, list: &str, yes: bool, note: &Note) -> Result<()> {
    let missing = missing(list)?;
    if missing.is_empty() {
        note.set("all there");
        return Ok(());
    }
    println!("   these Debian packages are missing: {}", missing.join(" "));
    let root = is_root();
    let allowed = yes || root || std::env::var_os("CI").is_some() || agreed()?;
    if !allowed {
        return Err(Problem::because(
            "the packages were not installed",
            format!("install them yourself: sudo apt-get install {}", missing.join(" ")),
        ));
    }
    let apt = |arguments: &[&str], log: &str| -> Result<()> {
        let mut command = if root { Command::new("apt-get") } else { Command::new("sudo") };
        if !root {
            command.arg("apt-get");
        }
        process::run(checkout, log, command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments), note)
    };
    apt(&["update"], "apt-update")?;
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(missing.iter().map(String::as_str));
    apt(&arguments, "apt-install")?;
    note.set(format!("installed {}", missing.len()));
    Ok(())
}

/// The listed packages that dpkg does not know as installed.
fn missing(list: &str) -> Result<Vec<String>> {
    let output = Command::new("dpkg-query").args(["-W", "-f", "${Package} ${db:Status-Status}\n"]).output().map_err(
        |error| {
            Problem::because(
                format!("cannot ask dpkg what is installed: {error}"),
                "Berth is built on Debian 12 (or a system with dpkg and apt); use one",
            )
        },
    )?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let installed: std::collections::HashSet<_> =
        text.lines().filter_map(|line| line.strip_suffix(" installed")).collect();
    let lacks = |package: &Package<'_>| !installed.contains(package.name) && !package.unless.is_some_and(is_on_path);
    Ok(listed(list).filter(lacks).map(|package| package.name.to_owned()).collect())
}

/// A line of the list: `name`, or `name unless COMMAND` for what a system may have from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Package<'a> {
    name: &'a str,
    unless: Option<&'a str>,
}

fn listed(list: &str) -> impl Iterator<Item = Package<'_>> {
    let lines = list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| match line.split_once(" unless ") {
        Some((name, command)) => Package { name, unless: Some(command) },
        None => Package { name: line, unless: None },
    })
}

fn is_on_path(command: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(command).is_file()))
}

fn is_root() -> bool {
    // The owner of our own /proc entry is our effective user.
    std::fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
}

fn agreed() -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    print!("   install them with apt-get? [Y/n] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_names_only() {
        let all: Vec<_> = listed(LIST).collect();
        assert!(all.contains(&Package { name: "qemu-system-x86", unless: None }));
        assert!(all.contains(&Package { name: "nodejs", unless: Some("node") }));
        assert!(all.iter().all(|package| !package.name.contains(' ')));
    }
}
