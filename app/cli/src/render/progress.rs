//! The progress of a pull or a push: a bar per layer on a terminal, docker's lines elsewhere.

use super::{size, text::inert};
use berth_api::PullProgress;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    collections::HashMap,
    io::{IsTerminal, Write},
};

/// Where it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    /// `pull`: it is the command's output.
    Stdout,
    /// `run`: the output belongs to the container.
    Stderr,
    /// Nowhere.
    Nowhere,
}

/// Shows a pull or a push.
pub(crate) struct Transfer {
    to: To,
    bars: Option<MultiProgress>,
    layers: HashMap<String, ProgressBar>,
    /// The last status of each layer, so that a line is not repeated per chunk.
    said: HashMap<String, String>,
}

impl Transfer {
    pub(crate) fn new(to: To) -> Self {
        let bars = match to {
            To::Stdout if std::io::stdout().is_terminal() => {
                Some(MultiProgress::with_draw_target(ProgressDrawTarget::stdout()))
            }
            To::Stderr if std::io::stderr().is_terminal() => Some(MultiProgress::new()),
            _ => None,
        };
        Self { to, bars, layers: HashMap::new(), said: HashMap::new() }
    }

    /// Shows one message.
    pub(crate) fn show(&mut self, progress: &PullProgress) {
        if self.to == To::Nowhere {
            return;
        }
        match (&self.bars, &progress.id) {
            (Some(bars), Some(id)) if !progress.status.starts_with("Pulling from") => {
                let bar = self.layers.entry(id.clone()).or_insert_with(|| bars.add(layer(id)));
                draw(bar, progress);
            }
            _ => self.say(progress),
        }
    }

    fn say(&mut self, progress: &PullProgress) {
        let line = match &progress.id {
            Some(id) if self.said.get(id) == Some(&progress.status) => return,
            Some(id) => {
                self.said.insert(id.clone(), progress.status.clone());
                format!("{id}: {}", progress.status)
            }
            None => progress.status.clone(),
        };
        let line = inert(&line);
        match &self.bars {
            Some(bars) => drop(bars.println(line)),
            // A reader that has gone away wants no progress.
            None if self.to == To::Stdout => drop(writeln!(std::io::stdout(), "{line}")),
            None => eprintln!("{line}"),
        }
    }
}

fn layer(id: &str) -> ProgressBar {
    let bar = ProgressBar::no_length();
    let style = ProgressStyle::with_template("{prefix}: {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    bar.set_style(style);
    bar.set_prefix(inert(id));
    bar
}

const BAR: u64 = 30;

fn draw(bar: &ProgressBar, progress: &PullProgress) {
    let status = inert(&progress.status);
    let message = match (progress.current, progress.total) {
        (Some(current), Some(total)) => {
            let filled = usize::try_from(current.min(total) * BAR / total).unwrap_or_default();
            let blanks = usize::try_from(BAR).unwrap_or_default() - filled;
            let (done, open) = ("=".repeat(filled), " ".repeat(blanks));
            format!("{status:<12} [{done}{open}] {}/{}", size::words(current), size::words(total))
        }
        (Some(current), None) => format!("{status:<12} {}", size::words(current)),
        _ => status,
    };
    bar.set_message(message);
    let last = ["Pull complete", "Already exists", "Pushed", "Layer already exists", "Mounted from"];
    let loaded = progress.status == "Loading layer" && progress.current == progress.total;
    if loaded || last.iter().any(|last| progress.status.starts_with(last)) {
        bar.finish();
    }
}
