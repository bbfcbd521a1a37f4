//! Messages written and read where they lie.

use core::fmt;
use core::sync::atomic::AtomicU8;
use core::time::Duration;

use rustix::io::{self, Errno};

use super::SharedQueue;
use super::attachment::Attachment;
use super::protocol::session::Session;
use super::protocol::view::Slot;
use super::protocol::wait_limit::{SETTLE_GRACE, Wait, WaitLimit};
use crate::atomic_copy;
use crate::error::{Cause, Error, Operation, RejectedError, Result};
use crate::priority::Priority;
use crate::sync::PeerId;
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
    /// frame.complete(); // Without this, the message would go back to the queue.
    /// # Ok::<(), rawipc::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn reserve(&self) -> Result<Reservation<'_>> {
        self.reserve_within(WaitLimit::None)
    }

    /// Reserves room for a message if the queue is not full.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send).
    pub fn try_reserve(&self) -> Result<Reservation<'_>> {
        self.reserve_within(WaitLimit::Now)
    }

    /// Reserves room for a message, blocking for at most `timeout`, by the monotonic clock.
    ///
    /// # Errors
    /// As [`send_timeout`](Self::send_timeout).
    pub fn reserve_timeout(&self, timeout: Duration) -> Result<Reservation<'_>> {
        self.reserve_within(WaitLimit::Within(timeout))
    }

    /// Reserves room for a message, waiting until the deadline.
    ///
    /// # Errors
    /// As [`send_deadline`](Self::send_deadline).
    pub fn reserve_deadline(&self, deadline: Deadline) -> Result<Reservation<'_>> {
        self.reserve_within(WaitLimit::Until(deadline))
    }

    /// Receives a message without a copy, to be read where it lies. Blocks without a limit while the queue is empty.
    ///
    /// The message is in flight until [`InFlight::complete`] takes it out of the queue. If the value is dropped
    /// instead, or the process dies, the message goes back to the queue in its old place. See
    /// [`reserve`](Self::reserve) for an example.
    ///
    /// # Errors
    /// As [`receive`](Self::receive), but for the buffer.
    pub fn receive_in_place(&self) -> Result<InFlight<'_>> {
        self.receive_in_place_within(WaitLimit::None)
    }

    /// Receives a message without a copy if there is one.
    ///
    /// # Errors
    /// As [`try_receive`](Self::try_receive), but for the buffer.
    pub fn try_receive_in_place(&self) -> Result<InFlight<'_>> {
        self.receive_in_place_within(WaitLimit::Now)
    }

    /// Receives a message without a copy, blocking for at most `timeout`, by the monotonic clock.
    ///
    /// # Errors
    /// As [`receive_timeout`](Self::receive_timeout), but for the buffer.
    pub fn receive_in_place_timeout(&self, timeout: Duration) -> Result<InFlight<'_>> {
        self.receive_in_place_within(WaitLimit::Within(timeout))
    }

    /// Receives a message without a copy, waiting until the deadline.
    ///
    /// # Errors
    /// As [`receive_deadline`](Self::receive_deadline), but for the buffer.
    pub fn receive_in_place_deadline(&self, deadline: Deadline) -> Result<InFlight<'_>> {
        self.receive_in_place_within(WaitLimit::Until(deadline))
    }

    fn reserve_within(&self, limit: WaitLimit) -> Result<Reservation<'_>> {
        self.check_sending(0)?;
        let session = self.attachment.session(Operation::Send)?;
        let slot = session.reserve(&mut self.wait(limit)).map_err(|errno| self.failed(Operation::Send, errno))?;
        Ok(Reservation(HeldSlot { queue: self, slot, owner: session.me }))
    }

    fn receive_in_place_within(&self, limit: WaitLimit) -> Result<InFlight<'_>> {
        self.check_receiving(usize::MAX)?;
        let session = self.attachment.session(Operation::Receive)?;
        let found =
            session.receive_in_place(&mut self.wait(limit)).map_err(|errno| self.failed(Operation::Receive, errno))?;
        let hand = HeldSlot { queue: self, slot: found.slot, owner: session.me };
        Ok(InFlight { hand, length: found.length, priority: found.priority })
    }
}

