//! Those who look at everything while it changes.

use std::mem::MaybeUninit;

use rawipc::inspect::{Entry, Limits, Listing, ObjectKind};
use rawipc::{ErrorKind, MessageQueue, Result};

use super::{Actor, QUEUE};

/// Lists what there is, and reads how it stands.
pub fn observe(actor: &mut Actor<'_>) {
    let queue = MessageQueue::options().read(true).open(QUEUE).expect("the queue is there");
    while actor.acts() {
        for_each_object(|entry| {
            if entry.kind == ObjectKind::Queue {
                let status = entry.queue_status();
                let is_gone = status.is_err_and(|error| error.kind() == ErrorKind::NotFound);
                assert!(status.is_ok() || is_gone, "{status:?}");
            }
        });
        let (attributes, status) = (queue.attributes().expect("it is open"), queue.status().expect("it is open"));
        assert!(attributes.messages <= attributes.max_messages);
        assert!(status.bytes <= (attributes.max_messages * attributes.max_message_size) as u64);
        let shared = actor.stage.shared_queue.attributes().expect("it is open");
        assert!(shared.messages <= shared.max_messages);
        Limits::current().expect("the settings can be read");
        actor.note::<()>(&Ok(()));
    }
}

/// Shows all objects that there are.
pub fn for_each_object(mut show: impl FnMut(&Entry<'_>)) {
    type List = for<'a> fn(&'a mut [MaybeUninit<u8>]) -> Result<Listing<'a>>;
    let lists: [List; 3] = [
        |buffer| Listing::queues(buffer),
        |buffer| Listing::semaphores(buffer),
        |buffer| Listing::shared_memory(buffer),
    ];
    for list in lists {
        let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
        let mut listing = list(&mut buffer).expect("it can be listed");
        while let Some(entry) = listing.next() {
            show(&entry.expect("what is gone already is not listed"));
        }
    }
}
