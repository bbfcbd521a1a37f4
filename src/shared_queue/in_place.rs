//! Messages written and read where they lie.

use core::fmt;
use core::sync::atomic::AtomicU8;
use core::time::Duration;

use rustix::io::{self, Errno};

use super::SharedQueue;
use super::member::Member;
use super::protocol::session::Client;
use super::protocol::view::Block;
use super::protocol::wait::{GIVING, Limit, Wait};
use crate::atomic_copy;
use crate::error::{Cause, Error, Operation, RejectedError, Result};
use crate::priority::Priority;
use crate::sync::Owner;
use crate::time::Deadline;

impl SharedQueue {
    /// Reserves room for a message, to write it where it will lie, waiting without a limit while the queue is full.
    ///
    /// The room counts as a message until the reservation is published or dropped.
    ///
    /// ```
    /// # use rawipc::{name, Priority, SharedQueue};
    /// # let queue = SharedQueue::options().read(true).write(true).unlink_on_drop(true)
    /// #     .create_unique(name!("/rawipc-doc-reserve"))?;
    /// let mut frame = queue.reserve()?;
    /// frame.write_at(0, b"header")?;
    /// frame.write_at(6, b"body")?;
    /// frame.publish(10, Priority::MIN)?;
    ///
    /// let frame = queue.receive_in_place()?;
    /// let mut body = [0; 4];
    /// frame.read_at(6, &mut body)?;
    /// assert_eq!((&body, frame.len()), (b"body", 10));
    /// drop(frame); // Now it is delivered.
    /// # Ok::<(), rawipc::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn reserve(&self) -> Result<Reservation<'_>> {
        self.reserve_within(Limit::None)
    }

    /// Reserves room for a message if the queue is not full.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send).
    pub fn try_reserve(&self) -> Result<Reservation<'_>> {
        self.reserve_within(Limit::Now)
    }

    /// Reserves room for a message, waiting at most so long, by the monotonic clock.
    ///
    /// # Errors
    /// As [`send_timeout`](Self::send_timeout).
    pub fn reserve_timeout(&self, timeout: Duration) -> Result<Reservation<'_>> {
        self.reserve_within(Limit::Within(timeout))
    }

    /// Reserves room for a message, waiting until the deadline.
    ///
    /// # Errors
    /// As [`send_deadline`](Self::send_deadline).
    pub fn reserve_deadline(&self, deadline: Deadline) -> Result<Reservation<'_>> {
        self.reserve_within(Limit::Until(deadline))
    }

    /// Receives a message without a copy, to be read where it lies, waiting without a limit while the queue is empty.
    ///
    /// Its room is free when it is dropped; until then it is this process's, and if that dies, the queue's again. See
    /// [`reserve`](Self::reserve) for an example.
    ///
    /// # Errors
    /// As [`receive`](Self::receive), but for the buffer.
    pub fn receive_in_place(&self) -> Result<InFlight<'_>> {
        self.receive_in_place_within(Limit::None)
    }

    /// Receives a message without a copy if there is one.
    ///
    /// # Errors
    /// As [`try_receive`](Self::try_receive), but for the buffer.
    pub fn try_receive_in_place(&self) -> Result<InFlight<'_>> {
        self.receive_in_place_within(Limit::Now)
    }

    /// Receives a message without a copy, waiting at most so long, by the monotonic clock.
    ///
    /// # Errors
    /// As [`receive_timeout`](Self::receive_timeout), but for the buffer.
    pub fn receive_in_place_timeout(&self, timeout: Duration) -> Result<InFlight<'_>> {
        self.receive_in_place_within(Limit::Within(timeout))
    }

    /// Receives a message without a copy, waiting until the deadline.
    ///
    /// # Errors
    /// As [`receive_deadline`](Self::receive_deadline), but for the buffer.
    pub fn receive_in_place_deadline(&self, deadline: Deadline) -> Result<InFlight<'_>> {
        self.receive_in_place_within(Limit::Until(deadline))
    }

    fn reserve_within(&self, limit: Limit) -> Result<Reservation<'_>> {
        self.check_sending(0)?;
        let client = self.member.client(Operation::Send)?;
        let block = client.reserve(&mut self.wait(limit)).map_err(|errno| self.failed(Operation::Send, errno))?;
        Ok(Reservation(InHand { queue: self, block, owner: client.me }))
    }

    fn receive_in_place_within(&self, limit: Limit) -> Result<InFlight<'_>> {
        self.check_receiving(usize::MAX)?;
        let client = self.member.client(Operation::Receive)?;
        let found =
            client.receive_in_place(&mut self.wait(limit)).map_err(|errno| self.failed(Operation::Receive, errno))?;
        let hand = InHand { queue: self, block: found.block, owner: client.me };
        Ok(InFlight { hand, length: found.length, priority: found.priority })
    }
}

