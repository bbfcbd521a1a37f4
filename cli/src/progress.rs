//! How far a transfer has got: counted always, shown on a terminal if it takes long.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// The time to the first line, and between two.
const INTERVAL: Duration = Duration::from_millis(500);

/// To the line's start, and everything after it erased.
const CLEAR: &str = "\r\x1b[K";

/// The messages that have been sent or received. Clears its line when it is dropped.
pub(crate) struct Progress {
    verb: &'static str,
    messages: u64,
    bytes: u64,
    /// `true` if only the bytes tell something: there are no messages.
    bytes_alone: bool,
    /// When a line is due; `None` if none is wanted.
    due: Option<Instant>,
    shown: bool,
}

impl Progress {
    /// `verb` is "sent" or "received". Shows nothing if standard error is no terminal, or if the data stream is one:
    /// there the user sees the messages themselves.
    pub(crate) fn new(verb: &'static str, data: &impl IsTerminal) -> Self {
        let wanted = io::stderr().is_terminal() && !data.is_terminal();
        let due = wanted.then(|| Instant::now() + INTERVAL);
        Self { verb, messages: 0, bytes: 0, bytes_alone: false, due, shown: false }
    }

    /// The same for what has no messages; `verb` is "read" or "written".
    pub(crate) fn of_bytes(verb: &'static str, data: &impl IsTerminal) -> Self {
        let mut progress = Self::new(verb, data);
        progress.bytes_alone = true;
        progress
    }

    /// Counts one more message.
    pub(crate) fn count(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
        if let Some(due) = self.due {
            let now = Instant::now();
            if now >= due {
                self.due = Some(now + INTERVAL);
                self.show();
            }
        }
    }

    pub(crate) fn messages(&self) -> u64 {
        self.messages
    }

    /// How far it had got, as the end of an error's sentence.
    pub(crate) fn so_far(&self) -> String {
        match if self.bytes_alone { self.bytes } else { self.messages } {
            0 => format!("nothing was {}", self.verb),
            1 => format!("{} was {} before", self.amount(), self.verb),
            _ => format!("{} were {} before", self.amount(), self.verb),
        }
    }

    fn amount(&self) -> String {
        let unit = |count, one, many| if count == 1 { one } else { many };
        let messages = unit(self.messages, "message", "messages");
        let bytes = unit(self.bytes, "byte", "bytes");
        if self.bytes_alone {
            return format!("{} {bytes}", self.bytes);
        }
        format!("{} {messages} ({} {bytes})", self.messages, self.bytes)
    }

    fn show(&mut self) {
        self.shown = true;
        let line = format!("{CLEAR}{} {}", self.amount(), self.verb);
        // A lost progress line is no failure.
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = io::stderr().write_all(CLEAR.as_bytes());
        }
    }
}
