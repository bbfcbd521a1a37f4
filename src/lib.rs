#![doc = include_str!("../README.md")]
#![no_std]
#![deny(unsafe_code)]

#[cfg(not(target_os = "linux"))]
compile_error!(
    "rawipc makes Linux system calls by itself; on other systems use the C library's mq_*, sem_* and shm_* functions"
);

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod buffer;
mod error;
mod flags;
mod mqueue;
mod name;
mod open;
mod priority;
#[cfg(feature = "std")]
mod std_interop;
mod sys;
mod sysctl;
mod time;

pub use buffer::{Buffer, Message, MessageBuffer};
pub use error::{Bounds, Error, ErrorKind, Limit, Operation, Refused, Result, retry_on_interrupt};
pub use flags::OpenFlags;
pub use mqueue::{Attributes, Drained, Incomplete, MessageQueue, MessageQueueOptions, Receiver, Sender, Stop};
#[cfg(feature = "zerocopy")]
pub use mqueue::{TypedReceiver, TypedSender};
pub use name::{NAME_MAX, Name, NameSource};
pub use priority::Priority;
pub use time::{Clock, Deadline, Time};

/// The descriptor types and traits of rustix; with feature `std` they are those of `std::os::fd`.
pub use rustix::fd;
/// The errno type of [`Error::errno`], as rustix has it.
pub use rustix::io::Errno;
