//! The record of a run: a text that begins with lines `KEY: VALUE` and goes on with the program's output.

use std::fmt;

use anyhow::{Context, Result, bail};
use xshell::{Shell, cmd};

use crate::bare::{Outcome, Target};
use crate::workspace;

/// What the tests ran on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Where {
    /// This machine's processor and kernel.
    Native,
    /// An emulated processor, and this machine's kernel.
    Emulated,
    /// A kernel of the architecture's own, on an emulated machine.
    Kernel,
}

impl fmt::Display for Where {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Native => "native",
            Self::Emulated => "emulated user mode",
            Self::Kernel => "real kernel",
        })
    }
}

/// A run of all tests.
#[derive(Debug, PartialEq)]
pub struct Record {
    pub architecture: String,
    pub triple: String,
    pub place: Where,
    /// The kernel and the emulator.
    pub system: String,
    pub date: String,
    pub outcome: Outcome,
}

impl Record {
    /// The record of a run that has just been made.
    pub fn new(shell: &Shell, target: &Target, place: Where, system: String, outcome: Outcome) -> Result<Self> {
        let date = cmd!(shell, "date --utc --iso-8601").quiet().read()?;
        let (architecture, triple) = (target.architecture.into(), target.triple.into());
        Ok(Self { architecture, triple, place, system, date, outcome })
    }

    /// Keeps it in place of the last one of its kind.
    pub fn keep(&self, shell: &Shell) -> Result<()> {
        let name = format!("{}, {}.txt", self.architecture, self.place);
        Ok(shell.write_file(workspace().join("evidence").join(name), self.to_string())?)
    }

    pub fn parse(text: &str) -> Result<Self> {
        let (head, output) = text.split_once("\n\n").context("it has no two parts")?;
        let field = |key: &str| {
            let value = head.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
            value.map(str::to_owned).with_context(|| format!("it does not say the {key}"))
        };
        let place = match field("where")?.as_str() {
            "native" => Where::Native,
            "emulated user mode" => Where::Emulated,
            "real kernel" => Where::Kernel,
            other => bail!("`{other}` is nowhere"),
        };
        Ok(Self {
            architecture: field("architecture")?,
            triple: field("target")?,
            place,
            system: field("system")?,
            date: field("date")?,
            outcome: Outcome::parse(output)?,
        })
    }
}

impl fmt::Display for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { architecture, triple, place, system, date, outcome } = self;
        writeln!(formatter, "architecture: {architecture}\ntarget: {triple}\nwhere: {place}")?;
        writeln!(formatter, "system: {system}\ndate: {date}\n")?;
        write!(formatter, "{outcome}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let text = "tests: 2\nok a::b\nunsupported a::c: call\nsummary: 1 passed, 0 failed, 1 unsupported\n";
        for place in [Where::Native, Where::Emulated, Where::Kernel] {
            let record = Record {
                architecture: "x86_64".into(),
                triple: "x86_64-unknown-linux-musl".into(),
                place,
                system: "Linux 1: 2".into(),
                date: "2026-01-01".into(),
                outcome: Outcome::parse(text).unwrap(),
            };
            assert_eq!(Record::parse(&record.to_string()).unwrap(), record);
        }
        assert!(Record::parse("").is_err());
    }
}
