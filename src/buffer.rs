//! Where received messages go.
//!
//! Whatever the buffer, the kernel writes straight into it, nothing is zeroed before, and a [`Message`] lends exactly
//! the bytes that were written.

#![allow(unsafe_code)]

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::mem::MaybeUninit;

use rustix::fd::OwnedFd;
use rustix::io;

use crate::atomic_copy::{self, Word};
use crate::priority::Priority;
use crate::sys;

/// A place for messages: `[u8]`, `[u8; N]`, `[MaybeUninit<u8>]`, `[MaybeUninit<u8>; N]`, [`MessageBuffer`],
/// [`heapless::Vec`], and with feature `alloc` [`alloc::vec::Vec`].
///
/// A queue refuses a buffer that could not hold its longest message, even if the next message is shorter. Slices and
/// arrays count with their whole length. A vector counts with its **capacity**; its old content is replaced by the
/// message, and stays as it was if the call fails. Sealed: it cannot be implemented elsewhere.
pub trait Buffer: sealed::Memory {}

impl<T: sealed::Memory + ?Sized> Buffer for T {}

pub(crate) mod sealed {
    use core::mem::MaybeUninit;

    pub trait Memory {
        /// All the memory there is, used or not.
        ///
        /// # Safety
        /// Nothing uninitialized is written into it: the bytes of some buffers must stay initialized.
        unsafe fn room(&mut self) -> &mut [MaybeUninit<u8>];

        /// What lies in the first `length` bytes of the room, from now on the buffer's content.
        ///
        /// # Safety
        /// The first `length` bytes of the room have been initialized, and there are as many.
        unsafe fn filled(&mut self, length: usize) -> &mut [u8];
    }
}

impl sealed::Memory for [MaybeUninit<u8>] {
    #[inline]
    unsafe fn room(&mut self) -> &mut [MaybeUninit<u8>] {
        self
    }

    #[inline]
    unsafe fn filled(&mut self, length: usize) -> &mut [u8] {
        // SAFETY: the caller says that that many bytes are there and initialized; they are borrowed from `self`.
        unsafe { core::slice::from_raw_parts_mut(self.as_mut_ptr().cast(), length) }
    }
}

impl sealed::Memory for [u8] {
    #[inline]
    unsafe fn room(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: both types have one layout, and the caller writes only initialized bytes.
        unsafe { &mut *(core::ptr::from_mut(self) as *mut [MaybeUninit<u8>]) }
    }

    #[inline]
    unsafe fn filled(&mut self, length: usize) -> &mut [u8] {
        // SAFETY: the caller says that there are that many bytes.
        unsafe { self.get_unchecked_mut(..length) }
    }
}

/// Arrays are slices of a known length, vectors slices of their capacity and a length to be set.
macro_rules! as_slice {
    ($({ $($generics:tt)* } $type:ty),*) => {$(
        impl<$($generics)*> sealed::Memory for $type {
            #[inline]
            unsafe fn room(&mut self) -> &mut [MaybeUninit<u8>] {
                // SAFETY: the caller vouches for what is written.
                unsafe { self.as_mut_slice().room() }
            }

            #[inline]
            unsafe fn filled(&mut self, length: usize) -> &mut [u8] {
                // SAFETY: the array's slice is its whole room, and the caller vouches for the rest.
                unsafe { self.as_mut_slice().filled(length) }
            }
        }
    )*};
}

as_slice!({ const N: usize } [u8; N], { const N: usize } [MaybeUninit<u8>; N]);

impl<const N: usize> sealed::Memory for heapless::Vec<u8, N> {
    #[inline]
    unsafe fn room(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: the vector owns `N` bytes from this pointer on, initialized or not.
        unsafe { core::slice::from_raw_parts_mut(self.as_mut_ptr().cast(), N) }
    }

    #[inline]
    unsafe fn filled(&mut self, length: usize) -> &mut [u8] {
        // SAFETY: the caller says that that many bytes are there and initialized.
        unsafe { self.set_len(length) };
        self.as_mut_slice()
    }
}

#[cfg(feature = "alloc")]
impl sealed::Memory for Vec<u8> {
    #[inline]
    unsafe fn room(&mut self) -> &mut [MaybeUninit<u8>] {
        let capacity = self.capacity();
        // SAFETY: the vector owns `capacity` bytes from this pointer on, initialized or not.
        unsafe { core::slice::from_raw_parts_mut(self.as_mut_ptr().cast(), capacity) }
    }

    #[inline]
    unsafe fn filled(&mut self, length: usize) -> &mut [u8] {
        // SAFETY: the caller says that that many bytes are there and initialized.
        unsafe { self.set_len(length) };
        self.as_mut_slice()
    }
}

/// Room for one message of at most `N` bytes, without allocation and without zeroing.
///
/// ```
/// # use rawipc::{MessageBuffer, MessageQueue, name, Priority};
/// # let queue = MessageQueue::options().read(true).write(true).max_messages(2).max_message_size(64)
/// #     .unlink_on_drop(true).create_unique(name!("/rawipc-doc-buffer"))?;
/// let mut buffer = MessageBuffer::<64>::new();
/// queue.send(b"resize 42", Priority::from(3))?;
/// assert_eq!(queue.receive(&mut buffer)?.payload(), b"resize 42");
/// assert_eq!(buffer.as_slice(), b"resize 42");
/// # Ok::<(), rawipc::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MessageBuffer<const N: usize>(heapless::Vec<u8, N>);

