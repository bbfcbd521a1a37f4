//! A queue that is mapped and attached to.

use core::sync::atomic::AtomicU32;
use core::time::Duration;

use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::{self, Errno};

use super::PREFIX;
use super::protocol::arming::Bells;
use super::protocol::layout::{HEADER, Header};
use super::protocol::session::{QueueMemory, Session};
use super::protocol::view::{Memory, View};
use super::protocol::wait_limit::WaitFor;
use crate::error::{Cause, Error, Operation, Result, SharedFault};
use crate::shm::{Mapping, SharedMemory};
use crate::sync::{Liveness, Peer, PeerId, Peers};

/// A peer and the queue that it is attached to.
pub(super) struct Attachment {
    memory: Memory,
    peer: Peer,
    pub(super) lock_grace: Duration,
    next_look: AtomicU32,
}

impl Attachment {
    /// Attaches to a queue that is mapped.
    pub(super) fn new(memory: Memory, file: SharedMemory, operation: Operation, lock_grace: Duration) -> Result<Self> {
        let peer = Peer::new(file, PREFIX, 0, memory.table(), operation)?;
        let attachment = Self { memory, peer, lock_grace, next_look: AtomicU32::new(0) };
        // A process that is restarted after a death finds all in order. What is damaged, its calls will report.
        if attachment.session(operation)?.reclaim() == Ok(true) {
            // What the dead had in flight is a message again, for which no sender rings.
            attachment.ring(&AtomicU32::new(0));
        }
        Ok(attachment)
    }

    /// Maps a file and attaches to it, if it is a queue.
    pub(super) fn adopt(file: SharedMemory, operation: Operation, lock_grace: Duration) -> Result<Self> {
        Self::new(map(&file, operation)?, file, operation, lock_grace)
    }

    /// The queue as this process sees it.
    #[inline]
    pub(super) fn session(&self, operation: Operation) -> Result<Session<'_, Self>> {
        let me = self.peer.me(self.memory.table(), operation)?;
        Ok(Session { memory: self, me })
    }

    /// Returns `true` if what an owner has in flight is this process's.
    pub(super) fn is_me(&self, owner: PeerId) -> bool {
        self.peer.is_me(owner)
    }

    /// Makes sure that peers see this process as attached.
    pub(super) fn show(&self) {
        self.peer.show(self.memory.table());
    }

    /// The doorbells.
    pub(super) fn bells(&self) -> Bells<'_> {
        self.memory.view().bells()
    }

    #[inline]
    pub(super) fn max_message_size(&self) -> usize {
        self.memory.view().sizes.max_message_size
    }

    #[inline]
    pub(super) fn max_messages(&self) -> usize {
        self.memory.view().capacity()
    }

    /// Returns how many messages there are at this moment, as its users say.
    pub(super) fn messages(&self) -> usize {
        self.memory.view().messages().unwrap_or(self.max_messages())
    }

    /// Returns `true` if it is there, as its users say.
    pub(super) fn is_ready_hint(&self, what: WaitFor) -> bool {
        self.memory.view().is_ready_hint(what)
    }

    pub(super) const fn file(&self) -> &SharedMemory {
        self.peer.memory()
    }

    pub(super) const fn file_mut(&mut self) -> &mut SharedMemory {
        self.peer.memory_mut()
    }
}

impl Liveness for Attachment {
    fn is_dead(&self, owner: PeerId) -> io::Result<bool> {
        Peers { peer: &self.peer, table: self.memory.table() }.is_dead(owner)
    }
}

impl QueueMemory for Attachment {
    #[inline]
    fn view(&self) -> &View<'_> {
        self.memory.view()
    }

    fn lock_grace(&self) -> Duration {
        self.lock_grace
    }

    fn next_look(&self) -> &AtomicU32 {
        &self.next_look
    }
}

impl AsFd for Attachment {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file().as_fd()
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.peer.leave(self.memory.table());
    }
}

/// Maps all of a file, after making sure that it is a queue and as long as its header says.
fn map(file: &SharedMemory, operation: Operation) -> Result<Memory> {
    let no_queue = || Error::caused(operation, Errno::INVAL, Cause::Shared(SharedFault::NoQueue));
    let size = file.size()?;
    if size < HEADER as u64 {
        return Err(no_queue());
    }
    let mapping = file.map()?;
    let sizes = mapping.get::<Header>(0)?.sizes().ok_or_else(no_queue)?;
    if sizes.total() != mapping.len() as u64 {
        return Err(no_queue());
    }
    Memory::new(mapping, sizes)
}

/// Makes a file of zeros of the right length a queue.
pub(super) fn format(mapping: Mapping, sizes: super::protocol::layout::Sizes) -> Result<Memory> {
    let memory = Memory::new(mapping, sizes)?;
    memory.header()?.write(sizes);
    memory.view().clear();
    Ok(memory)
}
