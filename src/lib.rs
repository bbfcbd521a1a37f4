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
mod attributes;
mod buffer;
mod devshm;
mod ends;
mod error;
mod flags;
mod futex;
#[cfg(all(doc, feature = "std", feature = "zerocopy"))]
pub mod guide;
mod limits;
mod list;
mod mqueue;
mod name;
mod open;
mod platform;
mod priority;
mod robust;
mod semaphore;
mod shared_queue;
mod shm;
#[cfg(feature = "std")]
mod std_interop;
mod stream;
mod sys;
mod sysctl;
mod text;
mod time;

pub use attributes::Attributes;
pub use buffer::{Buffer, Message, MessageBuffer};
pub use ends::{Queue, Receiver, Sender};
#[cfg(feature = "zerocopy")]
pub use ends::{TypedReceiver, TypedSender};
pub use error::{Bounds, Error, ErrorKind, Limit, Operation, Refused, Result, retry_on_interrupt};
pub use flags::OpenFlags;
pub use futex::WaitTuning;
pub use limits::{Limits, QueueSizes, SEMAPHORE_VALUE_MAX, VERSION, VERSION_NUMBERS};
pub use list::{Entry, Listing, ObjectKind};
pub use mqueue::{
    Delivery, MessageQueue, MessageQueueOptions, NotificationSocket, Notified, Notify, PORTABLE_REALTIME_SIGNALS,
    REALTIME_SIGNALS, Registration, SI_MESGQ, Status,
};
#[cfg(feature = "std")]
pub use mqueue::{Ended, NotificationThread};
pub use name::{NAME_MAX, Name, NameSource};
pub use platform::Platform;
pub use priority::Priority;
pub use robust::{RobustGuard, RobustMutex};
#[cfg(target_has_atomic = "64")]
pub use semaphore::Gnu64;
pub use semaphore::{
    Abi, Diagnosis, Gnu32, Layout, Musl, NamedSemaphore, NamedSemaphoreOptions, Native, Permit, Private, Semaphore,
    SemaphoreOf, Tokens,
};
pub use shared_queue::{Borrowed, Doorbell, Reservation, SharedQueue, SharedQueueOptions, SharedQueueStatus};
pub use shm::{
    Advice, AnonymousOptions, MapOptions, Mapping, ReadOnlyMapping, ReadOnlyShared, Shareable, Shared, SharedMemory,
    SharedMemoryOptions, SharedOptions,
};
pub use stream::{Drained, Incomplete, Stop};
pub use time::{Clock, Deadline, Time};

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
