//! Opening and creating queues.

use core::ffi::c_long;

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, fchmod};
use rustix::io::Errno;

use super::diagnosis::{self, Sizes};
use super::name_guard::QueueName;
use super::{MessageQueue, Operation};
use crate::creation::{MODE_BITS, RACES, create_unique, flags, ownership};
use crate::dev_shm::set_group;
use crate::error::{Argument, Cause, Error, Result};
use crate::name::{Name, OwnedName};
use crate::open_flags::OpenFlags;
use crate::sys;

/// How to open or create a message queue; made by [`MessageQueue::options`].
///
/// ```
/// use rawipc::{MessageQueue, name};
/// let results = MessageQueue::options().write(true).create_new(true).max_messages(4).max_message_size(32)
///     .exact_mode(0o660).unlink_on_drop(true).open(name!("/rawipc-doc-options"))?;
/// assert_eq!(results.mode()?, 0o660);
/// # Ok::<(), rawipc::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct MessageQueueOptions {
    flags: OpenFlags,
    create_new: bool,
    mode: u32,
    exact_mode: bool,
    group: Option<u32>,
    max_messages: Option<usize>,
    max_message_size: Option<usize>,
    unlink_on_drop: bool,
}

impl MessageQueueOptions {
    pub(super) const fn new() -> Self {
        Self {
            flags: OpenFlags::empty(),
            create_new: false,
            mode: 0o600,
            exact_mode: false,
            group: None,
            max_messages: None,
            max_message_size: None,
            unlink_on_drop: false,
        }
    }

    flags!("MessageQueue");
    ownership!("queue", "The creating handle itself may use the queue whatever the mode says.");

    /// Sets the maximum number of messages of a queue created here: 1 to `fs.mqueue.msg_max`. Default:
    /// `fs.mqueue.msg_default`.
    #[doc(alias = "mq_maxmsg")]
    pub const fn max_messages(self, messages: usize) -> Self {
        Self { max_messages: Some(messages), ..self }
    }

    /// Sets the maximum size in bytes of a message of a queue created here: 1 to `fs.mqueue.msgsize_max`. Default:
    /// `fs.mqueue.msgsize_default`.
    #[doc(alias = "mq_msgsize")]
    pub const fn max_message_size(self, bytes: usize) -> Self {
        Self { max_message_size: Some(bytes), ..self }
    }

    /// Opens or creates the queue of this name.
    ///
    /// Without sizes the kernel's defaults hold; giving one of the two, the other is read from `/proc`. Sizes and mode
    /// say nothing about a queue that exists: [`MessageQueue::attributes`] tells what it has. Always close-on-exec. One
    /// system call, unless [`exact_mode`](Self::exact_mode), [`group`](Self::group) or
    /// [`unlink_on_drop`](Self::unlink_on_drop) ask for more.
    ///
    /// The kernel knows no queue without a name: until its [`group`](Self::group) is set, a queue has the process's own
    /// group, with the rights that [`mode`](Self::mode) gives to the group. With [`exact_mode`](Self::exact_mode) no
    /// group has any until then.
    ///
    /// # Errors
    /// | kind | when |
    /// |---|---|
    /// | [`NotFound`](crate::ErrorKind::NotFound) | no such queue, and none is to be created |
    /// | [`AlreadyExists`](crate::ErrorKind::AlreadyExists) | with `create_new` |
    /// | [`PermissionDenied`](crate::ErrorKind::PermissionDenied) | the existing queue's mode forbids this access |
    /// | [`InvalidInput`](crate::ErrorKind::InvalidInput) | neither `read` nor `write`; a size of 0; a mode beyond 0o777 |
    /// | [`LimitExceeded`](crate::ErrorKind::LimitExceeded) | sizes above `msg_max`/`msgsize_max`, a cost above RLIMIT_MSGQUEUE, `queues_max` queues, no free descriptor: the error says which, its value and what was asked for |
    /// | [`Unsupported`](crate::ErrorKind::Unsupported) | a kernel without message queues; or one size was given and `/proc`, which knows the other, is not mounted |
    ///
    /// Nothing is created when it fails.
    ///
    /// # References
    /// [`mq_open(3)`](https://man7.org/linux/man-pages/man3/mq_open.3.html),
    /// [in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/mq_open.html)
    #[doc(alias = "mq_open")]
    #[inline] // A program that never creates one is without the code for it then.
    pub fn open(&self, name: &Name) -> Result<MessageQueue> {
        self.check()?;
        let name = OwnedName::new(name);
        if self.creates_new() {
            self.create_exclusively(&name)
        } else if !self.creates() {
            self.open_existing(&name)
        } else if self.exact_mode || self.unlink_on_drop || self.group.is_some() {
            self.open_or_create(&name)
        } else {
            let descriptor = self.create_by(OFlags::CREATE, &name)?;
            Ok(self.handle(descriptor, QueueName::kept(Some(name))))
        }
    }

    /// Creates a queue under a name that is not in use: the prefix and 16 random characters. [`MessageQueue::name`]
    /// returns it.
    ///
    /// The random part is 80 bits of the kernel's random source. `create` and `create_new` are implied.
    ///
    /// ```
    /// use rawipc::{MessageQueue, name};
    /// let replies = MessageQueue::options().read(true).max_messages(1).max_message_size(16)
    ///     .unlink_on_drop(true).create_unique(name!("/replies-"))?;
    /// assert_eq!(replies.name().map(|name| name.as_bytes().len()), Some("/replies-".len() + 16));
    /// # Ok::<(), rawipc::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`open`](Self::open); [`InvalidName`](crate::ErrorKind::InvalidName) if more than 239 bytes follow the
    /// prefix's slash.
    pub fn create_unique(&self, prefix: &Name) -> Result<MessageQueue> {
        let options = self.create_new(true);
        options.check()?;
        create_unique(prefix, Operation::CreateQueue, |name| options.create_exclusively(name))
    }

