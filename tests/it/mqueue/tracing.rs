//! The system calls of each operation, counted by ptrace: exactly those it must make.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use rawipc::{Deadline, MessageBuffer, MessageQueue, Priority, name};

use crate::harness::queues::FreeName;
use crate::harness::tracer::{Call, be_traced, calls_of, piece};
use crate::harness::waiting::wait_until_blocked;
use crate::harness::{Ending, Lacking, Role, role, small};

crate::tests!(
    a_message_is_one_call_to_send_and_one_to_receive,
    a_try_is_one_call_or_a_look_and_one_call,
    a_timeout_that_need_not_wait_is_one_call,
    creating_closing_and_unlinking_are_three_calls,
    opening_makes_no_call_that_is_not_asked_for,
    streams_make_no_call_a_message_beside_its_own,
    no_realtime_deadline_comes_from_a_timeout,
    only_a_realtime_deadline_reaches_the_kernel,
);

pub const ROLES: &[Role] = &[
    ("trace_messages", trace_messages),
    ("trace_opening", trace_opening),
    ("trace_streams", trace_streams),
    ("trace_waits", trace_waits),
];

/// The calls of a role's pieces. Where times have 32 bits, the calls with 64-bit times stand for the plain ones.
fn traced(name: &str) -> Result<BTreeMap<u64, Vec<Call>>, Lacking> {
    let mut pieces = calls_of(&mut role(name, &[]))?;
    for call in pieces.values_mut().flatten() {
        call.number = match call.number {
            414 => POLL,
            418 => SEND,
            419 => RECEIVE,
            number => number,
        };
    }
    Ok(pieces)
}

const OPEN: libc::c_long = libc::SYS_mq_open;
const UNLINK: libc::c_long = libc::SYS_mq_unlink;
const SEND: libc::c_long = libc::SYS_mq_timedsend;
const RECEIVE: libc::c_long = libc::SYS_mq_timedreceive;
const ATTRIBUTES: libc::c_long = libc::SYS_mq_getsetattr;
const CLOSE: libc::c_long = libc::SYS_close;
const POLL: libc::c_long = libc::SYS_ppoll;

/// Makes sure that a piece consists of exactly these calls.
#[track_caller]
fn assert_calls(pieces: &BTreeMap<u64, Vec<Call>>, piece: u64, expected: &[libc::c_long]) {
    let numbers: Vec<_> = pieces.get(&piece).expect("the piece was played").iter().map(|call| call.number).collect();
    assert_eq!(numbers, expected, "piece {piece}");
}

const SOON: Duration = Duration::from_secs(20);

/// A piece that must fail.
fn failing<T>(number: u32, work: impl FnOnce() -> rawipc::Result<T>) {
    assert!(piece(number, work).is_err(), "piece {number} has not failed");
}

/// What pieces of sending and receiving are played: one number for each.
fn trace_messages(_: &[String]) {
    let queue = small().max_messages(4).create_unique(name!("/rawipc-test-")).unwrap();
    let mut buffer = MessageBuffer::<64>::new();
    // The first look at a clock in a process asks the kernel where the vDSO is.
    assert!(!Deadline::after(SOON).has_passed());
    be_traced();
    for nonblocking in [0, 100] {
        queue.set_nonblocking(nonblocking > 0).unwrap();
        piece(nonblocking + 1, || queue.send(b"1", Priority::MIN)).unwrap();
        piece(nonblocking + 2, || queue.try_send(b"2", Priority::MAX)).unwrap();
        piece(nonblocking + 3, || queue.send_timeout(b"3", Priority::MIN, SOON)).unwrap();
        piece(nonblocking + 4, || queue.send_deadline(b"4", Priority::MIN, Deadline::realtime_after(SOON))).unwrap();
        failing(nonblocking + 5, || queue.try_send(b"full", Priority::MIN));
        piece(nonblocking + 6, || queue.receive(&mut buffer).map(drop)).unwrap();
        piece(nonblocking + 7, || queue.try_receive(&mut buffer).map(drop)).unwrap();
        piece(nonblocking + 8, || queue.receive_timeout(&mut buffer, SOON).map(drop)).unwrap();
        piece(nonblocking + 9, || queue.receive_deadline(&mut buffer, Deadline::after(SOON)).map(drop)).unwrap();
        failing(nonblocking + 10, || queue.try_receive(&mut buffer).map(drop));
    }
    piece(200, || {
        for _ in 0..100 {
            queue.send(b"many", Priority::MIN).unwrap();
            queue.receive(&mut buffer).unwrap();
        }
    });
}

