//! The figures of several rounds.

/// Measurements of one thing, in one unit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figure(Vec<f64>);

impl Figure {
    /// Adds a measurement.
    pub(crate) fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Adds a time, in microseconds.
    pub(crate) fn add_time(&mut self, time: std::time::Duration) {
        self.add(time.as_secs_f64() * 1e6);
    }

    /// Adds all measurements of another.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    /// Whether nothing was measured.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The middle one.
    pub(crate) fn median(&self) -> f64 {
        self.at(0.5)
    }

    fn at(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a few rounds"
        )]
        let index = ((sorted.len() - 1) as f64 * share).round() as usize;
        sorted[index]
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_empty() {
            return f.write_str("not measured");
        }
        write!(f, "min {:.0} p50 {:.0} p95 {:.0}", self.at(0.0), self.median(), self.at(0.95))
    }
}

/// The line that a bench ends with. What could not be measured is left out of the ratios.
pub(crate) fn line(name: &str, ours: &Figure, peer: &Figure, limit: &Figure) {
    let ratio = |name: &str, other: &Figure| match ours.is_empty() || other.is_empty() {
        true => String::new(),
        false => format!(" ours/{name}={:.2}", ours.median() / other.median()),
    };
    let (to_peer, to_limit) = (ratio("peer", peer), ratio("limit", limit));
    println!("{name} ours=({ours}) peer=({peer}) limit=({limit}){to_peer}{to_limit}");
}
