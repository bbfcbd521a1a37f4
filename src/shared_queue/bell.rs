//! The kernel's part of a doorbell: a queue of one message of one byte, which can be polled.
//!
//! Bells have numbers, and every doorbell of a user takes the lowest that no living one has. A killed process leaves
//! its bell to the next one, so there are never more bells than there were doorbells at the same time. A bell is
//! taken by locking a range of its bytes, which the kernel unlocks when the process ends. Where the range begins and
//! ends says which queue the bell belongs to, and which of its doorbells. A sender asks the kernel for the range
//! before it rings. So it rings no bell of another queue, whatever number a peer has written into the memory, and
//! none of another IPC namespace, where the same number is another bell.

use core::ffi::c_long;
use core::mem::MaybeUninit;

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags, Stat, fchmod, fstat};
use rustix::io::{self, Errno};
use rustix::process::geteuid;

use crate::error::{Error, Operation, Result};
use crate::mqueue::diagnosis;
use crate::name::{Name, OwnedName};
use crate::sys;

/// What a bell's name begins with; its number follows.
const PREFIX: &Name = crate::name::name!("/rawipc-bell-");

/// The units of a bell's number.
const UNITS: [u32; 5] = [10_000, 1_000, 100, 10, 1];
/// Numbers are below this.
const NUMBERS: u32 = 100_000;
/// How many numbers more are tried when no bell can be created, for one that a killed process has left.
const LEFT: u32 = 256;

/// The most messages of a bell, and the most bytes of each.
const ONE: c_long = 1;

/// A bell's permission bits: its user's, and those that others need for ringing it.
const OWN: u32 = 0o600;
const RINGING: u32 = 0o022;

/// Descriptors of queues are close-on-exec without being asked for.
const FLAGS: OFlags = OFlags::NONBLOCK;

/// This byte is in every range, so that each excludes all others.
const COMMON: u64 = 1 << 62;

/// Whose a bell is: the range of bytes that its owner locks, far beyond every file's end.
///
/// It begins before the common byte by what the queue's device and the doorbell's place make, and ends behind it by the
/// queue's inode. Only numbers beyond 53 and 61 bits would be cut, which the kernel does not use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    start: u64,
    length: u64,
}

impl Mark {
    /// Of the doorbell in this place of the queue in this file.
    pub(super) const fn new(file: &Stat, place: usize) -> Self {
        let (device, inode) = (file.st_dev, file.st_ino);
        let before = ((device % (1 << 53)) << 8) | (place as u64 % (1 << 8));
        Self { start: COMMON - before, length: before + 1 + inode % (1 << 61) }
    }

    const fn range(self) -> (u64, u64) {
        (self.start, self.length)
    }
}

/// A bell that this process has taken.
pub(super) struct Bell {
    queue: OwnedFd,
    number: u32,
    mark: Mark,
}

impl Bell {
    /// Takes a bell, for senders that may open a queue of this mode.
    pub(super) fn take(mark: Mark, mode: u32) -> Result<Self> {
        // Liveness may ring it, and not take its ring.
        let mode = OWN | mode & RINGING;
        // Why no bell can be created. One that is there already can be taken all the same.
        let mut refused = None;
        let mut end = NUMBERS;
        let mut number = 0;
        while number < end {
            let created = if refused.is_none() { create(number) } else { Err(Errno::EXIST) };
            let is_new = created.is_ok();
            let opened = match created {
                Err(errno @ (Errno::NOSPC | Errno::MFILE)) => {
                    (refused, end) = (Some(errno), NUMBERS.min(number + LEFT));
                    open(number, OFlags::RDWR)
                }
                Err(Errno::EXIST) => open(number, OFlags::RDWR),
                Err(errno) => return Err(failed(errno)),
                result => result,
            };
            match opened {
                Ok(queue) => {
                    if let Some(bell) = Self::lock(queue, number, mark, mode, is_new).map_err(system)? {
                        return Ok(bell);
                    }
                }
                // It has gone just now, or there never was one; or it is another user's.
                Err(Errno::NOENT | Errno::ACCESS) if !is_new => {}
                Err(errno) => return Err(failed(refused.unwrap_or(errno))),
            }
            number += 1;
        }
        Err(failed(refused.unwrap_or(Errno::NOSPC)))
    }

    /// Makes a queue this doorbell's bell; `None` if it is another's, or not fit to be one.
    fn lock(queue: OwnedFd, number: u32, mark: Mark, mode: u32, is_new: bool) -> io::Result<Option<Self>> {
        let bell = Self { queue, number, mark };
        let taken = sys::lock_range(bell.queue.as_fd(), mark.range());
        // Without locks no process can have taken it.
        if is_new && taken.is_err() {
            bell.remove();
        }
        if !taken? || !is_new && !bell.is_fit()? {
            return Ok(None);
        }
        fchmod(&bell.queue, Mode::from_raw_mode(mode as _)).inspect_err(|_| bell.leave())?;
        Ok(Some(bell))
    }