/// A slot that this process has in flight. The type around it settles it when it is dropped.
struct HeldSlot<'queue> {
    queue: &'queue SharedQueue,
    slot: Slot<'queue>,
    owner: PeerId,
}

impl HeldSlot<'_> {
    /// Returns `count` bytes from an offset on, of the `there` bytes that may be accessed.
    fn bytes(&self, there: usize, offset: usize, count: usize) -> Result<&[AtomicU8]> {
        let end = offset.saturating_add(count);
        self.slot.bytes().get(..there).and_then(|bytes| bytes.get(offset..end)).ok_or_else(|| {
            let cause = Cause::out_of_bounds(there as u64, end as u64);
            Error::caused(Operation::AccessMemory, Errno::INVAL, cause)
        })
    }

    /// Returns `true` if it is this process's: not in a child of `fork`.
    fn check(&self, operation: Operation) -> Result<()> {
        if self.queue.attachment.is_me(self.owner) { Ok(()) } else { Err(Error::system(operation, Errno::PERM)) }
    }

    /// Settles it in a way that cannot fail. Returns `false` in a child of `fork`, where it is the parent's.
    fn settle(&self, operation: Operation, how: impl FnOnce(Session<'_, Attachment>, Slot<'_>)) -> bool {
        let is_ours = self.check(operation).is_ok();
        if is_ours {
            // A process that has a slot in flight has a session. What is damaged the next call reports.
            let _ = self.queue.attachment.session(operation).map(|session| how(session, self.slot));
        }
        is_ours
    }

    /// Does with it what gives it to the queue, waiting for the queue's lock within a time, whatever signal handlers
    /// run meanwhile.
    fn give<T>(
        &self,
        operation: Operation,
        timeout: Duration,
        give: impl Fn(Session<'_, Attachment>, &mut Wait<'_>) -> io::Result<T>,
    ) -> Result<T> {
        self.check(operation)?;
        let session = self.queue.attachment.session(operation)?;
        let mut wait = Wait::for_lock_within(timeout);
        loop {
            match give(session, &mut wait) {
                Err(Errno::INTR) => {}
                result => return result.map_err(|errno| self.queue.late(operation, errno)),
            }
        }
    }
}

/// Room for a message, to be written where it will lie. Returned by [`SharedQueue::reserve`], which has an example.
///
/// Dropping it sends nothing and frees the room, and so does the death of the process. In a child of `fork` it still
/// belongs to the parent: dropping it there does nothing.
#[must_use = "the room is given back at once if the reservation is not kept"]
pub struct Reservation<'queue>(HeldSlot<'queue>);

impl Reservation<'_> {
    /// Returns how many bytes there is room for: the queue's longest message.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.queue.attachment.max_message_size()
    }

    /// Copies bytes into it, anywhere and in any order. May be mixed with atomic operations on [`bytes`](Self::bytes).
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) with both numbers if they do not fit; nothing is copied.
    pub fn write_at(&mut self, offset: usize, bytes: &[u8]) -> Result<()> {
        atomic_copy::store(self.0.bytes(self.capacity(), offset, bytes.len())?, bytes);
        Ok(())
    }

    /// Returns all of the room, to be written without a copy. It begins at a multiple of 32 bytes, and holds whatever
    /// was there before.
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
        self.publish_timeout(length, priority, SETTLE_GRACE)
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
        let publish = |session: Session<'_, Attachment>, wait: &mut Wait<'_>| {
            session.publish(self.0.slot, length, priority, wait)
        };
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

