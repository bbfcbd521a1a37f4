//! What was being done when it failed.

/// The operation that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Checking a name.
    CheckName,
    /// Making a priority from a number.
    MakePriority,
    /// Making a time from its parts, or reading a clock.
    MakeTime,
    /// Creating a queue, or opening it if it exists.
    CreateQueue,
    /// Opening an existing queue.
    OpenQueue,
    /// Taking over a descriptor as a queue.
    AdoptQueue,
    /// Duplicating a queue's descriptor.
    CloneQueue,
    /// Removing a queue's name.
    UnlinkQueue,
    /// Closing a queue.
    CloseQueue,
    /// Reading a queue's attributes, flags or mode.
    QueueStatus,
    /// Switching a queue between blocking and nonblocking.
    SetNonblocking,
    /// Registering for a queue's notification, or removing the registration.
    Notify,
    /// Making the socket that notifications come by.
    NotificationSocket,
    /// Waiting for a notification.
    AwaitNotification,
    /// Starting the thread that a notification runs in.
    NotificationThread,
    /// Reading the limits for message queues.
    ReadLimits,
    /// Comparing sizes with the limits.
    CheckLimits,
    /// Listing objects.
    List,
    /// Creating a semaphore, or opening it if it exists.
    CreateSemaphore,
    /// Opening an existing semaphore.
    OpenSemaphore,
    /// Finding out what a semaphore's name stands for.
    SemaphoreStatus,
    /// Removing a semaphore's name.
    UnlinkSemaphore,
    /// Creating a shared memory object, or opening it if it exists.
    CreateMemory,
    /// Opening or adopting an existing shared memory object.
    OpenMemory,
    /// Duplicating a shared memory object's descriptor.
    CloneMemory,
    /// Closing a shared memory object.
    CloseMemory,
    /// Removing a shared memory object's name.
    UnlinkMemory,
    /// Reading a shared memory object's size, mode or flags.
    MemoryStatus,
    /// Changing a shared memory object's size.
    ResizeMemory,
    /// Sealing a shared memory object's size.
    SealMemory,
    /// Copying bytes out of a shared memory object.
    ReadMemory,
    /// Copying bytes into a shared memory object.
    WriteMemory,
    /// Mapping a shared memory object.
    MapMemory,
    /// Reaching into mapped memory.
    AccessMemory,
    /// Opening a value in shared memory.
    OpenShared,
    /// Beginning to use a robust mutex.
    OpenMutex,
    /// Locking a robust mutex.
    Lock,
    /// Preparing or arming a shared queue's doorbell.
    Doorbell,
    /// Adding tokens to a semaphore.
    Post,
    /// Taking a token from a semaphore.
    Wait,
    /// Sending a message.
    Send,
    /// Receiving a message.
    Receive,
}

impl Operation {
    /// Returns `true` if ENOSPC is that of `mq_open`.
    pub(super) const fn opens_queue(self) -> bool {
        matches!(self, Self::CreateQueue | Self::OpenQueue)
    }

    /// What an error's sentence begins with.
    pub(super) fn phrase(self) -> &'static str {
        match self {
            Self::CheckName => "checking the name",
            Self::MakePriority => "making a priority",
            Self::MakeTime => "making a time",
            Self::CreateQueue => "creating the queue",
            Self::OpenQueue => "opening the queue",
            Self::AdoptQueue => "adopting the descriptor",
            Self::CloneQueue => "duplicating the queue's descriptor",
            Self::UnlinkQueue => "unlinking the queue",
            Self::CloseQueue => "closing the queue",
            Self::QueueStatus => "reading the queue's status",
            Self::SetNonblocking => "setting the queue's nonblocking flag",
            Self::Notify => "registering for notification",
            Self::NotificationSocket => "making the notification socket",
            Self::AwaitNotification => "waiting for a notification",
            Self::NotificationThread => "starting the notification's thread",
            Self::ReadLimits => "reading the limits",
            Self::CheckLimits => "checking the sizes",
            Self::List => "listing",
            Self::CreateSemaphore => "creating the semaphore",
            Self::OpenSemaphore => "opening the semaphore",
            Self::SemaphoreStatus => "reading the semaphore's status",
            Self::UnlinkSemaphore => "unlinking the semaphore",
            Self::CreateMemory => "creating the shared memory",
            Self::OpenMemory => "opening the shared memory",
            Self::CloneMemory => "duplicating the shared memory's descriptor",
            Self::CloseMemory => "closing the shared memory",
            Self::UnlinkMemory => "unlinking the shared memory",
            Self::MemoryStatus => "reading the shared memory's status",
            Self::ResizeMemory => "resizing the shared memory",
            Self::SealMemory => "sealing the shared memory",
            Self::ReadMemory => "reading the shared memory",
            Self::WriteMemory => "writing the shared memory",
            Self::MapMemory => "mapping the shared memory",
            Self::AccessMemory => "reaching into mapped memory",
            Self::OpenShared => "opening the shared value",
            Self::OpenMutex => "opening the robust mutex",
            Self::Lock => "locking the mutex",
            Self::Doorbell => "preparing the doorbell",
            Self::Post => "posting the semaphore",
            Self::Wait => "waiting for the semaphore",
            Self::Send => "sending",
            Self::Receive => "receiving",
        }
    }
}
