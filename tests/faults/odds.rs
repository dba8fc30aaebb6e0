//! Chance that can be had again: a case prints its seed, and `BERTH_TEST_SEED` gives it back.

/// A generator (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Odds(u64);

impl Odds {
    /// From `BERTH_TEST_SEED` or the clock.
    pub(crate) fn new() -> Self {
        let given = std::env::var("BERTH_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let clock =
            || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |now| now.as_secs());
        let seed = given.unwrap_or_else(clock);
        println!("BERTH_TEST_SEED={seed}");
        Self(seed)
    }

    /// Another one, for another thread.
    pub(crate) fn split(&mut self) -> Self {
        Self(self.next())
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.below(from.len() as u64)).expect("an index")]
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
