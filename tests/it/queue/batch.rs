//! Many messages at a time, and looking for one again and again.

use std::ops::ControlFlow::{Break, Continue};

use rawipc::{ErrorKind, MessageBuffer, Priority, name};

use super::{Queue, QueueOptions, small};

crate::tests!(
    as_many_are_sent_as_there_is_room_for,
    all_are_received_one_by_one_with_their_priorities,
    receiving_stops_when_it_is_told_to,
    an_error_waits_until_what_went_before_is_counted,
    nothing_is_sent_of_nothing_and_received_of_nothing,
    nonblocking_queues_behave_alike,
    the_wrong_direction_is_an_error_and_changes_nothing,
    receivers_meanwhile_make_room_for_more,
    looks_end_with_a_message_or_with_their_number,
    looks_for_room_end_with_room_or_with_their_number,
);

/// A queue of 3 messages of 4 bytes.
fn narrow_queue() -> Queue {
    small().max_messages(3).max_message_size(4).create_unique(name!("/rawipc-test-")).unwrap()
}

/// What `try_receive_many` gives.
fn received(queue: &Queue) -> Vec<(Vec<u8>, Priority)> {
    let mut messages = Vec::new();
    let count = queue.try_receive_many(&mut MessageBuffer::<4>::new(), |message| {
        messages.push((message.payload().to_vec(), message.priority()));
        Continue(())
    });
    assert_eq!(count, Ok(messages.len()));
    messages
}

fn payloads(queue: &Queue) -> Vec<Vec<u8>> {
    received(queue).into_iter().map(|(payload, _)| payload).collect()
}

fn as_many_are_sent_as_there_is_room_for() {
    let queue = narrow_queue();
    queue.send(b"0", Priority::MIN).unwrap();
    let messages = ["1", "2", "3", "4"];
    assert_eq!(queue.try_send_many(&messages, Priority::MIN), Ok(2));
    assert_eq!(payloads(&queue), [b"0", b"1", b"2"]);
    assert_eq!(queue.try_send_many(&messages[2..], Priority::MIN), Ok(2));
    assert_eq!(payloads(&queue), [b"3", b"4"]);
}

fn all_are_received_one_by_one_with_their_priorities() {
    let queue = narrow_queue();
    queue.try_send_many(&[&b"low"[..], b""], Priority::MIN).unwrap();
    queue.try_send_many(&["high"], Priority::MAX).unwrap();
    let expected = [(&b"high"[..], Priority::MAX), (b"low", Priority::MIN), (b"", Priority::MIN)];
    assert_eq!(received(&queue), expected.map(|(payload, priority)| (payload.to_vec(), priority)));
}

fn receiving_stops_when_it_is_told_to() {
    let queue = narrow_queue();
    assert_eq!(queue.try_send_many(&["1", "2", "3"], Priority::MIN), Ok(3));
    let mut left = 2;
    let count = queue.try_receive_many(&mut [0; 4], |_| {
        left -= 1;
        if left > 0 { Continue(()) } else { Break(()) }
    });
    assert_eq!((count, payloads(&queue)), (Ok(2), vec![b"3".to_vec()]));
}

fn an_error_waits_until_what_went_before_is_counted() {
    let queue = narrow_queue();
    let messages = ["one", "too long", "two"];
    assert_eq!(queue.try_send_many(&messages, Priority::MIN), Ok(1));
    let error = queue.try_send_many(&messages[1..], Priority::MIN).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MessageTooLong);
    assert_eq!(queue.try_send_many(&messages[2..], Priority::MIN), Ok(1));
    let error = queue.try_receive_many(&mut [0; 3], |_| panic!("no message fits")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BufferTooSmall);
    assert_eq!(payloads(&queue), [b"one", b"two"]);
}

fn nothing_is_sent_of_nothing_and_received_of_nothing() {
    let queue = narrow_queue();
    assert_eq!(queue.try_send_many::<&[u8]>(&[], Priority::MIN), Ok(0));
    assert_eq!(received(&queue), []);
    assert_eq!(queue.try_send_many(&["1", "2", "3"], Priority::MIN), Ok(3));
    assert_eq!(queue.try_send_many(&["4"], Priority::MIN), Ok(0));
    assert_eq!(queue.len(), Ok(3));
}

fn nonblocking_queues_behave_alike() {
    let queue = narrow_queue();
    queue.set_nonblocking(true).unwrap();
    assert_eq!(received(&queue), []);
    assert_eq!(queue.try_send_many(&["1", "2", "3", "4"], Priority::MIN), Ok(3));
    assert_eq!(payloads(&queue).len(), 3);
}

fn the_wrong_direction_is_an_error_and_changes_nothing() {
    let queue = narrow_queue();
    queue.send(b"kept", Priority::MIN).unwrap();
    let open = |options: QueueOptions| options.open(queue.name().unwrap()).unwrap();
    let reader = open(Queue::options().read(true));
    assert_eq!(reader.try_send_many(&["1"], Priority::MIN).unwrap_err().kind(), ErrorKind::BadDescriptor);
    let writer = open(Queue::options().write(true));
    let error = writer.try_receive_many(&mut [0; 4], |_| panic!("it cannot receive")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadDescriptor);
    assert_eq!(payloads(&queue), [b"kept"]);
}

/// A payload that takes from the queue when it is asked for: as another process would between two sends.
struct Taking<'queue>(&'queue Queue);

impl AsRef<[u8]> for Taking<'_> {
    fn as_ref(&self) -> &[u8] {
        let _ = self.0.try_receive(&mut [0; 4]);
        b"next"
    }
}

fn receivers_meanwhile_make_room_for_more() {
    let queue = narrow_queue();
    // Each but the first is received before the next one is sent.
    let messages = [(); 10].map(|()| Taking(&queue));
    assert_eq!(queue.try_send_many(&messages, Priority::MIN), Ok(10));
    assert_eq!(queue.len(), Ok(1));
}

fn looks_end_with_a_message_or_with_their_number() {
    let queue = narrow_queue();
    assert_eq!(queue.spin_until_readable(3), Ok(false));
    queue.send(b"1", Priority::MIN).unwrap();
    assert_eq!((queue.spin_until_readable(0), queue.spin_until_readable(1)), (Ok(false), Ok(true)));
    assert_eq!(payloads(&queue), [b"1"]);
    std::thread::scope(|scope| {
        scope.spawn(|| queue.send(b"2", Priority::MIN).unwrap());
        assert_eq!(queue.spin_until_readable(u32::MAX), Ok(true));
    });
    assert_eq!(payloads(&queue), [b"2"]);
}

fn looks_for_room_end_with_room_or_with_their_number() {
    let queue = narrow_queue();
    assert_eq!(queue.spin_until_room(1), Ok(true));
    assert_eq!(queue.try_send_many(&["1", "2", "3"], Priority::MIN), Ok(3));
    assert_eq!(queue.spin_until_room(3), Ok(false));
    assert_eq!(payloads(&queue).len(), 3);
    assert_eq!(queue.spin_until_room(1), Ok(true));
}