/// A message that was received and is read where it lies. Returned by [`SharedQueue::receive_in_place`].
///
/// [`complete`](Self::complete) takes the message out of the queue when it has been dealt with. Until then the message
/// is in flight: no other receiver gets it, and its room is in use. Dropping it puts it back into the queue, in its old
/// place, as does the death of the process: a worker that returns early, panics or is killed loses no message, and
/// another one gets it. So a message is delivered at least once.
///
/// A drop waits for the queue's lock for at most the [`lock_grace`](SharedQueue::lock_grace). If it cannot have the
/// lock in that time, it leaves the message to the next receiver that finds the queue empty. With `panic = "abort"` a
/// panic ends the process, with the same result.
///
/// In a child of `fork` it still belongs to the parent: dropping or completing it there does nothing.
///
/// ```
/// use rawipc::{ErrorKind, Priority, SharedQueue};
/// # let queue = SharedQueue::options().read(true).write(true).create_anonymous()?;
/// queue.send(b"resize 42", Priority::MIN)?;
///
/// drop(queue.receive_in_place()?); // Not dealt with: it goes back.
/// let message = queue.receive_in_place()?;
/// let mut verb = [0; 6];
/// message.read_at(0, &mut verb)?;
/// assert_eq!(&verb, b"resize");
/// message.complete();
/// assert_eq!(queue.try_receive_in_place().unwrap_err().kind(), ErrorKind::WouldBlock);
/// # Ok::<(), rawipc::Error>(())
/// ```
#[must_use = "the message goes back to the queue at once if it is not kept"]
pub struct InFlight<'queue> {
    hand: HeldSlot<'queue>,
    length: usize,
    priority: Priority,
}

impl InFlight<'_> {
    /// Returns the priority that it was sent with.
    #[must_use]
    pub const fn priority(&self) -> Priority {
        self.priority
    }

    /// Returns how many bytes it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Returns `true` if it has no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Copies bytes out of it. If a sender that does not keep to the rules writes there meanwhile, the copy is a mix of
    /// old and new bytes.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) with both numbers if the range ends beyond the message; nothing
    /// is copied.
    pub fn read_at(&self, offset: usize, buffer: &mut [u8]) -> Result<()> {
        atomic_copy::load(self.hand.bytes(self.length, offset, buffer.len())?, atomic_copy::as_uninit(buffer));
        Ok(())
    }

    /// Returns all of its bytes, without a copy. A sender that does not keep to the rules may change them still.
    #[must_use]
    pub fn bytes(&self) -> &[AtomicU8] {
        self.hand.bytes(self.length, 0, self.length).unwrap_or_default()
    }

    /// Takes the message out of the queue for good, and frees its room. Call it when the message has been dealt with.
    ///
    /// Waits for the queue's lock for at most the [`lock_grace`](SharedQueue::lock_grace). If it cannot have the lock
    /// in that time, a sender that looks for room frees it. It cannot fail: from here on the message is never delivered
    /// again, even if this process is killed.
    #[doc(alias = "ack")]
    pub fn complete(self) {
        self.hand.settle(Operation::Receive, |session, slot| session.release(slot));
        core::mem::forget(self);
    }

    /// Puts the message back into the queue, in its old place, as if it had not been received. Dropping it does the
    /// same, but waits for less time and has nowhere to report an error.
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
        self.put_back_timeout(SETTLE_GRACE)
    }

    /// Like [`put_back`](Self::put_back), but waits for at most `timeout`, by the monotonic clock. Zero makes one
    /// attempt.
    ///
    /// # Errors
    /// The same.
    pub fn put_back_timeout(self, timeout: Duration) -> core::result::Result<(), RejectedError<Self>> {
        let queue = self.hand.queue;
        let put_back = |session: Session<'_, Attachment>, wait: &mut Wait<'_>| session.put_back(self.hand.slot, wait);
        match self.hand.give(Operation::Receive, timeout, put_back) {
            Ok(()) => {
                core::mem::forget(self);
                // A doorbell that was armed since it was received has not seen this message.
                queue.ring_if(queue.attachment.bells().may_be_armed());
                Ok(())
            }
            Err(error) => Err(RejectedError { error, value: self }),
        }
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.0.settle(Operation::Send, |session, slot| session.release(slot));
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if self.hand.settle(Operation::Receive, |session, slot| session.put_back_or_leave(slot)) {
            // A doorbell that was armed meanwhile has not seen this message.
            let queue = self.hand.queue;
            queue.ring_if(queue.attachment.bells().may_be_armed());
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
