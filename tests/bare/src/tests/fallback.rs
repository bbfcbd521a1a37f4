//! 32-bit machines where some calls with a time are missing or refused in one of their two forms.

use rawipc::semaphore::SemaphoreOf;
use rawipc::semaphore::abi::Gnu32;
use rawipc::time::{Clock, Time};
use rawipc::{Deadline, ErrorKind, Mapping, MessageQueue, NotificationSocket, Priority};
use syscalls::{Errno, Sysno};

use super::support::{LONG, SHORT, common_memory, kind, queue, timed};
use crate::harness::{Call, Peer, lacking, tests};
use crate::raw::{Rule, knows_call, refuse};

tests![
    queue_sends_with_one_form_of_time,
    queue_wakes_from_every_wait_with_one_form,
    queue_deadline_past_2038_is_cut_by_the_old_form,
    semaphore_waits_with_one_form_of_time,
    semaphore_wakes_a_wait_past_2038,
    semaphore_without_futex_is_unsupported,
    queue_without_both_forms_is_unsupported,
];

/// Kernels before 5.1 have none of the calls with 64-bit times, which have the same numbers everywhere.
const BEFORE_5_1: &[Rule] = &[Rule::range(403, 423, Errno::ENOSYS)];

/// What a sandbox makes of them that is older than Linux 5.1.
const OLD_SANDBOX: &[Rule] = &[Rule::range(403, 423, Errno::EPERM)];

/// Kernels without CONFIG_COMPAT_32BIT_TIME have no others.
pub const WITHOUT_OLD_TIMES: &[Rule] = &[
    Rule::call(Sysno::clock_getres, Errno::ENOSYS),
    Rule::call(Sysno::clock_gettime, Errno::ENOSYS),
    Rule::call(Sysno::clock_nanosleep, Errno::ENOSYS),
    Rule::call(Sysno::futex, Errno::ENOSYS),
    Rule::call(Sysno::gettimeofday, Errno::ENOSYS),
    Rule::call(Sysno::mq_timedreceive, Errno::ENOSYS),
    Rule::call(Sysno::mq_timedsend, Errno::ENOSYS),
    Rule::call(Sysno::nanosleep, Errno::ENOSYS),
    Rule::call(Sysno::ppoll, Errno::ENOSYS),
    Rule::call(Sysno::pselect6, Errno::ENOSYS),
    Rule::call(Sysno::rt_sigtimedwait, Errno::ENOSYS),
];

const MQ_TIMEDSEND_TIME64: usize = 418;

/// Refuses calls to this process and its children.
fn filter(rules: &[Rule]) {
    if !refuse(rules.iter().copied()) {
        lacking(Call::Seccomp);
    }
}

/// Does the same under each filter, in a process of its own.
fn under_each(check: impl Fn()) {
    for rules in [BEFORE_5_1, OLD_SANDBOX, WITHOUT_OLD_TIMES] {
        Peer::start(|| {
            filter(rules);
            assert_eq!(knows_call(MQ_TIMEDSEND_TIME64), rules.len() > 1, "the filter is of no effect");
            assert_ne!(knows_call(Sysno::mq_timedsend as usize), rules.len() > 1, "the filter is of no effect");
            check();
        })
        .join();
    }
}

fn queue_sends_with_one_form_of_time() {
    let queue = queue(1);
    under_each(|| {
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
    });
}

fn queue_wakes_from_every_wait_with_one_form() {
    let queue = queue(1);
    under_each(|| {
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
    });
}

fn kind_of_arm(socket: &mut NotificationSocket<&MessageQueue>) -> Option<ErrorKind> {
    socket.arm().err().map(|error| error.kind())
}

/// The old calls know no later time: the wait is as long as they can express.
fn queue_deadline_past_2038_is_cut_by_the_old_form() {
    let queue = queue(1);
    filter(BEFORE_5_1);
    let late = Deadline::Realtime(Time::new(1 << 33, 0).unwrap());
    let peer = Peer::start_waiting(|| assert!(queue.receive_deadline(&mut [0; 16], late).is_ok()));
    assert!(peer.status_within(SHORT).is_none(), "it has not waited");
    queue.send(b"", Priority::MIN).unwrap();
    peer.join();
}

fn semaphore_waits_with_one_form_of_time() {
    let memory: Mapping = common_memory();
    under_each(|| {
        let semaphore: &SemaphoreOf<Gnu32> = memory.get(0).unwrap();
        for ends in [Deadline::after(SHORT), Deadline::realtime_after(SHORT)] {
            let (result, time) = timed(|| semaphore.wait_deadline(ends));
            assert_eq!(kind(result), ErrorKind::TimedOut);
            assert!(time < LONG);
        }
        let peer = Peer::start_waiting(|| semaphore.wait_timeout(LONG).unwrap());
        semaphore.post().unwrap();
        peer.join();
        let peer = Peer::start_waiting(|| semaphore.wait().unwrap());
        semaphore.post().unwrap();
        peer.join();
        let ahead = Time::now(Clock::Monotonic);
        assert!(ahead > Time::ZERO && ahead.seconds() < 1 << 40, "{ahead:?}");
    });
}

/// The waiter's time fits into no old call, and the waker's call has none: each has to find the form that there is.
fn semaphore_wakes_a_wait_past_2038() {
    let memory: Mapping = common_memory();
    under_each(|| {
        let semaphore: &SemaphoreOf<Gnu32> = memory.get(0).unwrap();
        for clock in [Deadline::Monotonic, Deadline::Realtime] {
            let late = clock(Time::new(1 << 35, 0).unwrap());
            let peer = Peer::start_waiting(|| semaphore.wait_deadline(late).unwrap());
            assert!(peer.status_within(SHORT).is_none(), "it has not waited");
            semaphore.post().unwrap();
            peer.join();
        }
    });
}

/// Whoever cannot sleep says so: it neither hangs nor spins.
fn semaphore_without_futex_is_unsupported() {
    let memory: Mapping = common_memory();
    let semaphore: &SemaphoreOf<Gnu32> = memory.get(0).unwrap();
    filter(&[Rule::call(Sysno::futex, Errno::ENOSYS), Rule::call(Sysno::futex_time64, Errno::EPERM)]);
    for _ in 0..2 {
        assert_eq!(kind(semaphore.wait()), ErrorKind::Unsupported);
        assert_eq!(kind(semaphore.wait_timeout(LONG)), ErrorKind::Unsupported);
    }
    semaphore.post().unwrap();
    semaphore.wait().unwrap();
}

fn queue_without_both_forms_is_unsupported() {
    let queue = queue(1);
    let last = Sysno::mq_timedreceive as usize;
    filter(&[Rule::range(Sysno::mq_timedsend as usize, last, Errno::ENOSYS), OLD_SANDBOX[0]]);
    assert_eq!(kind(queue.send(b"", Priority::MIN)), ErrorKind::Unsupported);
    assert_eq!(kind(queue.receive_timeout(&mut [0; 16], SHORT).map(drop)), ErrorKind::Unsupported);
}
