//! Payloads longer than a message: truncated, in chunks, and as a stream that can be resumed.

use std::thread;
use std::time::Duration;

use rawipc::endpoint::StopReason;
use rawipc::error::{Operation, TransferError};
use rawipc::{Deadline, ErrorKind, MessageBuffer, Priority, name};

use super::{Queue, name_of, small, small_queue};
use crate::harness::queues::assert_bounds;
use crate::harness::random::Random;
use crate::harness::waiting::Waiter;

crate::tests!(
    a_truncating_send_says_how_much_it_sent,
    a_truncating_send_keeps_other_errors,
    send_all_cuts_at_the_message_size,
    send_all_says_how_far_it_got,
    send_all_waits_for_room,
    send_all_deadline_ends_at_its_deadline,
    fill_and_drain_resume_until_the_end_mark,
    fill_never_waits_and_sends_nothing_of_nothing,
    drain_stops_at_the_end_when_empty_and_when_full,
    drain_refuses_a_buffer_without_room_for_one_message,
    fill_and_drain_leave_the_wrong_direction_alone,
    fill_and_drain_work_on_a_nonblocking_queue,
);

/// A queue of 3 messages of 4 bytes.
fn narrow_queue() -> Queue {
    small().max_messages(3).max_message_size(4).create_unique(name!("/rawipc-test-")).unwrap()
}

/// All messages that are there, in order.
fn messages(queue: &Queue) -> Vec<Vec<u8>> {
    let mut buffer = MessageBuffer::<64>::new();
    std::iter::from_fn(|| queue.try_receive(&mut buffer).ok().map(|message| message.payload().to_vec())).collect()
}

fn a_truncating_send_says_how_much_it_sent() {
    let queue = narrow_queue();
    for (message, sent) in [(&b""[..], 0), (b"four", 4), (b"fivee", 4)] {
        assert_eq!(queue.send_truncated(message, Priority::MAX), Ok(sent));
        let mut buffer = [0; 4];
        let received = queue.receive(&mut buffer).unwrap();
        assert_eq!((received.payload(), received.priority()), (&message[..sent], Priority::MAX));
    }
}

