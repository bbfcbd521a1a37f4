//! What the program's output says.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::{Context, Result, bail, ensure};

/// How the tests ended that ran; none failed.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    /// The names of those that passed.
    pub passed: BTreeSet<String>,
    /// The names of those that could not run, each with the call that the platform lacks.
    pub unsupported: BTreeSet<(String, String)>,
}

impl Outcome {
    /// Understands all of a run's output. What it does not understand is an error, as is a test that failed or is
    /// missing: nothing is taken for granted that is not said.
    pub fn parse(output: &str) -> Result<Self> {
        let mut lines = output.lines().map(str::trim_end);
        let count = lines.next().and_then(|line| line.strip_prefix("tests: ")?.parse().ok());
        let count: usize = count.context("the output does not begin with the number of tests")?;
        let mut outcome = Self { passed: BTreeSet::new(), unsupported: BTreeSet::new() };
        let (mut failed, mut summary) = (Vec::new(), None);
        for line in lines {
            ensure!(summary.is_none(), "`{line}` comes after the summary");
            let is_new = match line.split_once(' ') {
                Some(("ok", name)) => outcome.passed.insert(name.into()),
                Some(("unsupported", rest)) => {
                    let (name, call) = rest.split_once(": ").with_context(|| format!("`{line}` names no call"))?;
                    outcome.unsupported.insert((name.into(), call.into()))
                }
                Some(("FAILED", rest)) => {
                    failed.push(rest);
                    true
                }
                Some(("summary:", rest)) => {
                    summary = Some(rest);
                    true
                }
                _ => bail!("`{line}` is no line of a test"),
            };
            ensure!(is_new, "`{line}` comes twice");
        }
        ensure!(failed.is_empty(), "{} tests failed:\n{}", failed.len(), failed.join("\n"));
        let (passed, unsupported) = (outcome.passed.len(), outcome.unsupported.len());
        let expected = format!("{passed} passed, 0 failed, {unsupported} unsupported");
        ensure!(summary == Some(&expected), "the summary is {summary:?}, not `{expected}`");
        ensure!(passed + unsupported == count, "{} of {count} tests ran", passed + unsupported);
        Ok(outcome)
    }

    /// The names of all tests.
    pub fn tests(&self) -> BTreeSet<&str> {
        let unsupported = self.unsupported.iter().map(|(name, _)| name.as_str());
        self.passed.iter().map(String::as_str).chain(unsupported).collect()
    }
}

/// As the program writes it.
impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, unsupported } = self;
        writeln!(formatter, "tests: {}", passed.len() + unsupported.len())?;
        passed.iter().try_for_each(|name| writeln!(formatter, "ok {name}"))?;
        unsupported.iter().try_for_each(|(name, call)| writeln!(formatter, "unsupported {name}: {call}"))?;
        writeln!(formatter, "summary: {} passed, 0 failed, {} unsupported", passed.len(), unsupported.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = "tests: 2\nok a::b\r\nunsupported a::c: call\nsummary: 1 passed, 0 failed, 1 unsupported\n";

    #[test]
    fn a_whole_run_is_understood() {
        let outcome = Outcome::parse(RIGHT).unwrap();
        assert_eq!(outcome.tests(), BTreeSet::from(["a::b", "a::c"]));
        assert_eq!(outcome.unsupported, BTreeSet::from([("a::c".into(), "call".into())]));
    }

    #[test]
    fn anything_less_is_an_error() {
        for (right, wrong) in [
            ("tests: 2\n", ""),
            ("tests: 2", "tests: 3"),
            ("ok a::b", "ok a::b\nok a::b"),
            ("ok a::b", "FAILED a::b: why"),
            ("ok a::b\r\n", ""),
            ("ok a::b", "ok a::b\nKernel panic"),
            (": call", ""),
            ("summary: 1 passed, 0 failed, 1 unsupported\n", ""),
            ("summary: 1", "summary: 2"),
            ("unsupported\n", "unsupported\nok late\n"),
        ] {
            assert!(RIGHT.contains(right) && Outcome::parse(&RIGHT.replace(right, wrong)).is_err(), "{wrong:?}");
        }
    }
}
