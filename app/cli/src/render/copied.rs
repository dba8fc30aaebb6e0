//! How much has been copied: a line on a terminal, and docker's sentence at the end.

use super::{size, text::inert};
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Counts what is copied. Clones count together.
#[derive(Clone)]
pub(crate) struct Copied {
    bytes: Arc<AtomicU64>,
    /// `None` when nothing is to be shown.
    line: Option<ProgressBar>,
    header: &'static str,
}

impl Copied {
    pub(crate) fn new(header: &'static str, quiet: bool) -> Self {
        let line = (!quiet).then(|| {
            let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            ProgressBar::no_length().with_style(style).with_message("Preparing to copy...")
        });
        Self { bytes: Arc::default(), line, header }
    }

    /// Counts `bytes` more.
    pub(crate) fn add(&self, bytes: usize) {
        let before = self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        if let Some(line) = &self.line {
            line.set_message(format!("{} - {}", self.header, size::words(before + bytes as u64)));
        }
    }

    /// Takes the line away and says what was copied `to`.
    pub(crate) fn done(self, to: &str) {
        if let Some(line) = self.line {
            line.finish_and_clear();
            eprintln!("Successfully copied {} to {}", size::words(self.bytes.load(Ordering::Relaxed)), inert(to));
        }
    }
}