    fn check(&self) -> Result<()> {
        if !self.flags.intersects(OpenFlags::READ_WRITE) {
            return Err(self.refuse(Argument::NoAccess, 0));
        }
        if self.mode & !MODE_BITS != 0 {
            return Err(self.refuse(Argument::Mode, self.mode));
        }
        if self.max_messages == Some(0) {
            return Err(self.refuse(Argument::ZeroMessages, 0));
        }
        if self.max_message_size == Some(0) {
            return Err(self.refuse(Argument::ZeroMessageSize, 0));
        }
        Ok(())
    }

    fn refuse(&self, argument: Argument, value: u32) -> Error {
        Error::argument(self.operation(), argument, value)
    }

    fn operation(&self) -> Operation {
        if self.creates() { Operation::CreateQueue } else { Operation::OpenQueue }
    }

    /// Both sizes, or neither for the kernel's defaults.
    fn sizes(&self) -> Result<Option<Sizes>> {
        let (max_messages, max_message_size) = match (self.max_messages, self.max_message_size) {
            (None, None) => return Ok(None),
            (Some(messages), Some(size)) => (messages as u64, size as u64),
            (messages, size) => {
                let default = diagnosis::default_sizes()
                    .ok_or_else(|| Error::caused(Operation::CreateQueue, Errno::NOENT, Cause::NoProc))?;
                let or_default = |size: Option<usize>, default| size.map_or(default, |size| size as u64);
                (or_default(messages, default.max_messages), or_default(size, default.max_message_size))
            }
        };
        Ok(Some(Sizes { max_messages, max_message_size }))
    }

    fn open_existing(&self, name: &OwnedName) -> Result<MessageQueue> {
        let descriptor =
            self.call(OFlags::empty(), name, None).map_err(|errno| diagnosis::of_opening(self.operation(), errno))?;
        Ok(self.handle(descriptor, QueueName::kept(Some(*name))))
    }

    fn create_exclusively(&self, name: &OwnedName) -> Result<MessageQueue> {
        let descriptor = self.create_by(OFlags::CREATE | OFlags::EXCL, name)?;
        let name = self.finish(name, &descriptor).map_err(|errno| {
            let _ = sys::mq_unlink(name.c_str());
            Error::system(Operation::CreateQueue, errno)
        })?;
        Ok(self.handle(descriptor, name))
    }

    /// What is done to a queue just created, and with its name.
    fn finish(&self, name: &OwnedName, descriptor: &OwnedFd) -> rustix::io::Result<QueueName> {
        if let Some(group) = self.group {
            set_group(descriptor, group)?;
        }
        if self.exact_mode {
            fchmod(descriptor, Mode::from_raw_mode(self.mode as _))?;
        }
        if self.unlink_on_drop {
            QueueName::removed_on_drop(*name, descriptor)
        } else {
            Ok(QueueName::kept(Some(*name)))
        }
    }

    /// Opens or creates, and knows which it was. Others may create and remove the queue between the two attempts.
    fn open_or_create(&self, name: &OwnedName) -> Result<MessageQueue> {
        let mut races = 0;
        loop {
            match self.create_exclusively(name) {
                Err(error) if error.errno() == Errno::EXIST => {}
                result => return result,
            }
            match self.open_existing(name) {
                Err(error) if error.errno() == Errno::NOENT && races < RACES => races += 1,
                result => return result,
            }
        }
    }

    fn create_by(&self, create: OFlags, name: &OwnedName) -> Result<OwnedFd> {
        let sizes = self.sizes()?;
        let attributes = sizes.map(|sizes| sys::Attributes {
            max_messages: c_long::try_from(sizes.max_messages).unwrap_or(c_long::MAX),
            max_message_size: c_long::try_from(sizes.max_message_size).unwrap_or(c_long::MAX),
            ..sys::Attributes::EMPTY
        });
        self.call(create, name, attributes.as_ref())
            .map_err(|errno| diagnosis::of_creation(Operation::CreateQueue, errno, sizes))
    }

    fn call(
        &self,
        create: OFlags,
        name: &OwnedName,
        attributes: Option<&sys::Attributes>,
    ) -> rustix::io::Result<OwnedFd> {
        // Not O_CLOEXEC: the kernel sets it for each descriptor of a queue, and where it is asked for all the same, it
        // is shown among the status flags (F_GETFL), unlike in a queue that C has opened.
        let flags = self.access() | create;
        sys::mq_open(name.c_str(), flags.bits(), self.first_mode(), attributes)
    }

    /// The mode to create it with: nothing is for a group that is not yet the right one.
    fn first_mode(&self) -> u32 {
        if self.exact_mode && self.group.is_some() { self.mode & !0o070 } else { self.mode }
    }

    fn access(&self) -> OFlags {
        let nonblocking = self.flags.contains(OpenFlags::NONBLOCKING);
        let access = match self.flags & OpenFlags::READ_WRITE {
            OpenFlags::READ => OFlags::RDONLY,
            OpenFlags::WRITE => OFlags::WRONLY,
            _ => OFlags::RDWR,
        };
        if nonblocking { access | OFlags::NONBLOCK } else { access }
    }

    fn handle(&self, descriptor: OwnedFd, name: QueueName) -> MessageQueue {
        MessageQueue::from_parts(descriptor, name, self.flags)
    }
}
