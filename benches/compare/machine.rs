//! The machine: its processors, other processes, and what it calls itself.

use std::fs;
use std::process::Command;

/// Where the two processes of a measurement run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    OneProcessor,
    TwoProcessors,
}

impl Placement {
    pub const ALL: [Self; 2] = [Self::OneProcessor, Self::TwoProcessors];

    pub fn name(self) -> &'static str {
        match self {
            Self::OneProcessor => "one processor",
            Self::TwoProcessors => "two processors",
        }
    }

    /// The processor of the process that answers; the other one is on the first.
    pub fn other(self) -> usize {
        match self {
            Self::OneProcessor => 0,
            Self::TwoProcessors => 1,
        }
    }
}

/// The processors that this program may run on, from the beginning.
pub struct Processors(libc::cpu_set_t);

impl Processors {
    pub fn of_this_process() -> Self {
        let mut set = none();
        // SAFETY: the set is as long as it says.
        assert_eq!(unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) }, 0);
        Self(set)
    }

    pub fn count(&self) -> usize {
        // SAFETY: a whole set.
        usize::try_from(unsafe { libc::CPU_COUNT(&self.0) }).expect("no count is negative")
    }

    /// Lets this process run on the first of them, the second, and so on, alone.
    pub fn pin(&self, index: usize) {
        self.confine(index..index + 1);
    }

    /// Lets this process run on these of them.
    pub fn confine(&self, indices: std::ops::Range<usize>) {
        // SAFETY: a whole set, and numbers that it can hold.
        let is_in = |number: &usize| unsafe { libc::CPU_ISSET(*number, &self.0) };
        let mut set = none();
        for number in (0..libc::CPU_SETSIZE as usize).filter(is_in).skip(indices.start).take(indices.len()) {
            // SAFETY: as above.
            unsafe { libc::CPU_SET(number, &mut set) };
        }
        run_on(&set);
    }

    /// Lets this process run on all of them again.
    pub fn release(&self) {
        run_on(&self.0);
    }
}

fn none() -> libc::cpu_set_t {
    // SAFETY: a set is plain numbers.
    unsafe { std::mem::zeroed() }
}

fn run_on(set: &libc::cpu_set_t) {
    // SAFETY: the set is as long as it says.
    assert_eq!(unsafe { libc::sched_setaffinity(0, size_of_val(set), set) }, 0, "a processor cannot be had");
}

/// A forked process.
#[must_use]
pub struct Child(libc::pid_t);

/// Runs a function in a forked process, which ends with it.
pub fn in_child(function: impl FnOnce()) -> Child {
    // SAFETY: this program has one thread when it forks.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork fails");
    if child == 0 {
        // SAFETY: no process outlives its measurement, whatever goes wrong.
        unsafe { libc::alarm(60) };
        function();
        // SAFETY: the process ends without running what the parent registered.
        unsafe { libc::_exit(0) };
    }
    Child(child)
}

impl Child {
    /// Waits for its end and makes sure that nothing failed in it.
    pub fn succeed(self) {
        let mut status = 0;
        // SAFETY: it is our child, and `status` a whole integer.
        assert_eq!(unsafe { libc::waitpid(self.0, &raw mut status, 0) }, self.0);
        assert_eq!(status, 0, "a child fails");
    }
}

/// What a run is recorded with.
pub fn description() -> Vec<(String, String)> {
    let of = |command: &str| {
        let output = Command::new("sh").args(["-c", command]).output().expect("there is a shell");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("unknown", |it| it.1);
    let facts = [
        ("date", of("date --utc --iso-8601=minutes")),
        ("commit", of("git rev-parse --short HEAD")),
        ("kernel", of("uname --kernel-release")),
        ("processors", format!("{cpu}, {} of them", Processors::of_this_process().count())),
        ("C library", of("ldd --version | head --lines=1")),
        ("Rust", of("rustc --version")),
        ("C compiler", of("cc --version | head --lines=1")),
        ("load before", of("cut --delimiter=' ' --fields=1 /proc/loadavg")),
    ];
    facts.map(|(name, fact)| (name.to_owned(), fact)).into()
}
