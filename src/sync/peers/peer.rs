//! Taking part in an object: a slot in its table, held by a lock that the kernel takes back from the dead.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{self, Errno};

use super::id::{MAX_PEERS, PeerId, is_taken};
use super::liveness_token::{Claim, LivenessToken};
use super::table::{self, PeerTable, Slot};
use crate::dev_shm::{self, DescriptorPath, FilePath, Identity};
use crate::error::{Cause, Error, Limit, Need, Operation, Result};
use crate::shm::SharedMemory;
use crate::sync::lock::Liveness;
use crate::sys;

/// The bytes that are locked lie far beyond every file's end.
const LOCKS: u64 = 1 << 62;

/// A handle's part in an object. Each handle has its own slot; so has each child of `fork`, once it needs it.
pub(crate) struct Peer {
    token: LivenessToken,
    memory: SharedMemory,
    /// The object's file when it was opened. By now its descriptor may have been closed, and its number stand for
    /// another file, of which nothing follows.
    file: Identity,
    /// What comes before the object's name in its file's.
    prefix: &'static [u8],
    /// The byte that is locked for slot 0.
    locks: u64,
}

/// Why a process cannot be attached.
#[derive(Clone, Copy)]
enum Refusal {
    System(Errno),
    /// Every slot is a living participant's.
    Full,
    /// Another lock is in the way; the process that has it, 0 if it is not known.
    ForeignLock(u32),
    NoSecondDescription,
    OtherFile,
    LockNotKept,
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

impl Refusal {
    fn into_error(self, operation: Operation) -> Error {
        let (errno, cause) = match self {
            Self::System(Errno::NOSYS) => (Errno::NOSYS, Cause::Needs(Need::Participation)),
            Self::System(errno) => return Error::system(operation, errno),
            Self::Full => {
                let most = MAX_PEERS as u64;
                (Errno::USERS, Cause::above(Limit::Participants, most + 1, most))
            }
            Self::ForeignLock(process) => (Errno::BUSY, Cause::ForeignLock { process }),
            Self::NoSecondDescription => (Errno::NOENT, Cause::NoSecondDescription),
            Self::OtherFile => (Errno::BADF, Cause::OtherFile),
            Self::LockNotKept => (Errno::NOLCK, Cause::LockNotKept),
        };
        Error::caused(operation, errno, cause)
    }
}

impl Peer {
    /// One with a slot in the table, which lies somewhere in the object; the bytes from this offset on are for its
    /// locks.
    pub(crate) fn new(
        memory: SharedMemory,
        prefix: &'static [u8],
        offset: u64,
        table: &PeerTable,
        operation: Operation,
    ) -> Result<Self> {
        Self::check_pages(&memory, operation)?;
        // EINVAL: the advice is not known.
        let known = |errno| if errno == Errno::INVAL { Errno::NOSYS } else { errno };
        let token = LivenessToken::new().map_err(|errno| Refusal::System(known(errno)).into_error(operation))?;
        let (second, file) = second_description(&memory, prefix).map_err(|refusal| refusal.into_error(operation))?;
        let peer = Self { token, memory, file, prefix, locks: LOCKS + offset };
        peer.register(table, operation, || Ok(second))?;
        Ok(peer)
    }

    /// Makes sure that memory is not of huge pages: what keeps a participant's lock is a page of the object.
    pub(crate) fn check_pages(memory: &SharedMemory, operation: Operation) -> Result<()> {
        let refuse = || Error::caused(operation, Errno::OPNOTSUPP, Cause::HugePages);
        if memory.unit() == 1 { Ok(()) } else { Err(refuse()) }
    }

    /// The object.
    pub(crate) const fn memory(&self) -> &SharedMemory {
        &self.memory
    }

    /// The object, for its name.
    pub(crate) const fn memory_mut(&mut self) -> &mut SharedMemory {
        &mut self.memory
    }

    /// Returns the id of this process, through this handle.
    #[inline]
    pub(crate) fn me(&self, table: &PeerTable, operation: Operation) -> Result<PeerId> {
        match self.token.peer_id() {
            Some(number) => Ok(PeerId::of_word(number)),
            None => self.register(table, operation, || self.same_again()),
        }
    }

    /// Returns `true` if this process is that owner.
    #[inline]
    pub(crate) fn is_me(&self, owner: PeerId) -> bool {
        self.token.peer_id() == Some(owner.bits())
    }

    /// Makes sure that this process counts as attached: a peer may have overwritten its slot's generation.
    pub(crate) fn show(&self, table: &PeerTable) {
        if let Some(me) = self.token.peer_id() {
            table::show(table, PeerId::of_word(me));
        }
    }

    /// The slot is given up, so that others need not ask the kernel about it.
    pub(crate) fn leave(&self, table: &PeerTable) {
        if let Some(me) = self.token.peer_id() {
            table::leave(table, PeerId::of_word(me));
        }
    }

    #[cold]
    fn register(
        &self,
        table: &PeerTable,
        operation: Operation,
        open: impl FnOnce() -> core::result::Result<OwnedFd, Refusal>,
    ) -> Result<PeerId> {
        let number = self.token.acquire(|| self.take_slot(open()?, table));
        number.map(PeerId::of_word).map_err(|refusal| refusal.into_error(operation))
    }

