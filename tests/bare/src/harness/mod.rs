//! Runs tests, each in a process of its own and with a bound on its time, and says how each ended.
//!
//! A test is a function that panics if it fails. Its process is forked, so a crash or a hang is the failure of one
//! test, and what it has changed of itself (limits, filters, its user) is gone with it.

mod cleaning;
mod peer;
mod report;
mod waiting;

use core::ffi::CStr;
use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, waitpid};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::console::say;
use crate::{kernels, raw};

pub use cleaning::Prefix;
pub use peer::Peer;
pub use report::{Call, OWN_MACHINE, expect_call, lacking};
pub use waiting::wait_until;

use report::{FAILED, Report, UNSUPPORTED};

/// How long a test may take. Far more than any takes, also in an emulator on a machine that is busy.
const MOST: Duration = Duration::from_secs(120);

/// A test: a function, and where it stands.
pub struct Test {
    pub module: &'static str,
    pub name: &'static str,
    pub run: fn(),
}

/// The list of the tests of a module, from the names of their functions.
macro_rules! tests {
    ($($(#[$attribute:meta])* $name:ident),* $(,)?) => {
        pub const TESTS: &[$crate::harness::Test] = &[$(
            $(#[$attribute])*
            $crate::harness::Test { module: module_path!(), name: stringify!($name), run: $name }
        ),*];
    };
}
pub(crate) use tests;

impl Test {
    /// The module's path without that of all tests.
    fn subject(&self) -> &'static str {
        self.module.rsplit("::").next().unwrap_or(self.module)
    }

    fn is_asked_for(&self, words: impl Iterator<Item = &'static str>) -> bool {
        let mut words = words.peekable();
        words.peek().is_none()
            || words.any(|word| match word.split_once("::") {
                Some((subject, name)) => subject == self.subject() && self.name.contains(name),
                None => self.subject() == word || self.name.contains(word),
            })
    }
}

/// Runs the tests that the arguments ask for; the exit code is 0 if none failed.
pub fn run(tests: &[&[Test]], arguments: impl Iterator<Item = &'static CStr> + Clone) -> i32 {
    let arguments = arguments.filter_map(|argument| argument.to_str().ok());
    let own_machine = arguments.clone().any(|argument| argument == "+own-machine");
    OWN_MACHINE.store(own_machine, Relaxed);
    if arguments.clone().any(|argument| argument == "+kernels") {
        kernels::names().for_each(|name| say!("{name}"));
        return 0;
    }
    if let Some(name) = arguments.clone().find_map(|argument| argument.strip_prefix("+kernel="))
        && !kernels::choose(name)
    {
        say!("there is no kernel `{name}`");
        return 2;
    }
    let allowed = arguments.clone().filter_map(|argument| argument.strip_prefix('-'));
    let words = arguments.clone().filter(|argument| !argument.starts_with(['-', '+']));
    let of_kernel = kernels::chosen().filter(|_| words.clone().next().is_none()).map_or(&[][..], |kernel| kernel.tests);
    let words = words.chain(of_kernel.iter().copied());
    // Tests with a filter of their own for a kernel's calls expect the others to be there.
    let is_possible = |test: &&Test| kernels::chosen().is_none() || test.subject() != "fallback";
    let asked = tests.iter().copied().flatten().filter(|test| test.is_asked_for(words.clone())).filter(is_possible);

    // How many queues others have is not to matter. Without the right to this, it may.
    // SAFETY: this process has one thread and shares nothing by reference.
    let _ = unsafe { unshare_unsafe(UnshareFlags::NEWIPC) };

    say!("tests: {}", asked.clone().count());
    let (mut passed, mut failed, mut unsupported) = (0, 0, 0);
    for test in asked {
        let (subject, name) = (test.subject(), test.name);
        match run_one(test) {
            Ending::Passed => {
                say!("ok {subject}::{name}");
                passed += 1;
            }
            Ending::RejectedError(kind) => {
                say!("unsupported {subject}::{name}: {kind}");
                unsupported += 1;
            }
            Ending::Unsupported(call) if allowed.clone().any(|allowed| call.text() == allowed) => {
                say!("unsupported {subject}::{name}: {}", call.text());
                unsupported += 1;
            }
            Ending::Unsupported(call) => {
                say!("FAILED {subject}::{name}: unexpectedly without {}", call.text());
                failed += 1;
            }
            Ending::Failed(report, how) => {
                say!("FAILED {subject}::{name}: {}{how}", report.text());
                failed += 1;
            }
        }
    }
    say!("summary: {passed} passed, {failed} failed, {unsupported} unsupported");
    i32::from(failed > 0 || passed == 0)
}

/// How a test ended.
enum Ending {
    Passed,
    /// What it needs and the platform lacks.
    Unsupported(Report),
    /// By an error of this kind, as the table of kernels has it.
    RejectedError(&'static str),
    /// What it said, and how its process ended if not by a panic.
    Failed(Report, &'static str),
}

fn run_one(test: &Test) -> Ending {
    let mut report = Report::new();
    let Some(process) = raw::fork() else {
        // Its peers are of the same group, to be ended with it.
        rustix::process::setpgid(None, None).expect("a process may lead a group of its own");
        report.begin();
        if kernels::chosen().is_some_and(|kernel| !kernel.begin()) {
            lacking(Call::Seccomp);
        }
        (test.run)();
        freestanding::exit(0);
    };
    let has_ended = report.read_until(MOST);
    // Whether it hangs, or only a peer that it left behind.
    let _ = kill_process_group(process, Signal::KILL);
    let status = waitpid(Some(process), WaitOptions::empty()).expect("it is a child").map(|(_, status)| status);
    let code = status.and_then(|status| status.exit_status());
    let left = clean(process);
    let refusal = kernels::chosen().and_then(|kernel| kernel.refuses(test.subject(), test.name));
    match code {
        Some(FAILED | UNSUPPORTED) if refusal.is_some_and(|kind| report.text().contains(kind)) => {
            Ending::RejectedError(refusal.unwrap_or_default())
        }
        Some(0) if refusal.is_some() => Ending::Failed(report, "it passed, and the table of kernels says it does not"),
        _ if !has_ended => Ending::Failed(report, "it or a peer goes on and on"),
        Some(0) if left > 0 => Ending::Failed(report, "it left objects behind"),
        Some(0) if report.is_empty() => Ending::Passed,
        Some(0) => Ending::Failed(report, ""),
        Some(UNSUPPORTED) => Ending::Unsupported(report),
        Some(FAILED) => Ending::Failed(report, ""),
        Some(_) => Ending::Failed(report, "it exited"),
        None => Ending::Failed(report, "a signal ended it"),
    }
}

/// Removes what a test left behind; how much that was. In a process of its own: the next test would inherit what this
/// one finds out about its kernel, and may have another kernel.
fn clean(test: Pid) -> i32 {
    let Some(process) = raw::fork() else {
        let count = cleaning::remove_objects(&Prefix::of(test));
        freestanding::exit(count.min(100) as i32);
    };
    let status = waitpid(Some(process), WaitOptions::empty()).expect("it is a child").map(|(_, status)| status);
    status.and_then(|status| status.exit_status()).expect("it exits")
}
