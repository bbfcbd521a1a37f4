//! Each kind of error that needs no other user, signal or limit: what it says, and that nothing was changed.

use std::time::Duration;

use rawipc::error::Operation;
use rawipc::time::Time;
use rawipc::{Deadline, Errno, Error, ErrorKind, MessageQueue, Name, Priority, name};

use crate::harness::queues::{FreeName, Untouched, assert_bounds, assert_error};
use crate::harness::{exists, name_of, small, small_queue};

crate::tests!(
    a_missing_queue_is_not_found,
    a_taken_name_already_exists,
    a_wait_that_must_not_be_would_block,
    a_wait_that_is_over_timed_out,
    too_long_a_message_is_refused_with_both_lengths,
    too_small_a_buffer_is_refused_with_both_sizes,
    the_wrong_direction_is_a_bad_descriptor,
    wrong_arguments_of_opening_are_told_apart,
    too_long_a_prefix_is_an_invalid_name,
    wrong_priorities_and_times_are_refused,
    an_error_is_two_words_and_copies,
    debug_shows_what_programs_can_ask,
);

#[cfg(feature = "std")]
pub mod io {
    //! Errors as those of `std::io`.

    use std::error::Error as _;
    use std::io;
    use std::time::{Duration, UNIX_EPOCH};

    use rawipc::error::TransferError;
    use rawipc::time::Time;
    use rawipc::{Deadline, Error, ErrorKind, MessageQueue, Name, Priority, Receiver, name};

    use crate::harness::{name_of, small_queue};

    crate::tests!(
        plain_errors_keep_their_errno,
        told_errors_are_kept_whole,
        other_told_errors_have_the_nearest_kind,
        incomplete_transfers_keep_their_error,
        a_moment_of_the_wall_clock_is_a_deadline,
        refused_values_keep_their_error,
    );

    fn plain_errors_keep_their_errno() {
        let queue = small_queue();
        let not_found = MessageQueue::unlink(name!("/rawipc-test-no-such-queue")).unwrap_err();
        let would_block = queue.try_receive(&mut [0; 64]).unwrap_err();
        for (error, kind) in [(not_found, io::ErrorKind::NotFound), (would_block, io::ErrorKind::WouldBlock)] {
            let converted = io::Error::from(error);
            assert_eq!(converted.raw_os_error(), Some(error.errno().raw_os_error()));
            assert_eq!(converted.kind(), kind);
        }
    }

    fn refused_values_keep_their_error() {
        let queue = small_queue();
        let refused =
            Receiver::try_from(MessageQueue::options().write(true).open(name_of(&queue)).unwrap()).unwrap_err();
        let error = refused.error;
        assert_eq!(io::Error::from(refused).downcast::<Error>().unwrap(), error);
    }

    fn told_errors_are_kept_whole() {
        let queue = small_queue();
        let name = Name::new("no slash").unwrap_err();
        let long = queue.send(&[0; 65], Priority::MIN).unwrap_err();
        let buffer = queue.receive(&mut [0; 63]).unwrap_err();
        for error in [name, long, buffer] {
            let converted = io::Error::from(error);
            assert_eq!(converted.kind(), io::ErrorKind::InvalidInput);
            assert_eq!(converted.to_string(), error.to_string());
            let inner = converted.get_ref().unwrap().downcast_ref::<Error>().unwrap();
            assert_eq!((inner, inner.errno()), (&error, error.errno()));
        }
    }

    fn other_told_errors_have_the_nearest_kind() {
        let queue = small_queue();
        let writer = MessageQueue::options().write(true).open(name_of(&queue)).unwrap();
        let direction = writer.receive(&mut [0; 64]).unwrap_err();
        assert_eq!(io::Error::from(direction).kind(), io::ErrorKind::Other);
        let huge = MessageQueue::options().read(true).max_messages(1 << 20).max_message_size(1);
        let limit = huge.create_unique(name!("/rawipc-test-")).unwrap_err();
        assert_eq!(io::Error::from(limit).kind(), io::ErrorKind::QuotaExceeded);
    }

    fn a_moment_of_the_wall_clock_is_a_deadline() {
        let moment = UNIX_EPOCH + Duration::new(7, 5);
        assert_eq!(Deadline::from(moment), Deadline::Realtime(Time::new(7, 5).unwrap()));
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(Deadline::from(before), Deadline::Realtime(Time::ZERO));
    }

    fn incomplete_transfers_keep_their_error() {
        let queue = small_queue();
        queue.set_nonblocking(true).unwrap();
        let incomplete: TransferError = queue.send_all(&[0; 9 * 64], Priority::MIN).unwrap_err();
        assert!(incomplete.source().is_none(), "the sentence has it already");
        assert_eq!(Error::from(incomplete).kind(), ErrorKind::WouldBlock);
        assert_eq!(io::Error::from(incomplete).kind(), io::ErrorKind::WouldBlock);
        assert_eq!(incomplete.to_string(), format!("after 512 bytes: {}", incomplete.error));
    }
}