    /// Locks a slot's byte by the file.
    fn take_slot<'a>(
        &'a self,
        file: OwnedFd,
        table: &'a PeerTable,
    ) -> core::result::Result<(OwnedFd, Taking<'a>), Refusal> {
        let taken = table::take_slot(table, |slot| sys::lock_byte(file.as_fd(), self.byte(slot)));
        match taken.map_err(|errno| self.why_refused(errno))? {
            Some(slot) => Ok((file, Taking { peer: self, slot })),
            None => Err(self.why_none()?),
        }
    }

    /// The byte that is locked for a slot.
    const fn byte(&self, slot: usize) -> u64 {
        self.locks + slot as u64
    }

    /// Returns `true` if a participant holds the slot's byte.
    fn is_held(&self, slot: usize) -> io::Result<bool> {
        sys::is_byte_locked(self.memory.as_fd(), self.byte(slot))
    }

    /// Why locking fails. A kernel without CONFIG_FILE_LOCKING answers EACCES, as a security module does, but does not
    /// know the command that asks for locks either: ENOSYS.
    #[cold]
    fn why_refused(&self, errno: Errno) -> Errno {
        match errno {
            Errno::ACCESS => self.is_held(0).err().unwrap_or(errno),
            errno => errno,
        }
    }

    /// Why no slot can be locked.
    #[cold]
    fn why_none(&self) -> io::Result<Refusal> {
        for slot in 0..MAX_PEERS {
            if let Some(process) = sys::foreign_lock(self.memory.as_fd(), self.byte(slot))? {
                return Ok(Refusal::ForeignLock(process));
            }
        }
        Ok(Refusal::Full)
    }

    /// The object opened again, in a child of `fork`.
    fn same_again(&self) -> core::result::Result<OwnedFd, Refusal> {
        let (second, file) = second_description(&self.memory, self.prefix)?;
        if file == self.file { Ok(second) } else { Err(Refusal::OtherFile) }
    }
}

/// Returns how many handles are attached to an object whose peers' bytes are the first, by these generations of its
/// slots: a slot that is said to be taken counts if its byte is locked. The file may be open for reading only.
pub(crate) fn count(file: BorrowedFd<'_>, generations: impl Iterator<Item = u32>) -> io::Result<usize> {
    let mut count = 0;
    for (slot, _) in generations.take(MAX_PEERS).enumerate().filter(|(_, generation)| is_taken(*generation)) {
        count += usize::from(sys::is_byte_locked(file, LOCKS + slot as u64)?);
    }
    Ok(count)
}

/// The object opened again, and which file it is: what is locked by a description that others have too would outlive
/// this process.
fn second_description(memory: &SharedMemory, prefix: &[u8]) -> core::result::Result<(OwnedFd, Identity), Refusal> {
    let path = DescriptorPath::new(memory.as_fd());
    let file = match open(path.c_str(), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()) {
        Err(Errno::NOENT | Errno::NOTDIR) => return open_by_name(memory, prefix),
        result => result?,
    };
    let identity = Identity::of_file(file.as_fd())?;
    Ok((file, identity))
}

/// Without `/proc`, if the name still stands for the object.
#[cold]
fn open_by_name(memory: &SharedMemory, prefix: &[u8]) -> core::result::Result<(OwnedFd, Identity), Refusal> {
    let object = Identity::of_file(memory.as_fd())
        .map_err(|errno| if errno == Errno::BADF { Refusal::OtherFile } else { Refusal::System(errno) })?;
    let path = memory.name().and_then(|name| FilePath::new(name, prefix)).ok_or(Refusal::NoSecondDescription)?;
    let file = match dev_shm::open_regular(&path, OFlags::RDWR) {
        Ok(Ok(file)) => file,
        Ok(Err(_)) | Err(Errno::NOENT) => return Err(Refusal::NoSecondDescription),
        Err(errno) => return Err(errno.into()),
    };
    let identity = Identity::of_file(file.as_fd())?;
    if identity == object { Ok((file, identity)) } else { Err(Refusal::NoSecondDescription) }
}

/// A slot whose byte is locked by a file of the participant's.
struct Taking<'a> {
    peer: &'a Peer,
    slot: Slot<'a>,
}

impl Claim for Taking<'_> {
    type Error = Refusal;

    fn publish(&self) -> u32 {
        self.slot.publish().bits()
    }

    fn confirm(&self) -> core::result::Result<(), Refusal> {
        let held = self.peer.is_held(self.slot.number)?;
        if held { Ok(()) } else { Err(Refusal::LockNotKept) }
    }

    fn withdraw(&self) {
        self.slot.withdraw();
    }
}

/// Turns a failure in a call of an attached process into an error.
#[cold]
pub(crate) fn error_of(operation: Operation, errno: Errno) -> Error {
    match errno {
        // The only descriptor that there is to be bad.
        Errno::BADF => Refusal::OtherFile.into_error(operation),
        errno => Error::system(operation, errno),
    }
}

/// All participants, as one of them sees them.
pub(crate) struct Peers<'object> {
    pub(crate) peer: &'object Peer,
    pub(crate) table: &'object PeerTable,
}

impl Liveness for Peers<'_> {
    fn is_dead(&self, owner: PeerId) -> io::Result<bool> {
        // Who asks after others can be asked after.
        self.peer.show(self.table);
        table::is_dead(self.table, owner, |slot| {
            // Of another file's locks nothing follows. Only a death is worth the question.
            let is_held = self.peer.is_held(slot)?;
            if is_held || Identity::of_file(self.peer.memory.as_fd())? == self.peer.file {
                Ok(is_held)
            } else {
                Err(Errno::BADF)
            }
        })
    }
}
