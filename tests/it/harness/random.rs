//! Random numbers that can be had again: a test that fails prints the seed, and `RAWIPC_SEED` in the environment
//! repeats it.

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

/// Marsaglia's xorshift64*.
pub struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    pub fn new() -> Self {
        let seed = match env::var("RAWIPC_SEED") {
            Ok(seed) => seed.parse().expect("RAWIPC_SEED is a number"),
            Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_nanos() as u64,
        };
        // The state must not be zero.
        Self { seed, state: seed | 1 }
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
        if std::thread::panicking() {
            eprintln!("to repeat it: RAWIPC_SEED={}", self.seed);
        }
    }
}
