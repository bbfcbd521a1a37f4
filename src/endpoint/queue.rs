//! What the ends ask of a queue.

use core::ops::ControlFlow;
use core::time::Duration;

use crate::buffer::{Buffer, Message, MessageBuffer};
use crate::error::Result;
use crate::error::TransferError;
use crate::mqueue::Attributes;
use crate::mqueue::MessageQueue;
use crate::priority::Priority;
use crate::shared_queue::SharedQueue;
use crate::stream::Received;
use crate::time::Deadline;

/// A queue of either kind: [`MessageQueue`] or [`SharedQueue`].
///
/// Code for both is written for an end of a queue, which has the methods:
///
/// ```
/// use rawipc::{Priority, Queue, Sender};
///
/// fn sweep<Q: Queue>(jobs: &Sender<Q>, rooms: &[&str]) -> rawipc::Result<()> {
///     rooms.iter().try_for_each(|room| jobs.send(room.as_bytes(), Priority::MIN))
/// }
/// # use rawipc::{MessageQueue, name, SharedQueue};
/// # let name = name!("/rawipc-doc-queue-trait");
/// # let kernel = MessageQueue::options().write(true).max_messages(2).unlink_on_drop(true).create_unique(name)?;
/// # sweep(&Sender::try_from(kernel)?, &["kitchen", "hall"])?;
/// # let shared = SharedQueue::options().write(true).max_messages(2).create_anonymous()?;
/// # sweep(&Sender::try_from(shared)?, &["kitchen", "hall"])?;
/// # Ok::<(), rawipc::Error>(())
/// ```
///
/// Sealed: it cannot be implemented elsewhere.
pub trait Queue: Methods {}

impl<Q: Methods> Queue for Q {}

/// Says each method once, for the trait and for both queues, which have one of the same name.
macro_rules! methods {
    ($(fn $method:ident $([$($generics:tt)*])? (&self $(, $argument:ident: $type:ty)*) -> $result:ty;)*) => {
        pub trait Methods {
            $(fn $method $(<$($generics)*>)? (&self $(, $argument: $type)*) -> $result;)*
        }

        impl Methods for MessageQueue {
            $(#[inline] fn $method $(<$($generics)*>)? (&self $(, $argument: $type)*) -> $result {
                self.$method($($argument),*)
            })*
        }

        impl Methods for SharedQueue {
            $(#[inline] fn $method $(<$($generics)*>)? (&self $(, $argument: $type)*) -> $result {
                self.$method($($argument),*)
            })*
        }
    };
}

type Transfer<T> = core::result::Result<T, TransferError>;

methods! {
    fn attributes(&self) -> Result<Attributes>;

    fn send(&self, message: &[u8], priority: Priority) -> Result<()>;
    fn try_send(&self, message: &[u8], priority: Priority) -> Result<()>;
    fn send_timeout(&self, message: &[u8], priority: Priority, timeout: Duration) -> Result<()>;
    fn send_deadline(&self, message: &[u8], priority: Priority, deadline: Deadline) -> Result<()>;
    fn send_truncated(&self, message: &[u8], priority: Priority) -> Result<usize>;
    fn send_all(&self, payload: &[u8], priority: Priority) -> Transfer<()>;
    fn send_all_deadline(&self, payload: &[u8], priority: Priority, deadline: Deadline) -> Transfer<()>;
    fn try_send_all(&self, payload: &[u8], priority: Priority) -> Transfer<usize>;
    fn try_send_many[M: AsRef<[u8]>](&self, messages: &[M], priority: Priority) -> Result<usize>;

    fn receive['b, B: Buffer + ?Sized](&self, buffer: &'b mut B) -> Result<Message<'b>>;
    fn try_receive['b, B: Buffer + ?Sized](&self, buffer: &'b mut B) -> Result<Message<'b>>;
    fn receive_timeout['b, B: Buffer + ?Sized](&self, buffer: &'b mut B, timeout: Duration) -> Result<Message<'b>>;
    fn receive_deadline['b, B: Buffer + ?Sized](&self, buffer: &'b mut B, deadline: Deadline) -> Result<Message<'b>>;
    fn buffer[const N: usize](&self) -> Result<MessageBuffer<N>>;
    fn try_receive_all['b, B: Buffer + ?Sized](&self, buffer: &'b mut B) -> Transfer<Received<'b>>;
    fn try_receive_many[B: Buffer + ?Sized, F: FnMut(Message<'_>) -> ControlFlow<()>](
        &self,
        buffer: &mut B,
        take: F
    ) -> Result<usize>;
}
