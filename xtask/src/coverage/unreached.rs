//! Why lines are not reached by the tests, as far as somebody has looked.

/// A file, a part of a line's text or of the function that it is in, and the reason.
type Reason = (&'static str, &'static str, &'static str);

const CONSTANT: &str = "is computed when the program is compiled";
const NO_ATOMICS: &str = "is for machines without 64-bit atomics";
const KERNEL: &str = "is for an answer that no kernel gives today";
const RACE: &str = "is for a race that loom's models make, and chance seldom does";
const MEETING: &str = "is for threads of a process that begin at the same moment, which chance seldom makes";
const HOSTILE: &str = "is for a peer that writes without the lock at that very moment";
const OTHER_REGISTERS: &str = "is for processors without registers of 32 bytes, or a compiler that counts on them";
const HUGE: &str = "needs huge pages, which must be set aside on the machine";

const REASONS: &[Reason] = &[
    ("src/shm/shareable.rs", "fn is_shareable", CONSTANT),
    ("src/name/mod.rs", "fn of_constant", CONSTANT),
    ("src/shm/map_options.rs", "return Err(system(Errno::INVAL));", HUGE),
    ("src/error/mod.rs", "NeedsWideAtomics", NO_ATOMICS),
    ("src/error/sentences.rs", "NeedsWideAtomics", NO_ATOMICS),
    ("src/semaphore/options.rs", "NeedsWideAtomics", NO_ATOMICS),
    ("src/error/display.rs", "UnknownStatus", KERNEL),
    ("src/error/sentences.rs", "Self::LimitExceeded(_)", "is for limits that always come with their numbers"),
    ("src/error/sentences.rs", "Self::Malformed", "is for a kind that always comes with its cause"),
    ("src/error/limit_sentences.rs", "are above the maximum of", "is for limits that the other arms name"),
    ("src/std_interop.rs", "ErrorKind::Unsupported", "needs a system without /proc or /dev/shm, and is one word"),
    ("src/mqueue/notify/socket.rs", "Err(_) => break,", KERNEL),
    ("src/mqueue/notify/socket.rs", "return Ok((false, None));", KERNEL),
    ("src/mqueue/notify/socket.rs", "_ => None,", KERNEL),
    ("src/mqueue/notify/thread.rs", "return Err(Error::system(Operation::AwaitNotification, errno))", KERNEL),
    ("src/mqueue/wait.rs", "}", "ends a loop that is left by `return`"),
    (
        "src/semaphore/file.rs",
        "return Err(Errno::NOSPC);",
        "needs a file system that takes less than 32 bytes of a page",
    ),
    ("src/sync/lock.rs", "fn try_take", RACE),
    ("src/atomic_copy/lines.rs", "fn copy_more_lines", OTHER_REGISTERS),
    ("src/atomic_copy/lines.rs", "return true;", OTHER_REGISTERS),
    ("src/shared_queue/protocol/session.rs", "fn clone", "is of a type that is `Copy`, so nobody calls it"),
    ("src/shared_queue/protocol/session.rs", "Err(Errno::NOTRECOVERABLE) =>", RACE),
    ("src/sync/peers/once.rs", "sleep(word", MEETING),
    ("src/sync/peers/once.rs", "continue;", MEETING),
    ("src/shared_queue/protocol/guard.rs", "fn remove_first", HOSTILE),
    ("src/shared_queue/protocol/wait.rs", "if wait.last_attempt =>", RACE),
    ("src/shm/shared.rs", "fn clone", "is of a type that is `Copy`, so nobody calls it"),
    ("src/semaphore/protocol/gnu32.rs", "fn leave", RACE),
    ("src/semaphore/protocol/gnu64.rs", "fn post_slow", RACE),
    ("src/semaphore/protocol/gnu64.rs", "fn post_many", RACE),
];

/// Why a line of a file is not reached.
pub fn reason(path: &str, source: &[&str], number: usize) -> Option<&'static str> {
    let before = source.get(..number)?;
    let line = before.last()?;
    let function = before.iter().rev().find(|line| line.contains("fn ")).copied().unwrap_or_default();
    let fits = |(file, part, _): &&Reason| *file == path && (line.contains(part) || function.contains(part));
    REASONS.iter().find(fits).map(|(_, _, reason)| *reason)
}