    /// Returns `true` if a bell that was there is as good as a new one, without a ring that was for its last owner.
    fn is_fit(&self) -> io::Result<bool> {
        let status = fstat(&self.queue)?;
        if status.st_nlink == 0 || status.st_uid != geteuid().as_raw() {
            return Ok(false);
        }
        let sizes = sys::mq_getsetattr(self.queue.as_fd(), None)?;
        let is_bell = sizes.max_messages == ONE && sizes.max_message_size == ONE;
        if is_bell {
            self.silence()?;
        }
        Ok(is_bell)
    }

    /// Its number.
    pub(super) const fn number(&self) -> u32 {
        self.number
    }

    /// Takes the ring that it has, if any: it holds one. What another sender rings meanwhile may stay. Returns `true`
    /// if there was one.
    pub(super) fn silence(&self) -> io::Result<bool> {
        match sys::mq_timedreceive(&self.queue, &mut [MaybeUninit::uninit(); 1], None) {
            Ok(_) => Ok(true),
            Err(Errno::AGAIN) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// Puts a ring back that was taken.
    pub(super) fn put_ring_back(&self) {
        // If it rings again already, one ring is as good as two.
        let _ = sys::mq_timedsend(&self.queue, &[], 0, None);
    }

    /// Returns `true` unless a stranger has removed its name.
    pub(super) fn has_name(&self) -> io::Result<bool> {
        Ok(sys::link_count(self.queue.as_raw_fd())? > 0)
    }

    /// Removes its name, if that is still its own: it may be gone, and this process may be in another IPC namespace by
    /// now, where it is another bell's.
    pub(super) fn leave(&self) {
        if open_marked(self.number, self.mark).is_ok() {
            self.remove();
        }
    }

    fn remove(&self) {
        // If this fails, the next doorbell of this user takes the bell.
        let _ = sys::mq_unlink(name(self.number).c_str());
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}

/// Rings the bell of this number, if it has this mark.
pub(super) fn ring(number: u32, mark: Mark) -> io::Result<()> {
    match sys::mq_timedsend(&open_marked(number, mark)?, &[], 0, None) {
        // It rings already.
        Err(Errno::AGAIN) => Ok(()),
        result => result,
    }
}

/// Opens the bell of this number for ringing it; ENOENT if it is not one of this mark.
fn open_marked(number: u32, mark: Mark) -> io::Result<OwnedFd> {
    if number >= NUMBERS {
        return Err(Errno::NOENT);
    }
    let queue = open(number, OFlags::WRONLY)?;
    let is_marked = sys::locked_range(queue.as_fd(), COMMON)? == Some(mark.range());
    is_marked.then_some(queue).ok_or(Errno::NOENT)
}

fn open(number: u32, access: OFlags) -> io::Result<OwnedFd> {
    sys::mq_open(name(number).c_str(), (FLAGS | access).bits(), 0, None)
}

/// WaitFor its user alone, until it is taken.
fn create(number: u32) -> io::Result<OwnedFd> {
    let flags = FLAGS | OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
    let sizes = sys::Attributes { max_messages: ONE, max_message_size: ONE, ..sys::Attributes::EMPTY };
    sys::mq_open(name(number).c_str(), flags.bits(), OWN, Some(&sizes))
}

fn name(number: u32) -> OwnedName {
    OwnedName::joined(PREFIX, &UNITS.map(|unit| b'0' + (number / unit % 10) as u8))
}

fn system(errno: Errno) -> Error {
    Error::system(Operation::Doorbell, errno)
}

fn failed(errno: Errno) -> Error {
    let sizes = diagnosis::Sizes { max_messages: ONE as u64, max_message_size: ONE as u64 };
    diagnosis::of_creation(Operation::Doorbell, errno, Some(sizes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bells_have_names_of_their_own() {
        for (number, text) in [(0, c"/rawipc-bell-00000"), (7, c"/rawipc-bell-00007"), (98_765, c"/rawipc-bell-98765")]
        {
            assert_eq!(name(number).c_str(), text);
        }
    }

    #[test]
    fn marks_hold_the_common_byte_and_differ() {
        let mut file = fstat(std::io::stdin()).expect("it is open");
        let mut marks = std::vec::Vec::new();
        for (device, inode) in [(0, 0), (20, 1), (21, 1), (20, 2), ((1 << 53) - 1, (1 << 61) - 1)] {
            (file.st_dev, file.st_ino) = (device, inode);
            for place in [0, 1, 127, 255] {
                let (start, length) = Mark::new(&file, place).range();
                assert!(start <= COMMON && COMMON < start + length && start + length <= 1 << 63);
                assert!(!marks.contains(&(start, length)), "{device} {inode} {place}");
                marks.push((start, length));
            }
        }
    }
}
