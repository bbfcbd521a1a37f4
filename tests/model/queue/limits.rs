//! What the kernel allows.

use rawipc::ErrorKind;
use rawipc::error::Limit;
use rawipc::inspect::QueueSizes;

use super::operation::Opening;

/// The limits that queues are created under.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub max_messages: usize,
    pub max_message_size: usize,
    /// Of all that are open or have a name.
    pub queues: usize,
    /// Of them all, by the kernel's formula.
    pub bytes: u64,
}

impl Limits {
    /// Those that hold for everybody. Queues and bytes are not counted: there are few and small ones.
    pub const OF_THE_KERNEL: Self =
        Self { max_messages: 65_536, max_message_size: 16 << 20, queues: usize::MAX, bytes: u64::MAX };

    /// The limits that one more queue would break, where so many others are there.
    pub fn broken(&self, opening: &Opening, queues: usize, bytes: u64) -> Vec<ErrorKind> {
        let sizes = QueueSizes { max_messages: opening.max_messages, max_message_size: opening.max_message_size };
        let limits = [
            (opening.max_messages > self.max_messages, Limit::MaxMessages),
            (opening.max_message_size > self.max_message_size, Limit::MaxMessageSize),
            (queues >= self.queues, Limit::Queues),
            (bytes.saturating_add(sizes.cost()) > self.bytes, Limit::QueueBytes),
        ];
        limits.into_iter().filter(|(broken, _)| *broken).map(|(_, limit)| ErrorKind::LimitExceeded(limit)).collect()
    }
}
