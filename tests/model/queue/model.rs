//! The model: what each operation does.

use std::mem;

use rawipc::inspect::QueueSizes;
use rawipc::mqueue::{Registration as Registered, Status};
use rawipc::{Attributes, ErrorKind};

use super::notification::{ModelSocket, Way};
use super::operation::{Action, Opening, Operation, Wait};
use super::state::{Handle, Message, ProcessState, QueueState};
use super::{Abilities, Answer, HANDLES, Limits, NAMES, View};
use crate::model::{Expected, Model};

/// All queues, and the processes that use them.
#[derive(Debug)]
pub struct QueueModel {
    abilities: Abilities,
    limits: Limits,
    pub(super) queues: Vec<QueueState>,
    names: [Option<usize>; NAMES],
    pub(super) processes: Vec<ProcessState>,
    /// The nonblocking flags, each of one handle and its duplicates.
    flags: Vec<bool>,
    sockets: usize,
    released: Vec<(usize, Expected<Answer>)>,
}

impl QueueModel {
    /// Nothing exists yet but the processes.
    pub fn new(abilities: Abilities, limits: Limits, pids: &[u32]) -> Self {
        let process = |pid: &u32| ProcessState { pid: *pid, handles: Vec::new(), blocked: false };
        Self {
            abilities,
            limits,
            queues: Vec::new(),
            names: [None; NAMES],
            processes: pids.iter().map(process).collect(),
            flags: Vec::new(),
            sockets: 0,
            released: Vec::new(),
        }
    }

    fn open(&mut self, process: usize, name: usize, opening: &Opening) -> Expected<Answer> {
        let sizes = [opening.max_messages, opening.max_message_size];
        let are_sizes = sizes.iter().zip(self.abilities.largest).all(|(size, largest)| (1..=largest).contains(size));
        if !opening.read && !opening.write || !are_sizes {
            return Expected::errors(vec![ErrorKind::InvalidInput]);
        }
        let (queue, is_new) = match self.names[name] {
            Some(_) if opening.create_new => return Expected::errors(vec![ErrorKind::AlreadyExists]),
            Some(queue) => (queue, false),
            None if !opening.create && !opening.create_new => return Expected::errors(vec![ErrorKind::NotFound]),
            None => match self.create(opening) {
                Ok(queue) => (queue, true),
                Err(broken) => return Expected::errors(broken),
            },
        };
        self.names[name] = Some(queue);
        self.flags.push(opening.nonblocking);
        self.processes[process].handles.push(Handle {
            queue,
            read: opening.read,
            write: opening.write,
            nonblocking: self.flags.len() - 1,
            removes: (is_new && opening.unlink_on_drop).then_some(name),
            socket: None,
        });
        Expected::answer(Answer::Done)
    }

    fn create(&mut self, opening: &Opening) -> Result<usize, Vec<ErrorKind>> {
        let living = |queue: &usize| {
            let mut handles = self.processes.iter().flat_map(|process| &process.handles);
            self.names.contains(&Some(*queue)) || handles.any(|handle| handle.queue == *queue)
        };
        let living: Vec<usize> = (0..self.queues.len()).filter(living).collect();
        let bytes = living.iter().map(|queue| self.queues[*queue].cost).sum();
        let broken = self.limits.broken(opening, living.len(), bytes);
        if !broken.is_empty() {
            return Err(broken);
        }
        let (max_messages, max_message_size) = (opening.max_messages, opening.max_message_size);
        self.queues.push(QueueState {
            max_messages,
            max_message_size,
            cost: QueueSizes { max_messages, max_message_size }.cost(),
            messages: Vec::new(),
            receivers: Default::default(),
            senders: Default::default(),
            registration: None,
        });
        Ok(self.queues.len() - 1)
    }

    fn close(&mut self, process: usize, handle: usize) {
        self.drop_socket(process, handle);
        let handle = self.processes[process].handles.remove(handle);
        if let Some(name) = handle.removes.filter(|name| self.names[*name] == Some(handle.queue)) {
            self.names[name] = None;
        }
        // Whichever of the process's handles it was made by.
        self.cancel(process, handle.queue);
    }

    fn unlink(&mut self, name: usize) -> Expected<Answer> {
        match self.names[name].take() {
            Some(_) => Expected::answer(Answer::Done),
            None => Expected::errors(vec![ErrorKind::NotFound]),
        }
    }

