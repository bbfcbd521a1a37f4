//! Looking again and again before a wait sleeps.

use core::hint::spin_loop;

use rustix::event::PollFlags;
use rustix::io::Errno;

use super::MessageQueue;
use crate::error::{Error, Operation, Result};

impl MessageQueue {
    /// Looks so often whether there is a message, until there is one: whether there is. For right before a receive call
    /// of any form, so that it need not sleep.
    ///
    /// Between two processors, a round trip of two processes that both spin takes a tenth of the time that it takes if
    /// they sleep: waking a sleeping processor is what costs. A look takes 0.15 µs, so 100 looks bridge what 15 µs
    /// of sleep would. Meanwhile the processor does nothing else; where the thread may run on one processor only, the
    /// sender could not run either, so it looks only once there.
    ///
    /// Another receiver may be faster, so the receive call may have to wait all the same.
    ///
    /// ```
    /// # use rawipc::{MessageBuffer, MessageQueue, Priority, name};
    /// # let queue = MessageQueue::options().read(true).write(true).max_messages(2).max_message_size(16)
    /// #     .unlink_on_drop(true).create_unique(name!("/rawipc-doc-spin"))?;
    /// # queue.send(b"hello", Priority::MIN)?;
    /// let mut buffer = MessageBuffer::<16>::new();
    /// queue.spin_until_message(100)?;
    /// assert_eq!(queue.receive(&mut buffer)?.payload(), b"hello");
    /// assert!(!queue.spin_until_message(100)?); // No more came while it looked.
    /// # Ok::<(), rawipc::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`BadDescriptor`](crate::ErrorKind::BadDescriptor) if the queue is not open for receiving.
    #[doc(alias = "busy_poll")]
    pub fn spin_until_message(&self, looks: u32) -> Result<bool> {
        self.check_receiving(usize::MAX, 0)?;
        self.spin(PollFlags::IN, looks)
    }

    /// Looks so often whether there is room for a message, until there is: whether there is. For right before a send
    /// call of any form; see [`spin_until_message`](Self::spin_until_message).
    ///
    /// # Errors
    /// [`BadDescriptor`](crate::ErrorKind::BadDescriptor) if the queue is not open for sending.
    pub fn spin_until_room(&self, looks: u32) -> Result<bool> {
        self.check_sending(0, 0)?;
        self.spin(PollFlags::OUT, looks)
    }

    fn spin(&self, ready: PollFlags, looks: u32) -> Result<bool> {
        for _ in 0..looks {
            match self.look(ready).map_err(|unready| unready.errno()) {
                Ok(()) => return Ok(true),
                Err(Errno::AGAIN | Errno::TIMEDOUT) => spin_loop(),
                Err(errno) => return Err(Error::system(Operation::QueueStatus, errno)),
            }
        }
        Ok(false)
    }
}
