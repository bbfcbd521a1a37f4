//! Random numbers that can be had again: a test that fails prints the seed, and `RAWIPC_SEED` in the environment
//! repeats it.

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

/// Marsaglia's xorshift64*.
pub struct Random {
    seed: u64,
    state: u64,
    /// The seed need not be told.
    is_told: bool,
}

impl Random {
    pub fn new() -> Self {
        let seed = match env::var("RAWIPC_SEED") {
            Ok(seed) => seed.parse().expect("RAWIPC_SEED is a number"),
            Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_nanos() as u64,
        };
        Self::seeded(seed)
    }

    /// The numbers of this seed.
    pub fn seeded(seed: u64) -> Self {
        // The state must not be zero.
        Self { seed, state: seed | 1, is_told: false }
    }

    /// The numbers of a seed that somebody else tells if they are to be had again.
    pub fn of(seed: u64) -> Self {
        // Neighbours among seeds have nothing to do with each other then.
        let state = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self { seed, state: (state ^ state >> 29) | 1, is_told: true }
    }

    /// What it began with.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    /// So many bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.below(256) as u8).collect()
    }
}

impl Drop for Random {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.is_told {
            eprintln!("to repeat it: RAWIPC_SEED={}", self.seed);
        }
    }
}
