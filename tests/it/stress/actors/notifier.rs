//! Those who want to be told of messages.

use std::sync::atomic::Ordering::SeqCst;

use rawipc::mqueue::Notified;
use rawipc::{ErrorKind, MessageQueue, NotificationSocket};

use super::{Actor, QUEUE, is_too_early};

/// Registers, waits for a moment, and registers again or gives the slot up.
pub fn be_notified(actor: &mut Actor<'_>) {
    let queue = MessageQueue::options().write(true).open(QUEUE).expect("the queue is there");
    let mut socket = NotificationSocket::new(&queue).expect("sockets are to be had");
    while actor.acts() {
        let armed = socket.arm();
        actor.note(&armed);
        match armed {
            Ok(()) => {}
            // Another one has the slot, or this one still.
            Err(error) if error.kind() == ErrorKind::Busy => {}
            Err(error) => panic!("{error}"),
        }
        let moment = actor.moment();
        match actor.within(moment, || socket.wait_timeout(moment)) {
            Ok(Notified::Arrived) => {
                actor.stage.ledger.notified.fetch_add(1, SeqCst);
            }
            Ok(Notified::Removed) => panic!("nobody has removed the registration"),
            Err(error) if is_too_early(error.kind()) => {}
            // It never was armed.
            Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}"),
        }
        if actor.random.below(2) == 0 {
            socket.cancel().expect("it can be cancelled");
        }
    }
}
