//! No wake-up is lost: a consumer that sleeps on nothing but its notification gets every message.

use std::thread;

use rawipc::mqueue::Notified;
use rawipc::{ErrorKind, MessageBuffer, MessageQueue, Name, NotificationSocket, OpenFlags, Priority};

use crate::harness::queues::text;
use crate::harness::waiting::PATIENCE;
use crate::harness::{Peer, Role, name_of, role, small, small_queue};

crate::tests!(a_hundred_thousand_messages_of_four_producers, a_hundred_thousand_messages_with_answers);

pub const ROLES: &[Role] = &[("producer", producer)];

const PRODUCERS: usize = 4;
const MESSAGES_EACH: u32 = 25_000;

/// The role of a producer: the queue, its number, and if it waits for an answer to each message the queue of these.
fn producer(arguments: &[String]) {
    let open = |name: &String| {
        let name = Name::new(name.as_str()).unwrap();
        MessageQueue::options().flags(OpenFlags::READ_WRITE).open(name).unwrap()
    };
    produce(&open(&arguments[0]), arguments[1].parse().unwrap(), arguments.get(2).map(open).as_ref());
}

fn produce(queue: &MessageQueue, producer: u8, answers: Option<&MessageQueue>) {
    let mut message = [producer, 0, 0, 0, 0];
    for number in 0..MESSAGES_EACH {
        message[1..].copy_from_slice(&number.to_ne_bytes());
        queue.send_timeout(&message, Priority::MIN, PATIENCE).expect("the consumer goes on");
        if let Some(answers) = answers {
            answers.receive_timeout(&mut [0; 64], PATIENCE).expect("the consumer answers");
        }
    }
}

/// Runs `consume` among the producers: half of them threads, half of them processes.
///
/// The threads use the consumer's own handle: closing one of theirs would take its registration away.
fn among_producers(queue: &MessageQueue, answers: Option<&[MessageQueue]>, consume: impl FnOnce()) {
    let answers_to = |producer: usize| answers.map(|answers| &answers[producer]);
    let process = |producer: usize| {
        let number = producer.to_string();
        let mut arguments = vec![text(name_of(queue)), number.as_str()];
        arguments.extend(answers_to(producer).map(|queue| text(name_of(queue))));
        Peer::start(&mut role("producer", &arguments))
    };
    thread::scope(|scope| {
        let (in_threads, in_processes) = (0..PRODUCERS).partition::<Vec<_>, _>(|producer| producer % 2 == 0);
        for producer in in_threads {
            scope.spawn(move || produce(queue, producer as u8, answers_to(producer)));
        }
        let processes: Vec<Peer> = in_processes.into_iter().map(process).collect();
        consume();
        processes.into_iter().for_each(Peer::succeed);
    });
    assert!(queue.is_empty().unwrap());
}

/// The loop that the documentation has: arm, drain, wait. `heard` learns after each draining whose messages came;
/// returns the number of wake-ups.
fn consume(queue: &MessageQueue, mut heard: impl FnMut(&[u8])) -> u32 {
    let mut socket = NotificationSocket::new(queue).unwrap();
    let mut next = [0_u32; PRODUCERS];
    let mut wakeups = 0;
    loop {
        socket.arm().unwrap();
        heard(&drain(queue, &mut next));
        if next == [MESSAGES_EACH; PRODUCERS] {
            return wakeups;
        }
        let notified = socket.wait_timeout(PATIENCE);
        assert_eq!(notified, Ok(Notified::Arrived), "a wake-up is lost: {next:?} of {MESSAGES_EACH} each have come");
        wakeups += 1;
    }
}

/// Receives what is there, and makes sure that each producer's messages come in order; whose they were.
fn drain(queue: &MessageQueue, next: &mut [u32; PRODUCERS]) -> Vec<u8> {
    let mut buffer = MessageBuffer::<64>::new();
    let mut producers = Vec::new();
    loop {
        match queue.try_receive(&mut buffer) {
            Ok(message) => {
                let (producer, number) = message.payload().split_first().unwrap();
                let expected = &mut next[usize::from(*producer)];
                assert_eq!(number, expected.to_ne_bytes(), "of producer {producer}");
                *expected += 1;
                producers.push(*producer);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return producers,
            Err(error) => panic!("{error}"),
        }
    }
}

fn a_hundred_thousand_messages_of_four_producers() {
    let queue = small_queue();
    among_producers(&queue, None, || assert!(consume(&queue, |_| {}) > 0));
}

/// Here each producer sends its next message only when the last one was answered, after the draining: so the queue is
/// empty again and again, and at least every fourth message is an arrival in the empty queue.
fn a_hundred_thousand_messages_with_answers() {
    let queue = small_queue();
    let one_byte = small().max_messages(1).max_message_size(1);
    let answers = [(); PRODUCERS].map(|()| one_byte.create_unique(rawipc::name!("/rawipc-test-")).unwrap());
    among_producers(&queue, Some(&answers), || {
        let wakeups = consume(&queue, |producers| {
            for producer in producers {
                answers[usize::from(*producer)].try_send(b"", Priority::MIN).expect("no answer is waiting there");
            }
        });
        assert!(wakeups >= MESSAGES_EACH, "{wakeups}");
    });
}