impl<const N: usize> MessageBuffer<N> {
    /// Creates an empty buffer. A size of 0 does not compile, since no queue has messages of at most 0 bytes.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(N > 0, "a message buffer has at least 1 byte") };
        Self(heapless::Vec::new())
    }

    /// Returns the message received last; empty before the first one.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> sealed::Memory for MessageBuffer<N> {
    #[inline]
    unsafe fn room(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: the caller vouches for what is written.
        unsafe { self.0.room() }
    }

    #[inline]
    unsafe fn filled(&mut self, length: usize) -> &mut [u8] {
        // SAFETY: the caller vouches for the length.
        unsafe { self.0.filled(length) }
    }
}

/// A received message: its priority, and its payload in the buffer that it was received into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'buffer> {
    payload: &'buffer [u8],
    priority: Priority,
}

impl<'buffer> Message<'buffer> {
    /// Returns the message's bytes; empty for an empty message.
    #[must_use]
    #[inline]
    pub const fn payload(&self) -> &'buffer [u8] {
        self.payload
    }

    /// Returns the priority that it was sent with.
    #[must_use]
    #[inline]
    pub const fn priority(&self) -> Priority {
        self.priority
    }
}

/// A buffer while messages arrive in it: one, or several without a gap.
pub(crate) struct Incoming<'buffer, B: Buffer + ?Sized> {
    buffer: &'buffer mut B,
    length: usize,
    priority: Priority,
}

impl<'buffer, B: Buffer + ?Sized> Incoming<'buffer, B> {
    #[inline]
    pub(crate) fn new(buffer: &'buffer mut B) -> Self {
        Self { buffer, length: 0, priority: Priority::MIN }
    }

    /// Returns how many bytes are free.
    #[inline]
    pub(crate) fn free(&mut self) -> usize {
        self.rest().len()
    }

    /// Receives one more message behind those that are there; returns its length.
    #[inline]
    pub(crate) fn receive(&mut self, queue: &OwnedFd, deadline: Option<&sys::Timespec>) -> io::Result<usize> {
        let (length, priority) = sys::mq_timedreceive(queue, self.rest(), deadline)?;
        self.length += length;
        self.priority = Priority::of_kernel(priority);
        Ok(length)
    }

    /// Copies one more message, that lies in memory which others may change, behind those that are there. It fits.
    #[inline]
    pub(crate) fn load(&mut self, memory: &[Word], length: usize, priority: Priority) {
        self.length += atomic_copy::load_words(memory, self.rest(), length);
        self.priority = priority;
    }

    /// All that was received, with the priority of the last message.
    #[inline]
    pub(crate) fn finish(self) -> Message<'buffer> {
        // SAFETY: the messages were written without a gap from the start of the room, `length` bytes in all.
        let payload = unsafe { self.buffer.filled(self.length) };
        Message { payload, priority: self.priority }
    }

    #[inline]
    fn rest(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: only the kernel and `load` write there, and both write initialized bytes.
        let room = unsafe { self.buffer.room() };
        room.get_mut(self.length..).unwrap_or_default()
    }
}

/// Room for one value of type `T`, received as the bytes that it is made of.
#[cfg(feature = "zerocopy")]
pub(crate) struct ValueBuffer<T> {
    value: MaybeUninit<T>,
    length: usize,
}

#[cfg(feature = "zerocopy")]
impl<T: zerocopy::FromBytes> ValueBuffer<T> {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self { value: MaybeUninit::uninit(), length: 0 }
    }

    /// The value that was received, or the length of the message if that is not the value's.
    #[inline]
    pub(crate) fn into_value(self) -> Result<T, usize> {
        if self.length != size_of::<T>() {
            return Err(self.length);
        }
        // SAFETY: all bytes of the value have been written, and any bytes are a `T`, since it is `FromBytes`.
        Ok(unsafe { self.value.assume_init() })
    }
}

#[cfg(feature = "zerocopy")]
impl<T> sealed::Memory for ValueBuffer<T> {
    #[inline]
    unsafe fn room(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: the value's own memory, seen as bytes that need not be initialized.
        unsafe { core::slice::from_raw_parts_mut(self.value.as_mut_ptr().cast(), size_of::<T>()) }
    }

    #[inline]
    unsafe fn filled(&mut self, length: usize) -> &mut [u8] {
        self.length = length;
        // SAFETY: the caller says that that many bytes are there and initialized.
        unsafe { core::slice::from_raw_parts_mut(self.value.as_mut_ptr().cast(), length) }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// Copies two messages into a buffer, one behind the other.
    fn receive_both(buffer: &mut (impl Buffer + ?Sized)) -> Vec<u8> {
        let words = [Word::ZERO; 3];
        let mut incoming = Incoming::new(buffer);
        for (message, priority) in [(&b"one "[..], 1), (b"and another", 2)] {
            atomic_copy::store_words(&words, message);
            incoming.load(&words, message.len(), Priority::from(priority));
        }
        let message = incoming.finish();
        assert_eq!(message.priority(), Priority::from(2));
        message.payload().to_vec()
    }

    #[test]
    fn buffer_of_every_kind_takes_what_is_copied() {
        let expected = b"one and another";
        assert_eq!(receive_both(&mut [0; 15]), expected);
        assert_eq!(receive_both(&mut [0; 20][..]), expected);
        assert_eq!(receive_both(&mut [MaybeUninit::uninit(); 20]), expected);
        assert_eq!(receive_both(&mut [MaybeUninit::uninit(); 15][..]), expected);
        let mut buffer = MessageBuffer::<16>::new();
        assert_eq!(receive_both(&mut buffer), expected);
        assert_eq!(buffer.as_slice(), expected);
        let mut vector = heapless::Vec::<u8, 20>::new();
        assert_eq!(receive_both(&mut vector), expected);
        assert_eq!(vector, expected);
        #[cfg(feature = "alloc")]
        {
            let mut vector = Vec::with_capacity(20);
            assert_eq!(receive_both(&mut vector), expected);
            assert_eq!(vector, expected);
        }
    }
}
