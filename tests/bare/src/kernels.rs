//! Kernels and sandboxes that are older or smaller than this machine's, by filters that answer as they would.
//!
//! A filter sees the number of a call and its arguments, not what they point to. So a kernel is what its missing calls,
//! flags and advice make of it; how it does what it has is not simulated. The numbers are those of x86-64 and of 32-bit
//! x86.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use syscalls::{Errno, Sysno};

use crate::raw::{Rule, refuse};
#[cfg(target_pointer_width = "32")]
use crate::tests::WITHOUT_OLD_TIMES;

/// What answers in place of the machine's kernel, and what is expected then.
pub struct Kernel {
    name: &'static str,
    rules: &'static [&'static [Rule]],
    /// The features that are missing, by the names of the fields of `Platform`. All others are there.
    lacks: &'static [&'static str],
    /// The words that the tests are chosen by; none for all of them.
    pub tests: &'static [&'static str],
    /// What the names of tests begin with that end with an error, and its kind; the first that fits. Others pass.
    refused: &'static [(&'static str, &'static str)],
}

const UNSUPPORTED: &str = "Unsupported";
const NOT_PERMITTED: &str = "PermissionDenied";
/// No error.
const PASSES: &str = "";

/// The table.
const KERNELS: &[Kernel] = &[
    Kernel {
        name: "linux-4.4",
        rules: &[&[calls_after([325, 376])], BEFORE_4_14, BEFORE_6_10],
        lacks: NO_PARTICIPANTS,
        tests: &[],
        refused: BEFORE_WIPED_PAGES,
    },
    Kernel {
        name: "linux-4.9",
        rules: &[&[calls_after([331, 382])], BEFORE_4_14, BEFORE_6_10],
        lacks: NO_PARTICIPANTS,
        tests: &[],
        refused: BEFORE_WIPED_PAGES,
    },
    Kernel {
        name: "linux-4.14",
        rules: &[&[calls_after([332, 384])], BEFORE_6_10],
        lacks: &[],
        tests: &[],
        refused: NO_FSOPEN,
    },
    Kernel {
        name: "linux-4.19",
        rules: &[&[calls_after([334, 386])], BEFORE_6_10],
        lacks: &[],
        tests: &[],
        refused: NO_FSOPEN,
    },
    Kernel {
        name: "linux-5.4",
        rules: &[&[calls_after([435, 435])], BEFORE_6_10],
        lacks: &[],
        tests: &[],
        refused: &[],
    },
    Kernel {
        name: "linux-5.10",
        rules: &[&[calls_after([440, 440])], BEFORE_6_10],
        lacks: &[],
        tests: &[],
        refused: &[],
    },
    Kernel {
        name: "without-posix-mqueue",
        rules: &[NO_QUEUES],
        lacks: NO_KERNEL_QUEUES,
        tests: BESIDE_QUEUES,
        refused: &[
            ("queues::refuse_wrong_names", PASSES),
            ("queues::", UNSUPPORTED),
            ("shared_queues::ring_a_doorbell", UNSUPPORTED),
        ],
    },
    Kernel {
        name: "without-advise-syscalls",
        rules: &[NO_ADVICE],
        lacks: NO_PARTICIPANTS,
        tests: &[],
        refused: NO_WIPED_PAGES,
    },
    Kernel {
        name: "without-file-locking",
        rules: &[NO_FILE_LOCKS],
        lacks: &["shared_values", "robust_mutexes", "shared_queues"],
        // One of `shared` waits for a peer that cannot come.
        tests: &["semaphores", "memory::", "robust::", "shared_queues::", "looking::", "shared::is_i", "shared::lies"],
        refused: &[
            ("shared::", UNSUPPORTED),
            ("robust::are_refused_where_something_else_lies", PASSES),
            ("robust::", UNSUPPORTED),
            ("shared_queues::refuse_what_is_no_queue", PASSES),
            ("shared_queues::", UNSUPPORTED),
            ("looking::files_are_listed", UNSUPPORTED),
        ],
    },
    Kernel {
        name: "without-futex",
        rules: &[NO_FUTEX],
        lacks: &["semaphores", "named_semaphores", "robust_mutexes", "shared_queues"],
        // The others wait for peers that cannot wait; or pass all the same, if the peers come first.
        tests: &[
            "queues::",
            "memory::is_created",
            "memory::has",
            "memory::is_read",
            "memory::is_lent",
            "memory::is_resized",
            "memory::is_sealed",
            "memory::is_larger",
            "memory::is_mapped",
            "memory::is_refused",
            "looking::",
            "semaphores::end_waits",
            "semaphores::count",
            "named::end_waits",
        ],
        refused: &[("semaphores::end_waits", UNSUPPORTED), ("named::end_waits", UNSUPPORTED)],
    },
    Kernel {
        name: "without-memfd",
        rules: &[NO_MEMFD],
        lacks: &["anonymous_memory"],
        tests: &[],
        refused: NO_ANONYMOUS_MEMORY,
    },
    Kernel {
        name: "without-tmpfs",
        rules: &[NO_MEMFD, NO_TMPFS],
        lacks: &["anonymous_memory"],
        tests: &["queues::", "named::are", "platform_probe_agrees"],
        refused: &[],
    },
    #[cfg(target_pointer_width = "32")]
    Kernel {
        name: "without-compat-32bit-time",
        rules: &[WITHOUT_OLD_TIMES],
        lacks: &[],
        tests: &[],
        // They call rustix's `poll` themselves, which makes the old call alone: ENOSYS.
        refused: &[
            ("notification::comes_by_a_socket", "os error 38"),
            ("shared_queues::ring_a_doorbell", "os error 38"),
        ],
    },
    Kernel {
        name: "sandbox-without-queues",
        rules: &[QUEUES_NOT_PERMITTED],
        lacks: NO_KERNEL_QUEUES,
        tests: BESIDE_QUEUES,
        refused: &[
            ("queues::refuse_wrong_names", PASSES),
            ("queues::", NOT_PERMITTED),
            ("shared_queues::ring_a_doorbell", NOT_PERMITTED),
        ],
    },
    Kernel {
        name: "sandbox-with-queues-in-part",
        rules: &[QUEUES_IN_PART],
        lacks: NO_KERNEL_QUEUES,
        tests: &["queues::carry", "queues::have_their_sizes", "platform_probe_agrees", "semaphores"],
        refused: &[("queues::carry", UNSUPPORTED)],
    },
    Kernel { name: "sandbox-of-2017", rules: &[&[SANDBOX_OF_2017]], lacks: &[], tests: &[], refused: NO_FSOPEN },
];

