//! Flags that every call which opens something must have.

use crate::harness::injector::Call;

/// The flags of a call that opens something, and the one that closes the descriptor by `exec`.
fn flags(call: &Call) -> Option<(u64, u64)> {
    let second = call.arguments[1];
    let cloexec = libc::O_CLOEXEC as u64;
    match call.number {
        // The kernel sets it for each descriptor of a queue.
        libc::SYS_mq_open => Some((cloexec, cloexec)),
        libc::SYS_memfd_create => Some((second, libc::MFD_CLOEXEC.into())),
        libc::SYS_epoll_create1 => Some((call.arguments[0], libc::EPOLL_CLOEXEC as u64)),
        libc::SYS_eventfd2 => Some((second, libc::EFD_CLOEXEC as u64)),
        libc::SYS_socket => Some((second, libc::SOCK_CLOEXEC as u64)),
        // FSOPEN_CLOEXEC and FSMOUNT_CLOEXEC.
        libc::SYS_fsopen | libc::SYS_fsmount => Some((second, 1)),
        libc::SYS_fcntl => (second == libc::F_DUPFD as u64).then_some((0, cloexec)),
        _ => Some((file_flags(call)?, cloexec)),
    }
}

/// The flags that a file is opened with.
fn file_flags(call: &Call) -> Option<u64> {
    match call.number {
        libc::SYS_openat => Some(call.arguments[2]),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open => Some(call.arguments[1]),
        _ => None,
    }
}

pub fn opens(call: &Call) -> bool {
    flags(call).is_some()
}

/// What a call should have and has not; empty if all is well. What the process has open itself may be a link.
pub fn missing(call: &Call, is_own: bool) -> &'static str {
    let Some((flags, cloexec)) = flags(call) else { return "" };
    if flags & cloexec == 0 {
        return "close-on-exec";
    }
    let Some(flags) = file_flags(call) else { return "" };
    let has = |flag: i32| flags & flag as u64 == flag as u64;
    if is_own || has(libc::O_EXCL) || has(libc::O_TMPFILE) {
        return "";
    }
    match (has(libc::O_CREAT), has(libc::O_RDWR)) {
        (true, _) => "exclusive creation",
        (_, true) if !has(libc::O_NOFOLLOW) => "O_NOFOLLOW",
        (_, true) if !has(libc::O_NONBLOCK) => "O_NONBLOCK, so as not to wait for the other end of a fifo",
        _ => "",
    }
}