fn a_message_is_one_call_to_send_and_one_to_receive() -> Ending {
    let pieces = traced("trace_messages")?;
    for nonblocking in [0, 100] {
        assert_calls(&pieces, nonblocking + 1, &[SEND]);
        assert_calls(&pieces, nonblocking + 6, &[RECEIVE]);
    }
    assert_calls(&pieces, 200, &[SEND, RECEIVE].repeat(100));
    assert!(pieces[&200].iter().all(|call| call.time.is_none()), "a plain call has no deadline");
    Ok(())
}

fn a_try_is_one_call_or_a_look_and_one_call() -> Ending {
    let pieces = traced("trace_messages")?;
    assert_calls(&pieces, 2, &[ATTRIBUTES, SEND]);
    assert_calls(&pieces, 7, &[ATTRIBUTES, RECEIVE]);
    // Where it would have to wait, the look is all: the kernel's expired timer is dear.
    assert_calls(&pieces, 5, &[ATTRIBUTES]);
    assert_calls(&pieces, 10, &[ATTRIBUTES]);
    for (piece, call) in [(102, SEND), (105, SEND), (107, RECEIVE), (110, RECEIVE)] {
        assert_calls(&pieces, piece, &[call]);
    }
    for (piece, at) in [(2, 1), (7, 1), (102, 0), (105, 0), (107, 0), (110, 0)] {
        assert_eq!(pieces[&piece][at].time, Some([0, 0]), "a try has an expired deadline");
    }
    Ok(())
}

fn a_timeout_that_need_not_wait_is_one_call() -> Ending {
    let pieces = traced("trace_messages")?;
    for nonblocking in [0, 100] {
        for (piece, call) in [(3, SEND), (4, SEND), (8, RECEIVE), (9, RECEIVE)] {
            // Reading a clock is a system call where there is no vDSO.
            let calls = pieces[&(nonblocking + piece)].iter().map(|call| call.number);
            let calls: Vec<_> = calls.filter(|number| *number != libc::SYS_clock_gettime && *number != 403).collect();
            assert_eq!(calls, [call], "piece {}", nonblocking + piece);
        }
    }
    Ok(())
}

fn trace_opening(_: &[String]) {
    let options = small().unlink_on_drop(false);
    let (free, beside) = (FreeName::new(), FreeName::new());
    let existing = options.create(true).open(&beside).unwrap();
    be_traced();
    let queue = piece(1, || options.create_new(true).open(&free)).unwrap();
    piece(2, || queue.close()).unwrap();
    piece(3, || MessageQueue::unlink(&free)).unwrap();
    let queue = piece(4, || options.create(true).open(&free)).unwrap();
    piece(5, || drop(queue));
    let queue = piece(6, || MessageQueue::options().read(true).open(&free)).unwrap();
    piece(7, || queue.attributes()).unwrap();
    piece(8, || queue.flags()).unwrap();
    piece(9, || queue.mode()).unwrap();
    piece(10, || queue.set_nonblocking(true)).unwrap();
    let exact = piece(11, || options.create(true).exact_mode(0o600).open(&beside)).unwrap();
    failing(12, || MessageQueue::options().read(true).create_new(true).open(&beside).map(drop));
    let clone = piece(13, || existing.try_clone()).unwrap();
    drop((clone, exact, queue));
}

fn creating_closing_and_unlinking_are_three_calls() -> Ending {
    let pieces = traced("trace_opening")?;
    assert_calls(&pieces, 1, &[OPEN]);
    assert_calls(&pieces, 2, &[CLOSE]);
    assert_calls(&pieces, 3, &[UNLINK]);
    Ok(())
}

fn opening_makes_no_call_that_is_not_asked_for() -> Ending {
    let pieces = traced("trace_opening")?;
    for piece in [4, 6] {
        assert_calls(&pieces, piece, &[OPEN]);
    }
    // Built for debugging, the standard library looks whether a descriptor is open before it closes it.
    let looks = |call: &&Call| call.number == libc::SYS_fcntl && call.arguments[1] == libc::F_GETFD as u64;
    let dropping: Vec<_> = pieces[&5].iter().filter(|call| !looks(call)).map(|call| call.number).collect();
    assert_eq!(dropping, [CLOSE]);
    assert_calls(&pieces, 7, &[ATTRIBUTES]);
    for piece in [8, 9, 13] {
        assert_eq!(pieces[&piece].len(), 1, "piece {piece}");
    }
    assert_calls(&pieces, 10, &[ATTRIBUTES]);
    assert_calls(&pieces, 11, &[OPEN, OPEN]);
    assert_calls(&pieces, 12, &[OPEN]);
    // The kernel makes it close-on-exec unasked, and would show the flag if it were asked.
    let close_on_exec = |call: &Call| call.arguments[1] & libc::O_CLOEXEC as u64 != 0;
    assert!(!pieces.values().flatten().filter(|call| call.number == OPEN).any(close_on_exec));
    Ok(())
}