fn a_missing_queue_is_not_found() {
    let free = FreeName::new();
    let part = "no object has this name (ENOENT)";
    let error = MessageQueue::unlink(&free).unwrap_err();
    assert_error(error, ErrorKind::NotFound, Errno::NOENT, Operation::UnlinkQueue, part);
    let error = small().open(&free).unwrap_err();
    assert_error(error, ErrorKind::NotFound, Errno::NOENT, Operation::OpenQueue, part);
    assert_eq!(error.bounds(), None);
    assert!(!exists(&free));
}

fn a_taken_name_already_exists() {
    let taken = Untouched::new();
    for options in [small(), small().unlink_on_drop(false).exact_mode(0o666)] {
        let error = options.create_new(true).max_messages(1).open(taken.name()).unwrap_err();
        let part = "an object of this name already exists (EEXIST)";
        assert_error(error, ErrorKind::AlreadyExists, Errno::EXIST, Operation::CreateQueue, part);
    }
    taken.assert_untouched();
}

/// The four errors of a full and an empty queue, whose calls must not change them.
fn fail_all_ways(queue: &MessageQueue, kind: ErrorKind, errno: Errno, calls: [(Operation, Result<(), Error>); 2]) {
    for (operation, result) in calls {
        assert_error(result.unwrap_err(), kind, errno, operation, ": ");
    }
    assert!(exists(name_of(queue)));
}

fn a_wait_that_must_not_be_would_block() {
    let (full, empty) = (small().max_messages(3).create_unique(name!("/rawipc-test-")).unwrap(), small_queue());
    for byte in 0..3 {
        full.send(&[byte], Priority::MIN).unwrap();
    }
    for nonblocking in [false, true] {
        full.set_nonblocking(nonblocking).unwrap();
        empty.set_nonblocking(nonblocking).unwrap();
        let sent = full.try_send(b"x", Priority::MAX);
        let received = empty.try_receive(&mut [0; 64]).map(drop);
        let calls = [(Operation::Send, sent), (Operation::Receive, received)];
        fail_all_ways(&full, ErrorKind::WouldBlock, Errno::AGAIN, calls);
        assert_eq!(full.attributes().unwrap().nonblocking, nonblocking);
    }
    let calls = [
        (Operation::Send, full.send(b"x", Priority::MAX)),
        (Operation::Receive, empty.receive(&mut [0; 64]).map(drop)),
    ];
    fail_all_ways(&full, ErrorKind::WouldBlock, Errno::AGAIN, calls);
    for byte in 0..3 {
        assert_eq!(full.receive(&mut [0; 64]).unwrap().payload(), [byte]);
    }
    assert!(full.is_empty().unwrap() && empty.is_empty().unwrap());
}

fn a_wait_that_is_over_timed_out() {
    let (full, empty) = (small().max_messages(1).create_unique(name!("/rawipc-test-")).unwrap(), small_queue());
    full.send(b"kept", Priority::MIN).unwrap();
    for timeout in [Duration::ZERO, Duration::from_millis(3)] {
        let calls = [
            (Operation::Send, full.send_timeout(b"x", Priority::MAX, timeout)),
            (Operation::Receive, empty.receive_timeout(&mut [0; 64], timeout).map(drop)),
        ];
        fail_all_ways(&full, ErrorKind::TimedOut, Errno::TIMEDOUT, calls);
    }
    let error = empty.receive_timeout(&mut [0; 64], Duration::ZERO).unwrap_err();
    assert_eq!(error.to_string(), "receiving: timed out (ETIMEDOUT)");
    assert_eq!(full.receive(&mut [0; 64]).unwrap().payload(), b"kept");
    assert!(full.is_empty().unwrap() && empty.is_empty().unwrap());
}

fn too_long_a_message_is_refused_with_both_lengths() {
    let watched = Untouched::new();
    let (queue, soon) = (&watched.queue, Duration::from_secs(1));
    let message = [0; 65];
    for error in [
        queue.send(&message, Priority::MAX),
        queue.try_send(&message, Priority::MAX),
        queue.send_timeout(&message, Priority::MAX, soon),
        queue.send_deadline(&message, Priority::MAX, Deadline::after(soon)),
        queue.send_deadline(&message, Priority::MAX, Deadline::realtime_after(soon)),
    ] {
        let (error, part) = (error.unwrap_err(), "the message has 65 bytes, the queue takes at most 64 (EMSGSIZE)");
        assert_error(error, ErrorKind::MessageTooLong, Errno::MSGSIZE, Operation::Send, part);
        assert_bounds(error, 65, 64);
    }
    watched.assert_untouched();
}

