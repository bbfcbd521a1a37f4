//! The kernel's `struct sigevent`: how a notification is delivered.

use core::ffi::c_int;
use core::marker::PhantomData;
use core::ptr;

use rustix::fd::{AsRawFd, BorrowedFd};

/// The length of what the kernel sends to a socket; it changes the last byte.
pub(crate) const COOKIE_LENGTH: usize = 32;

const SIGEV_SIGNAL: c_int = 0;
const SIGEV_NONE: c_int = 1;
const SIGEV_THREAD: c_int = 2;

/// What fills `struct sigevent` up to 64 bytes, in words.
const PADDING: usize = (64 - size_of::<usize>() - 2 * size_of::<c_int>()) / size_of::<u32>();

/// How a notification is delivered. 64 bytes on every architecture.
#[repr(C)]
pub(crate) struct SignalEvent<'borrowed> {
    /// `sigev_value`: an integer or a pointer.
    value: usize,
    /// `sigev_signo`: a signal, or the descriptor of a socket.
    pub(super) number: c_int,
    pub(super) notify: c_int,
    padding: [u32; PADDING],
    borrowed: PhantomData<&'borrowed [u8; COOKIE_LENGTH]>,
}

const _: () = assert!(size_of::<SignalEvent<'_>>() == 64);

impl<'borrowed> SignalEvent<'borrowed> {
    /// Nothing is delivered.
    pub(crate) fn none() -> Self {
        Self::new(SIGEV_NONE, 0, 0)
    }

    /// A signal with a value.
    pub(crate) fn signal(number: c_int, value: usize) -> Self {
        Self::new(SIGEV_SIGNAL, number, value)
    }

    /// The cookie is sent on a netlink socket. The kernel copies it when it registers.
    pub(crate) fn socket(socket: BorrowedFd<'borrowed>, cookie: &'borrowed [u8; COOKIE_LENGTH]) -> Self {
        Self::new(SIGEV_THREAD, socket.as_raw_fd(), ptr::from_ref(cookie).expose_provenance())
    }

    fn new(notify: c_int, number: c_int, value: usize) -> Self {
        Self { value, number, notify, padding: [0; PADDING], borrowed: PhantomData }
    }
}
