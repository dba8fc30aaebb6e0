//! Named steps with their times. On a terminal the running step is redrawn; elsewhere each step is one line when it
//! ends. A failing step prints what failed, why, and what to do.

use console::{Term, style};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A failure of a step that a person can act on.
#[derive(Debug)]
pub(crate) struct Problem {
    /// What went wrong, with its reason.
    pub why: String,
    /// What to do about it.
    pub todo: String,
}

impl Problem {
    /// A problem as an error.
    pub(crate) fn because(why: impl Into<String>, todo: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Self { why: why.into(), todo: todo.into() })
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Problem {}

/// The display.
pub(crate) struct Steps {
    started: Instant,
    term: Term,
}

/// The running step's note, shown beside its name.
pub(crate) struct Note(Arc<Mutex<String>>);

impl Note {
    /// Replaces the note.
    pub(crate) fn set(&self, text: impl Into<String>) {
        if let Ok(mut note) = self.0.lock() {
            *note = text.into();
        }
    }

    /// The current note.
    pub(crate) fn get(&self) -> String {
        self.0.lock().map(|note| note.clone()).unwrap_or_default()
    }
}

impl Steps {
    /// Starts the clock.
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), term: Term::stdout() }
    }

    /// Time since the first step.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Runs one step. Its note stays beside its name when it is done.
    pub(crate) fn run<T>(&self, name: &str, work: impl FnOnce(&Note) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let started = Instant::now();
        let note = Note(Arc::default());
        let ended = Arc::new(AtomicBool::new(false));
        let drawing = self.term.is_term().then(|| {
            let (term, shown, ended, name) =
                (self.term.clone(), Arc::clone(&note.0), Arc::clone(&ended), name.to_owned());
            std::thread::spawn(move || draw(&term, &name, &shown, &ended, started))
        });
        let result = work(&note);
        ended.store(true, Ordering::Release);
        if let Some(thread) = drawing {
            // The drawing thread only writes to the terminal; a panic in it must not hide the step's own result.
            drop(thread.join());
        }
        let took = seconds(started.elapsed());
        match &result {
            Ok(_) => println!("{} {name:<22} {took:>8}  {}", style("ok").green(), style(note.get()).dim()),
            Err(error) => {
                println!("{} {name:<22} {took:>8}", style("failed").red());
                let todo = error.downcast_ref::<Problem>().map(|problem| problem.todo.clone());
                println!("   why:  {error:#}");
                println!(
                    "   do:   {}",
                    todo.unwrap_or_else(|| "read the reason above, mend it, and run the command again".into())
                );
            }
        }
        result
    }
}

fn draw(term: &Term, name: &str, note: &Mutex<String>, ended: &AtomicBool, started: Instant) {
    while !ended.load(Ordering::Acquire) {
        let text = note.lock().map(|note| note.clone()).unwrap_or_default();
        let line = format!(".. {name:<22} {:>8}  {text}", seconds(started.elapsed()));
        let width = usize::from(term.size().1).saturating_sub(1);
        let line: String = line.chars().take(width).collect();
        if term.clear_line().and_then(|()| term.write_str(&line)).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(term.clear_line());
}

/// `12.3 s`.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