const NO_PARTICIPANTS: &[&str] = &["robust_mutexes", "shared_queues"];
const NO_KERNEL_QUEUES: &[&str] = &["message_queues", "notification"];

/// All but the subjects that are about queues of the kernel's alone, and those themselves.
const BESIDE_QUEUES: &[&str] = &[
    "queues::",
    "semaphores",
    "named::",
    "memory::",
    "shared::",
    "robust::",
    "shared_queues::",
    "platform_probe_agrees",
];

const NO_WIPED_PAGES: &[(&str, &str)] = &[
    ("robust::are_refused_where_something_else_lies", PASSES),
    ("robust::", UNSUPPORTED),
    ("shared_queues::refuse_what_is_no_queue", PASSES),
    ("shared_queues::", UNSUPPORTED),
    // One of the files is a queue.
    ("looking::files_are_listed", UNSUPPORTED),
];

const BEFORE_WIPED_PAGES: &[(&str, &str)] =
    &[NO_WIPED_PAGES[0], NO_WIPED_PAGES[1], NO_WIPED_PAGES[2], NO_WIPED_PAGES[3], NO_WIPED_PAGES[4], NO_FSOPEN[0]];

/// What the test says that the platform lacks.
const NO_FSOPEN: &[(&str, &str)] = &[("looking::queues_are_listed_without_a_mount", "fsopen")];

const NO_ANONYMOUS_MEMORY: &[(&str, &str)] = &[
    ("memory::is_sealed", UNSUPPORTED),
    ("memory::is_larger", UNSUPPORTED),
    ("memory::is_mapped_beyond", UNSUPPORTED),
    ("memory::is_refused", UNSUPPORTED),
    ("robust::", UNSUPPORTED),
    ("shared_queues::are_created", PASSES),
    ("shared_queues::carry_typed", PASSES),
    ("shared_queues::", UNSUPPORTED),
];

/// Not a number of any kernel.
const LAST: usize = 600;

/// The calls after the last one of a version. From 5.1 on, new calls have the same number everywhere.
const fn calls_after([wide, narrow]: [usize; 2]) -> Rule {
    let last = if cfg!(target_pointer_width = "64") { wide } else { narrow };
    Rule::range(last + 1, LAST, Errno::ENOSYS)
}

/// MADV_WIPEONFORK and MADV_KEEPONFORK, MFD_HUGETLB.
const BEFORE_4_14: &[Rule] = &[
    Rule::value(Sysno::madvise, 2, 18, Errno::EINVAL),
    Rule::value(Sysno::madvise, 2, 19, Errno::EINVAL),
    Rule::bits(Sysno::memfd_create, 1, 4, Errno::EINVAL),
];

/// MADV_POPULATE_READ and MADV_POPULATE_WRITE, of 5.14; MFD_NOEXEC_SEAL and MFD_EXEC, of 6.3; PR_GET_AUXV, of 6.4; and
/// AT_EMPTY_PATH, which takes CAP_DAC_READ_SEARCH before 6.10.
const BEFORE_6_10: &[Rule] = &[
    Rule::value(Sysno::madvise, 2, 22, Errno::EINVAL),
    Rule::value(Sysno::madvise, 2, 23, Errno::EINVAL),
    Rule::bits(Sysno::memfd_create, 1, 8 | 16, Errno::EINVAL),
    Rule::value(Sysno::prctl, 0, 0x4155_5856, Errno::EINVAL),
    Rule::bits(Sysno::linkat, 4, 0x1000, Errno::ENOENT),
];

