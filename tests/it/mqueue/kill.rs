//! SIGKILL of a peer at any moment: nothing that was accepted is lost.

use std::fs::File;
use std::io::{Read, Write};
use std::time::Instant;

use rawipc::{ErrorKind, MessageQueue, Name, Priority, Receiver, Sender};

use crate::harness::queues::text;
use crate::harness::random::Random;
use crate::harness::waiting::{PATIENCE, wait_for_length, wait_until_blocked};
use crate::harness::{Peer, Role, name_of, role, small_queue};

crate::tests!(
    what_a_killed_sender_had_sent_is_there,
    a_killed_receiver_takes_at_most_one_message_unseen,
    a_sender_killed_while_it_waits_sends_nothing,
    a_receiver_killed_while_it_waits_takes_nothing,
);

pub const ROLES: &[Role] = &[("send_until_killed", send_until_killed), ("receive_until_killed", receive_until_killed)];

const ROUNDS: usize = 40;

/// Sends numbers without end and reports each one that was accepted.
fn send_until_killed(arguments: &[String]) {
    let sender = Sender::open(Name::new(arguments[0].as_str()).unwrap()).unwrap();
    let mut reports = reports();
    for number in 0_u32.. {
        sender.send(&number.to_le_bytes(), Priority::MIN).unwrap();
        report(&mut reports, number);
    }
}

/// Receives numbers without end and reports each one it got.
fn receive_until_killed(arguments: &[String]) {
    let receiver = Receiver::open(Name::new(arguments[0].as_str()).unwrap()).unwrap();
    let mut reports = reports();
    let mut buffer = [0; 64];
    loop {
        let message = receiver.receive(&mut buffer).unwrap();
        report(&mut reports, u32::from_le_bytes(message.payload().try_into().unwrap()));
    }
}

/// Standard output without a buffer: a write of four bytes is one call, and what a pipe has taken outlives its writer.
fn reports() -> File {
    File::options().write(true).open("/proc/self/fd/1").expect("standard output is a pipe")
}

fn report(reports: &mut File, number: u32) {
    assert_eq!(reports.write(&number.to_le_bytes()).unwrap(), 4);
}

fn numbers(report: &[u8]) -> Vec<u32> {
    assert_eq!(report.len() % 4, 0);
    report.chunks(4).map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

/// Lets some time pass that is different in each round: the moment of the kill is what is tried out.
fn dally(random: &mut Random) {
    let (start, nanoseconds) = (Instant::now(), random.below(300_000) as u128);
    while start.elapsed().as_nanos() < nanoseconds {
        std::hint::spin_loop();
    }
}

fn received(message: rawipc::Message<'_>) -> u32 {
    u32::from_le_bytes(message.payload().try_into().expect("a whole message"))
}

fn what_a_killed_sender_had_sent_is_there() {
    let mut random = Random::new();
    for _ in 0..ROUNDS {
        let queue = small_queue();
        let peer = Peer::start_reporting(&mut role("send_until_killed", &[text(name_of(&queue))]));
        let (mut buffer, mut arrived) = ([0; 64], Vec::new());
        for _ in 0..1 + random.below(400) {
            arrived.push(received(queue.receive_timeout(&mut buffer, PATIENCE).unwrap()));
        }
        dally(&mut random);
        let accepted = numbers(&peer.kill_now());
        while let Ok(message) = queue.try_receive(&mut buffer) {
            arrived.push(received(message));
        }
        assert!(arrived.iter().copied().eq(0..arrived.len() as u32), "something is missing or out of order");
        // The last one may have been accepted without a chance to report it.
        let unreported = arrived.len().checked_sub(accepted.len()).expect("what was accepted is there");
        assert!(unreported <= 1, "{unreported} messages that nobody knows of");
    }
}

fn a_killed_receiver_takes_at_most_one_message_unseen() {
    let mut random = Random::new();
    for _ in 0..ROUNDS {
        let queue = small_queue();
        let peer = Peer::start_reporting(&mut role("receive_until_killed", &[text(name_of(&queue))]));
        let count = 1 + random.below(400) as u32;
        for number in 0..count {
            queue.send_timeout(&number.to_le_bytes(), Priority::MIN, PATIENCE).unwrap();
        }
        dally(&mut random);
        let taken = numbers(&peer.kill_now());
        let (mut buffer, mut left) = ([0; 64], Vec::new());
        while let Ok(message) = queue.try_receive(&mut buffer) {
            left.push(received(message));
        }
        assert!(taken.iter().copied().eq(0..taken.len() as u32), "the receiver lost something while it lived");
        let first_left = count - left.len() as u32;
        assert!(left.iter().copied().eq(first_left..count), "something is missing or out of order");
        let lost = first_left.checked_sub(taken.len() as u32).expect("nothing is there twice");
        assert!(lost <= 1, "{lost} messages went with the receiver");
        // The queue is as usable as before.
        queue.send(b"next", Priority::MIN).unwrap();
        assert_eq!(queue.try_receive(&mut buffer).unwrap().payload(), b"next");
    }
}

fn a_sender_killed_while_it_waits_sends_nothing() {
    let queue = small_queue();
    let peer = Peer::start_reporting(&mut role("send_until_killed", &[text(name_of(&queue))]));
    wait_for_length(&queue, 8);
    wait_until_blocked(peer.pid(), peer.pid());
    assert_eq!(numbers(&peer.kill_now()), [0, 1, 2, 3, 4, 5, 6, 7]);
    let mut buffer = [0; 64];
    for number in 0..8 {
        assert_eq!(received(queue.try_receive(&mut buffer).unwrap()), number);
    }
    assert_eq!(queue.try_receive(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
}

fn a_receiver_killed_while_it_waits_takes_nothing() {
    let queue = small_queue();
    let mut peer = Peer::start_reporting(&mut role("receive_until_killed", &[text(name_of(&queue))]));
    queue.send(&0_u32.to_le_bytes(), Priority::MIN).unwrap();
    let mut first = [0; 4];
    peer.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    wait_until_blocked(peer.pid(), peer.pid());
    assert_eq!(peer.kill_now(), []);
    queue.send(b"later", Priority::MIN).unwrap();
    let reopened = MessageQueue::options().read(true).open(name_of(&queue)).unwrap();
    assert_eq!(reopened.receive(&mut [0; 64]).unwrap().payload(), b"later");
}
