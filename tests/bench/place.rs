//! Where a bench ran: without that, a figure says nothing.

use std::path::Path;
use std::process::Command;

/// Prints machine, kernel, filesystem of the engines' folder, and the versions of what is measured.
pub(crate) fn describe(folder: &Path, versions: &[&[&str]]) {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("?");
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let filesystem = said(&["stat", "-f", "-c", "%T", &folder.to_string_lossy()]);
    let model = model.trim_start_matches([' ', '\t', ':']);
    println!("machine: {cpus} x {model}, Linux {}, files on {filesystem}", kernel.trim());
    for version in versions {
        println!("version: {}", said(version));
    }
}

/// The first line that a program prints.
fn said(command: &[&str]) -> String {
    let output = Command::new(command[0]).args(&command[1..]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.ok().and_then(|text| text.lines().next().map(str::to_owned)).unwrap_or_else(|| format!("no {}", command[0]))
}
