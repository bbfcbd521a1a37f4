//! Taking part in an object: a slot in its table, held by a lock that the kernel takes back from the dead.

use core::sync::atomic::{
    AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{self, Errno};

use super::lock::Others;
use super::owner::{Owner, PARTICIPANTS, is_taken};
use super::presence::Presence;
use crate::devshm::{self, DescriptorPath, FilePath, Identity};
use crate::error::{Cause, Error, Limit, Operation, Result};
use crate::shm::SharedMemory;
use crate::sys;

/// A generation for each slot.
pub(crate) type Table = [AtomicU32; PARTICIPANTS];

/// The bytes that are locked lie far beyond every file's end.
const LOCKS: u64 = 1 << 62;

/// A handle's part in an object. Each handle has its own slot; so has each child of `fork`, once it needs it.
pub(crate) struct Participant {
    presence: Presence,
    memory: SharedMemory,
    /// What comes before the object's name in its file's.
    prefix: &'static [u8],
    /// The byte that is locked for slot 0.
    locks: u64,
}

impl Participant {
    /// One with a slot in the table, which lies somewhere in the object; so many bytes from this offset on are for its
    /// locks.
    pub(crate) fn new(
        memory: SharedMemory,
        prefix: &'static [u8],
        offset: u64,
        table: &Table,
        operation: Operation,
    ) -> Result<Self> {
        // EINVAL: the advice is not known.
        let errno = |errno| if errno == Errno::INVAL { Errno::NOSYS } else { errno };
        let presence = Presence::new().map_err(|error| Error::system(operation, errno(error)))?;
        let participant = Self { presence, memory, prefix, locks: LOCKS + offset };
        participant.register(table, operation)?;
        Ok(participant)
    }

    /// The object.
    pub(crate) const fn memory(&self) -> &SharedMemory {
        &self.memory
    }

    /// The object, for its name.
    pub(crate) const fn memory_mut(&mut self) -> &mut SharedMemory {
        &mut self.memory
    }

    /// Who this process is, by this handle.
    #[inline]
    pub(crate) fn me(&self, table: &Table, operation: Operation) -> Result<Owner> {
        match self.presence.number() {
            Some(number) => Ok(Owner::of_word(number)),
            None => self.register(table, operation),
        }
    }

    /// Whether this process is that owner.
    #[inline]
    pub(crate) fn is_me(&self, owner: Owner) -> bool {
        self.presence.number() == Some(owner.bits())
    }

    /// Makes sure that this process counts as one that takes part: a peer may have overwritten its slot's generation.
    pub(crate) fn show(&self, table: &Table) {
        let Some(me) = self.presence.number().map(Owner::of_word) else { return };
        let generation = me.slot().and_then(|slot| table.get(slot));
        if let Some(generation) = generation.filter(|generation| !me.is_of(generation.load(Relaxed))) {
            generation.store(me.generation(), Release);
        }
    }

    /// The slot is given up, so that others need not ask the kernel about it.
    pub(crate) fn leave(&self, table: &Table) {
        let slot = self.presence.number().and_then(|number| Owner::of_word(number).slot());
        if let Some(generation) = slot.and_then(|slot| table.get(slot)) {
            generation.fetch_add(1, Release);
        }
    }

    #[cold]
    fn register(&self, table: &Table, operation: Operation) -> Result<Owner> {
        let number = self.presence.establish(|| self.take_slot(table));
        number.map(Owner::of_word).map_err(|errno| match errno {
            Errno::USERS => {
                let most = PARTICIPANTS as u64;
                Error::caused(operation, errno, Cause::above(Limit::Participants, most + 1, most))
            }
            Errno::NOENT => Error::caused(operation, errno, Cause::NoSecondDescription),
            errno => Error::system(operation, errno),
        })
    }

    /// Locks a slot's byte: first of the slots that were given up, then of any. What it returns begins the slot's new
    /// generation.
    fn take_slot<'table>(&self, table: &'table Table) -> io::Result<(OwnedFd, impl FnOnce() -> u32 + use<'table>)> {
        let file = self.second_description()?;
        for also_of_the_dead in [false, true] {
            for (slot, generation) in table.iter().enumerate() {
                if is_taken(generation.load(Relaxed)) != also_of_the_dead {
                    continue;
                }
                if sys::lock_byte(file.as_fd(), self.locks + slot as u64)? {
                    return Ok((file, move || {
                        // Only who has the byte changes it.
                        let new = generation.load(Relaxed).wrapping_add(1) | 1;
                        generation.store(new, Release);
                        Owner::new(slot, new).bits()
                    }));
                }
            }
        }
        Err(Errno::USERS)
    }

    /// The object opened anew: what is locked by a description that others have too would outlive this process. ENOENT
    /// if there is no way to it.
    fn second_description(&self) -> io::Result<OwnedFd> {
        let path = DescriptorPath::new(self.memory.as_fd());
        match open(path.c_str(), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()) {
            Err(Errno::NOENT | Errno::NOTDIR) => self.open_by_name(),
            result => result,
        }
    }

    /// Without `/proc`, if the name still stands for the object.
    fn open_by_name(&self) -> io::Result<OwnedFd> {
        let path = self.memory.name().and_then(|name| FilePath::new(name, self.prefix)).ok_or(Errno::NOENT)?;
        let file = devshm::open_regular(&path, OFlags::RDWR)?.map_err(|_| Errno::NOENT)?;
        let same = Identity::of_file(file.as_fd())? == Identity::of_file(self.memory.as_fd())?;
        same.then_some(file).ok_or(Errno::NOENT)
    }
}

/// All participants, as one of them sees them.
pub(crate) struct Everybody<'object> {
    pub(crate) participant: &'object Participant,
    pub(crate) table: &'object Table,
}

impl Others for Everybody<'_> {
    fn is_dead(&self, owner: Owner) -> io::Result<bool> {
        // Who asks after others can be asked after.
        self.participant.show(self.table);
        let Some((slot, generation)) = owner.slot().and_then(|slot| Some((slot, self.table.get(slot)?))) else {
            return Ok(true);
        };
        if !owner.is_of(generation.load(Acquire)) {
            return Ok(true);
        }
        let byte = self.participant.locks + slot as u64;
        Ok(!sys::is_byte_locked(self.participant.memory.as_fd(), byte)?)
    }
}
