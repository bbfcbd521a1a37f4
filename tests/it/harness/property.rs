//! Properties that must hold for all inputs: random ones, made smaller where they fail.
//!
//! `PROPTEST_CASES` in the environment says how many inputs to try, `RAWIPC_SEED` repeats a run. The seed of an input
//! that failed is also written to a file beside this program's sources, and tried first from then on.

use std::env;
use std::fmt::Display;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, FileFailurePersistence, RngSeed, TestCaseError, TestError, TestRunner};

use super::random::Random;

/// Tries so many inputs, unless the environment says how many.
#[track_caller]
pub fn holds<S: Strategy, E: Display>(cases: u32, inputs: &S, property: impl Fn(S::Value) -> Result<(), E>) {
    // Says how to repeat it, should this panic.
    let random = Random::new();
    let cases = env::var("PROPTEST_CASES").map_or(cases, |cases| cases.parse().expect("PROPTEST_CASES is a number"));
    let mut runner = TestRunner::new(Config {
        cases,
        // Each try of an input that makes a process hang takes all of somebody's patience.
        max_shrink_time: 20_000,
        rng_seed: RngSeed::Fixed(random.seed()),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/it/regressions.txt"))),
        ..Config::default()
    });
    match runner.run(inputs, |input| property(input).map_err(|error| TestCaseError::fail(error.to_string()))) {
        Ok(()) => {}
        Err(TestError::Fail(reason, input)) => panic!("{reason}\nwith {input:?}"),
        Err(abort) => panic!("{abort}"),
    }
}