const NO_QUEUES: &[Rule] = &[
    Rule::range(Sysno::mq_open as usize, Sysno::mq_getsetattr as usize, Errno::ENOSYS),
    #[cfg(target_pointer_width = "32")]
    Rule::range(418, 419, Errno::ENOSYS),
];

const QUEUES_NOT_PERMITTED: &[Rule] = &[
    Rule::range(Sysno::mq_open as usize, Sysno::mq_getsetattr as usize, Errno::EPERM),
    #[cfg(target_pointer_width = "32")]
    Rule::range(418, 419, Errno::EPERM),
];

/// As gVisor has had them: opening and attributes.
const QUEUES_IN_PART: &[Rule] = &[
    Rule::range(Sysno::mq_timedsend as usize, Sysno::mq_notify as usize, Errno::ENOSYS),
    #[cfg(target_pointer_width = "32")]
    Rule::range(418, 419, Errno::ENOSYS),
];

const NO_ADVICE: &[Rule] = &[
    Rule::call(Sysno::madvise, Errno::ENOSYS),
    Rule::call(Sysno::fadvise64, Errno::ENOSYS),
    Rule::call(Sysno::process_madvise, Errno::ENOSYS),
];

/// The commands that set a lock are refused, those that ask for one are not known.
#[cfg(target_pointer_width = "64")]
const FCNTL: Sysno = Sysno::fcntl;
#[cfg(target_pointer_width = "32")]
const FCNTL: Sysno = Sysno::fcntl64;

const NO_FILE_LOCKS: &[Rule] = &[
    Rule::call(Sysno::flock, Errno::ENOSYS),
    Rule::value(FCNTL, 1, 36, Errno::EINVAL),
    Rule::value(FCNTL, 1, 37, Errno::EACCES),
    Rule::value(FCNTL, 1, 38, Errno::EACCES),
    Rule::value(FCNTL, 1, 5, Errno::EINVAL),
    Rule::value(FCNTL, 1, 6, Errno::EACCES),
    Rule::value(FCNTL, 1, 7, Errno::EACCES),
];

const NO_FUTEX: &[Rule] = &[
    Rule::call(Sysno::futex, Errno::ENOSYS),
    #[cfg(target_pointer_width = "32")]
    Rule::call(Sysno::futex_time64, Errno::ENOSYS),
];

const NO_MEMFD: &[Rule] = &[Rule::call(Sysno::memfd_create, Errno::ENOSYS)];

/// What stands for a tmpfs, ramfs, allocates nothing and, before 5.15, has no files without a name.
const NO_TMPFS: &[Rule] = &[
    Rule::call(Sysno::fallocate, Errno::EOPNOTSUPP),
    Rule::bits(Sysno::open, 1, TMPFILE, Errno::EOPNOTSUPP),
    Rule::bits(Sysno::openat, 2, TMPFILE, Errno::EOPNOTSUPP),
];
const TMPFILE: u32 = 0o20_000_000;

/// A sandbox that is older than `statx` and all later calls, as Docker's was, does not permit what it does not know.
const SANDBOX_OF_2017: Rule =
    Rule::range(if cfg!(target_pointer_width = "64") { 332 } else { 383 }, LAST, Errno::EPERM);

/// The kernel that was asked for: its place in the table, and one more.
static CHOSEN: AtomicUsize = AtomicUsize::new(0);

/// Has all tests run under the kernel of this name; `false` if there is none.
pub fn choose(name: &str) -> bool {
    let place = KERNELS.iter().position(|kernel| kernel.name == name);
    CHOSEN.store(place.map_or(0, |place| place + 1), Relaxed);
    place.is_some()
}

/// The kernel that answers, if it is not this machine's own.
pub fn chosen() -> Option<&'static Kernel> {
    KERNELS.get(CHOSEN.load(Relaxed).wrapping_sub(1))
}

/// The names of all kernels.
pub fn names() -> impl Iterator<Item = &'static str> {
    KERNELS.iter().map(|kernel| kernel.name)
}

impl Kernel {
    /// From now on it answers this process and its children. `false` if the machine has no filters.
    pub fn begin(&self) -> bool {
        refuse(self.rules.iter().copied().flatten().copied())
    }

    /// Whether it has a feature, by the name of the field of `Platform`.
    pub fn has(&self, feature: &str) -> bool {
        !self.lacks.contains(&feature)
    }

    /// The kind of error that a test ends with; `None` if the test passes.
    pub fn refuses(&self, subject: &str, name: &str) -> Option<&'static str> {
        let is_of = |beginning: &str| {
            beginning.split_once("::").is_some_and(|(of, test)| of == subject && name.starts_with(test))
        };
        let row = self.refused.iter().find(|(beginning, _)| is_of(beginning));
        row.map(|(_, kind)| *kind).filter(|kind| *kind != PASSES)
    }
}
