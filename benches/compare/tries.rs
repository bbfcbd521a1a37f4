//! Queues in one process beyond the plain pair: tries, time limits, many messages at a time.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::os::fd::AsRawFd;
use std::ptr;
use std::time::Duration;

use rawipc::time::Time;
use rawipc::{Deadline, MessageBuffer, MessageQueue, Priority, name};

use crate::Run;
use crate::measure::{counted, in_turns};
use crate::record::Bound::{AtLeast, AtMost};

const MESSAGE: [u8; 64] = [7; 64];

fn queue(messages: usize) -> MessageQueue {
    let options = MessageQueue::options().read(true).write(true).max_messages(messages).max_message_size(64);
    options.unlink_on_drop(true).create_unique(name!("/rawipc-bench-")).expect("it can be created")
}

pub fn all(run: &mut Run) {
    failing(run);
    limited(run);
    many(run);
}

/// A try on an empty queue.
fn failing(run: &mut Run) {
    let (blocking, nonblocking) = (queue(2), queue(2));
    nonblocking.set_nonblocking(true).expect("the flag can be set");
    let (blocking_number, number) = (blocking.as_raw_fd(), nonblocking.as_raw_fd());
    let (mut one, mut two, mut three) = (MessageBuffer::<64>::new(), MessageBuffer::<64>::new(), [0_u8; 64]);
    let (mut bare, mut theirs) = ([0_u8; 64], [0_u8; 64]);
    let past = libc::timespec { tv_sec: 1, tv_nsec: 0 };
    let long_ago = Deadline::Monotonic(Time::ZERO);
    let rounds = in_turns(
        run.rounds(200),
        vec![
            counted("mq_receive, nonblocking", 1_000, |count| {
                for _ in 0..count {
                    // SAFETY: the buffer is as long as it says.
                    let length = unsafe { libc::mq_receive(number, bare.as_mut_ptr().cast(), 64, ptr::null_mut()) };
                    assert_eq!(length, -1);
                }
            }),
            counted("try_receive, nonblocking", 1_000, |count| {
                (0..count).for_each(|_| assert!(nonblocking.try_receive(&mut one).is_err()));
            }),
            counted("try_receive, blocking", 1_000, |count| {
                (0..count).for_each(|_| assert!(blocking.try_receive(&mut two).is_err()));
            }),
            counted("receive_deadline in the past", 1_000, |count| {
                (0..count).for_each(|_| assert!(blocking.receive_deadline(&mut three, long_ago).is_err()));
            }),
            counted("mq_timedreceive, deadline in the past", 100, |count| {
                for _ in 0..count {
                    let (buffer, none) = (theirs.as_mut_ptr().cast(), ptr::null_mut());
                    // SAFETY: the buffer is as long as it says, the time whole.
                    let length = unsafe { libc::mq_timedreceive(blocking_number, buffer, 64, none, &raw const past) };
                    assert_eq!(length, -1);
                }
            }),
        ],
    );
    let ratio = rounds.ratio("try_receive, blocking", "mq_receive, nonblocking");
    run.record.target("try_receive on an empty blocking queue / bare nonblocking receive", ratio, AtMost(2.5));
    let ratio = rounds.ratio("mq_timedreceive, deadline in the past", "try_receive, blocking");
    run.record.target("the kernel's expired deadline / try_receive on an empty blocking queue", ratio, AtLeast(10.0));
    run.keep(rounds.table("tries", "A try on an empty queue: ns"));
}

/// Time limits that are not needed.
fn limited(run: &mut Run) {
    let queue = queue(2);
    let (mut buffer, mut timed, mut tried, mut dated) = ([0; 64], [0; 64], [0; 64], [0; 64]);
    let second = Duration::from_secs(1);
    let send = || queue.send(black_box(&MESSAGE), Priority::MIN).expect("there is room");
    let rounds = in_turns(
        run.rounds(300),
        vec![
            counted("send, receive", 1_000, |count| {
                for _ in 0..count {
                    send();
                    assert_eq!(queue.receive(&mut buffer).expect("there is one").payload(), MESSAGE);
                }
            }),
            counted("send, receive_timeout", 1_000, |count| {
                for _ in 0..count {
                    send();
                    assert_eq!(queue.receive_timeout(&mut timed, second).expect("there is one").payload(), MESSAGE);
                }
            }),
            counted("send, receive_deadline", 1_000, |count| {
                let deadline = Deadline::after(second);
                for _ in 0..count {
                    send();
                    assert_eq!(queue.receive_deadline(&mut dated, deadline).expect("there is one").payload(), MESSAGE);
                }
            }),
            counted("send, try_receive", 1_000, |count| {
                for _ in 0..count {
                    send();
                    assert_eq!(queue.try_receive(&mut tried).expect("there is one").payload(), MESSAGE);
                }
            }),
        ],
    );
    let ratio = rounds.ratio("send, receive_timeout", "send, receive");
    run.record.target("a timeout that is not needed / none, for the pair", ratio, AtMost(1.05));
    run.keep(
        rounds.table("limits", "Receiving with a limit that is not needed, 64 B, and the send before it: ns a pair"),
    );
}

/// Nine messages in, and out again until the queue is empty.
fn many(run: &mut Run) {
    const NINE: u32 = 9;
    let queue = queue(10);
    let messages = [MESSAGE; NINE as usize];
    let (mut one, mut two, mut stream) = ([0; 64], [0; 64], [0; 640]);
    let payload = messages.concat();
    let rounds = in_turns(
        run.rounds(200),
        vec![
            counted("try_send, try_receive until empty", 90 * NINE, |count| {
                for _ in 0..count / NINE {
                    messages.iter().for_each(|message| queue.try_send(message, Priority::MIN).expect("there is room"));
                    let mut received = 0;
                    while let Ok(message) = queue.try_receive(&mut one) {
                        assert_eq!(message.payload(), MESSAGE);
                        received += 1;
                    }
                    assert_eq!(received, NINE);
                }
            }),
            counted("try_send_many, try_receive_many", 90 * NINE, |count| {
                for _ in 0..count / NINE {
                    assert_eq!(queue.try_send_many(&messages, Priority::MIN), Ok(NINE as usize));
                    let received = queue.try_receive_many(&mut two, |message| {
                        assert_eq!(message.payload(), MESSAGE);
                        ControlFlow::Continue(())
                    });
                    assert_eq!(received, Ok(NINE as usize));
                }
            }),
            counted("try_send_all, try_receive_all", 90 * NINE, |count| {
                for _ in 0..count / NINE {
                    assert_eq!(queue.try_send_all(&payload, Priority::MIN), Ok(payload.len()));
                    assert_eq!(queue.try_receive_all(&mut stream).expect("they are there").payload, payload);
                }
            }),
        ],
    );
    run.keep(
        rounds.table("many", "Nine messages sent, then received until the queue is empty, never waiting: ns a message"),
    );
}
