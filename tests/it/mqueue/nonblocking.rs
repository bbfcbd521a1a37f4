//! The nonblocking flag, which belongs to what duplicates share.

use std::time::{Duration, Instant};

use rawipc::time::{Clock, Time};
use rawipc::{Deadline, ErrorKind, MessageQueue, Priority, name};

use crate::harness::waiting::PATIENCE;
use crate::harness::{name_of, small, small_queue};

crate::tests!(
    a_try_does_not_wait_when_another_handle_has_changed_the_flag,
    the_flag_can_be_read_and_written_at_run_time,
);

/// A handle only believes to know the flag: its duplicates may have changed it.
fn a_try_does_not_wait_when_another_handle_has_changed_the_flag() {
    for believed in [false, true] {
        let queue = small().nonblocking(believed).create_unique(name!("/rawipc-test-")).unwrap();
        let clone = queue.try_clone().unwrap();
        clone.set_nonblocking(!believed).unwrap();
        let start = Instant::now();
        assert_eq!(queue.try_receive(&mut [0; 64]).unwrap_err().kind(), ErrorKind::WouldBlock);
        let expected = if believed { ErrorKind::TimedOut } else { ErrorKind::WouldBlock };
        for timeout in [Duration::ZERO, Duration::from_millis(1)] {
            assert_eq!(queue.receive_timeout(&mut [0; 64], timeout).unwrap_err().kind(), expected, "{timeout:?}");
            let deadline = Deadline::after(timeout);
            assert_eq!(queue.receive_deadline(&mut [0; 64], deadline).unwrap_err().kind(), expected, "{timeout:?}");
        }
        assert!(start.elapsed() < PATIENCE);
        queue.try_send(b"x", Priority::MIN).unwrap();
        queue.try_receive(&mut [0; 64]).unwrap();
        assert_eq!(queue.attributes().unwrap().nonblocking, !believed);
    }
}

fn the_flag_can_be_read_and_written_at_run_time() {
    let queue = small_queue();
    let other = MessageQueue::options().read(true).open(name_of(&queue)).unwrap();
    let clone = queue.try_clone().unwrap();
    for nonblocking in [true, false, true] {
        queue.set_nonblocking(nonblocking).unwrap();
        assert_eq!(queue.attributes().unwrap().nonblocking, nonblocking);
        assert_eq!(clone.attributes().unwrap().nonblocking, nonblocking, "a duplicate shares the flag");
        assert!(!other.attributes().unwrap().nonblocking, "who opened by name has a flag of its own");
    }
    assert_eq!(queue.attributes().unwrap().max_message_size, 64);
    assert!(Deadline::Monotonic(Time::now(Clock::Monotonic)).has_passed());
}
