//! What a call that fails by damage leaves behind: nothing was sent, nothing was taken, and it is told once.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rawipc::error::TransferError;
use rawipc::{Deadline, ErrorKind, Mapping, Priority, SharedQueue};

use crate::harness::waiting::PATIENCE;
use crate::shared_queue::hostile::{CONTROL, queue_of, write};
use crate::shared_queue::support::small;

crate::tests!(
    what_could_not_be_sent_is_not_there_later,
    what_could_not_be_published_leaves_its_room,
    what_could_not_be_received_is_there_still,
    what_was_received_is_not_there_again_whatever_happens_to_its_room,
    shared_queue_damage_loses_no_message_in_flight,
    what_was_done_before_the_damage_is_told,
    what_is_in_nobodys_hand_is_found,
    what_is_anothers_by_now_is_left_to_it,
);

const MESSAGES: usize = CONTROL + 4;
const FREE: usize = CONTROL + 8;
const RUN: usize = CONTROL + 60;

/// The messages behind the first, and the numbers of the free blocks.
const ENTRIES: usize = 2688;
const STACK: usize = ENTRIES + 3 * 32;

/// Where the blocks of the queue begin, and how long each is.
const BLOCKS: usize = (ENTRIES + 3 * (16 + 16 + 4_usize)).next_multiple_of(64);
const BLOCK: usize = (32 + 1500_usize).next_multiple_of(64);

/// A message that is copied under the lock, and one that is copied outside of it.
const LENGTHS: [usize; 2] = [5, 1500];

/// With room for three messages of both lengths.
fn queue() -> (SharedQueue, Mapping) {
    queue_of(small().max_messages(3).max_message_size(1500))
}

fn is_malformed<T>(result: rawipc::Result<T>) -> bool {
    result.map(drop).unwrap_err().kind() == ErrorKind::Malformed
}

fn receive(queue: &SharedQueue) -> rawipc::Result<Vec<u8>> {
    queue.try_receive(&mut [0; 1500]).map(|message| message.payload().to_vec())
}

/// It has these messages and nothing else in it, all without an error.
#[track_caller]
fn assert_holds(queue: &SharedQueue, messages: &[&[u8]]) {
    for message in messages {
        assert_eq!(receive(queue).as_deref(), Ok(*message));
    }
    assert_eq!(receive(queue).unwrap_err().kind(), ErrorKind::WouldBlock);
    (0..3).for_each(|_| queue.try_send(b"", Priority::MIN).unwrap());
    assert_eq!(queue.try_send(b"", Priority::MIN).unwrap_err().kind(), ErrorKind::WouldBlock);
    (0..3).for_each(|_| assert_eq!(receive(queue).as_deref(), Ok(&b""[..])));
}

fn what_could_not_be_sent_is_not_there_later() {
    for length in LENGTHS {
        let (queue, mapping) = queue();
        queue.send(b"first", Priority::MIN).unwrap();
        // More are in order than there are.
        write(&mapping, RUN, 2);
        assert!(is_malformed(queue.try_send(&vec![7; length], Priority::MIN)), "{length}");
        assert_holds(&queue, &[b"first"]);
    }
}

fn what_could_not_be_published_leaves_its_room() {
    for (offset, value) in [(RUN, 2), (MESSAGES, 3), (MESSAGES, 4)] {
        let (queue, mapping) = queue();
        queue.send(b"first", Priority::MIN).unwrap();
        let reservation = queue.reserve().unwrap();
        write(&mapping, offset, value);
        assert!(
            is_malformed(reservation.publish(3, Priority::MAX).map_err(rawipc::Error::from)),
            "{value} at {offset}"
        );
        assert_holds(&queue, &[b"first"]);
    }
}

fn what_could_not_be_received_is_there_still() {
    for length in LENGTHS {
        let (queue, mapping) = queue();
        let message = vec![7; length];
        for _ in 0..2 {
            queue.send(&message, Priority::MIN).unwrap();
        }
        write(&mapping, RUN, 2);
        assert!(is_malformed(receive(&queue)), "{length}");
        assert_holds(&queue, &[&message, &message]);
    }
    // A short one's room has to be had together with it.
    let (queue, mapping) = queue();
    queue.send(b"first", Priority::MIN).unwrap();
    write(&mapping, FREE, 3);
    assert!(is_malformed(receive(&queue)));
    assert_holds(&queue, &[b"first"]);
}

