//! Opening, creating, unlinking.

use rawipc::{ErrorKind, MessageQueue, Operation, name};

use crate::harness::{small, small_queue};

crate::tests!(a_dropped_owner_takes_the_name_along, a_unique_queue_that_cannot_be_made_was_to_be_created);

fn a_dropped_owner_takes_the_name_along() {
    let queue = small_queue();
    let other = small().create(true).open(queue.name().unwrap()).unwrap();
    let name = queue.name().unwrap().as_bytes().to_vec();
    let name = rawipc::Name::new(&name[..]).unwrap();
    drop(other);
    drop(MessageQueue::options().read(true).open(name).unwrap());
    drop(queue);
    assert_eq!(MessageQueue::options().read(true).open(name).unwrap_err().kind(), ErrorKind::NotFound);
}

/// It once said that it was opening the queue.
fn a_unique_queue_that_cannot_be_made_was_to_be_created() {
    for options in [small().max_messages(0), small().max_messages(65_537), MessageQueue::options()] {
        let error = options.create_unique(name!("/rawipc-test-")).unwrap_err();
        assert_eq!(error.operation(), Operation::CreateQueue, "{error}");
    }
}
