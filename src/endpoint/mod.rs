//! The two ends of a queue as types, whatever the queue: the wrong direction does not compile.

mod queue;
mod receiver;
mod sender;
#[cfg(feature = "zerocopy")]
mod typed;

pub use crate::stream::{Received, StopReason};
pub use queue::Queue;
pub use receiver::Receiver;
pub use sender::Sender;
#[cfg(feature = "zerocopy")]
pub use typed::{TypedReceiver, TypedSender};

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use rustix::io::Errno;

use crate::error::{Cause, Error, Operation, RejectedError};
use crate::mqueue::MessageQueue;
use crate::open_flags::OpenFlags;
use crate::shared_queue::SharedQueue;

/// What both ends have in common; `$direction` is the access that the queue must have.
macro_rules! end {
    ($end:ident, $direction:expr) => {
        impl<Q> $end<Q> {
            /// Returns the queue, for its attributes, its flags and its name.
            #[must_use]
            pub const fn queue(&self) -> &Q {
                &self.0
            }

            /// Returns the queue, for both directions again if it was opened so.
            #[must_use]
            pub fn into_queue(self) -> Q {
                self.0
            }
        }

        end!($end, $direction, MessageQueue);
        end!($end, $direction, SharedQueue);

        impl<Q: AsFd> AsFd for $end<Q> {
            /// The queue's.
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.as_fd()
            }
        }

        impl<Q: AsRawFd> AsRawFd for $end<Q> {
            fn as_raw_fd(&self) -> RawFd {
                self.0.as_raw_fd()
            }
        }
    };
    ($end:ident, $direction:expr, $queue:ident) => {
        impl TryFrom<$queue> for $end<$queue> {
            type Error = RejectedError<$queue>;

            /// Makes an end of a queue that is open in this direction (or in both).
            ///
            /// # Errors
            /// [`BadDescriptor`](crate::ErrorKind::BadDescriptor) if it is not; the queue is given back.
            fn try_from(queue: $queue) -> core::result::Result<Self, RejectedError<$queue>> {
                match queue.flags() {
                    Ok(flags) if flags.contains($direction) => Ok(Self(queue)),
                    Ok(_) => {
                        let error = Error::caused(Operation::AdoptQueue, Errno::BADF, Cause::WrongDirection);
                        Err(RejectedError { error, value: queue })
                    }
                    Err(error) => Err(RejectedError { error, value: queue }),
                }
            }
        }
    };
}

end!(Sender, OpenFlags::WRITE);
end!(Receiver, OpenFlags::READ);