/// A block that this process has in hand; free when it is dropped.
struct InHand<'queue> {
    queue: &'queue SharedQueue,
    block: Block<'queue>,
    owner: Owner,
}

impl InHand<'_> {
    /// What lies there, or will: so many bytes from an offset on, of so many that there are.
    fn bytes(&self, there: usize, offset: usize, count: usize) -> Result<&[AtomicU8]> {
        let end = offset.saturating_add(count);
        self.block.bytes().get(..there).and_then(|bytes| bytes.get(offset..end)).ok_or_else(|| {
            let cause = Cause::out_of_bounds(there as u64, end as u64);
            Error::caused(Operation::AccessMemory, Errno::INVAL, cause)
        })
    }

    /// Whether it is this process's: not in a child of `fork`.
    fn check(&self, operation: Operation) -> Result<()> {
        if self.queue.member.is_me(self.owner) { Ok(()) } else { Err(Error::system(operation, Errno::PERM)) }
    }

    /// Does with it what gives it to the queue, waiting for the queue's lock within a time, whatever signal handlers
    /// run meanwhile.
    fn give<T>(
        &self,
        operation: Operation,
        timeout: Duration,
        give: impl Fn(Client<'_, Member>, &mut Wait<'_>) -> io::Result<T>,
    ) -> Result<T> {
        self.check(operation)?;
        let client = self.queue.member.client(operation)?;
        let mut wait = Wait::for_lock_within(timeout);
        loop {
            match give(client, &mut wait) {
                Err(Errno::INTR) => {}
                result => return result.map_err(|errno| self.queue.late(operation, errno)),
            }
        }
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        // In a child of `fork` it is the parent's.
        if self.check(Operation::Send).is_ok() {
            // There is nobody to tell; what is damaged the next call tells.
            let _ = self.queue.member.client(Operation::Send).map(|client| client.release(self.block));
        }
    }
}

/// Room for a message, to be written where it will lie; made by [`SharedQueue::reserve`]. Dropping it sends nothing.
///
/// If the process dies with it, the room is free again. In a child of `fork` it is the parent's still.
pub struct Reservation<'queue>(InHand<'queue>);

impl Reservation<'_> {
    /// How many bytes there is room for: the queue's longest message.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.queue.member.max_message_size()
    }

    /// Copies bytes into it, anywhere and in any order. May be mixed with atomic operations on [`bytes`](Self::bytes).
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) with both numbers if they do not fit; nothing is copied.
    pub fn write_at(&mut self, offset: usize, bytes: &[u8]) -> Result<()> {
        atomic_copy::store(self.0.bytes(self.capacity(), offset, bytes.len())?, bytes);
        Ok(())
    }

    /// All of the room, to be written without a copy. It begins at a multiple of 32 bytes, and holds whatever was there
    /// before.
    #[must_use]
    pub fn bytes(&self) -> &[AtomicU8] {
        self.0.bytes(self.capacity(), 0, self.capacity()).unwrap_or_default()
    }

    /// Sends the first `length` bytes as a message.
    ///
    /// It waits for at most one second, and only while a peer is in the middle of a call. Signal handlers do not
    /// interrupt it.
    ///
    /// # Errors
    /// | kind | when |
    /// |---|---|
    /// | [`MessageTooLong`](crate::ErrorKind::MessageTooLong) | `length` is above the capacity |
    /// | [`TimedOut`](crate::ErrorKind::TimedOut) | a peer was stopped in the middle of a call |
    /// | [`PermissionDenied`](crate::ErrorKind::PermissionDenied) | this is a child of `fork`, and the reservation is its parent's |
    /// | [`Malformed`](crate::ErrorKind::Malformed) | a peer has damaged the queue |
    ///
    /// Nothing is sent then, and the reservation is given back with what was written into it. `?` drops it, and with it
    /// the message. To keep it, match:
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use rawipc::{ErrorKind, Priority, SharedQueue};
    /// # use rawipc::error::RejectedError;
    /// # let queue = SharedQueue::options().read(true).write(true).create_anonymous()?;
    /// let mut frame = queue.reserve()?;
    /// frame.write_at(0, b"header")?;
    /// while let Err(RejectedError { error, value }) = frame.publish(6, Priority::MIN) {
    ///     if error.kind() != ErrorKind::TimedOut {
    ///         return Err(error);
    ///     }
    ///     frame = value; // A peer is stopped in the middle of a call. Look after it, and try again.
    /// }
    /// # Ok::<(), rawipc::Error>(())
    /// ```
    ///
    /// In a function that returns another error than this crate's, write `.map_err(rawipc::Error::from)?`.
    pub fn publish(self, length: usize, priority: Priority) -> core::result::Result<(), RejectedError<Self>> {
        self.publish_timeout(length, priority, GIVING)
    }

    /// Like [`publish`](Self::publish), but waits for at most `timeout`, by the monotonic clock. Zero makes one
    /// attempt.
    ///
    /// # Errors
    /// The same.
    pub fn publish_timeout(
        self,
        length: usize,
        priority: Priority,
        timeout: Duration,
    ) -> core::result::Result<(), RejectedError<Self>> {
        let queue = self.0.queue;
        let publish =
            |client: Client<'_, Member>, wait: &mut Wait<'_>| client.publish(self.0.block, length, priority, wait);
        match queue.check_sending(length).and_then(|()| self.0.give(Operation::Send, timeout, publish)) {
            Ok(ring) => {
                core::mem::forget(self);
                queue.ring_if(ring);
                Ok(())
            }
            Err(error) => Err(RejectedError { error, value: self }),
        }
    }
}