    fn duplicate(&mut self, process: usize, handle: usize) {
        let handles = &mut self.processes[process].handles;
        let Handle { queue, read, write, nonblocking, .. } = handles[handle];
        handles.push(Handle { queue, read, write, nonblocking, removes: None, socket: None });
    }

    fn send(&mut self, process: usize, handle: usize, message: Message, wait: Wait) -> Expected<Answer> {
        let Handle { queue, write, .. } = self.processes[process].handles[handle];
        let state = &mut self.queues[queue];
        let mut wrong = Vec::new();
        wrong.extend((!write).then_some(ErrorKind::BadDescriptor));
        wrong.extend((message.payload.len() > state.max_message_size).then_some(ErrorKind::MessageTooLong));
        if state.is_full() || !wrong.is_empty() {
            let is_full = state.is_full();
            return self
                .stop(process, handle, wrong, is_full, wait, |queue| queue.senders.push_back((process, message)));
        }
        if let Some(receiver) = state.receivers.pop_front() {
            self.release(receiver, Answer::Message(message.payload, message.priority));
        } else {
            state.insert(message);
            if state.messages.len() == 1 {
                self.notify(queue);
            }
        }
        Expected::answer(Answer::Done)
    }

    fn receive(&mut self, process: usize, handle: usize, room: usize, wait: Wait) -> Expected<Answer> {
        let Handle { queue, read, .. } = self.processes[process].handles[handle];
        let state = &mut self.queues[queue];
        let mut wrong = Vec::new();
        wrong.extend((!read).then_some(ErrorKind::BadDescriptor));
        wrong.extend((room < state.max_message_size).then_some(ErrorKind::BufferTooSmall));
        if state.messages.is_empty() || !wrong.is_empty() {
            let is_empty = state.messages.is_empty();
            return self.stop(process, handle, wrong, is_empty, wait, |queue| queue.receivers.push_back(process));
        }
        let Message { payload, priority } = state.messages.remove(0);
        // Not the arrival of a message in an empty queue: it was there before, waiting.
        if let Some((sender, message)) = state.senders.pop_front() {
            state.insert(message);
            self.release(sender, Answer::Done);
        }
        Expected::answer(Answer::Message(payload, priority))
    }

    /// What happens where it cannot be done: it is wrong, or it has to wait. A look whether the queue is ready may come
    /// before everything else.
    fn stop(
        &mut self,
        process: usize,
        handle: usize,
        mut wrong: Vec<ErrorKind>,
        must_wait: bool,
        wait: Wait,
        enqueue: impl FnOnce(&mut QueueState),
    ) -> Expected<Answer> {
        let Handle { queue, nonblocking, .. } = self.processes[process].handles[handle];
        let over = match wait {
            _ if self.flags[nonblocking] => ErrorKind::WouldBlock,
            Wait::Try => ErrorKind::WouldBlock,
            Wait::Forever if !wrong.is_empty() => return Expected::errors(wrong),
            Wait::Forever => {
                enqueue(&mut self.queues[queue]);
                self.processes[process].blocked = true;
                return Expected::Blocks;
            }
            _ => ErrorKind::TimedOut,
        };
        wrong.extend(must_wait.then_some(over));
        Expected::errors(wrong)
    }

    fn release(&mut self, process: usize, answer: Answer) {
        self.processes[process].blocked = false;
        self.released.push((process, Expected::answer(answer)));
    }

    fn die(&mut self, process: usize) {
        for queue in 0..self.queues.len() {
            self.queues[queue].forget_waiter(process);
            self.cancel(process, queue);
        }
        self.processes[process].handles.clear();
        self.processes[process].blocked = false;
    }

    /// The handle that the operation is done by; nothing if the process has none.
    fn handle(&self, process: usize, operation: &Operation) -> Option<usize> {
        operation.handle.checked_rem(self.processes[process].handles.len())
    }

    /// Where waiters are served in no order, there is one at most.
    fn knows_who_is_next(&self, process: usize, operation: &Operation) -> bool {
        let Some(handle) = self.handle(process, operation) else { return true };
        let queue = &self.queues[self.processes[process].handles[handle].queue];
        self.abilities.waiters_in_order || queue.receivers.is_empty() && queue.senders.is_empty()
    }

    fn would_block(&self, process: usize, operation: &Operation) -> bool {
        let Some(handle) = self.handle(process, operation) else { return false };
        let Handle { queue, nonblocking, .. } = self.processes[process].handles[handle];
        let must_wait = match operation.action {
            Action::Send { wait: Wait::Forever, .. } => self.queues[queue].is_full(),
            Action::Receive { wait: Wait::Forever, .. } => self.queues[queue].messages.is_empty(),
            _ => false,
        };
        must_wait && !self.flags[nonblocking]
    }
}