fn too_small_a_buffer_is_refused_with_both_sizes() {
    let watched = Untouched::new();
    let (queue, soon) = (&watched.queue, Duration::from_secs(1));
    let buffer = &mut [0; 63];
    for error in [
        queue.receive(buffer).map(drop),
        queue.try_receive(buffer).map(drop),
        queue.receive_timeout(buffer, soon).map(drop),
        queue.receive_deadline(buffer, Deadline::after(soon)).map(drop),
        queue.receive_deadline(buffer, Deadline::realtime_after(soon)).map(drop),
        queue.buffer::<63>().map(drop),
    ] {
        let (error, part) = (error.unwrap_err(), "the buffer has 63 bytes, the queue's messages may have 64;");
        assert_error(error, ErrorKind::BufferTooSmall, Errno::MSGSIZE, Operation::Receive, part);
        assert_bounds(error, 63, 64);
    }
    watched.assert_untouched();
}

fn the_wrong_direction_is_a_bad_descriptor() {
    let watched = Untouched::new();
    let reader = MessageQueue::options().read(true).open(watched.name()).unwrap();
    let writer = MessageQueue::options().write(true).open(watched.name()).unwrap();
    let (soon, deadline) = (Duration::from_secs(1), Deadline::realtime_after(Duration::from_secs(1)));
    for (operation, result) in [
        (Operation::Send, reader.send(b"x", Priority::MIN)),
        (Operation::Send, reader.try_send(b"x", Priority::MIN)),
        (Operation::Send, reader.send_timeout(b"x", Priority::MIN, soon)),
        (Operation::Send, reader.send_deadline(b"x", Priority::MIN, deadline)),
        (Operation::Receive, writer.receive(&mut [0; 64]).map(drop)),
        (Operation::Receive, writer.try_receive(&mut [0; 64]).map(drop)),
        (Operation::Receive, writer.receive_timeout(&mut [0; 64], soon).map(drop)),
        (Operation::Receive, writer.receive_deadline(&mut [0; 64], deadline).map(drop)),
    ] {
        let (error, part) = (result.unwrap_err(), "the queue is not open for this direction (EBADF)");
        assert_error(error, ErrorKind::BadDescriptor, Errno::BADF, operation, part);
    }
    watched.assert_untouched();
}

fn wrong_arguments_of_opening_are_told_apart() {
    let (watched, free) = (Untouched::new(), FreeName::new());
    for (options, part) in [
        (MessageQueue::options(), "neither read nor write access was requested (EINVAL)"),
        (small().read(false).write(false), "neither read nor write access was requested (EINVAL)"),
        (small().mode(0o1000), "the mode 0o1000 has bits beyond 0o777 (EINVAL)"),
        (small().exact_mode(u32::MAX), "the mode 0o37777777777 has bits beyond 0o777 (EINVAL)"),
        (small().max_messages(0), "a queue holds at least 1 message (EINVAL)"),
        (small().max_message_size(0), "a queue's messages have at least 1 byte (EINVAL)"),
    ] {
        for name in [watched.name(), &free] {
            let error = options.open(name).unwrap_err();
            assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::OpenQueue, part);
            let error = options.create(true).open(name).unwrap_err();
            assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::CreateQueue, part);
        }
        let error = options.create_unique(name!("/rawipc-test-")).unwrap_err();
        assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::CreateQueue, part);
    }
    assert!(!exists(&free));
    watched.assert_untouched();
}

fn too_long_a_prefix_is_an_invalid_name() {
    let prefix = format!("/{}", "x".repeat(240));
    let error = small().create_unique(Name::new(prefix.as_str()).unwrap()).unwrap_err();
    let part = "the prefix has 240 bytes after its slash, at most 239 leave room (ENAMETOOLONG)";
    assert_error(error, ErrorKind::InvalidName, Errno::NAMETOOLONG, Operation::CreateQueue, part);
}

fn wrong_priorities_and_times_are_refused() {
    for wrong in [32_768, u32::MAX] {
        let (error, part) =
            (Priority::new(wrong).unwrap_err(), format!("the priority {wrong} is above 32767 (EINVAL)"));
        assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::MakePriority, &part);
        assert_eq!(Priority::try_from(wrong), Err(error));
    }
    for wrong in [1_000_000_000, u32::MAX] {
        let (error, part) = (Time::new(0, wrong).unwrap_err(), format!("{wrong} nanoseconds are a second or more"));
        assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::MakeTime, &part);
    }
}

fn an_error_is_two_words_and_copies() {
    let error = Name::new("").unwrap_err();
    let copy = error;
    assert_eq!(error, copy);
    assert_eq!(size_of::<Error>(), 16);
}

fn debug_shows_what_programs_can_ask() {
    let error = small_queue().send(&[0; 65], Priority::MIN).unwrap_err();
    let debug = format!("{error:?}");
    for part in ["MessageTooLong", "operation: Send", "given: 65", "bound: 64"] {
        assert!(debug.contains(part), "{part} is not in {debug}");
    }
}
