//! How a queue is opened, as flags.

use bitflags::bitflags;

bitflags! {
    /// How a queue is opened, as flags: what POSIX calls `oflag`.
    ///
    /// The options' methods (`read(true)`, `create(true)`, …) set these bits one by one; `flags(…)` takes them at once,
    /// and a handle shows those it has now. The numbers are this crate's own: POSIX's read-only flag is no bit at all.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct OpenFlags: u32 {
        /// Receiving, reading. Alone: `O_RDONLY`.
        #[doc(alias = "O_RDONLY")]
        const READ = 1;
        /// Sending, writing. Alone: `O_WRONLY`.
        #[doc(alias = "O_WRONLY")]
        const WRITE = 1 << 1;
        /// Both directions: `O_RDWR`.
        #[doc(alias = "O_RDWR")]
        const READ_WRITE = Self::READ.bits() | Self::WRITE.bits();
        /// Create the object if there is none: `O_CREAT`.
        #[doc(alias = "O_CREAT")]
        const CREATE = 1 << 2;
        /// With `CREATE`: fail if there is one: `O_EXCL`. Without `CREATE` it does nothing.
        #[doc(alias = "O_EXCL")]
        const EXCLUSIVE = 1 << 3;
        /// Create the object, and fail if there is one: `O_CREAT | O_EXCL`.
        #[doc(alias = "O_CREX")]
        const CREATE_NEW = Self::CREATE.bits() | Self::EXCLUSIVE.bits();
        /// Never wait: `O_NONBLOCK`.
        #[doc(alias = "O_NONBLOCK")]
        const NONBLOCKING = 1 << 4;
    }
}
