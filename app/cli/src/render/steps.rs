//! The steps of a start while they go on: a line each, with its time.

use berth_api::{BootStep, MachineStatus, StepState};
use console::style;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::{collections::HashMap, io::IsTerminal, time::Duration};

/// Shows steps on standard error: moving on a terminal, one finished line each elsewhere.
pub(crate) struct Steps {
    bars: Option<MultiProgress>,
    shown: HashMap<String, Option<ProgressBar>>,
}

impl Steps {
    pub(crate) fn new() -> Self {
        let bars = std::io::stderr().is_terminal().then(MultiProgress::new);
        Self { bars, shown: HashMap::new() }
    }

    /// Shows what is new in `status`.
    pub(crate) fn show(&mut self, status: &MachineStatus) {
        for step in &status.steps {
            match &self.bars {
                Some(bars) => {
                    let bar = self.shown.entry(step.name.clone()).or_insert_with(|| Some(spinner(bars, &step.name)));
                    if let Some(finished) = bar.take_if(|_| is_over(step)) {
                        finished.finish_with_message(line(step, true));
                    }
                }
                None if is_over(step) => {
                    self.shown.entry(step.name.clone()).or_insert_with(|| {
                        eprintln!("{}", line(step, false));
                        None
                    });
                }
                None => {}
            }
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        // What still moves when a start fails would look like work going on.
        self.shown.values().flatten().for_each(ProgressBar::abandon);
    }
}

fn spinner(bars: &MultiProgress, name: &str) -> ProgressBar {
    let bar = bars.add(ProgressBar::new_spinner());
    bar.set_style(ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.set_message(label(name));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn is_over(step: &BootStep) -> bool {
    matches!(step.state, StepState::Done | StepState::Failed)
}

fn line(step: &BootStep, colours: bool) -> String {
    let (mark, colour) = match step.state {
        StepState::Failed => ("✗", console::Color::Red),
        _ => ("✓", console::Color::Green),
    };
    let mark = if colours { style(mark).fg(colour).to_string() } else { mark.into() };
    format!("{mark} {:<28}{:>9}", label(&step.name), millis(step.millis.unwrap_or(0)))
}

/// What a step does, in words; a name this version does not know is shown as it is.
pub(crate) fn label(name: &str) -> String {
    let words = match name {
        "image" => "check the guest image",
        "hypervisor" => "choose a hypervisor",
        "check" => "check the settings",
        "disk" => "prepare the data disk",
        "initramfs" => "write the boot archive",
        "hardware" => "start the VM",
        "kernel" => "boot the kernel",
        "engine" => "start the engine",
        "guest-kernel" => "guest: kernel",
        "guest-root" => "guest: root filesystem",
        "guest-mounts" => "guest: system mounts",
        "guest-config" => "guest: boot configuration",
        "guest-control" => "guest: control channel",
        "guest-clock" => "guest: clock",
        "guest-cgroups" => "guest: control groups",
        "guest-modules" => "guest: modules",
        "guest-disk" => "guest: data disk",
        "guest-network" => "guest: network",
        "guest-engine" => "guest: engine",
        other => other,
    };
    words.into()
}

/// `12 ms`, `3.40 s`.
pub(crate) fn millis(millis: u32) -> String {
    if millis < 1000 { format!("{millis} ms") } else { format!("{:.2} s", f64::from(millis) / 1000.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_step_shows_its_time() {
        let step = BootStep { name: "kernel".into(), state: StepState::Done, millis: Some(2100), error: None };
        assert_eq!(line(&step, false), "✓ boot the kernel                2.10 s");
    }
}
