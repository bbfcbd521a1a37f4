//! Notification: the one slot of each queue, and the sockets that news come by.

use std::collections::VecDeque;

use rawipc::ErrorKind;
use rawipc::mqueue::{Delivery, Notified};

use super::Answer;
use super::model::QueueModel;
use crate::model::Expected;

/// Who is registered.
#[derive(Clone, Copy, Debug)]
pub struct Registration {
    pub process: usize,
    pub way: Way,
}

#[derive(Clone, Copy, Debug)]
pub enum Way {
    Nothing,
    Signal,
    /// The socket's number, and which of its registrations it is.
    Socket(usize, u32),
}

impl Way {
    pub fn delivery(self) -> Delivery {
        match self {
            Self::Nothing => Delivery::None,
            Self::Signal => Delivery::Signal(super::kernel::SIGNAL),
            Self::Socket(..) => Delivery::Socket,
        }
    }
}

/// A socket: what was sent to it and not read, and how many registrations there are whose news were not.
#[derive(Debug)]
pub struct ModelSocket {
    pub number: usize,
    current: u32,
    unread: u32,
    news: VecDeque<(u32, Notified)>,
    /// Arrivals that were read to make room are told as one.
    kept: bool,
}

impl ModelSocket {
    pub fn new(number: usize) -> Self {
        Self { number, current: 0, unread: 0, news: VecDeque::new(), kept: false }
    }

    pub fn deliver(&mut self, registration: u32, news: Notified) {
        self.news.push_back((registration, news));
    }

    /// What is read before another registration, so that the socket never fills.
    pub fn make_room(&mut self) {
        while self.unread > 1 {
            let Some((_, news)) = self.next() else { break };
            self.kept |= news == Notified::Arrived;
        }
    }

    pub fn register(&mut self) -> Way {
        self.current += 1;
        self.unread += 1;
        Way::Socket(self.number, self.current)
    }

    /// The news, but those of removals that made room for a later registration.
    pub fn read(&mut self) -> Expected<Answer> {
        if std::mem::take(&mut self.kept) {
            return Expected::answer(Answer::News(Notified::Arrived));
        }
        loop {
            let was_armed = self.unread > 0;
            match self.next() {
                Some((false, Notified::Removed)) => {}
                Some((_, news)) => return Expected::answer(Answer::News(news)),
                None if was_armed => return Expected::errors(vec![ErrorKind::WouldBlock]),
                None => return Expected::errors(vec![ErrorKind::InvalidInput]),
            }
        }
    }

    /// The next news, and whether they are of the current registration.
    fn next(&mut self) -> Option<(bool, Notified)> {
        let (registration, news) = self.news.pop_front()?;
        let is_current = registration == self.current;
        self.unread = if is_current { 0 } else { self.unread.saturating_sub(1).max(1) };
        Some((is_current, news))
    }
}

impl QueueModel {
    /// Takes the slot, if it is free.
    pub(super) fn register(&mut self, process: usize, handle: usize, way: Option<Way>) -> Expected<Answer> {
        let queue = self.processes[process].handles[handle].queue;
        if self.queues[queue].registration.is_some() {
            return Expected::errors(vec![ErrorKind::Busy]);
        }
        let socket = &mut self.processes[process].handles[handle].socket;
        let way = way.unwrap_or_else(|| socket.as_mut().expect("it was made").register());
        self.queues[queue].registration = Some(Registration { process, way });
        Expected::answer(Answer::Done)
    }

    /// A message came into the empty queue, and nobody was waiting for it.
    pub(super) fn notify(&mut self, queue: usize) {
        self.end_registration(queue, Notified::Arrived);
    }

    /// Frees the slot, if it is this process's.
    pub(super) fn cancel(&mut self, process: usize, queue: usize) {
        if self.queues[queue].registration.is_some_and(|registration| registration.process == process) {
            self.end_registration(queue, Notified::Removed);
        }
    }

    fn end_registration(&mut self, queue: usize, news: Notified) {
        let Some(Registration { way: Way::Socket(number, registration), process }) =
            self.queues[queue].registration.take()
        else {
            return;
        };
        let mut sockets = self.processes[process].handles.iter_mut().filter_map(|handle| handle.socket.as_mut());
        if let Some(socket) = sockets.find(|socket| socket.number == number) {
            socket.deliver(registration, news);
        }
    }

    pub(super) fn drop_socket(&mut self, process: usize, handle: usize) {
        let handle = &mut self.processes[process].handles[handle];
        let Some(socket) = handle.socket.take() else { return };
        let slot = &mut self.queues[handle.queue].registration;
        if slot.is_some_and(|slot| matches!(slot.way, Way::Socket(number, _) if number == socket.number)) {
            *slot = None;
        }
    }
}