fn what_was_received_is_not_there_again_whatever_happens_to_its_room() {
    let (queue, mapping) = queue();
    let other = queue.try_clone().unwrap();
    queue.send(&[7; 1500], Priority::MIN).unwrap();
    write(&mapping, FREE, 3);
    assert_eq!(receive(&other).as_deref(), Ok(&[7; 1500][..]));
    // Nobody has it in hand any more, and the next one to send is told.
    drop(other);
    assert!(is_malformed(queue.try_send(b"", Priority::MIN)));
    assert_holds(&queue, &[]);
}

fn shared_queue_damage_loses_no_message_in_flight() {
    let (queue, mapping) = queue();
    queue.send(b"first", Priority::MIN).unwrap();
    let borrowed = queue.receive_in_place().unwrap();
    write(&mapping, MESSAGES, 3);
    assert!(is_malformed(borrowed.put_back().map_err(rawipc::Error::from)));
    // The error was dropped with the message in it: it is there again.
    assert_holds(&queue, &[b"first"]);
}

/// By what sends and receives more than one message: the second one meets the damage.
fn what_was_done_before_the_damage_is_told() {
    let sends: [fn(&SharedQueue) -> usize; 4] = [
        |queue| queue.try_send_many(&[[7; 1500]; 3], Priority::MIN).unwrap() * 1500,
        |queue| told(queue.try_send_all(&[7; 4500], Priority::MIN).map(drop)),
        |queue| told(queue.send_all(&[7; 4500], Priority::MIN)),
        |queue| told(queue.send_all_deadline(&[7; 4500], Priority::MIN, Deadline::after(PATIENCE))),
    ];
    for send in sends {
        let (queue, mapping) = queue();
        // No block has this number.
        write(&mapping, STACK + 4, 3);
        assert_eq!(send(&queue), 1500);
        assert_holds(&queue, &[&[7; 1500]]);
    }
    let receives: [fn(&SharedQueue) -> usize; 2] = [
        |queue| queue.try_receive_many(&mut [0; 1500], |_| ControlFlow::Continue(())).unwrap() * 5,
        |queue| told(queue.try_receive_all(&mut [0; 4500]).map(drop)),
    ];
    for receive in receives {
        let (queue, mapping) = queue();
        for message in [b"first", b"lost!", b"third"] {
            queue.send(message, Priority::MIN).unwrap();
        }
        // The second one is longer than any.
        let block = mapping.get::<AtomicU32>(ENTRIES + 8).unwrap().load(Relaxed) as usize;
        write(&mapping, BLOCKS + block * BLOCK + 4, 1501);
        assert_eq!(receive(&queue), 5);
        assert_holds(&queue, &[b"third"]);
    }
}

/// How much was done until damage was met.
fn told(result: Result<(), TransferError>) -> usize {
    let TransferError { bytes, error } = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
    bytes
}

fn what_is_in_nobodys_hand_is_found() {
    // No room; a message that is not counted; more messages than there are.
    for (offset, value, sent) in [(FREE, 0, None), (MESSAGES, 0, Some(&b"first"[..])), (MESSAGES, 3, None)] {
        let (queue, mapping) = queue();
        sent.iter().for_each(|message| queue.send(message, Priority::MIN).unwrap());
        write(&mapping, offset, value);
        assert!(is_malformed(receive(&queue)), "{value} at {offset}");
        assert_holds(&queue, sent.as_slice());
    }
    let (queue, mapping) = queue();
    write(&mapping, FREE, 0);
    assert!(is_malformed(queue.send(b"", Priority::MIN)), "it does not wait for ever");
    assert_holds(&queue, &[]);
}

/// A peer has freed what is reserved, and somebody has sent a message into it.
fn what_is_anothers_by_now_is_left_to_it() {
    const PUBLISHED: u32 = 2 << 30;
    for publishes in [false, true] {
        let (queue, mapping) = queue();
        let reservation = queue.reserve().unwrap();
        let states = || (0..3).map(|block| mapping.get::<AtomicU32>(BLOCKS + block * BLOCK).unwrap());
        states().find(|state| state.load(Relaxed) != 0).unwrap().store(PUBLISHED, Relaxed);
        if publishes {
            assert!(is_malformed(reservation.publish(1, Priority::MIN).map_err(rawipc::Error::from)));
        } else {
            drop(reservation);
            // The counts know nothing of it.
            assert!(is_malformed(receive(&queue)));
        }
        assert_holds(&queue, &[b""]);
    }
}
