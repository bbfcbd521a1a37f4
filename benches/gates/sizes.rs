//! The hot functions, each as a function of its own, for `cargo xtask gates` to see in the symbol table how long their
//! machine code is: all that is inlined into a user's function, and not what is called only when something fails.

// The symbols are looked for by their names.
#![allow(clippy::missing_safety_doc)]

use std::hint::black_box;
use std::time::Duration;

use rawipc::{Error, MessageQueue, NamedSemaphore, Priority, Semaphore};

type Done = Result<(), Error>;

/// Defines functions that are neither inlined nor renamed, and a list of them that keeps them in the program.
macro_rules! hot {
    ($(fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty { $body:expr })*) => {
        $(
            #[unsafe(no_mangle)]
            #[inline(never)]
            pub fn $name($($argument: $type),*) -> $result {
                $body
            }
        )*
        fn main() {
            $(black_box($name as fn($($type),*) -> $result);)*
        }
    };
}

hot! {
    fn hot_send(queue: &MessageQueue, message: &[u8]) -> Done { queue.send(message, Priority::MIN) }
    fn hot_try_send(queue: &MessageQueue, message: &[u8]) -> Done { queue.try_send(message, Priority::MIN) }
    fn hot_send_timeout(queue: &MessageQueue, message: &[u8], timeout: Duration) -> Done {
        queue.send_timeout(message, Priority::MIN, timeout)
    }
    fn hot_receive(queue: &MessageQueue, buffer: &mut [u8]) -> Result<usize, Error> {
        queue.receive(buffer).map(|message| message.payload().len())
    }
    fn hot_try_receive(queue: &MessageQueue, buffer: &mut [u8]) -> Result<usize, Error> {
        queue.try_receive(buffer).map(|message| message.payload().len())
    }
    fn hot_receive_timeout(queue: &MessageQueue, buffer: &mut [u8], timeout: Duration) -> Result<usize, Error> {
        queue.receive_timeout(buffer, timeout).map(|message| message.payload().len())
    }
    fn hot_post(semaphore: &Semaphore) -> Done { semaphore.post() }
    fn hot_wait(semaphore: &Semaphore) -> Done { semaphore.wait() }
    fn hot_try_wait(semaphore: &Semaphore) -> Done { semaphore.try_wait() }
    fn hot_wait_timeout(semaphore: &Semaphore, timeout: Duration) -> Done { semaphore.wait_timeout(timeout) }
    fn hot_named_post(semaphore: &NamedSemaphore) -> Done { semaphore.post() }
    fn hot_named_wait(semaphore: &NamedSemaphore) -> Done { semaphore.wait() }
}
