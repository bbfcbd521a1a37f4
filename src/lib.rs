#![doc = include_str!("../docs/overview.md")]
#![no_std]
#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

/// Has all that follows only where the library can be built, so that elsewhere there is one error, and it is ours.
///
/// rustfmt finds modules in a macro of this name, and leaves their lines as they are.
macro_rules! cfg_if {
    (if #[cfg($supported:meta)] { $($item:item)* } else { $otherwise:item }) => {
        $(#[cfg($supported)] $item)*
        #[cfg(not($supported))]
        $otherwise
    };
}

// `Cargo.toml` has the same condition, for the dependencies.
cfg_if! {
    if #[cfg(all(
        target_os = "linux",
        any(
            all(target_arch = "x86_64", target_pointer_width = "64"),
            all(target_arch = "aarch64", target_pointer_width = "64"),
            target_arch = "arm",
            target_arch = "x86",
            target_arch = "riscv64",
            all(target_arch = "s390x", rustix_use_experimental_asm),
        ),
    ))] {

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test, loom))]
extern crate std;

mod atomic_copy;
mod buffer;
mod creation;
mod dev_shm;
pub mod endpoint;
pub mod error;
mod futex;
#[cfg(all(doc, feature = "std", feature = "zerocopy"))]
pub mod guide;
mod inline_cstr;
pub mod inspect;
pub mod mqueue;
mod name;
mod open_flags;
mod priority;
pub mod semaphore;
pub mod shared_queue;
pub mod shm;
#[cfg(feature = "std")]
mod std_interop;
mod stream;
pub mod sync;
mod sys;
mod sysctl;
pub mod time;

pub use buffer::{Buffer, Message, MessageBuffer};
pub use endpoint::{Queue, Receiver, Sender};
#[cfg(feature = "zerocopy")]
pub use endpoint::{TypedReceiver, TypedSender};
pub use error::{Error, ErrorKind, Result};
pub use futex::WaitTuning;
pub use mqueue::{Attributes, MessageQueue, NotificationSocket};
pub use name::{Name, NameBuf, NameSource};
pub use open_flags::OpenFlags;
pub use priority::Priority;
pub use semaphore::{NamedSemaphore, Permit, Semaphore};
pub use shared_queue::SharedQueue;
pub use shm::{Mapping, Shareable, Shared, SharedMemory};
pub use sync::RobustMutex;
pub use time::Deadline;

/// The version of this crate.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The descriptor types and traits of rustix; with feature `std` they are those of `std::os::fd`.
pub use rustix::fd;
/// The errno type of [`Error::errno`], as rustix has it.
pub use rustix::io::Errno;

    } else {
        compile_error!(
            "rawipc makes Linux system calls by itself and knows how on x86_64, aarch64, arm, x86 and riscv64 only; \
             on this target use the C library's mq_*, sem_* and shm_* functions"
        );
    }
}

/// The README's examples, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
