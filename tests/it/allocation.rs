//! Nothing allocates: an allocator ends the process if it is asked for anything.

use std::fmt::{self, Write};
use std::ops::ControlFlow;
use std::time::Duration;

use rawipc::fd::OwnedFd;
use rawipc::{
    Deadline, Error, ErrorKind, MessageBuffer, MessageQueue, Name, Priority, Receiver, Sender, name, retry_on_interrupt,
};

use crate::harness::allocator::without_allocation;
use crate::harness::queues::FreeName;
use crate::harness::{Peer, Role, role, small, small_queue};

crate::tests!(
    the_allocator_ends_a_process_that_allocates;
    alone: opening_and_closing_allocate_nothing,
    messages_allocate_nothing,
    waits_allocate_nothing,
    streams_and_status_allocate_nothing,
    errors_and_their_sentences_allocate_nothing
);

pub const ROLES: &[Role] = &[("allocate", allocate)];

/// Shows that the other tests would fail.
fn the_allocator_ends_a_process_that_allocates() {
    let mut peer = Peer::start(role("allocate", &[]).stderr(std::process::Stdio::null()));
    let status = peer.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(libc::SIGABRT));
}

fn allocate(_: &[String]) {
    let text = without_allocation(|| String::from("on the heap"));
    panic!("{text}: nothing has ended this process");
}

/// Text in place, as long as any error's sentence.
struct Text {
    bytes: [u8; 400],
    length: usize,
}

impl Text {
    fn of(error: &Error) -> Self {
        let mut text = Self { bytes: [0; 400], length: 0 };
        write!(text, "{error}").expect("there is room");
        text
    }
}

impl Write for Text {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let end = self.length + part.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(part.as_bytes());
        self.length = end;
        Ok(())
    }
}

fn opening_and_closing_allocate_nothing() {
    let free = FreeName::new();
    let name: &Name = &free;
    without_allocation(|| {
        let options = small().mode(0o666);
        options.create_new(true).open(name).unwrap().close().unwrap();
        let queue = options.create(true).exact_mode(0o640).open(name).unwrap();
        drop(MessageQueue::options().read(true).open(name).unwrap());
        drop(MessageQueue::options().write(true).max_messages(3).create(true).open(name).unwrap());
        drop(queue.try_clone().unwrap());
        drop(Sender::open(name).unwrap());
        drop(Receiver::try_from(queue).unwrap());
        let unique = options.create_unique(name!("/rawipc-test-")).unwrap();
        drop(MessageQueue::try_from(OwnedFd::from(unique.try_clone().unwrap())).unwrap());
        let again = options.unlink_on_drop(false).create_new(true).open(name).unwrap();
        MessageQueue::unlink(name).unwrap();
        drop((again, unique));
        // One size given: the other is read from `/proc`.
        drop(
            MessageQueue::options()
                .read(true)
                .max_messages(1)
                .create_new(true)
                .unlink_on_drop(true)
                .open(name)
                .unwrap(),
        );
    });
}

fn messages_allocate_nothing() {
    let queue = small_queue();
    without_allocation(|| {
        let (mut bytes, mut buffer, mut vector) = ([0; 64], MessageBuffer::<64>::new(), heapless::Vec::<u8, 64>::new());
        for length in 0..=64 {
            let payload = [length as u8; 64];
            for _ in 0..3 {
                queue.send(&payload[..length], Priority::from(3)).unwrap();
            }
            assert_eq!(queue.receive(&mut bytes).unwrap().payload().len(), length);
            assert_eq!(queue.receive(&mut buffer).unwrap().payload().len(), length);
            assert_eq!(queue.receive(&mut vector).unwrap().payload().len(), length);
        }
    });
}

fn waits_allocate_nothing() {
    let queue = small().max_messages(1).create_unique(name!("/rawipc-test-")).unwrap();
    let short = Duration::from_millis(2);
    let mut buffer = [0; 64];
    without_allocation(|| {
        for after in [Deadline::after, Deadline::realtime_after] {
            let kind = |result: rawipc::Result<()>| result.unwrap_err().kind();
            assert_eq!(kind(queue.receive_timeout(&mut buffer, short).map(drop)), ErrorKind::TimedOut);
            assert_eq!(kind(queue.receive_deadline(&mut buffer, after(short)).map(drop)), ErrorKind::TimedOut);
            assert_eq!(kind(queue.try_receive(&mut buffer).map(drop)), ErrorKind::WouldBlock);
            queue.send_timeout(b"full", Priority::MIN, short).unwrap();
            assert_eq!(kind(queue.send_timeout(b"x", Priority::MIN, short)), ErrorKind::TimedOut);
            assert_eq!(kind(queue.send_deadline(b"x", Priority::MIN, after(short))), ErrorKind::TimedOut);
            assert_eq!(kind(queue.try_send(b"x", Priority::MIN)), ErrorKind::WouldBlock);
            retry_on_interrupt!(queue.receive_deadline(&mut buffer, after(short)).map(drop)).unwrap();
        }
    });
}

fn streams_and_status_allocate_nothing() {
    let queue = small_queue();
    let (payload, mut buffer) = ([1; 500], [0; 600]);
    without_allocation(|| {
        queue.send_all(&payload, Priority::MIN).unwrap();
        assert_eq!(queue.try_receive_all(&mut buffer).unwrap().payload, payload);
        assert_eq!(queue.try_send_all(&payload, Priority::MIN), Ok(500));
        assert_eq!(queue.try_receive_all(&mut buffer).unwrap().payload, payload);
        assert_eq!(queue.try_send_many(&[&payload[..64], &payload[..1]], Priority::MIN), Ok(2));
        assert_eq!(queue.try_receive_many(&mut buffer, |_| ControlFlow::Continue(())), Ok(2));
        assert_eq!((queue.spin_until_readable(2), queue.spin_until_room(1)), (Ok(false), Ok(true)));
        assert_eq!(queue.send_truncated(&payload, Priority::MIN), Ok(64));
        assert_eq!((queue.len(), queue.is_empty(), queue.mode()), (Ok(1), Ok(false), Ok(0o600)));
        assert_eq!(queue.attributes().unwrap().messages, 1);
        queue.flags().unwrap();
        queue.set_nonblocking(true).unwrap();
        drop(queue.buffer::<64>().unwrap());
    });
}

fn errors_and_their_sentences_allocate_nothing() {
    let free = FreeName::new();
    let name: &Name = &free;
    let queue = small_queue();
    let texts = without_allocation(|| {
        let errors = [
            MessageQueue::unlink(name).unwrap_err(),
            MessageQueue::options().open(name).unwrap_err(),
            small().open(name).unwrap_err(),
            small().max_messages(usize::MAX).create(true).open(name).unwrap_err(),
            small().max_message_size(usize::MAX).create(true).open(name).unwrap_err(),
            small().create_new(true).open(queue.name().unwrap()).unwrap_err(),
            queue.send(&[0; 65], Priority::MIN).unwrap_err(),
            queue.receive(&mut [0; 63]).unwrap_err(),
            queue.try_receive(&mut [0; 64]).unwrap_err(),
            Name::new("no slash").unwrap_err(),
            Priority::new(32_768).unwrap_err(),
        ];
        errors.map(|error| Text::of(&error))
    });
    for text in texts {
        let text = std::str::from_utf8(&text.bytes[..text.length]).unwrap();
        assert!(text.contains(": ") && text.ends_with(')'), "{text}");
    }
}
