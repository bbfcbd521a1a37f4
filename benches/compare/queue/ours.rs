//! rawipc's queues, the kernel's and the one in shared memory: as they are, looking first, and sleeping at once.

use std::ffi::{CStr, CString};

use rawipc::{MessageQueue, Name, Priority, SharedQueue, WaitTuning};

use super::{Ends, Names, Opened, Queue, Shape};
use crate::machine::Processors;

pub fn kernel(names: &Names, shape: Shape) -> Opened {
    Ends::open(names, shape, |name: &CString, shape| message_queue(name, shape))
}

pub fn kernel_spinning(names: &Names, shape: Shape) -> Opened {
    Ends::open(names, shape, |name: &CString, shape| Spinning(message_queue(name, shape)))
}

pub fn shared(names: &Names, shape: Shape) -> Opened {
    Ends::open(names, shape, |name: &CString, shape| shared_queue(name, shape))
}

pub fn shared_sleeping(names: &Names, shape: Shape) -> Opened {
    Ends::open(names, shape, |name: &CString, shape| {
        let mut queue = shared_queue(name, shape);
        queue.set_tuning(WaitTuning { spin: 0, ..queue.tuning() });
        queue
    })
}

/// Opened by a thread that may run on one processor alone then, as real-time programs are; where it runs later is
/// another matter.
pub fn shared_pinned(names: &Names, shape: Shape) -> Opened {
    let processors = Processors::of_this_process();
    processors.pin(0);
    let opened = shared(names, shape);
    processors.release();
    opened
}

/// Removes a shared queue of this name, if there is one.
pub fn remove(name: &CStr) {
    let _ = SharedQueue::unlink(Name::new(name).expect("it is a name"));
}

/// How a queue of this type is opened or created, and used: both have the same methods.
macro_rules! queue {
    ($queue:ident, $open:ident) => {
        fn $open(name: &CStr, Shape { messages, size }: Shape) -> $queue {
            let options = $queue::options().read(true).write(true).create(true);
            let options = options.max_messages(messages).max_message_size(size);
            options.open(Name::new(name).expect("it is a name")).expect("it can be opened")
        }

        impl Queue for $queue {
            #[inline]
            fn send(&self, message: &[u8]) {
                self.send(message, Priority::MIN).expect("it can be sent");
            }

            #[inline]
            fn receive(&self, buffer: &mut [u8]) -> usize {
                self.receive(buffer).expect("it can be received").payload().len()
            }
        }
    };
}

queue!(MessageQueue, message_queue);
queue!(SharedQueue, shared_queue);

/// The kernel's queue, looked into a hundred times before a receiver sleeps.
struct Spinning(MessageQueue);

impl Queue for Spinning {
    fn send(&self, message: &[u8]) {
        Queue::send(&self.0, message);
    }

    fn receive(&self, buffer: &mut [u8]) -> usize {
        self.0.spin_until_readable(100).expect("it is a queue");
        Queue::receive(&self.0, buffer)
    }
}
