//! What the user's queues cost together, as far as they can be seen.
//!
//! The kernel keeps the exact sum, over all IPC namespaces and also of queues whose names are gone, and does
//! not show it.

use rawipc::Result;
use rawipc::inspect::QueueSizes;
use rustix::process::{Resource, getrlimit, getuid};

use crate::list::objects;

/// The user's queues that can be seen.
pub(crate) struct Account {
    pub(crate) queues: usize,
    /// What they count against RLIMIT_MSGQUEUE, in bytes.
    pub(crate) cost: u64,
}

impl Account {
    /// Looks at the queues of this IPC namespace.
    pub(crate) fn seen() -> Result<Self> {
        let user = getuid().as_raw();
        let own = objects::queues()?.into_iter().filter(|object| object.user() == user);
        let costs = own.filter_map(|object| {
            let attributes = *object.attributes()?;
            let sizes =
                QueueSizes { max_messages: attributes.max_messages, max_message_size: attributes.max_message_size };
            Some(sizes.cost())
        });
        Ok(costs.fold(Self { queues: 0, cost: 0 }, |sum, cost| Self { queues: sum.queues + 1, cost: sum.cost + cost }))
    }

    /// What it leaves of RLIMIT_MSGQUEUE at most; `None` if there is no limit.
    pub(crate) fn left(&self) -> Option<u64> {
        limit().map(|limit| limit.saturating_sub(self.cost))
    }

    /// A sentence without its end.
    pub(crate) fn sentence(&self) -> String {
        let Self { queues, cost } = self;
        let queues = if *queues == 1 { "1 queue".to_owned() } else { format!("{queues} queues") };
        let left = self.left().map_or("nothing limits them".to_owned(), |left| format!("at most {left} are left"));
        format!("the user's {queues} that can be seen cost at least {cost} bytes, {left}")
    }
}

/// RLIMIT_MSGQUEUE in bytes; `None` is no limit.
pub(crate) fn limit() -> Option<u64> {
    getrlimit(Resource::Msgqueue).current
}
