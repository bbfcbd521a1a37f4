//! What a test says of itself before its process ends: a pipe that the test and its peers hold the other end of.

use core::fmt::{self, Write};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, AtomicI32, Ordering::Relaxed};
use core::time::Duration;

use rawipc::time::{Clock, Time};
use rawipc::{Error, ErrorKind};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::io::{Errno, read};
use rustix::pipe::pipe;

use crate::console::Text;

/// The exit code of a process with a panic.
pub const FAILED: i32 = 101;
/// The exit code of a test that the platform lacks something for.
pub const UNSUPPORTED: i32 = 102;

/// Where a panic of this process is written to: the descriptor of the report, or standard error.
static TARGET: AtomicI32 = AtomicI32::new(2);

/// Whether the machine is there for these tests alone.
pub static OWN_MACHINE: AtomicBool = AtomicBool::new(false);

/// The report, as the process sees it that runs the tests.
pub struct Report {
    text: Text,
    reader: OwnedFd,
    /// Of no use to the reader but to be closed.
    writer: Option<OwnedFd>,
}

impl Report {
    pub fn new() -> Self {
        let (reader, writer) = pipe().expect("there are descriptors");
        Self { text: Text::new(), reader, writer: Some(writer) }
    }

    /// Has this process and its peers report here.
    pub fn begin(&self) {
        TARGET.store(self.writer.as_ref().map_or(2, AsRawFd::as_raw_fd), Relaxed);
    }

    /// Reads what is reported until nobody can report any more, at most so long; whether that came to be.
    pub fn read_until(&mut self, most: Duration) -> bool {
        self.writer = None;
        let end = Time::now(Clock::Monotonic).saturating_add(most);
        loop {
            let remaining = end.saturating_since(Time::now(Clock::Monotonic));
            let time = Timespec { tv_sec: remaining.as_secs() as _, tv_nsec: remaining.subsec_nanos() as _ };
            if poll(&mut [PollFd::new(&self.reader, PollFlags::IN)], Some(&time)) == Ok(0) {
                return false;
            }
            let mut bytes = [0; 200];
            match read(&self.reader, &mut bytes) {
                Ok(0) => return true,
                Ok(count) => {
                    let text = core::str::from_utf8(&bytes[..count]).unwrap_or("(no text) ");
                    let _ = self.text.write_str(text);
                }
                Err(errno) => assert_eq!(errno, Errno::INTR),
            }
        }
    }

    pub fn text(&self) -> &str {
        core::str::from_utf8(self.text.as_bytes()).unwrap_or("(no text)")
    }

    pub fn is_empty(&self) -> bool {
        self.text().is_empty()
    }
}

/// What a platform may lack. The names are those of system calls, as far as there is one.
#[derive(Clone, Copy)]
pub enum Call {
    MqNotify,
    ClockSettime,
    Seccomp,
    Unshare,
    Mount,
    Fsopen,
    Mmap2,
    Setuid,
}

impl Call {
    const fn name(self) -> &'static str {
        match self {
            Self::MqNotify => "mq_notify",
            Self::ClockSettime => "clock_settime",
            Self::Seccomp => "seccomp",
            Self::Unshare => "unshare",
            Self::Mount => "mount",
            Self::Fsopen => "fsopen",
            Self::Mmap2 => "mmap2",
            Self::Setuid => "setuid",
        }
    }
}

/// Ends the test, since the platform lacks what it needs. Whether it may is the caller's to know.
pub fn lacking(call: Call) -> ! {
    say(format_args!("{}", call.name()));
    freestanding::exit(UNSUPPORTED)
}

/// The result of a call that the platform may lack.
#[track_caller]
pub fn expect_call<T>(call: Call, result: Result<T, Error>) -> T {
    match result {
        Err(error) if error.kind() == ErrorKind::Unsupported => lacking(call),
        result => result.expect("the platform has it"),
    }
}

fn say(text: fmt::Arguments<'_>) {
    let mut report = Text::new();
    let _ = report.write_fmt(text);
    freestanding::write(TARGET.load(Relaxed), report.as_bytes());
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    match info.location() {
        Some(location) => say(format_args!("{}:{}: {}; ", location.file(), location.line(), info.message())),
        None => say(format_args!("{}; ", info.message())),
    }
    freestanding::exit(FAILED)
}