fn trace_streams(_: &[String]) {
    let queue = small().create_unique(name!("/rawipc-test-")).unwrap();
    let mut buffer = [0; 1000];
    be_traced();
    piece(1, || queue.send_truncated(&[1; 64], Priority::MIN)).unwrap();
    piece(2, || queue.send_truncated(&[1; 65], Priority::MIN)).unwrap();
    piece(3, || queue.send_all(&[1; 3 * 64], Priority::MIN)).unwrap();
    piece(4, || queue.try_send_all(&[1; 1000], Priority::MIN)).unwrap();
    piece(5, || queue.try_send_all(&[1; 1000], Priority::MIN)).unwrap();
    piece(6, || queue.try_receive_all(&mut buffer).map(drop)).unwrap();
}

fn streams_make_no_call_a_message_beside_its_own() -> Ending {
    let pieces = traced("trace_streams")?;
    assert_calls(&pieces, 1, &[SEND]);
    assert_calls(&pieces, 2, &[SEND, ATTRIBUTES, SEND]);
    assert_calls(&pieces, 3, &[ATTRIBUTES, SEND, SEND, SEND]);
    assert_calls(&pieces, 4, &[ATTRIBUTES, SEND, SEND, SEND, ATTRIBUTES]);
    assert_calls(&pieces, 5, &[ATTRIBUTES]);
    let expected = [&[ATTRIBUTES][..], &[RECEIVE; 8], &[ATTRIBUTES]].concat();
    assert_calls(&pieces, 6, &expected);
    Ok(())
}

/// Waits in every way with a limit.
fn trace_waits(_: &[String]) {
    let empty = small().create_unique(name!("/rawipc-test-")).unwrap();
    let full = small().max_messages(1).create_unique(name!("/rawipc-test-")).unwrap();
    full.send(b"full", Priority::MIN).unwrap();
    let (short, mut buffer) = (Duration::from_millis(5), [0; 64]);
    be_traced();
    failing(1, || empty.receive_timeout(&mut buffer, short).map(drop));
    failing(2, || full.send_timeout(b"x", Priority::MIN, short));
    failing(3, || empty.receive_deadline(&mut buffer, Deadline::after(short)).map(drop));
    failing(4, || full.send_deadline(b"x", Priority::MIN, Deadline::after(short)));
    failing(5, || empty.receive_timeout(&mut buffer, Duration::ZERO).map(drop));
    failing(6, || full.send_timeout(b"x", Priority::MIN, Duration::ZERO));
    piece(7, || full.receive_timeout(&mut buffer, Duration::MAX).map(drop)).unwrap();
    piece(8, || full.send_timeout(b"x", Priority::MIN, Duration::MAX)).unwrap();
    trace_a_wait_that_a_peer_ends(&empty);
    failing(20, || empty.receive_deadline(&mut buffer, Deadline::realtime_after(short)).map(drop));
    failing(21, || full.send_deadline(b"x", Priority::MIN, Deadline::realtime_after(short)));
}

/// The peer is a thread, which is not traced: only the one that let itself be traced is.
fn trace_a_wait_that_a_peer_ends(queue: &MessageQueue) {
    let this_process = std::process::id() as i32;
    thread::scope(|scope| {
        scope.spawn(move || {
            wait_until_blocked(this_process, this_process);
            queue.send(b"woken", Priority::MIN).unwrap();
        });
        piece(9, || queue.receive_timeout(&mut [0; 64], SOON).map(drop)).unwrap();
    });
}

fn is_queue_call(call: &&Call) -> bool {
    call.number == SEND || call.number == RECEIVE
}

fn no_realtime_deadline_comes_from_a_timeout() -> Ending {
    let pieces = traced("trace_waits")?;
    for piece in 1..=9 {
        for call in pieces[&piece].iter().filter(is_queue_call) {
            assert_eq!(call.time, Some([0, 0]), "piece {piece} gives the kernel a deadline");
        }
        for call in pieces[&piece].iter().filter(|call| call.number == POLL) {
            let [seconds, _] = call.time.expect("no poll is without an end");
            assert!(seconds <= 24 * 60 * 60, "piece {piece} polls with an absolute time: {seconds}");
        }
    }
    for piece in [1, 2, 3, 4, 9] {
        assert!(pieces[&piece].iter().any(|call| call.number == POLL), "piece {piece} has not waited");
    }
    Ok(())
}

fn only_a_realtime_deadline_reaches_the_kernel() -> Ending {
    let pieces = traced("trace_waits")?;
    for piece in [20, 21] {
        let calls: Vec<_> = pieces[&piece].iter().filter(is_queue_call).collect();
        assert_eq!(calls.len(), 1, "piece {piece} is one call");
        let [seconds, _] = calls[0].time.expect("a deadline");
        assert!(seconds > 1_700_000_000, "piece {piece} waits by another clock: {seconds}");
    }
    Ok(())
}
