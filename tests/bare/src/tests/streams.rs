//! Payloads of more than one message.

use rawipc::endpoint::StopReason;
use rawipc::{ErrorKind, Priority};

use super::support::queue;
use crate::harness::tests;

tests![are_cut_and_joined, stop_where_the_queue_is_full, are_truncated_on_demand];

const PAYLOAD: &[u8] = b"forty bytes, which make three messages .";

fn are_cut_and_joined() {
    let queue = queue(4);
    queue.send_all(PAYLOAD, Priority::MIN).unwrap();
    assert_eq!(queue.len(), Ok(3));
    let mut buffer = [0; 64];
    let drained = queue.try_receive_all(&mut buffer).unwrap();
    assert_eq!((drained.payload, drained.stop), (PAYLOAD, StopReason::Empty));

    queue.send_all(b"", Priority::MIN).unwrap();
    assert_eq!(queue.len(), Ok(1), "an empty payload is an empty message");
    assert_eq!(queue.try_receive_all(&mut buffer).unwrap().payload, b"");
}

fn stop_where_the_queue_is_full() {
    let queue = queue(2);
    assert_eq!(queue.try_send_all(PAYLOAD, Priority::MIN).unwrap(), 32);
    queue.set_nonblocking(true).unwrap();
    let incomplete = queue.send_all(PAYLOAD, Priority::MIN).unwrap_err();
    assert_eq!((incomplete.bytes, incomplete.error.kind()), (0, ErrorKind::WouldBlock));
    assert_eq!(queue.try_receive_all(&mut [0; 64]).unwrap().payload, &PAYLOAD[..32]);
}

fn are_truncated_on_demand() {
    let queue = queue(1);
    assert_eq!(queue.send_truncated(PAYLOAD, Priority::MIN), Ok(16));
    assert_eq!(queue.receive(&mut [0; 16]).unwrap().payload(), &PAYLOAD[..16]);
}
