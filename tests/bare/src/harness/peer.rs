//! Another process of a test.

use core::ffi::CStr;
use core::time::Duration;

use rawipc::time::{Clock, Time};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::read;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid};

use super::report::UNSUPPORTED;
use super::waiting::{PATIENCE, wait_until};
use crate::raw;

/// A forked process that does one thing and ends.
pub struct Peer {
    pub process: Pid,
}

impl Peer {
    /// Forks a process that does this. If it panics, its report is the test's.
    pub fn start(work: impl FnOnce()) -> Self {
        match raw::fork() {
            Some(process) => Self { process },
            None => {
                work();
                freestanding::exit(0)
            }
        }
    }

    /// Like `start`, and waits until the process sleeps in a call.
    #[track_caller]
    pub fn start_waiting(work: impl FnOnce()) -> Self {
        let peer = Self::start(work);
        wait_until("the peer waits", || peer.is_asleep());
        peer
    }

    /// Waits until it has ended, and makes sure that it ended well.
    #[track_caller]
    pub fn join(self) {
        let status = self.status_within(PATIENCE).expect("the peer ends");
        // What the peer lacks, the test lacks; it has said so.
        if status.exit_status() == Some(UNSUPPORTED) {
            freestanding::exit(UNSUPPORTED);
        }
        assert_eq!(status.exit_status(), Some(0), "the peer failed");
    }

    /// How it ended, or `None` if it still goes on after that time.
    pub fn status_within(&self, time: Duration) -> Option<WaitStatus> {
        let start = Time::now(Clock::Monotonic);
        let mut status = None;
        wait_until("the peer ends", || {
            status = waitpid(Some(self.process), WaitOptions::NOHANG).expect("it is a child").map(|(_, status)| status);
            status.is_some() || Time::now(Clock::Monotonic).saturating_since(start) >= time
        });
        status
    }

    /// Ends it at once.
    #[track_caller]
    pub fn kill(self) {
        kill_process(self.process, Signal::KILL).expect("it is a child");
        let status = self.status_within(PATIENCE).expect("the peer ends");
        assert_eq!(status.terminating_signal(), Some(Signal::KILL.as_raw()), "the peer had ended before");
    }

    /// Whether it sleeps, as `/proc/PID/stat` says: `PID (NAME) STATE …`.
    pub fn is_asleep(&self) -> bool {
        use core::fmt::Write;
        let mut path = crate::console::Text::new();
        let _ = write!(path, "/proc/{}/stat\0", self.process.as_raw_nonzero());
        let path = CStr::from_bytes_until_nul(path.as_bytes()).expect("it was just written");
        let file = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).expect("a child is in /proc");
        let mut bytes = [0; 256];
        let count = read(&file, &mut bytes).expect("it can be read");
        bytes[..count].windows(3).any(|part| part == b") S")
    }
}
