//! Why a command failed, as a line on standard error and an exit code.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use rawipc::{Error, ErrorKind, Name};

const FAILED: u8 = 1;
/// It would block, or the time was over. (2, wrong usage, is clap's.)
const NOT_NOW: u8 = 3;

/// A failed command: what it was about, what was wrong, and the exit code.
#[must_use]
pub(crate) struct Failure {
    subject: String,
    sentence: String,
    code: u8,
}

impl Failure {
    pub(crate) fn new(subject: impl Display, sentence: impl Display) -> Self {
        Self { subject: subject.to_string(), sentence: sentence.to_string(), code: FAILED }
    }

    /// The time was over.
    pub(crate) fn not_now(subject: impl Display, sentence: impl Display) -> Self {
        Self { code: NOT_NOW, ..Self::new(subject, sentence) }
    }

    /// Makes a failure of the library's error about the object of this name.
    pub(crate) fn about(name: &Name) -> impl Fn(Error) -> Self {
        move |error| {
            let not_now = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
            Self { code: if not_now { NOT_NOW } else { FAILED }, ..Self::new(name, error) }
        }
    }

    pub(crate) fn of_input(error: io::Error) -> Self {
        Self::new("standard input", error)
    }

    pub(crate) fn of_output(error: io::Error) -> Self {
        Self::new("standard output", error)
    }

    /// Ends the tool with another exit code.
    pub(crate) fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// Says one thing more.
    pub(crate) fn and(mut self, addition: impl Display) -> Self {
        self.sentence = format!("{}; {addition}", self.sentence);
        self
    }

    /// Says one thing more, on a line of its own.
    pub(crate) fn line(mut self, addition: impl Display) -> Self {
        self.sentence = format!("{}\nrawipc: {}: {addition}", self.sentence, self.subject);
        self
    }

    /// Tells the user of all but the last one, which it gives back.
    pub(crate) fn last_of(mut failures: Vec<Self>) -> Result<(), Self> {
        let last = failures.pop();
        for failure in failures {
            failure.report();
        }
        last.map_or(Ok(()), Err)
    }

    /// Tells the user.
    pub(crate) fn report(self) -> ExitCode {
        // Where nobody can be told, the exit code still tells. `eprintln` would panic.
        let _ = writeln!(io::stderr(), "rawipc: {}: {}", self.subject, self.sentence);
        ExitCode::from(self.code)
    }
}
