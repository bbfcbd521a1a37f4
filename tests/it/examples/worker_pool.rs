//! The pool of workers that does each job at least once.

use std::process::Command;

use super::example;
use crate::harness::Ending;

crate::tests!(
    worker_pool_does_each_job_once_if_no_worker_fails,
    worker_pool_redelivers_after_an_early_return,
    worker_pool_redelivers_after_a_panic,
    worker_pool_redelivers_after_a_kill,
    worker_pool_loses_no_job_with_every_flaw,
);

/// Runs the pool, and returns its last line.
fn run(arguments: &[&str]) -> Result<String, crate::harness::Lacking> {
    let output = Command::new(example("worker_pool")?).args(arguments).output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    Ok(text)
}

fn worker_pool_does_each_job_once_if_no_worker_fails() -> Ending {
    assert_eq!(run(&["200", "none", "none", "none"])?, "200 jobs were done, 0 of them twice, 0 workers have died\n");
    Ok(())
}

fn worker_pool_redelivers_after_an_early_return() -> Ending {
    assert_eq!(run(&["100", "early"])?, "100 jobs were done, 1 of them twice, 0 workers have died\n");
    Ok(())
}

fn worker_pool_redelivers_after_a_panic() -> Ending {
    assert_eq!(run(&["100", "panic"])?, "100 jobs were done, 1 of them twice, 0 workers have died\n");
    Ok(())
}

fn worker_pool_redelivers_after_a_kill() -> Ending {
    assert_eq!(run(&["100", "kill"])?, "100 jobs were done, 1 of them twice, 1 workers have died\n");
    Ok(())
}

fn worker_pool_loses_no_job_with_every_flaw() -> Ending {
    let line = run(&["500", "early", "panic", "kill"])?;
    assert!(line.starts_with("500 jobs were done, "), "{line}");
    Ok(())
}