impl Model for QueueModel {
    type Operation = Operation;
    type Answer = Answer;
    type View = Vec<View>;

    fn can_do(&self, process: usize, operation: &Operation) -> bool {
        let others_can_go_on =
            (0..self.processes.len()).any(|other| other != process && !self.processes[other].blocked);
        let is_able = match operation.action {
            Action::Duplicate => self.abilities.duplicates,
            Action::SetNonblocking(_) => self.abilities.nonblocking_flag,
            Action::Register { .. } | Action::Cancel => self.abilities.notifications,
            Action::Arm | Action::News | Action::DropSocket => self.abilities.notifications,
            // Of a process that is alone, nobody is left to tell.
            Action::Die => return self.processes.len() > 1,
            _ => true,
        };
        let handles = self.processes[process].handles.len();
        let has_handle = match operation.action {
            Action::Open { .. } => handles < HANDLES,
            Action::Duplicate => (1..HANDLES).contains(&handles),
            Action::Unlink { .. } => true,
            Action::News => {
                let handle = self.handle(process, operation).map(|handle| &self.processes[process].handles[handle]);
                handle.is_some_and(|handle| handle.socket.is_some())
            }
            _ => handles > 0,
        };
        let may_wait =
            others_can_go_on && self.knows_who_is_next(process, operation) || !self.would_block(process, operation);
        !self.processes[process].blocked && is_able && has_handle && may_wait
    }

    fn apply(&mut self, process: usize, operation: &Operation) -> Expected<Answer> {
        let handle = self.handle(process, operation).unwrap_or(0);
        let done = || Expected::answer(Answer::Done);
        match operation.action {
            Action::Open { name, opening } => return self.open(process, name, &opening),
            Action::Send { length, priority, wait } => {
                let message = Message { payload: vec![operation.number; length], priority: priority.get() };
                return self.send(process, handle, message, wait);
            }
            Action::Receive { room, wait } => return self.receive(process, handle, room, wait),
            Action::Close => self.close(process, handle),
            Action::Unlink { name } => return self.unlink(name),
            Action::Duplicate => self.duplicate(process, handle),
            Action::SetNonblocking(nonblocking) => {
                let flag = self.processes[process].handles[handle].nonblocking;
                self.flags[flag] = nonblocking;
            }
            Action::Register { signal } => {
                return self.register(process, handle, Some(if signal { Way::Signal } else { Way::Nothing }));
            }
            Action::Cancel => {
                let queue = self.processes[process].handles[handle].queue;
                self.cancel(process, queue);
            }
            Action::Arm => {
                let number = self.sockets;
                self.sockets += 1;
                let socket = &mut self.processes[process].handles[handle].socket;
                socket.get_or_insert_with(|| ModelSocket::new(number)).make_room();
                return self.register(process, handle, None);
            }
            Action::News => {
                let socket = &mut self.processes[process].handles[handle].socket;
                return socket.as_mut().expect("it can be done").read();
            }
            Action::DropSocket => self.drop_socket(process, handle),
            Action::Die => self.die(process),
        }
        done()
    }

    fn released(&mut self) -> Vec<(usize, Expected<Answer>)> {
        mem::take(&mut self.released)
    }

    fn view(&self, process: usize) -> Vec<View> {
        let handles = self.processes[process].handles.iter();
        handles.map(|handle| self.view_of(handle)).collect()
    }

    fn be_born(&mut self, process: usize, pid: u32) {
        self.processes[process].pid = pid;
    }
}

impl QueueModel {
    fn view_of(&self, handle: &Handle) -> View {
        let queue = &self.queues[handle.queue];
        let registration = queue.registration.map(|registration| Registered {
            process: Some(self.processes[registration.process].pid),
            delivery: registration.way.delivery(),
        });
        View {
            attributes: Attributes {
                max_messages: queue.max_messages,
                max_message_size: queue.max_message_size,
                messages: queue.messages.len(),
                nonblocking: self.flags[handle.nonblocking],
            },
            access: [handle.read, handle.write],
            readiness: self.abilities.polls.then_some([!queue.messages.is_empty(), !queue.is_full()]),
            status: (self.abilities.notifications && handle.read)
                .then_some(Status { bytes: queue.bytes(), registration }),
        }
    }
}
