//! Queues in one process: rawipc, the C library, and the bare system calls.

use std::os::fd::AsRawFd;
use std::ptr;
use std::time::Duration;

use rawipc::{MessageBuffer, MessageQueue, Priority, name};

use crate::measure::Target::AtMost;
use crate::measure::{Table, subject};

const MESSAGE: [u8; 64] = [7; 64];

fn small() -> MessageQueue {
    let options = MessageQueue::options().read(true).write(true).max_messages(2).max_message_size(64);
    options.unlink_on_drop(true).create_unique(name!("/rawipc-bench-")).expect("it can be created")
}

/// A message sent and received, by a way to do each.
fn pairs_by(send: impl Fn(), mut receive: impl FnMut() -> usize) -> impl FnMut(u32) {
    move |count| {
        for _ in 0..count {
            send();
            assert_eq!(receive(), MESSAGE.len());
        }
    }
}

pub fn pairs(table: &mut Table) {
    let queue = small();
    let number = queue.as_raw_fd();
    let (mut bare, mut theirs) = ([0_u8; 64], [0_u8; 64]);
    let (mut own, mut timed) = (MessageBuffer::<64>::new(), MessageBuffer::<64>::new());
    let second = Duration::from_secs(1);
    let times = table.measure(
        "queue: send and receive 64 bytes, empty queue",
        300,
        2_000,
        vec![
            subject(
                "bare system calls",
                pairs_by(
                    || {
                        let (none, length) = (ptr::null::<libc::timespec>(), MESSAGE.len());
                        // SAFETY: the message is as long as it says.
                        let sent = unsafe { libc::syscall(libc::SYS_mq_timedsend, number, &MESSAGE, length, 0, none) };
                        assert_eq!(sent, 0);
                    },
                    || {
                        let (priority, none) = (ptr::null_mut::<u32>(), ptr::null::<libc::timespec>());
                        let buffer = bare.as_mut_ptr();
                        let receive = libc::SYS_mq_timedreceive;
                        // SAFETY: the buffer is as long as it says.
                        let length = unsafe { libc::syscall(receive, number, buffer, bare.len(), priority, none) };
                        length as usize
                    },
                ),
            ),
            subject(
                "rawipc",
                pairs_by(
                    || queue.send(&MESSAGE, Priority::MIN).expect("there is room"),
                    || queue.receive(&mut own).expect("there is a message").payload().len(),
                ),
            ),
            subject(
                "rawipc, with a time-out that is not needed",
                pairs_by(
                    || queue.send_timeout(&MESSAGE, Priority::MIN, second).expect("there is room"),
                    || queue.receive_timeout(&mut timed, second).expect("there is a message").payload().len(),
                ),
            ),
            subject(
                "C library",
                pairs_by(
                    // SAFETY: the message is as long as it says.
                    || assert_eq!(unsafe { libc::mq_send(number, MESSAGE.as_ptr().cast(), MESSAGE.len(), 0) }, 0),
                    || {
                        let buffer = theirs.as_mut_ptr().cast();
                        // SAFETY: the buffer is as long as it says.
                        unsafe { libc::mq_receive(number, buffer, theirs.len(), ptr::null_mut()) as usize }
                    },
                ),
            ),
        ],
    );
    table.ratio("rawipc / bare system calls", times[1], times[0], AtMost(1.02));
    table.ratio("with a time-out / without", times[2], times[1], AtMost(1.05));
}

/// A try on an empty queue.
pub fn failing(table: &mut Table) {
    let (blocking, nonblocking) = (small(), small());
    nonblocking.set_nonblocking(true).expect("the flag can be set");
    let number = nonblocking.as_raw_fd();
    let (mut buffer, mut other, mut bytes) = (MessageBuffer::<64>::new(), MessageBuffer::<64>::new(), [0_u8; 64]);
    let times = table.measure(
        "queue: a try on an empty queue",
        200,
        2_000,
        vec![
            subject("bare receive, nonblocking queue", |count| {
                for _ in 0..count {
                    // SAFETY: the buffer is as long as it says.
                    let length = unsafe { libc::mq_receive(number, bytes.as_mut_ptr().cast(), 64, ptr::null_mut()) };
                    assert_eq!(length, -1);
                }
            }),
            subject("try_receive, nonblocking queue", |count| {
                (0..count).for_each(|_| assert!(nonblocking.try_receive(&mut buffer).is_err()));
            }),
            subject("try_receive, blocking queue", |count| {
                (0..count).for_each(|_| assert!(blocking.try_receive(&mut other).is_err()));
            }),
        ],
    );
    table.ratio("blocking / bare", times[2], times[0], AtMost(2.5));
    table.ratio("nonblocking / bare", times[1], times[0], AtMost(1.3));
}
