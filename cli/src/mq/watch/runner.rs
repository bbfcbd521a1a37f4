//! The command that is run for arrivals.

use std::ffi::{OsStr, OsString};
use std::process::Command;

use rawipc::Name;

use crate::error::{Failure, say};

/// The command, and how its runs went.
pub(super) struct Program {
    command: Command,
    pub(super) runs: usize,
    failed: usize,
    pub(super) has_succeeded: bool,
    /// `true` if a run has been seen to take messages.
    pub(super) takes: bool,
    /// `true` if it has been said that messages are left, and they still are.
    pub(super) has_stalled: bool,
}

impl Program {
    pub(super) fn new(program: &OsStr, arguments: &[OsString]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments);
        Self { command, runs: 0, failed: 0, has_succeeded: false, takes: false, has_stalled: false }
    }

    /// Runs it to its end, and reports it if it fails. One that cannot be started never will be: that is an error.
    pub(super) fn run(&mut self, queue: &Name) -> Result<(), Failure> {
        let status = self.command.status();
        let status = status.map_err(|error| Failure::new(self.name(), format_args!("cannot be run: {error}")))?;
        self.runs += 1;
        self.has_succeeded = status.success();
        if !self.has_succeeded {
            self.failed += 1;
            say(queue, format_args!("{} ended with {status}", self.name()));
        }
        Ok(())
    }

    /// Says, once until the queue was empty, that it has left messages.
    pub(super) fn stalled(&mut self, queue: &Name, messages: usize) {
        if !std::mem::replace(&mut self.has_stalled, true) {
            let left = if messages == 1 { "1 message".to_owned() } else { format!("{messages} messages") };
            say(
                queue,
                format_args!("{} left {left} in the queue and took none; waiting for more to come", self.name()),
            );
        }
    }

    /// Returns `true` if all runs were a success.
    pub(super) fn verdict(self, queue: &Name) -> Result<(), Failure> {
        if self.failed == 0 {
            return Ok(());
        }
        Err(Failure::new(queue, format_args!("{} of {} runs of {} failed", self.failed, self.runs, self.name())))
    }

    fn name(&self) -> String {
        self.command.get_program().as_encoded_bytes().escape_ascii().to_string()
    }
}
