//! A queue that is mapped and taken part in.

use core::sync::atomic::Ordering::Relaxed;

use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::{self, Errno};

use super::PREFIX;
use super::client::{Client, Place};
use super::format::{HEADER, Header};
use super::view::{Memory, View};
use super::wait::For;
use crate::error::{Cause, Error, Operation, Result, SharedFault};
use crate::robust::{Everybody, Others, Owner, Participant};
use crate::shm::{Mapping, SharedMemory};

/// A participant and what it takes part in.
pub(super) struct Member {
    memory: Memory,
    participant: Participant,
}

impl Member {
    /// Takes part in a queue that is mapped.
    pub(super) fn new(memory: Memory, file: SharedMemory, operation: Operation) -> Result<Self> {
        let participant = Participant::new(file, PREFIX, 0, memory.table(), operation)?;
        let member = Self { memory, participant };
        // Whoever is started anew after a death finds all in order. What is damaged, its calls will tell.
        let _ = member.client(operation)?.reclaim();
        Ok(member)
    }

    /// Maps a file and takes part in it, if it is a queue.
    pub(super) fn adopt(file: SharedMemory, operation: Operation) -> Result<Self> {
        Self::new(map(&file, operation)?, file, operation)
    }

    /// The queue as this process sees it.
    #[inline]
    pub(super) fn client(&self, operation: Operation) -> Result<Client<'_, Self>> {
        let me = self.participant.me(self.memory.table(), operation)?;
        Ok(Client { place: self, me })
    }

    /// Whether what an owner has in hand is this process's.
    pub(super) fn is_me(&self, owner: Owner) -> bool {
        self.participant.is_me(owner)
    }

    /// What the doorbell's name ends with.
    pub(super) fn doorbell(&self) -> Result<[u8; 16]> {
        let header = self.memory.header()?;
        Ok(header.doorbell.each_ref().map(|letter| letter.load(Relaxed)))
    }

    /// The doorbell is still to be rung.
    pub(super) fn arm_again(&self) {
        self.memory.view().control.armed.store(1, Relaxed);
    }

    #[inline]
    pub(super) fn max_message_size(&self) -> usize {
        self.memory.view().sizes.max_message_size
    }

    #[inline]
    pub(super) fn max_messages(&self) -> usize {
        self.memory.view().capacity()
    }

    /// How many messages there are at this moment, as its users say.
    pub(super) fn messages(&self) -> usize {
        self.memory.view().messages().unwrap_or(self.max_messages())
    }

    /// Whether it is there, as its users say.
    pub(super) fn seems_there(&self, what: For) -> bool {
        self.memory.view().seems_there(what)
    }

    pub(super) const fn file(&self) -> &SharedMemory {
        self.participant.memory()
    }

    pub(super) const fn file_mut(&mut self) -> &mut SharedMemory {
        self.participant.memory_mut()
    }
}

impl Others for Member {
    fn is_dead(&self, owner: Owner) -> io::Result<bool> {
        Everybody { participant: &self.participant, table: self.memory.table() }.is_dead(owner)
    }
}

impl Place for Member {
    #[inline]
    fn view(&self) -> &View<'_> {
        self.memory.view()
    }
}

impl AsFd for Member {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file().as_fd()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.participant.leave(self.memory.table());
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
pub(super) fn format(mapping: Mapping, sizes: super::format::Sizes, doorbell: [u8; 16]) -> Result<Memory> {
    let memory = Memory::new(mapping, sizes)?;
    memory.header()?.write(sizes, doorbell);
    memory.view().clear();
    Ok(memory)
}