fn a_truncating_send_keeps_other_errors() {
    let queue = narrow_queue();
    queue.set_nonblocking(true).unwrap();
    for _ in 0..3 {
        queue.send(b"x", Priority::MIN).unwrap();
    }
    for message in [&b"x"[..], b"too long"] {
        assert_eq!(queue.send_truncated(message, Priority::MIN).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
    assert_eq!(messages(&queue).len(), 3);
}

fn send_all_cuts_at_the_message_size() {
    let queue = narrow_queue();
    for (payload, expected) in [
        (&b""[..], &[&b""[..]][..]),
        (b"one", &[b"one"]),
        (b"four", &[b"four"]),
        (b"fivee", &[b"five", b"e"]),
        (b"twelve bytes", &[b"twel", b"ve b", b"ytes"]),
    ] {
        queue.send_all(payload, Priority::from(5)).unwrap();
        assert_eq!(messages(&queue), expected);
        let far = Deadline::realtime_after(Duration::from_secs(20));
        queue.send_all_deadline(payload, Priority::from(5), far).unwrap();
        assert_eq!(messages(&queue), expected);
    }
}

fn send_all_says_how_far_it_got() {
    let queue = narrow_queue();
    queue.set_nonblocking(true).unwrap();
    queue.send(b"old", Priority::MIN).unwrap();
    let payload = b"fourfourrest";
    let incomplete = queue.send_all(payload, Priority::MIN).unwrap_err();
    assert_eq!((incomplete.bytes, incomplete.error.kind()), (8, ErrorKind::WouldBlock));
    assert_eq!(messages(&queue), [&b"old"[..], b"four", b"four"]);
    queue.send_all(&payload[incomplete.bytes..], Priority::MIN).unwrap();
    assert_eq!(messages(&queue), [b"rest"]);
}

fn send_all_waits_for_room() {
    let queue = narrow_queue();
    let payload: Vec<u8> = Random::new().bytes(4001);
    thread::scope(|scope| {
        let sender = Waiter::start(scope, || queue.send_all(&payload, Priority::MIN));
        let mut received = Vec::new();
        while received.len() < payload.len() {
            received.extend_from_slice(queue.receive(&mut [0; 4]).unwrap().payload());
        }
        assert_eq!(sender.join(), Ok(()));
        assert!(received == payload, "the payload arrives as it was");
    });
}

fn send_all_deadline_ends_at_its_deadline() {
    for deadline in [Deadline::after, Deadline::realtime_after] {
        let queue = narrow_queue();
        let deadline = deadline(Duration::from_millis(20));
        let incomplete = queue.send_all_deadline(&[7; 14], Priority::MIN, deadline).unwrap_err();
        assert!(deadline.has_passed());
        assert_eq!((incomplete.bytes, incomplete.error.kind()), (12, ErrorKind::TimedOut));
        assert_eq!(messages(&queue), [[7; 4]; 3]);
    }
}

fn fill_and_drain_resume_until_the_end_mark() {
    let (queue, mut random) = (narrow_queue(), Random::new());
    let payload = random.bytes(1001);
    let (mut sent, mut ended, mut received) = (0, false, Vec::new());
    loop {
        sent += queue.try_send_all(&payload[sent..], Priority::MIN).unwrap();
        if sent == payload.len() && !ended {
            ended = queue.try_send(b"", Priority::MIN).is_ok();
        }
        let mut buffer = vec![0; 4 + random.below(12)];
        let drained = queue.try_receive_all(&mut buffer[..]).unwrap();
        received.extend_from_slice(drained.payload);
        if drained.stop == StopReason::End {
            break;
        }
    }
    assert!(ended && received == payload && queue.is_empty().unwrap());
}

fn fill_never_waits_and_sends_nothing_of_nothing() {
    let queue = narrow_queue();
    assert_eq!(queue.try_send_all(b"", Priority::MIN), Ok(0));
    assert!(queue.is_empty().unwrap());
    assert_eq!(queue.try_send_all(b"fourteen bytes", Priority::from(3)), Ok(12));
    assert_eq!(queue.try_send_all(b"es", Priority::MIN), Ok(0));
    assert_eq!(queue.receive(&mut [0; 4]).unwrap().priority(), Priority::from(3));
    assert_eq!(queue.try_send_all(b"es", Priority::MIN), Ok(2));
    assert_eq!(messages(&queue), [&b"teen"[..], b" byt", b"es"]);
}

fn drain_stops_at_the_end_when_empty_and_when_full() {
    let queue = narrow_queue();
    let send = |messages: &[&[u8]]| messages.iter().for_each(|message| queue.send(message, Priority::MIN).unwrap());
    let mut buffer = [0; 12];
    let drain = |queue: &Queue, buffer: &mut [u8]| {
        let drained = queue.try_receive_all(buffer).unwrap();
        (drained.payload.to_vec(), drained.stop)
    };
    assert_eq!(drain(&queue, &mut buffer), (vec![], StopReason::Empty));
    send(&[b"a", b"", b"b"]);
    assert_eq!(drain(&queue, &mut buffer), (b"a".to_vec(), StopReason::End));
    assert_eq!(drain(&queue, &mut buffer), (b"b".to_vec(), StopReason::Empty));
    send(&[b"", b"c"]);
    assert_eq!(drain(&queue, &mut buffer), (vec![], StopReason::End));
    send(&[b"d", b"e"]);
    // After two messages of a byte each, three bytes are left: not enough for a third.
    assert_eq!(drain(&queue, &mut buffer[..5]), (b"cd".to_vec(), StopReason::Full));
    assert_eq!(drain(&queue, &mut buffer[..5]), (b"e".to_vec(), StopReason::Empty));
    send(&[b"f"]);
    let mut vector = heapless::Vec::<u8, 8>::from_slice(b"old").unwrap();
    assert_eq!(queue.try_receive_all(&mut vector).unwrap().payload, b"f");
    assert_eq!(vector, b"f");
}

fn drain_refuses_a_buffer_without_room_for_one_message() {
    let queue = small_queue();
    queue.send(b"kept", Priority::MAX).unwrap();
    let incomplete: TransferError = queue.try_receive_all(&mut [0; 63]).unwrap_err();
    assert_eq!((incomplete.bytes, incomplete.error.kind()), (0, ErrorKind::BufferTooSmall));
    assert_bounds(incomplete.error, 63, 64);
    assert_eq!(messages(&queue), [b"kept"]);
}

fn fill_and_drain_leave_the_wrong_direction_alone() {
    let queue = small_queue();
    queue.send(b"kept", Priority::MAX).unwrap();
    let reader = Queue::options().read(true).open(name_of(&queue)).unwrap();
    let writer = Queue::options().write(true).open(name_of(&queue)).unwrap();
    let filled = reader.try_send_all(b"x", Priority::MIN).unwrap_err();
    let drained = writer.try_receive_all(&mut [0; 64]).unwrap_err();
    for (incomplete, operation) in [(filled, Operation::Send), (drained, Operation::Receive)] {
        assert_eq!((incomplete.bytes, incomplete.error.operation()), (0, operation));
        assert_eq!(incomplete.error.kind(), ErrorKind::BadDescriptor);
    }
    assert_eq!(messages(&queue), [b"kept"]);
}

fn fill_and_drain_work_on_a_nonblocking_queue() {
    let queue = small_queue();
    let other = small().nonblocking(true).open(name_of(&queue)).unwrap();
    assert_eq!(other.try_send_all(&[1; 1000], Priority::MIN), Ok(512));
    assert_eq!(other.try_send_all(&[1; 1000], Priority::MIN), Ok(0));
    let mut buffer = [0; 1000];
    let drained = other.try_receive_all(&mut buffer).unwrap();
    assert_eq!((drained.payload.len(), drained.stop), (512, StopReason::Empty));
    assert_eq!(other.try_receive_all(&mut buffer).unwrap().stop, StopReason::Empty);
}
