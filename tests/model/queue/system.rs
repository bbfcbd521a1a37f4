//! Doing operations to real queues.

use std::sync::Arc;

use rawipc::mqueue::Notify;
use rawipc::{Name, Result, retry_on_interrupt};

use super::operation::{Action, Operation, Wait};
use super::{Answer, NAMES, Queue, QueueModel, Socket, View, kernel};
use crate::model::{Outcome, System};

/// One process's handles. The names are removed at the end, if they are still there.
pub struct QueueSystem<Q: Queue> {
    names: [String; NAMES],
    handles: Vec<Handle<Q>>,
    buffer: Vec<u8>,
    unlinks: bool,
}

struct Handle<Q> {
    /// Before the queue: dropping it cancels its registration.
    socket: Option<Box<dyn Socket>>,
    queue: Arc<Q>,
}

impl<Q: Queue> QueueSystem<Q> {
    /// With names that begin so and are nobody else's; whether it removes them at the end.
    pub fn new(prefix: &str, unlinks: bool) -> Self {
        let names = std::array::from_fn(|number| format!("{prefix}-{number}"));
        Self { names, handles: Vec::new(), buffer: vec![0; 256], unlinks }
    }

    fn name(&self, number: usize) -> &Name {
        Name::new(self.names[number].as_str()).expect("a prefix is a valid name")
    }

    fn perform(&mut self, operation: &Operation) -> Result<Answer> {
        let place = operation.handle.checked_rem(self.handles.len()).unwrap_or(0);
        match operation.action {
            Action::Open { name, opening } => {
                let queue = Arc::new(Q::open(self.name(name), &opening)?);
                self.handles.push(Handle { socket: None, queue });
                return Ok(Answer::Done);
            }
            Action::Unlink { name } => return Q::unlink(self.name(name)).map(|()| Answer::Done),
            Action::Close => {
                self.handles.remove(place);
                return Ok(Answer::Done);
            }
            Action::Duplicate => {
                let queue = Arc::new(self.handles[place].queue.duplicate()?);
                self.handles.push(Handle { socket: None, queue });
                return Ok(Answer::Done);
            }
            _ => {}
        }
        let handle = &mut self.handles[place];
        match operation.action {
            Action::Send { length, priority, wait } => {
                handle.queue.send(&vec![operation.number; length], priority, wait)?;
            }
            Action::Receive { room, wait } => return receive(&*handle.queue, &mut self.buffer[..room], wait),
            Action::SetNonblocking(nonblocking) => handle.queue.set_nonblocking(nonblocking)?,
            Action::Register { signal: false } => handle.queue.notify(Some(Notify::None))?,
            Action::Register { signal: true } => {
                handle.queue.notify(Some(Notify::Signal { number: kernel::SIGNAL, value: 0 }))?;
            }
            Action::Cancel => handle.queue.notify(None)?,
            Action::Arm => {
                if handle.socket.is_none() {
                    handle.socket = Some(Q::notification_socket(&handle.queue)?);
                }
                handle.socket.as_mut().expect("it was made").arm()?;
            }
            Action::News => return handle.socket.as_mut().expect("there is one").news().map(Answer::News),
            Action::DropSocket => handle.socket = None,
            Action::Open { .. } | Action::Unlink { .. } | Action::Close | Action::Duplicate | Action::Die => {
                unreachable!("done above, or by others");
            }
        }
        Ok(Answer::Done)
    }
}

/// What is in the buffer beyond the message, or if there is none, is as it was.
fn receive(queue: &impl Queue, buffer: &mut [u8], wait: Wait) -> Result<Answer> {
    const UNTOUCHED: u8 = 0xa5;
    buffer.fill(UNTOUCHED);
    let received = queue.receive(buffer, wait);
    let length = received.as_ref().map_or(0, |(length, _)| *length);
    assert!(buffer[length..].iter().all(|byte| *byte == UNTOUCHED), "bytes beyond the message were written");
    received.map(|(length, priority)| Answer::Message(buffer[..length].to_vec(), priority.get()))
}

impl<Q: Queue> System<QueueModel> for QueueSystem<Q> {
    fn apply(&mut self, operation: &Operation) -> Outcome<Answer> {
        retry_on_interrupt!(self.perform(operation)).map_err(|error| error.kind())
    }

    fn view(&self) -> Vec<View> {
        let view = |handle: &Handle<Q>| -> Result<View> {
            let (queue, abilities) = (&handle.queue, Q::ABILITIES);
            Ok(View {
                attributes: queue.attributes()?,
                access: queue.access()?,
                readiness: queue.readiness(),
                status: if abilities.notifications { queue.status() } else { None },
            })
        };
        self.handles.iter().map(|handle| view(handle).expect("an open queue can be looked at")).collect()
    }
}

impl<Q: Queue> Drop for QueueSystem<Q> {
    fn drop(&mut self) {
        self.handles.clear();
        for number in 0..if self.unlinks { NAMES } else { 0 } {
            // Mostly it is gone already.
            let _ = Q::unlink(self.name(number));
        }
    }
}
