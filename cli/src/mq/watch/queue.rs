//! The watched queue: what is in it, and the wait for more.

use std::time::{Duration, Instant};

use rawipc::mqueue::Status;
use rawipc::time::{Clock, Time};
use rawipc::{ErrorKind, MessageQueue, Name, NotificationSocket};
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::fstat;
use rustix::io::{Errno, retry_on_intr};
use rustix::time::{ClockId, clock_gettime};

use crate::error::Failure;
use crate::json::Object;
use crate::{registration, timestamp};

/// The clock that the kernel dates changes by is behind by less than this.
const TICK: Duration = Duration::from_millis(20);

type Result<T> = std::result::Result<T, Failure>;

/// A queue that this process is registered for. It lives as long as the process: closing the queue would drop the
/// registration.
pub(super) struct Watched {
    name: &'static Name,
    arrivals: NotificationSocket<MessageQueue>,
    /// Ready, edge-triggered, when something was sent or received and messages are there: it sees what the
    /// notification, which is for the empty queue alone, does not. It does not see a message taken from a full queue
    /// whose place a waiting sender gets.
    changes: OwnedFd,
    timeout: Option<Duration>,
}

/// The queue at a moment.
#[derive(Clone, Copy)]
pub(super) struct Look {
    pub(super) messages: usize,
    pub(super) is_full: bool,
    bytes: u64,
    /// The second in which a message was last sent or received. The kernel has it no finer.
    pub(super) changed: i64,
    /// `true` if that second is over, so that any later change would show.
    pub(super) is_settled: bool,
}

impl Watched {
    /// Opens the queue and registers: from here on, no arrival is missed.
    pub(super) fn open(name: &'static Name, timeout: Option<Duration>) -> Result<Self> {
        let about = Failure::about(name);
        let queue = MessageQueue::options().read(true).open(name).map_err(&about)?;
        let changes = watch_changes(&queue).map_err(|errno| Failure::new(name, errno))?;
        let arrivals = NotificationSocket::new(queue).map_err(|refused| about(refused.error))?;
        let mut watched = Self { name, arrivals, changes, timeout };
        watched.arm()?;
        Ok(watched)
    }

    pub(super) fn look(&self) -> Result<Look> {
        Look::at(self.arrivals.queue()).map_err(Failure::about(self.name))
    }

    /// A look that no change and no arrival came right before unseen: what `has_changed` and `has_arrived` say next
    /// came after it. Gives up where others never stop to send and receive; one of their changes is then seen twice.
    pub(super) fn look_apart(&mut self) -> Result<Look> {
        const TRIES: u32 = 100;
        self.has_news()?;
        let mut look = self.look()?;
        for _ in 0..TRIES {
            if !self.has_news()? {
                break;
            }
            look = self.look()?;
        }
        Ok(look)
    }

    /// Waits for an arrival, registers for the next one, and only then looks.
    pub(super) fn next_arrival(&mut self) -> Result<Look> {
        let result = match self.timeout {
            None => self.arrivals.wait(),
            Some(Duration::ZERO) => self.arrivals.try_wait(),
            Some(timeout) => self.arrivals.wait_timeout(timeout),
        };
        result.map_err(Failure::about(self.name))?;
        self.arm()?;
        self.look()
    }

    /// Returns `true` if the queue has been empty, and got a message, since the registration; if so, registers again.
    pub(super) fn has_arrived(&mut self) -> Result<bool> {
        match self.arrivals.try_wait() {
            Ok(_) => self.arm().map(|()| true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(Failure::about(self.name)(error)),
        }
    }

    /// Returns `true` if something has been sent or received since this was asked last, as far as `changes` sees it.
    pub(super) fn has_changed(&self) -> Result<bool> {
        let mut events = [epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) }];
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        let count = retry_on_intr(|| epoll::wait(&self.changes, &mut events[..], Some(&none)));
        count.map(|count| count > 0).map_err(|errno| Failure::new(self.name, errno))
    }

    fn has_news(&mut self) -> Result<bool> {
        Ok(self.has_arrived()? | self.has_changed()?)
    }

    /// Waits for an arrival, for more messages than there are, or for none.
    pub(super) fn next_change(&mut self, mut last: Look) -> Result<()> {
        let start = Instant::now();
        loop {
            let left = self.timeout.map(|timeout| timeout.saturating_sub(start.elapsed()));
            if !self.wait_for_any(left)? {
                return Err(Failure::not_now(self.name, "timed out, and no more messages have come"));
            }
            let has_arrived = self.has_arrived()?;
            let has_changed = self.has_changed()?;
            let look = self.look()?;
            // Fewer of them are the work of another receiver.
            if has_arrived || look.messages == 0 || has_changed && look.messages >= last.messages {
                return Ok(());
            }
            last = look;
        }
    }

    /// Waits until looks will be settled, unless something happens meanwhile.
    pub(super) fn settle(&self) -> Result<()> {
        let passed = Duration::from_nanos(clock_gettime(ClockId::Realtime).tv_nsec.unsigned_abs());
        self.wait_for_any(Some(Duration::from_secs(1).saturating_sub(passed) + TICK)).map(drop)
    }

    /// Waits for news from either side, for at most `timeout`; false if there are none.
    fn wait_for_any(&self, timeout: Option<Duration>) -> Result<bool> {
        // A time that the kernel cannot count is as good as none.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut both = [self.arrivals.as_fd(), self.changes.as_fd()]
            .map(|descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN));
        match poll(&mut both, timeout.as_ref()) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(true),
            Err(errno) => Err(Failure::new(self.name, errno)),
        }
    }

    /// Registers. If another process is registered, says which.
    fn arm(&mut self) -> Result<()> {
        let Err(error) = self.arrivals.arm() else { return Ok(()) };
        let failure = Failure::about(self.name)(error);
        match self.arrivals.queue().status() {
            Ok(Status { registration: Some(registration), .. }) if error.kind() == ErrorKind::Busy => {
                Err(failure.and(registration::sentence(registration)))
            }
            _ => Err(failure),
        }
    }
}

fn watch_changes(queue: &MessageQueue) -> std::result::Result<OwnedFd, Errno> {
    let changes = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&changes, queue, epoll::EventData::new_u64(0), epoll::EventFlags::IN | epoll::EventFlags::ET)?;
    Ok(changes)
}

impl Look {
    fn at(queue: &MessageQueue) -> rawipc::Result<Self> {
        let now = clock_gettime(ClockId::RealtimeCoarse).tv_sec;
        let attributes = queue.attributes()?;
        let bytes = queue.status()?.bytes;
        // It fails for no open descriptor.
        let changed = fstat(queue).map_or(0, |status| status.st_mtime);
        let messages = attributes.messages;
        Ok(Self { messages, is_full: messages == attributes.max_messages, bytes, changed, is_settled: changed < now })
    }

    pub(super) fn line(self) -> String {
        let Self { messages, bytes, .. } = self;
        format!("{} messages {messages} bytes {bytes}\n", timestamp::milliseconds(Time::now(Clock::Realtime)))
    }

    pub(super) fn json(self) -> String {
        let object = Object::new().text("time", &timestamp::milliseconds(Time::now(Clock::Realtime)));
        object.number("messages", self.messages).number("bytes", self.bytes).finish() + "\n"
    }
}
