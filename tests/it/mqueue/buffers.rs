//! Every kind of buffer: what it takes, what it refuses, and what it holds after a failure.

use std::mem::MaybeUninit;

use rawipc::{Buffer, ErrorKind, MessageBuffer, Priority};

use crate::harness::queues::{Untouched, assert_bounds};
use crate::harness::small_queue;

crate::tests!(
    every_buffer_of_the_queues_size_is_enough,
    every_buffer_a_byte_smaller_is_refused,
    larger_buffers_are_taken_too,
    a_queue_makes_only_buffers_that_can_hold_its_messages,
    a_message_buffer_keeps_its_message_when_a_receive_fails,
    a_heapless_vector_keeps_its_content_when_a_receive_fails,
    a_buffer_may_be_used_again_and_again,
);

#[cfg(feature = "alloc")]
pub mod vectors {
    //! Vectors: their capacity counts.

    use rawipc::{ErrorKind, Priority};

    use super::{assert_refused, assert_taken};
    use crate::harness::small_queue;

    crate::tests!(a_vector_counts_with_its_capacity, a_vector_keeps_its_content_when_a_receive_fails);

    fn a_vector_counts_with_its_capacity() {
        assert_taken(&mut Vec::with_capacity(64));
        assert_refused(&mut Vec::new(), 0);
        let mut exact = vec![0; 63].into_boxed_slice().into_vec();
        assert_eq!(exact.capacity(), 63);
        assert_refused(&mut exact, 63);
    }

    fn a_vector_keeps_its_content_when_a_receive_fails() {
        let queue = small_queue();
        let mut vector = Vec::with_capacity(64);
        vector.extend_from_slice(b"old");
        assert_eq!(queue.try_receive(&mut vector).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(vector, b"old");
        queue.send(b"new and longer", Priority::MIN).unwrap();
        queue.receive(&mut vector).unwrap();
        assert_eq!(vector, b"new and longer");
        queue.send(b"x", Priority::MIN).unwrap();
        queue.receive(&mut vector).unwrap();
        assert_eq!((vector.as_slice(), vector.capacity()), (&b"x"[..], 64));
        let mut small = vec![1, 2, 3];
        queue.send(b"kept", Priority::MIN).unwrap();
        assert_eq!(queue.receive(&mut small).unwrap_err().kind(), ErrorKind::BufferTooSmall);
        assert_eq!((small, queue.len().unwrap()), (vec![1, 2, 3], 1));
    }
}

/// A buffer that can hold the longest message of a small queue.
fn assert_taken<B: Buffer + ?Sized>(buffer: &mut B) {
    let queue = small_queue();
    let longest: Vec<u8> = (100..164).collect();
    for sent in [&longest[..], b"short", b""] {
        queue.send(sent, Priority::from(9)).unwrap();
        let message = queue.receive(buffer).unwrap();
        assert_eq!((message.payload(), message.priority()), (sent, Priority::from(9)));
    }
}

/// A buffer that cannot, although the messages that are there would fit.
fn assert_refused<B: Buffer + ?Sized>(buffer: &mut B, size: u64) {
    let watched = Untouched::new();
    for result in [watched.queue.receive(buffer).map(drop), watched.queue.try_receive(buffer).map(drop)] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BufferTooSmall);
        assert_bounds(error, size, 64);
    }
    watched.assert_untouched();
}

fn every_buffer_of_the_queues_size_is_enough() {
    assert_taken(&mut [0; 64]);
    assert_taken(&mut [0; 64][..]);
    assert_taken(&mut [MaybeUninit::uninit(); 64]);
    assert_taken(&mut [MaybeUninit::uninit(); 64][..]);
    assert_taken(&mut MessageBuffer::<64>::new());
    assert_taken(&mut heapless::Vec::<u8, 64>::new());
}

fn every_buffer_a_byte_smaller_is_refused() {
    let mut bytes = [7; 63];
    assert_refused(&mut bytes, 63);
    assert_refused(&mut bytes[..], 63);
    assert_eq!(bytes, [7; 63]);
    assert_refused(&mut [MaybeUninit::uninit(); 63], 63);
    assert_refused(&mut [MaybeUninit::uninit(); 63][..], 63);
    assert_refused(&mut MessageBuffer::<63>::new(), 63);
    assert_refused(&mut heapless::Vec::<u8, 63>::new(), 63);
    assert_refused(&mut [0_u8; 0], 0);
}

fn larger_buffers_are_taken_too() {
    assert_taken(&mut [0; 4096]);
    assert_taken(&mut [MaybeUninit::uninit(); 65]);
    assert_taken(&mut MessageBuffer::<1000>::new());
    assert_taken(&mut heapless::Vec::<u8, 65>::new());
}

fn a_queue_makes_only_buffers_that_can_hold_its_messages() {
    let queue = small_queue();
    assert_taken(&mut queue.buffer::<64>().unwrap());
    assert_taken(&mut queue.buffer::<65>().unwrap());
    assert_bounds(queue.buffer::<1>().unwrap_err(), 1, 64);
}

fn a_message_buffer_keeps_its_message_when_a_receive_fails() {
    let queue = small_queue();
    let mut buffer = MessageBuffer::<64>::new();
    assert_eq!(buffer.as_slice(), b"");
    queue.send(b"first", Priority::MIN).unwrap();
    queue.receive(&mut buffer).unwrap();
    assert_eq!(queue.try_receive(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(buffer.as_slice(), b"first");
    assert_eq!(buffer.clone().as_slice(), b"first");
}

fn a_heapless_vector_keeps_its_content_when_a_receive_fails() {
    let queue = small_queue();
    let mut vector = heapless::Vec::<u8, 64>::from_slice(b"old").unwrap();
    assert_eq!(queue.try_receive(&mut vector).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(vector, b"old");
    queue.send(b"new", Priority::MIN).unwrap();
    queue.receive(&mut vector).unwrap();
    assert_eq!(vector, b"new");
    let mut small = heapless::Vec::<u8, 8>::from_slice(b"old").unwrap();
    assert_eq!(queue.receive(&mut small).unwrap_err().kind(), ErrorKind::BufferTooSmall);
    assert_eq!(small, b"old");
}

fn a_buffer_may_be_used_again_and_again() {
    let queue = small_queue();
    let mut buffer = [0; 64];
    for round in 0..200_u8 {
        queue.send(&[round; 7], Priority::MIN).unwrap();
        let message = queue.receive(&mut buffer).unwrap();
        assert_eq!(message.payload(), [round; 7]);
    }
}
