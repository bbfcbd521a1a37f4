//! 32-bit machines on kernels before 5.1, which have none of the calls with 64-bit times: a filter forgets them.

use rawipc::{Deadline, ErrorKind, Gnu32, Mapping, MessageQueue, NotificationSocket, Priority, SemaphoreOf, Time};

use super::support::{LONG, SHORT, common_memory, kind, queue, timed};
use crate::harness::{Call, Peer, lacking, tests};
use crate::raw::{forget_calls, knows_call};

tests![sends_and_receives_with_every_time, wakes_from_every_wait, cuts_what_is_past_2038, waits_for_semaphores,];

/// The calls with 64-bit times have the same numbers everywhere.
const TIME64: [usize; 2] = [403, 423];
const MQ_TIMEDSEND_TIME64: usize = 418;

fn forget_time64() {
    if !forget_calls(TIME64[0], TIME64[1]) {
        lacking(Call::Seccomp);
    }
    assert!(!knows_call(MQ_TIMEDSEND_TIME64), "the filter is of no effect");
}

fn sends_and_receives_with_every_time() {
    let queue = queue(1);
    forget_time64();
    let passed = Deadline::Realtime(Time::ZERO);
    assert_eq!(kind(queue.receive_deadline(&mut [0; 16], passed)), ErrorKind::TimedOut);
    for late in [Deadline::after(LONG), Deadline::realtime_after(LONG), passed] {
        queue.send_deadline(b"with a deadline", Priority::MAX, late).unwrap();
        let mut buffer = [0; 16];
        let message = queue.receive_deadline(&mut buffer, late).unwrap();
        assert_eq!((message.payload(), message.priority()), (&b"with a deadline"[..], Priority::MAX));
    }
    queue.send(b"", Priority::MIN).unwrap();
    let (result, time) = timed(|| queue.send_timeout(b"", Priority::MIN, SHORT));
    assert_eq!((kind(result), (SHORT..LONG).contains(&time)), (ErrorKind::TimedOut, true));
    queue.receive(&mut [0; 16]).unwrap();
    let (result, time) = timed(|| queue.receive_deadline(&mut [0; 16], Deadline::realtime_after(SHORT)).map(drop));
    assert_eq!((kind(result), (SHORT..LONG).contains(&time)), (ErrorKind::TimedOut, true));
    let (result, time) = timed(|| queue.receive_timeout(&mut [0; 16], SHORT).map(drop));
    assert_eq!((kind(result), (SHORT..LONG).contains(&time)), (ErrorKind::TimedOut, true));
}

fn wakes_from_every_wait() {
    let queue = queue(1);
    forget_time64();
    let waits: [fn(&MessageQueue); 3] = [
        |queue| assert!(queue.receive(&mut [0; 16]).is_ok()),
        |queue| assert!(queue.receive_timeout(&mut [0; 16], LONG).is_ok()),
        |queue| assert!(queue.receive_deadline(&mut [0; 16], Deadline::realtime_after(LONG)).is_ok()),
    ];
    for wait in waits {
        let peer = Peer::start_waiting(|| wait(&queue));
        queue.send(b"", Priority::MIN).unwrap();
        peer.join();
    }
    let mut socket = NotificationSocket::new(&queue).unwrap();
    if kind_of_arm(&mut socket) != Some(ErrorKind::Unsupported) {
        assert_eq!(kind(socket.wait_timeout(SHORT)), ErrorKind::TimedOut);
    }
}

fn kind_of_arm(socket: &mut NotificationSocket<&MessageQueue>) -> Option<ErrorKind> {
    socket.arm().err().map(|error| error.kind())
}

/// The old calls know no later time: the wait is as long as they can express.
fn cuts_what_is_past_2038() {
    let queue = queue(1);
    forget_time64();
    let late = Deadline::Realtime(Time::new(1 << 33, 0).unwrap());
    let peer = Peer::start_waiting(|| assert!(queue.receive_deadline(&mut [0; 16], late).is_ok()));
    assert!(peer.status_within(SHORT).is_none(), "it has not waited");
    queue.send(b"", Priority::MIN).unwrap();
    peer.join();
}

fn waits_for_semaphores() {
    let memory: Mapping = common_memory();
    let semaphore: &SemaphoreOf<Gnu32> = memory.get(0).unwrap();
    forget_time64();
    for ends in [Deadline::after(SHORT), Deadline::realtime_after(SHORT)] {
        let (result, time) = timed(|| semaphore.wait_deadline(ends));
        assert_eq!(kind(result), ErrorKind::TimedOut);
        assert!(time < LONG);
    }
    let peer = Peer::start_waiting(|| semaphore.wait_timeout(LONG).unwrap());
    semaphore.post().unwrap();
    peer.join();
}
