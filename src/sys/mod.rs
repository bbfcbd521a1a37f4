//! The six `mq_*` system calls and the locks of open file descriptions, each wrapped once by a function that is safe to
//! call; calls with a time, in whichever form a 32-bit kernel has them; and memory that a child of `fork` finds empty.
//!
//! rustix makes every other call of this crate; it has none of these. The wrappers pass through what the kernel says
//! and add nothing: meaning (kinds of errors, limits, retries) is made in the layers above.

#![allow(unsafe_code)]

mod arch;
mod descriptor;
mod event;
#[cfg(any(target_pointer_width = "32", test))]
#[cfg_attr(target_pointer_width = "64", allow(dead_code, reason = "its tests run everywhere"))]
#[path = "forms_32.rs"]
mod forms;
mod ofd_lock;
mod page_size;
#[cfg(test)]
mod tests;
#[cfg_attr(target_pointer_width = "64", path = "timed_64.rs")]
#[cfg_attr(target_pointer_width = "32", path = "timed_32.rs")]
mod timed;
#[cfg_attr(target_pointer_width = "64", path = "waits_64.rs")]
#[cfg_attr(target_pointer_width = "32", path = "waits_32.rs")]
mod waits;
mod wiped_page;

use core::ffi::{CStr, c_long};
use core::mem::MaybeUninit;
use core::ptr;

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use rustix::io::{Errno, Result};

use arch::{number, syscall};
pub(crate) use descriptor::{close, link_count, status};
pub(crate) use event::{COOKIE_LENGTH, SignalEvent};
pub(crate) use ofd_lock::{foreign_lock, is_byte_locked, lock_byte, lock_range, locked_range};
pub(crate) use page_size::page_size;
pub(crate) use waits::{clock_gettime, futex_wake, poll};
#[cfg(not(loom))]
pub(crate) use waits::{futex_wait, futex_wait_until};
pub(crate) use wiped_page::ProcessPage;
#[cfg(not(loom))]
pub(crate) use wiped_page::WipedPage;

/// The kernel's `struct __kernel_timespec`, the same on all architectures.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Timespec {
    pub(crate) seconds: i64,
    pub(crate) nanoseconds: i64,
}

impl Timespec {
    /// A deadline that has passed whatever the clock says: the call tries once and does not wait.
    pub(crate) const EXPIRED: Self = Self { seconds: 0, nanoseconds: 0 };
}

/// The kernel's `struct mq_attr`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Attributes {
    pub(crate) flags: c_long,
    pub(crate) max_messages: c_long,
    pub(crate) max_message_size: c_long,
    pub(crate) messages: c_long,
    pub(crate) reserved: [c_long; 4],
}

impl Attributes {
    pub(crate) const EMPTY: Self =
        Self { flags: 0, max_messages: 0, max_message_size: 0, messages: 0, reserved: [0; 4] };
}

/// Opens or creates a queue. `name` is the whole name, with its slash.
pub(crate) fn mq_open(name: &CStr, flags: u32, mode: u32, sizes: Option<&Attributes>) -> Result<OwnedFd> {
    let sizes = sizes.map_or(ptr::null(), ptr::from_ref);
    let arguments = [kernel_name(name), flags as usize, mode as usize, sizes.expose_provenance(), 0];
    // SAFETY: the name ends in a NUL byte and `sizes` is null or points to a whole `mq_attr`; the kernel only reads
    // both.
    let descriptor = check(unsafe { syscall(number::MQ_OPEN, arguments) })?;
    // SAFETY: the kernel has just made this descriptor, so nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor as RawFd) })
}

/// Removes a queue's name. `name` is the whole name, with its slash.
pub(crate) fn mq_unlink(name: &CStr) -> Result<()> {
    // SAFETY: the name ends in a NUL byte and the kernel only reads it.
    check(unsafe { syscall(number::MQ_UNLINK, [kernel_name(name), 0, 0, 0, 0]) }).map(drop)
}

/// Sends one message; waits until `deadline` of the realtime clock, or for ever.
#[inline]
pub(crate) fn mq_timedsend(queue: impl AsFd, message: &[u8], priority: u32, deadline: Option<&Timespec>) -> Result<()> {
    let arguments =
        [queue.as_fd().as_raw_fd() as usize, message.as_ptr().expose_provenance(), message.len(), priority as usize];
    let deadline = deadline.copied(); // See `mq_timedreceive`.
    // SAFETY: the kernel only reads, and no more than `message.len()` bytes.
    check(unsafe { timed::send(arguments, deadline.as_ref()) }).map(drop)
}

