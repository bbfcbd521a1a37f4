//! Signals that ask the tool to end, while it has something to put in order first.

use std::fs;
use std::io;
use std::thread;

use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, getpgrp, kill_process};
use rustix::termios::tcgetpgrp;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator;

/// What a terminal, a service manager and people end programs with.
const ENDING: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// What shells add to a signal's number for the exit code of a process that it killed.
const EXIT_CODE_BASE: u8 = 128;

/// Catches the signals from when it is made on: none of them ends this process by itself any more.
pub(crate) struct Signals(iterator::Signals);

impl Signals {
    /// Those that this process ignores, as `nohup` and a shell's `&` make it do, stay ignored, here and in children.
    pub(crate) fn catch() -> io::Result<Self> {
        let ignored = ignored();
        iterator::Signals::new(ENDING.into_iter().filter(|number| ignored & (1 << (number - 1)) == 0)).map(Self)
    }

    /// One that has come since it was asked last.
    pub(crate) fn caught(&mut self) -> Option<Caught> {
        self.0.pending().next().map(Caught)
    }

    /// Passes on to a child what comes while `wait` waits for its end, after which it must still be there to be reaped.
    /// Returns what was passed on first, too.
    pub(crate) fn passed_on_while<T>(&mut self, child: Pid, wait: impl FnOnce() -> T) -> (T, Option<Caught>) {
        let handle = self.0.handle();
        let signals = &mut self.0;
        thread::scope(|scope| {
            let passing = scope.spawn(move || {
                let numbers = signals.forever().filter(|number| !is_from_terminal(*number));
                numbers
                    .inspect(|number| pass(*number, child))
                    .fold(None, |first, number| first.or(Some(Caught(number))))
            });
            let result = wait();
            handle.close();
            (result, passing.join().unwrap_or(None))
        })
    }
}

/// A signal that has been caught.
#[derive(Clone, Copy)]
pub(crate) struct Caught(i32);

impl Caught {
    /// What a shell would have seen had the signal killed this process.
    pub(crate) fn exit_code(self) -> u8 {
        exit_code(self.0)
    }
}

/// The exit code of a shell for a process that this signal killed.
pub(crate) fn exit_code(signal: i32) -> u8 {
    EXIT_CODE_BASE.saturating_add(u8::try_from(signal).unwrap_or(0))
}

fn pass(number: i32, child: Pid) {
    if let Some(signal) = Signal::from_named_raw(number) {
        // It may have ended already, and its user may have changed.
        let _ = kill_process(child, signal);
    }
}

/// Returns `true` if the signal is one that a key sends, and this process in the foreground of its terminal: then the
/// child, which is too, has it already. A second one would hit it while it tidies up for the first.
fn is_from_terminal(number: i32) -> bool {
    (number == SIGINT || number == SIGQUIT)
        && open(c"/dev/tty", OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())
            .and_then(tcgetpgrp)
            .is_ok_and(|foreground| foreground == getpgrp())
}

/// The signals that this process ignores, a bit each; none where there is no `/proc` to tell.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let digits = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    digits.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok()).unwrap_or(0)
}
