//! rawipc's queue in shared memory, as it is and looking two hundred times before it sleeps.

use std::ffi::{CStr, CString};

use rawipc::{Name, Priority, SharedQueue, Tuning};

use super::{Ends, Names, Opened, Queue, Shape};

pub fn open(names: &Names, shape: Shape) -> Opened {
    Ends::open(names, shape, |name: &CString, shape| queue(name, shape))
}

pub fn spinning(names: &Names, shape: Shape) -> Opened {
    Ends::open(names, shape, |name: &CString, shape| {
        let mut queue = queue(name, shape);
        queue.set_tuning(Tuning { spin: 200, ..queue.tuning() });
        queue
    })
}

fn queue(name: &CStr, Shape { messages, size }: Shape) -> SharedQueue {
    let options = SharedQueue::options().read(true).write(true).create(true);
    let options = options.max_messages(messages).max_message_size(size);
    options.open(Name::new(name).expect("it is a name")).expect("it can be opened")
}

/// Removes a queue of this name, if there is one.
pub fn remove(name: &CStr) {
    let _ = SharedQueue::unlink(Name::new(name).expect("it is a name"));
}

impl Queue for SharedQueue {
    #[inline]
    fn send(&self, message: &[u8]) {
        self.send(message, Priority::MIN).expect("it can be sent");
    }

    #[inline]
    fn receive(&self, buffer: &mut [u8]) -> usize {
        self.receive(buffer).expect("it can be received").payload().len()
    }
}
