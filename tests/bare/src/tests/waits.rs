//! Waits of queues: their four forms in both directions, by both clocks.

use rawipc::time::{Clock, Time};
use rawipc::{Deadline, Error, ErrorKind, MessageQueue, Priority, retry_on_interrupt};

use super::support::{LONG, SHORT, kind, queue, timed};
use crate::harness::{Peer, tests, wait_until};
use crate::raw;

tests![
    end_with_a_message_in_every_form,
    end_with_room_in_every_form,
    end_with_their_time,
    try_once_with_a_passed_deadline,
    go_on_past_2038,
    are_interrupted_by_a_handler,
    are_served_in_order,
];

/// A call of one direction with one way to wait.
type Wait = fn(&MessageQueue) -> Result<(), Error>;

const RECEIVES: [Wait; 4] = [
    |queue| queue.receive(&mut [0; 16]).map(drop),
    |queue| queue.receive_timeout(&mut [0; 16], LONG).map(drop),
    |queue| queue.receive_deadline(&mut [0; 16], Deadline::after(LONG)).map(drop),
    |queue| queue.receive_deadline(&mut [0; 16], Deadline::realtime_after(LONG)).map(drop),
];

const SENDS: [Wait; 4] = [
    |queue| queue.send(b"", Priority::MIN),
    |queue| queue.send_timeout(b"", Priority::MIN, LONG),
    |queue| queue.send_deadline(b"", Priority::MIN, Deadline::after(LONG)),
    |queue| queue.send_deadline(b"", Priority::MIN, Deadline::realtime_after(LONG)),
];

fn end_with_a_message_in_every_form() {
    let queue = queue(1);
    for receive in RECEIVES {
        let peer = Peer::start_waiting(|| receive(&queue).unwrap());
        queue.send(b"", Priority::MIN).unwrap();
        peer.join();
        assert!(queue.is_empty().unwrap());
    }
}

fn end_with_room_in_every_form() {
    let queue = queue(1);
    queue.send(b"", Priority::MIN).unwrap();
    for send in SENDS {
        let peer = Peer::start_waiting(|| send(&queue).unwrap());
        queue.receive(&mut [0; 16]).unwrap();
        peer.join();
        assert_eq!(queue.len(), Ok(1));
    }
}

fn end_with_their_time() {
    let ends = |work: &dyn Fn() -> Result<(), Error>| {
        let (result, time) = timed(work);
        assert_eq!(kind(result), ErrorKind::TimedOut);
        assert!((SHORT..LONG).contains(&time), "it took {time:?}");
    };
    let queue = queue(1);
    ends(&|| queue.receive_timeout(&mut [0; 16], SHORT).map(drop));
    ends(&|| queue.receive_deadline(&mut [0; 16], Deadline::after(SHORT)).map(drop));
    ends(&|| queue.receive_deadline(&mut [0; 16], Deadline::realtime_after(SHORT)).map(drop));
    queue.send(b"", Priority::MIN).unwrap();
    ends(&|| queue.send_timeout(b"", Priority::MIN, SHORT));
    ends(&|| queue.send_deadline(b"", Priority::MIN, Deadline::after(SHORT)));
    ends(&|| queue.send_deadline(b"", Priority::MIN, Deadline::realtime_after(SHORT)));
    assert_eq!(queue.len(), Ok(1));
}

fn try_once_with_a_passed_deadline() {
    let before_the_epoch = Time::new(-1, 5).unwrap();
    for passed in
        [Deadline::Monotonic(Time::ZERO), Deadline::Realtime(Time::ZERO), Deadline::Realtime(before_the_epoch)]
    {
        let queue = queue(1);
        assert_eq!(kind(queue.receive_deadline(&mut [0; 16], passed)), ErrorKind::TimedOut);
        queue.send_deadline(b"1", Priority::MIN, passed).unwrap();
        assert_eq!(kind(queue.send_deadline(b"2", Priority::MIN, passed)), ErrorKind::TimedOut);
        assert_eq!(queue.receive_deadline(&mut [0; 16], passed).unwrap().payload(), b"1");
    }
}

/// Seconds that need more than 32 bits, signed and unsigned.
const LATE: [i64; 3] = [1 << 31, 1 << 32, 1 << 40];

fn go_on_past_2038() {
    let queue = queue(1);
    for seconds in LATE {
        let time = Time::new(seconds, 999_999_999).unwrap();
        for late in [Deadline::Monotonic(time), Deadline::Realtime(time)] {
            assert!(!late.has_passed() && late.remaining() > LONG);
            let peer = Peer::start_waiting(|| {
                queue.receive_deadline(&mut [0; 16], late).unwrap();
            });
            assert!(peer.status_within(SHORT).is_none(), "it has not waited");
            queue.send_deadline(b"", Priority::MIN, late).unwrap();
            peer.join();
        }
    }
}

fn are_interrupted_by_a_handler() {
    const SIGUSR1: i32 = 10;
    let queue = queue(1);
    raw::handle_signal(SIGUSR1);
    for (index, receive) in RECEIVES.into_iter().enumerate() {
        let peer = Peer::start_waiting(|| {
            let mut interruptions = 0;
            retry_on_interrupt!({
                receive(&queue).inspect_err(|error| {
                    assert_eq!(error.kind(), ErrorKind::Interrupted);
                    interruptions += 1;
                })
            })
            .unwrap();
            assert!(interruptions > 0, "form {index} went on");
        });
        rustix::process::kill_process(peer.process, rustix::process::Signal::USR1).unwrap();
        wait_until("the peer waits again", || peer.is_asleep());
        queue.send(b"", Priority::MIN).unwrap();
        peer.join();
    }
}

fn are_served_in_order() {
    let queue = queue(1);
    let first = Peer::start_waiting(|| {
        queue.receive(&mut [0; 16]).unwrap();
    });
    let second = Peer::start_waiting(|| {
        queue.receive_deadline(&mut [0; 16], Deadline::realtime_after(LONG)).unwrap();
    });
    let start = Time::now(Clock::Monotonic);
    queue.send(b"", Priority::MIN).unwrap();
    first.join();
    assert!(second.status_within(SHORT).is_none(), "both have received one message");
    queue.send(b"", Priority::MIN).unwrap();
    second.join();
    assert!(Time::now(Clock::Monotonic).saturating_since(start) < LONG);
}
