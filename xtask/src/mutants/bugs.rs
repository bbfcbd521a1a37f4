//! The bugs that are planted: plausible slips, one of each sort.

/// Something wrong: in which file, what is replaced by what, and which tests should see it.
pub struct Bug {
    pub what: &'static str,
    pub file: &'static str,
    pub right: &'static str,
    pub wrong: &'static str,
    pub finder: Finder,
}

/// Who should find a bug: tests whose path holds this.
#[derive(Clone, Copy)]
pub enum Finder {
    /// Of the suite; the whole suite is asked if they do not.
    Tests(&'static str),
    /// Of loom's models: what the processor at hand would never show.
    Models(&'static str),
}
use Finder::{Models, Tests};

const fn bug(what: &'static str, file: &'static str, right: &'static str, wrong: &'static str, finder: Finder) -> Bug {
    Bug { what, file, right, wrong, finder }
}

pub const BUGS: &[Bug] = &[
    bug(
        "queues survive exec",
        "src/mqueue/options.rs",
        "self.access() | create | OFlags::CLOEXEC",
        "self.access() | create",
        // The kernel closes queues by exec in any case.
        Tests("faults::every_descriptor"),
    ),
    bug(
        "files are followed through links",
        "src/devshm.rs",
        "access | OFlags::NOFOLLOW | OFlags::NONBLOCK",
        "access | OFlags::NONBLOCK",
        Tests("rights::planted"),
    ),
    bug(
        "opening waits for a fifo's other end",
        "src/devshm.rs",
        "access | OFlags::NOFOLLOW | OFlags::NONBLOCK",
        "access | OFlags::NOFOLLOW",
        Tests("faults::every_descriptor"),
    ),
    bug(
        "shared memory is not created exclusively",
        "src/shm/options.rs",
        "OFlags::CREATE | OFlags::EXCL | OFlags::RDWR",
        "OFlags::CREATE | OFlags::RDWR",
        Tests("shm_objects"),
    ),
    bug(
        "what fails half-way is left behind",
        "src/shm/options.rs",
        "let _ = unlink(path.c_str());",
        "",
        Tests("faults::failing_calls_of_shared_memory"),
    ),
    bug(
        "a diagnosis leaks a descriptor",
        "src/mqueue/diagnosis.rs",
        "eventfd(0, EventfdFlags::CLOEXEC)",
        "eventfd(0, EventfdFlags::CLOEXEC).map(core::mem::forget)",
        Tests("faults::failing_calls_of_queues"),
    ),
    bug(
        "a mapping is not unmapped",
        "src/shm/mapping.rs",
        "unsafe { munmap(self.start.as_ptr(), self.length) }",
        "unsafe { munmap(self.start.as_ptr(), 0) }.or(Ok::<(), Errno>(()))",
        Tests("faults::failing_calls_of_shared_memory"),
    ),
    bug(
        "memory beyond the end is lent",
        "src/shm/mapping.rs",
        "if end > self.length {",
        "if end > self.length + 1 {",
        Tests("shm_mapping"),
    ),
    bug(
        "unaligned memory is lent",
        "src/shm/mapping.rs",
        "if !place.is_aligned() {",
        "if place.as_ptr().is_null() {",
        Tests("shm_mapping"),
    ),
    bug(
        "more is mapped than there is",
        "src/shm/mapping.rs",
        "if length > there || length == 0 {",
        "if length == 0 {",
        Tests("shm_mapping"),
    ),
    bug(
        "space is not reserved",
        "src/shm/options.rs",
        "if self.sparse { cut(descriptor, self.size) }",
        "if true { cut(descriptor, self.size) }",
        Tests("shm_full"),
    ),
    bug(
        "a shared value's header is not checked",
        "src/shm/shared.rs",
        "if !has_magic(header) || !is(&header.format, FORMAT as usize) {",
        "if false {",
        Tests("shm_hostile"),
    ),
    bug(
        "a shared value's version is not checked",
        "src/shm/shared.rs",
        "} else if !is(&header.version, self.version as usize) {",
        "} else if false {",
        Tests("shm_shared"),
    ),
    bug(
        "a semaphore's file may have any size",
        "src/semaphore/file.rs",
        "if !matches!(length, 16 | SIZE) {",
        "if length > SIZE {",
        Tests("semaphore_malformed"),
    ),
    bug(
        "a queue of the same name is removed that is somebody else's",
        "src/mqueue/unlink.rs",
        "if sys::link_count(removal.descriptor)? == 0 {",
        "if sys::link_count(removal.descriptor)? == 99 {",
        Tests("ownership"),
    ),
    bug(
        "a file of the same name is removed that is somebody else's",
        "src/devshm.rs",
        "if now == file { unlink(path.c_str()) } else { Ok(()) }",
        "if now == file { unlink(path.c_str()) } else { unlink(path.c_str()) }",
        Tests("shm_ownership"),
    ),
    bug(
        "a forked child removes its parent's name",
        "src/mqueue/unlink.rs",
        "if !removal.creator.is_this_process() {",
        "if removal.creator.number() == 0 {",
        Tests("ownership"),
    ),
    bug(
        "a registration is not cancelled by dropping",
        "src/mqueue/notification_socket.rs",
        "let _ = self.cancel();",
        "",
        Tests("notify_socket"),
    ),
    bug(
        "old news of a socket are taken for new",
        "src/mqueue/notification_socket.rs",
        "(false, Some(Notified::Removed)) | (_, None) => {}",
        "(_, None) => {}",
        Tests("notify_socket"),
    ),
    bug(
        "a signal ends the thread of a notification",
        "src/mqueue/thread.rs",
        "Ok(_) | Err(Errno::INTR) => {}",
        "Ok(_) => {}",
        Tests("notify_thread"),
    ),
    bug(
        "a semaphore's wait goes on after a signal",
        "src/futex/patience.rs",
        "Ok(()) | Err(Errno::AGAIN | Errno::TIMEDOUT) => Ok(())",
        "Ok(()) | Err(Errno::AGAIN | Errno::TIMEDOUT | Errno::INTR) => Ok(())",
        Tests("semaphore_time"),
    ),
    bug(
        "an interrupted call is not made again",
        "src/error/mod.rs",
        "Err(error) if error.kind() == ErrorKind::Interrupted => {}",
        "Err(error) if error.kind() == ErrorKind::Busy => {}",
        Tests("signals"),
    ),
    bug(
        "a time-out is measured by the wall clock",
        "src/time.rs",
        "Self::Monotonic(Time::now(Clock::Monotonic).saturating_add(duration))",
        "Self::Monotonic(Time::now(Clock::Realtime).saturating_add(duration))",
        Tests("waits"),
    ),
    bug(
        "a time-out sets a deadline of the wall clock",
        "src/mqueue/wait.rs",
        "Deadline::Monotonic(time) => self.attempt_or_poll(|| time),",
        "Deadline::Monotonic(time) => self.call(Some(&time.to_kernel())),",
        Tests("tracing"),
    ),
    bug(
        "a waiting semaphore sleeps beyond its deadline",
        "src/futex/patience.rs",
        "Self::Monotonic(time) => Self::Monotonic(time.min(look)),",
        "Self::Monotonic(_) => Self::Monotonic(look),",
        Tests("semaphore_time"),
    ),
    bug(
        "a post wakes nobody",
        "src/semaphore/gnu64.rs",
        "        wake(low_half(&self.data), 1, scope);\n        Ok(())",
        "        Ok(())",
        Tests("semaphore_calls"),
    ),
    bug(
        "a post of many wakes one",
        "src/semaphore/gnu32.rs",
        "wake(&self.state, tokens, scope);\n        }\n        Ok(())",
        "wake(&self.state, 1, scope);\n        }\n        Ok(())",
        Models("gnu32::two_waiters"),
    ),
    bug(
        "a post publishes nothing",
        "src/semaphore/gnu64.rs",
        "self.data.fetch_add(1, Release)",
        "self.data.fetch_add(1, Relaxed)",
        Models("gnu64::mutual_exclusion_of_two"),
    ),
    bug(
        "a token is taken without what was published before it",
        "src/semaphore/gnu32.rs",
        "compare_exchange_weak(state, state - TOKEN, Acquire, Relaxed)",
        "compare_exchange_weak(state, state - TOKEN, Relaxed, Relaxed)",
        Models("gnu32::mutual_exclusion_of_two"),
    ),
    bug(
        "a killed or timed-out waiter is never forgotten",
        "src/semaphore/gnu64.rs",
        "            self.data.fetch_sub(WAITER, Relaxed);\n        })",
        "        })",
        Tests("semaphore_memory"),
    ),
    bug(
        "a semaphore overflows",
        "src/semaphore/gnu64.rs",
        "if tokens > VALUE_MAX.saturating_sub(value_of(data)) {",
        "if tokens > VALUE_MAX {",
        Tests("semaphore_errors"),
    ),
    bug(
        "priorities are off by one",
        "src/buffer.rs",
        "Received::Value(value, Priority::of_kernel(priority))",
        "Received::Value(value, Priority::of_kernel(priority + 1))",
        Tests("typed"),
    ),
    bug(
        "a priority too high is taken",
        "src/priority.rs",
        "if priority > Self::MAX.0 as u32 {",
        "if priority > Self::MAX.0 as u32 + 1 {",
        Tests("errors"),
    ),
    bug(
        "a time-out is told as something else",
        "src/error/kind.rs",
        "Errno::TIMEDOUT => Self::TimedOut,",
        "Errno::TIMEDOUT => Self::WouldBlock,",
        Tests("errors"),
    ),
    bug(
        "a full system is told as a full process",
        "src/error/kind.rs",
        "Errno::NFILE => Self::LimitExceeded(Limit::SystemDescriptors),",
        "Errno::NFILE => Self::LimitExceeded(Limit::Descriptors),",
        Tests("injected"),
    ),
    bug(
        "the umask binds exact modes",
        "src/mqueue/options.rs",
        "        if self.exact_mode {\n            let mode",
        "        if false {\n            let mode",
        Tests("options"),
    ),
    bug(
        "adopted queues survive exec",
        "src/mqueue/descriptor.rs",
        "fcntl_setfd(&descriptor, FdFlags::CLOEXEC)",
        "fcntl_setfd(&descriptor, FdFlags::empty())",
        Tests("descriptor"),
    ),
    bug(
        "an adopted descriptor is not looked at",
        "src/shm/object.rs",
        "if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {",
        "if FileType::from_raw_mode(status.st_mode) == FileType::Socket {",
        Tests("shm_ownership"),
    ),
    bug(
        "a refused size changes the object",
        "src/shm/object.rs",
        "if size > old { reserve(&self.descriptor, old, size - old) }",
        "if size > old { cut(&self.descriptor, size).and(reserve(&self.descriptor, old, size - old)) }",
        Tests("shm_full"),
    ),
    bug(
        "a send on a full queue does not wait",
        "src/mqueue/wait.rs",
        "Err(Errno::TIMEDOUT) => self.poll_until(end),",
        "Err(Errno::TIMEDOUT) if LONGEST_POLL.is_zero() => self.poll_until(end),",
        Tests("waits"),
    ),
];
