//! The status of one queue: its bytes, and who is registered how.

use rawipc::error::Operation;
use rawipc::mqueue::{Delivery, Notify, Registration, Status};
use rawipc::{Errno, ErrorKind, MessageQueue, NotificationSocket, Priority};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::harness::kernel::in_child;
use crate::harness::queues::assert_error;
use crate::harness::{Ending, Lacking, name_of, small_queue};
use crate::notify::support::{Registrant, SIGNAL, of, own, send, slot, take};

crate::tests!(
    its_bytes_are_the_sum_of_all_lengths,
    each_kind_of_registration_is_shown,
    a_registration_of_another_process_has_its_number,
    a_write_only_handle_cannot_read_it,
    looking_changes_nothing;
    alone: a_process_outside_the_pid_namespace_has_no_number
);

fn its_bytes_are_the_sum_of_all_lengths() {
    let queue = small_queue();
    let bytes = || queue.status().unwrap().bytes;
    assert_eq!(queue.status(), Ok(Status { bytes: 0, registration: None }));
    for (length, priority, sum) in [(5, 0, 5), (0, 1, 5), (64, 32_767, 69), (1, 0, 70)] {
        queue.send(&[b'x'; 64][..length], Priority::new(priority).unwrap()).unwrap();
        assert_eq!(bytes(), sum);
    }
    assert_eq!(take(&queue).len(), 64);
    assert_eq!(bytes(), 6);
    // Also for a handle that only reads, or is another's.
    let reader = MessageQueue::options().read(true).open(name_of(&queue)).unwrap();
    assert_eq!(reader.status().unwrap().bytes, 6);
    queue.try_receive_all(&mut [0; 256]).unwrap();
    queue.try_receive_all(&mut [0; 256]).unwrap();
    assert_eq!(bytes(), 0);
}

fn each_kind_of_registration_is_shown() {
    let queue = small_queue();
    for (notify, delivery) in [
        (Notify::None, Delivery::None),
        (Notify::Signal { number: 1, value: 0 }, Delivery::Signal(1)),
        (Notify::Signal { number: SIGNAL, value: 9 }, Delivery::Signal(SIGNAL)),
        (Notify::Signal { number: 64, value: usize::MAX }, Delivery::Signal(64)),
    ] {
        queue.replace_notification(notify).unwrap();
        assert_eq!(queue.status(), Ok(Status { bytes: 0, registration: own(delivery) }));
    }
    let mut socket = NotificationSocket::new(&queue).unwrap();
    socket.replace().unwrap();
    assert_eq!(slot(&queue), own(Delivery::Socket));
    send(&queue, b"message");
    assert_eq!(queue.status(), Ok(Status { bytes: 7, registration: None }));
}

fn a_registration_of_another_process_has_its_number() {
    let queue = small_queue();
    let mut other_process = Registrant::start(name_of(&queue));
    for (command, delivery) in
        [("none", Delivery::None), ("signal", Delivery::Signal(SIGNAL)), ("arm", Delivery::Socket)]
    {
        assert_eq!(other_process.ask(command), "()");
        assert_eq!(slot(&queue), of(other_process.pid(), delivery));
        assert_eq!(other_process.ask("cancel"), "()");
        assert_eq!(slot(&queue), None);
    }
    other_process.end();
}

fn a_write_only_handle_cannot_read_it() {
    let queue = small_queue();
    let writer = MessageQueue::options().write(true).open(name_of(&queue)).unwrap();
    let error = writer.status().unwrap_err();
    let part = "reading the queue's status: the queue is not open for this direction (EBADF)";
    assert_error(error, ErrorKind::BadDescriptor, Errno::BADF, Operation::QueueStatus, part);
}

fn looking_changes_nothing() {
    let queue = small_queue();
    let mut socket = NotificationSocket::new(&queue).unwrap();
    socket.arm().unwrap();
    send(&queue, b"message");
    take(&queue);
    socket.try_wait().unwrap();
    socket.arm().unwrap();
    let first = queue.status();
    assert_eq!((0..100).map(|_| queue.status()).find(|status| *status != first), None);
    assert_eq!(socket.try_wait().unwrap_err().kind(), ErrorKind::WouldBlock);
}

fn a_process_outside_the_pid_namespace_has_no_number() -> Ending {
    let root = rustix::process::geteuid().is_root();
    let user = if root { UnshareFlags::empty() } else { UnshareFlags::NEWUSER };
    // SAFETY: this process has one thread and shares nothing by reference.
    let unshared = unsafe { unshare_unsafe(UnshareFlags::NEWPID | user) };
    unshared.map_err(|errno| Lacking(format!("a private PID namespace ({errno})")))?;
    let kinds =
        [(Notify::None, Delivery::None), (Notify::Signal { number: SIGNAL, value: 0 }, Delivery::Signal(SIGNAL))];
    let queues = kinds.map(|(notify, delivery)| {
        let queue = small_queue();
        queue.notify(notify).unwrap();
        assert_eq!(slot(&queue), own(delivery));
        (queue, delivery)
    });
    // The child is the first process of the new namespace, in which its parent has no number.
    in_child(|| {
        for (queue, delivery) in &queues {
            assert_eq!(slot(queue), Some(Registration { process: None, delivery: *delivery }));
        }
    });
    Ok(())
}
