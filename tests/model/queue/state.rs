//! What there is: queues, their messages and waiters, and the handles of the processes.

use std::collections::VecDeque;

use super::notification::{ModelSocket, Registration};

/// A queue, for as long as it has a name or a handle.
#[derive(Debug)]
pub struct QueueState {
    pub max_messages: usize,
    pub max_message_size: usize,
    pub cost: u64,
    /// In the order in which they will be received.
    pub messages: Vec<Message>,
    /// At most one of the two has anybody in it; in the order in which they will be served.
    pub receivers: VecDeque<usize>,
    pub senders: VecDeque<(usize, Message)>,
    pub registration: Option<Registration>,
}

#[derive(Clone, Debug)]
pub struct Message {
    pub payload: Vec<u8>,
    pub priority: u16,
}

#[derive(Debug)]
pub struct ProcessState {
    pub pid: u32,
    pub handles: Vec<Handle>,
    pub blocked: bool,
}

#[derive(Debug)]
pub struct Handle {
    /// The number of its queue.
    pub queue: usize,
    pub read: bool,
    pub write: bool,
    /// The number of the flag that it shares with its duplicates.
    pub nonblocking: usize,
    /// The name that goes with it.
    pub removes: Option<usize>,
    pub socket: Option<ModelSocket>,
}

impl QueueState {
    /// Messages of higher priority come first, and of one priority those that were sent first.
    pub fn insert(&mut self, message: Message) {
        let place = self.messages.partition_point(|other| other.priority >= message.priority);
        self.messages.insert(place, message);
    }

    pub fn is_full(&self) -> bool {
        self.messages.len() == self.max_messages
    }

    pub fn bytes(&self) -> u64 {
        self.messages.iter().map(|message| message.payload.len() as u64).sum()
    }

    /// Takes a killed process out of those that wait.
    pub fn forget_waiter(&mut self, process: usize) {
        self.receivers.retain(|waiter| *waiter != process);
        self.senders.retain(|(waiter, _)| *waiter != process);
    }
}
