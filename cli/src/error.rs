//! Why a command failed, as lines on standard error and an exit code.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use rawipc::{Error, ErrorKind, Name};

use crate::{color, suggest};

const FAILED: u8 = 1;
/// The arguments are wrong.
const USAGE: u8 = 2;
/// It would block, or the time was over.
const NOT_NOW: u8 = 3;
/// What a shell shows for a program that SIGPIPE ended.
const NOT_READ: u8 = 141;

/// A failed command: what it was about, what was wrong, and the exit code.
#[must_use]
pub(crate) struct Failure {
    subject: String,
    /// A line each; none where they are of no use.
    sentences: Vec<String>,
    code: u8,
}

impl Failure {
    pub(crate) fn new(subject: impl Display, sentence: impl Display) -> Self {
        Self { subject: subject.to_string(), sentences: vec![sentence.to_string()], code: FAILED }
    }

    /// The time was over.
    pub(crate) fn not_now(subject: impl Display, sentence: impl Display) -> Self {
        Self { code: NOT_NOW, ..Self::new(subject, sentence) }
    }

    /// Makes a failure of the library's error about the object of this name. Where there is none, says which was meant.
    pub(crate) fn about(name: &Name) -> impl Fn(Error) -> Self {
        move |error| {
            let failure = Self::new(name, error);
            match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => failure.with_code(NOT_NOW),
                ErrorKind::NotFound => match suggest::hint(name, error.operation()) {
                    Some(hint) => failure.and(hint),
                    None => failure,
                },
                _ => failure,
            }
        }
    }

    pub(crate) fn of_input(error: io::Error) -> Self {
        Self::new("standard input", error)
    }

    pub(crate) fn of_output(error: io::Error) -> Self {
        Self::new("standard output", error)
    }

    /// The reader of standard output has closed it. That is not worth a line.
    pub(crate) fn not_read() -> Self {
        Self { subject: String::new(), sentences: Vec::new(), code: NOT_READ }
    }

    /// Ends the tool with another exit code.
    pub(crate) fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// Says one thing more.
    pub(crate) fn and(mut self, addition: impl Display) -> Self {
        if let Some(sentence) = self.sentences.last_mut() {
            *sentence = format!("{sentence}; {addition}");
        }
        self
    }

    /// Says one thing more, on a line of its own.
    pub(crate) fn line(mut self, addition: impl Display) -> Self {
        self.sentences.push(addition.to_string());
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
        for sentence in &self.sentences {
            say(&self.subject, sentence);
        }
        ExitCode::from(self.code)
    }
}

/// A line on standard error.
pub(crate) fn say(subject: impl Display, sentence: impl Display) {
    tell(&format!("{subject}: {sentence}\n"));
}

/// Tells what was wrong with the arguments, in clap's words; the help, if there were none.
pub(crate) fn report_usage(error: &clap::Error) -> ExitCode {
    let text = color::help(&error.render(), &io::stderr());
    match text.strip_prefix("error: ") {
        Some(fault) => tell(fault),
        None => write(&text),
    }
    ExitCode::from(USAGE)
}

fn tell(text: &str) {
    write(&format!("{} {text}", color::error("rawipc:", &io::stderr())));
}

fn write(text: &str) {
    // Where standard error is closed, the exit code still says it. `eprintln` would panic.
    let _ = io::stderr().write_all(text.as_bytes());
}
