//! What a queue is and how it stands.

/// A queue's sizes, how many messages are in it, and whether this descriptor waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "mq_attr")]
pub struct Attributes {
    /// The most messages it can hold. Fixed when the queue was created.
    #[doc(alias = "mq_maxmsg")]
    pub max_messages: usize,
    /// The most bytes a message can have. Fixed when the queue was created.
    #[doc(alias = "mq_msgsize")]
    pub max_message_size: usize,
    /// How many messages were in it when it was asked.
    #[doc(alias = "mq_curmsgs")]
    pub messages: usize,
    /// Whether calls on this descriptor and its duplicates never wait.
    #[doc(alias = "mq_flags")]
    pub nonblocking: bool,
}
