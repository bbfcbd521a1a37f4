//! What users would pick instead, and the kernel has: pipes and seqpacket sockets.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::{Ends, Names, Opened, Queue, Shape};

/// Bytes are written at one end and read at the other.
struct Ways {
    writing: OwnedFd,
    reading: OwnedFd,
}

pub fn pipe(names: &Names, shape: Shape) -> Opened {
    Ends::open(names, shape, |_, Shape { messages, size }| {
        let ways = Ways::new(|ends| {
            // SAFETY: a place for two descriptors.
            unsafe { libc::pipe2(ends, libc::O_CLOEXEC) }
        });
        // As long as the queues beside it, and not below what it is anyway. Messages share no pages.
        let bytes = ((messages + 1) * size.max(4096)).max(65_536);
        // SAFETY: takes numbers only.
        let set = unsafe { libc::fcntl(ways.writing.as_raw_fd(), libc::F_SETPIPE_SZ, bytes) };
        assert!(set >= 0, "the pipe cannot be so long");
        ways
    })
}

pub fn socket(names: &Names, shape: Shape) -> Opened {
    Ends::open(names, shape, |_, _| {
        Ways::new(|ends| {
            let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
            // SAFETY: a place for two descriptors.
            unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends) }
        })
    })
}

impl Ways {
    fn new(make: impl FnOnce(*mut i32) -> i32) -> Self {
        let mut ends = [0; 2];
        assert_eq!(make(ends.as_mut_ptr()), 0);
        // SAFETY: both descriptors have just been made.
        let [reading, writing] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
        Self { writing, reading }
    }
}

impl Queue for Ways {
    #[inline]
    fn send(&self, message: &[u8]) {
        whole(message.len(), |done| {
            let rest = &message[done..];
            // SAFETY: the bytes are as many as it says.
            unsafe { libc::write(self.writing.as_raw_fd(), rest.as_ptr().cast(), rest.len()) }
        });
    }

    #[inline]
    fn receive(&self, buffer: &mut [u8]) -> usize {
        whole(buffer.len(), |done| {
            let rest = &mut buffer[done..];
            // SAFETY: there is as much room as it says.
            unsafe { libc::read(self.reading.as_raw_fd(), rest.as_mut_ptr().cast(), rest.len()) }
        });
        buffer.len()
    }
}

/// Calls until all bytes are done: a pipe may take and give a long message in parts.
#[inline]
fn whole(length: usize, mut call: impl FnMut(usize) -> isize) {
    let mut done = 0;
    while done < length {
        done += usize::try_from(call(done)).expect("it can be written and read");
    }
}