/// A message that was received and is read where it lies; made by [`SharedQueue::receive_in_place`]. Dropping it frees
/// its room.
///
/// If the process dies with it, the message is the queue's again. In a child of `fork` it is the parent's still.
pub struct InFlight<'queue> {
    hand: InHand<'queue>,
    length: usize,
    priority: Priority,
}

impl InFlight<'_> {
    /// The priority it was sent with.
    #[must_use]
    pub const fn priority(&self) -> Priority {
        self.priority
    }

    /// How many bytes it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether it has no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Copies bytes out of it. If a sender that does not keep to the rules writes there meanwhile, the copy is a mix of
    /// old and new bytes.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) with both numbers if it has not so many; nothing is copied.
    pub fn read_at(&self, offset: usize, buffer: &mut [u8]) -> Result<()> {
        atomic_copy::load(self.hand.bytes(self.length, offset, buffer.len())?, atomic_copy::as_uninit(buffer));
        Ok(())
    }

    /// All of its bytes, without a copy. A sender that does not keep to the rules may change them still.
    #[must_use]
    pub fn bytes(&self) -> &[AtomicU8] {
        self.hand.bytes(self.length, 0, self.length).unwrap_or_default()
    }

    /// Gives it back to the queue, in its old place, as if it had not been received.
    ///
    /// It waits for at most one second, and only while a peer is in the middle of a call. Signal handlers do not
    /// interrupt it.
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut) if a peer was stopped in the middle of a call;
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) in a child of `fork`;
    /// [`Malformed`](crate::ErrorKind::Malformed) if a peer has damaged the queue. The message is given back to the
    /// caller then; what is said of `?` at [`Reservation::publish`] holds here too.
    pub fn put_back(self) -> core::result::Result<(), RejectedError<Self>> {
        self.put_back_timeout(GIVING)
    }

    /// Like [`put_back`](Self::put_back), but waits for at most `timeout`, by the monotonic clock. Zero makes one
    /// attempt.
    ///
    /// # Errors
    /// The same.
    pub fn put_back_timeout(self, timeout: Duration) -> core::result::Result<(), RejectedError<Self>> {
        let queue = self.hand.queue;
        let put_back = |client: Client<'_, Member>, wait: &mut Wait<'_>| client.put_back(self.hand.block, wait);
        match self.hand.give(Operation::Receive, timeout, put_back) {
            Ok(()) => {
                core::mem::forget(self);
                // A doorbell that was armed since it was borrowed has not seen this message.
                queue.ring_if(queue.member.bells().may_be_armed());
                Ok(())
            }
            Err(error) => Err(RejectedError { error, value: self }),
        }
    }
}

impl fmt::Debug for Reservation<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reservation").field("capacity", &self.capacity()).finish_non_exhaustive()
    }
}

impl fmt::Debug for InFlight<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("InFlight");
        debug.field("length", &self.length).field("priority", &self.priority).finish_non_exhaustive()
    }
}