/// Receives one message into `room`; returns its length, which is at most `room.len()`, and its priority. On success
/// the first `length` bytes of `room` are initialized; on an error no byte of a message has been taken.
#[inline]
pub(crate) fn mq_timedreceive(
    queue: impl AsFd,
    room: &mut [MaybeUninit<u8>],
    deadline: Option<&Timespec>,
) -> Result<(usize, u32)> {
    let mut priority = 0_u32;
    let arguments = [
        queue.as_fd().as_raw_fd() as usize,
        room.as_mut_ptr().expose_provenance(),
        room.len(),
        ptr::from_mut(&mut priority).expose_provenance(),
    ];
    // In memory of its own, not the constant's: one emulator (qemu's user mode) writes the deadline back after success,
    // and answers EFAULT if it cannot.
    let deadline = deadline.copied();
    // SAFETY: the kernel writes at most `room.len()` bytes to `room` and one `unsigned int` to `priority`.
    let length = check(unsafe { timed::receive(arguments, deadline.as_ref()) })?;
    Ok((length, priority))
}

/// Reads a queue's attributes, and sets its flags if `new` is given (of which the kernel looks at nothing else).
pub(crate) fn mq_getsetattr(queue: BorrowedFd<'_>, new: Option<&Attributes>) -> Result<Attributes> {
    let mut old = Attributes::EMPTY;
    let new = new.map_or(ptr::null(), ptr::from_ref);
    let arguments =
        [queue.as_raw_fd() as usize, new.expose_provenance(), ptr::from_mut(&mut old).expose_provenance(), 0, 0];
    // SAFETY: `new` is null or points to a whole `mq_attr`, `old` is one that the kernel may overwrite.
    check(unsafe { syscall(number::MQ_GETSETATTR, arguments) })?;
    Ok(old)
}

/// Registers the calling process for a queue's notification, or removes its registration.
pub(crate) fn mq_notify(queue: BorrowedFd<'_>, event: Option<&SignalEvent>) -> Result<()> {
    let event = event.map_or(ptr::null(), ptr::from_ref);
    let arguments = [queue.as_raw_fd() as usize, event.expose_provenance(), 0, 0, 0];
    // SAFETY: the event is null or a whole `sigevent` that the kernel only reads; a cookie it points to is borrowed by
    // it.
    check(unsafe { syscall(number::MQ_NOTIFY, arguments) }).map(drop)
}

/// A limit of this process's resources, by the kernel's numbers.
#[derive(Clone, Copy)]
pub(crate) enum Resource {
    /// The longest file that the process can make, in bytes: RLIMIT_FSIZE.
    FileSize = 1,
    /// The bytes that the process can lock into memory: RLIMIT_MEMLOCK.
    LockedMemory = 8,
    /// The bytes that the process can map: RLIMIT_AS.
    AddressSpace = 9,
}

/// The limit in force; `u64::MAX` if there is none, and also if a sandbox refuses to tell. rustix's function takes for
/// granted that the call succeeds, so it suits only what is looked at after a failure.
pub(crate) fn limit(resource: Resource) -> u64 {
    let mut limits = [u64::MAX; 2];
    let arguments = [0, resource as usize, 0, limits.as_mut_ptr().expose_provenance(), 0];
    // SAFETY: no new limit is given, and the kernel writes one `rlimit64`, which is two 64-bit numbers, to `limits`.
    let _ = check(unsafe { syscall(number::PRLIMIT64, arguments) });
    limits[0]
}

/// The name as the kernel wants it: without its slash. The slash stays in memory right before the pointer, where one
/// emulator (qemu's user mode) reads it.
fn kernel_name(name: &CStr) -> usize {
    let whole = name.as_ptr().expose_provenance();
    if name.to_bytes().first() == Some(&b'/') { whole + 1 } else { whole }
}

/// Splits what a system call returned into its result and its errno.
#[inline]
fn check(result: isize) -> Result<usize> {
    if result < 0 {
        // The kernel's range, so that no check of it is compiled in.
        let errno = result.unsigned_abs().clamp(1, 4095);
        return Err(Errno::from_raw_os_error(errno as i32));
    }
    Ok(result as usize)
}
