//! Opening, creating, unlinking.

use rawipc::{ErrorKind, MessageQueue};

use crate::harness::{small, small_queue};

crate::tests!(a_dropped_owner_takes_the_name_along);

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
