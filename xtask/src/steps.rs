//! Steps of a run: each says when it begins, and at the end how long it took.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

#[derive(Default)]
pub struct Steps(Vec<Step>);

struct Step {
    name: String,
    time: Duration,
    passed: bool,
}

impl Steps {
    /// Runs a step. Its error is given on with the step's name.
    pub fn run(&mut self, name: &str, step: impl FnOnce() -> Result<()>) -> Result<()> {
        println!("\n=== {name}");
        let start = Instant::now();
        let result = step();
        self.0.push(Step { name: name.to_owned(), time: start.elapsed(), passed: result.is_ok() });
        result.with_context(|| format!("{name} failed"))
    }

    /// Prints how long each step took, if there was more than one.
    pub fn report(&self) {
        if self.0.len() < 2 {
            return;
        }
        println!();
        for step in &self.0 {
            let verdict = if step.passed { "ok" } else { "FAILED" };
            println!("{:7.1} s  {:<6}  {}", step.time.as_secs_f64(), verdict, step.name);
        }
        let total: Duration = self.0.iter().map(|step| step.time).sum();
        println!("{:7.1} s  in all", total.as_secs_f64());
    }
}
