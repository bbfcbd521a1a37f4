//! Opening, creating, unlinking and passing on shared queues, and who takes part.

use std::fs;
use std::thread;

use rawipc::error::{Limit, Operation};
use rawipc::fd::{AsFd, OwnedFd};
use rawipc::{Errno, ErrorKind, MessageBuffer, Name, OpenFlags, Priority, SharedMemory, SharedQueue, name};

use crate::harness::Ending;
use crate::harness::kernel::{in_child, set_umask};
use crate::shared_queue::support::{FreeName, file_of, name_of, small, small_queue};
use crate::shm::support::tiny_dev_shm;

crate::tests!(
    a_queue_is_created_opened_and_removed,
    sizes_and_mode_of_an_existing_queue_stay,
    wrong_options_are_refused,
    a_handle_keeps_to_its_direction,
    what_is_no_queue_is_refused_and_left_alone,
    an_anonymous_queue_is_passed_on_as_a_descriptor,
    only_the_creators_handle_removes_the_name,
    the_longest_names_fit,
    many_open_one_name_and_one_of_them_creates_it,
    the_largest_and_the_smallest_queues_work,
    a_clone_is_a_participant_of_its_own,
    ;
    alone:
    no_more_take_part_than_there_are_slots,
    the_mode_is_less_the_umask_or_exact,
    a_child_sends_and_receives_in_its_own_right,
);

fn a_queue_is_created_opened_and_removed() {
    let free = FreeName::new();
    let error = small().open(&free).unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::NotFound, Operation::OpenQueue));
    let queue = small().create(true).open(&free).unwrap();
    let attributes = queue.attributes().unwrap();
    let sizes = (attributes.max_messages, attributes.max_message_size, attributes.messages, attributes.nonblocking);
    assert_eq!((sizes, queue.mode().unwrap()), ((8, 64, 0, false), 0o600));
    assert_eq!(queue.flags().unwrap(), OpenFlags::READ_WRITE);
    let error = small().create_new(true).open(&free).unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::AlreadyExists, Operation::CreateQueue));
    let other = small().create(true).open(&free).unwrap();
    queue.send(b"hello", Priority::MIN).unwrap();
    assert_eq!(other.receive(&mut [0; 64]).unwrap().payload(), b"hello");
    SharedQueue::unlink(&free).unwrap();
    let error = SharedQueue::unlink(&free).unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::NotFound, Operation::UnlinkQueue));
    // Those who have it open go on.
    other.send(b"still", Priority::MIN).unwrap();
    assert_eq!(queue.receive(&mut [0; 64]).unwrap().payload(), b"still");
    queue.close().unwrap();
}

fn sizes_and_mode_of_an_existing_queue_stay() {
    let queue = small_queue();
    let options = small().max_messages(99).max_message_size(9999).exact_mode(0o666).unlink_on_drop(false);
    let other = options.create(true).open(name_of(&queue)).unwrap();
    let attributes = other.attributes().unwrap();
    assert_eq!((attributes.max_messages, attributes.max_message_size, other.mode().unwrap()), (8, 64, 0o600));
    assert_eq!(queue.buffer::<63>().unwrap_err().kind(), ErrorKind::BufferTooSmall);
    queue.buffer::<64>().unwrap();
}

fn wrong_options_are_refused() {
    let free = FreeName::new();
    for (options, text) in [
        (SharedQueue::options().create(true), "neither read nor write access was requested (EINVAL)"),
        (small().create(true).mode(0o1777), "the mode 0o1777 has bits beyond 0o777 (EINVAL)"),
        (small().create(true).max_messages(0), "a queue holds at least 1 message (EINVAL)"),
        (small().create(true).max_message_size(0), "a queue's messages have at least 1 byte (EINVAL)"),
        (small().create(true).max_messages(65_537), "65,537 messages are above a shared queue's 65,536 (EINVAL)"),
        (
            small().create(true).max_message_size((16 << 20) + 1),
            "messages of 16,777,217 bytes are above a shared queue's 16,777,216 (EINVAL)",
        ),
    ] {
        let error = options.open(&free).unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::InvalidInput, Errno::INVAL));
        assert_eq!(error.to_string(), format!("creating the queue: {text}"));
        assert!(!free.is_taken());
    }
}

fn a_handle_keeps_to_its_direction() {
    let queue = small_queue();
    let name = name_of(&queue);
    let reader = SharedQueue::options().read(true).open(name).unwrap();
    let writer = SharedQueue::options().write(true).nonblocking(true).open(name).unwrap();
    assert_eq!((reader.flags(), writer.flags()), (Ok(OpenFlags::READ), Ok(OpenFlags::WRITE | OpenFlags::NONBLOCKING)));
    for error in [
        reader.send(b"x", Priority::MIN).unwrap_err(),
        reader.reserve().unwrap_err(),
        writer.receive(&mut [0; 64]).unwrap_err(),
        writer.receive_in_place().unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.errno()), (ErrorKind::BadDescriptor, Errno::BADF));
        assert!(error.to_string().ends_with("the queue is not open for this direction (EBADF)"), "{error}");
    }
    writer.send(b"x", Priority::MIN).unwrap();
    let error = writer.send(&[0; 65], Priority::MIN).unwrap_err();
    assert_eq!(
        (error.kind(), error.bounds().map(|it| (it.given, it.bound))),
        (ErrorKind::MessageTooLong, Some((65, 64)))
    );
    let error = reader.receive(&mut [0; 63]).unwrap_err();
    assert_eq!(
        (error.kind(), error.bounds().map(|it| (it.given, it.bound))),
        (ErrorKind::BufferTooSmall, Some((63, 64)))
    );
    assert_eq!(reader.len().unwrap(), 1);
}

fn what_is_no_queue_is_refused_and_left_alone() {
    let good = small_queue();
    let bytes = fs::read(file_of(name_of(&good))).unwrap();
    let mut longer = bytes.clone();
    longer.push(0);
    let mut other_version = bytes.clone();
    other_version[8] ^= 3;
    let mut huge = bytes.clone();
    huge[12..20].fill(0xff);
    for content in
        [b"".to_vec(), b"text".to_vec(), vec![0; 64], bytes[..bytes.len() - 1].to_vec(), longer, other_version, huge]
    {
        let free = FreeName::new();
        fs::write(free.file(), &content).unwrap();
        for options in [small(), small().create(true)] {
            let error = options.open(&free).unwrap_err();
            assert_eq!((error.kind(), error.errno()), (ErrorKind::Malformed, Errno::INVAL), "{}", content.len());
            assert!(error.to_string().ends_with("the object of this name is not a shared queue (EINVAL)"), "{error}");
        }
        assert_eq!(fs::read(free.file()).unwrap(), content);
        let memory = fs::File::options().read(true).write(true).open(free.file()).unwrap();
        let refused = SharedQueue::try_from(OwnedFd::from(memory)).unwrap_err();
        assert_eq!((refused.error.kind(), refused.error.operation()), (ErrorKind::Malformed, Operation::AdoptQueue));
    }
    let free = FreeName::new();
    fs::create_dir(free.file()).unwrap();
    assert_eq!(small().open(&free).unwrap_err().kind(), ErrorKind::Malformed);
}

fn an_anonymous_queue_is_passed_on_as_a_descriptor() {
    let queue = small().create_anonymous().unwrap();
    assert_eq!(queue.name(), None);
    let descriptor = queue.as_fd().try_clone_to_owned().unwrap();
    let memory = SharedMemory::try_from(descriptor.try_clone().unwrap()).unwrap();
    assert!(memory.is_size_sealed(), "nobody can cut it off");
    let other = SharedQueue::try_from(descriptor).unwrap();
    queue.send(b"hello", Priority::from(2)).unwrap();
    drop(queue);
    assert_eq!(other.receive(&mut [0; 64]).unwrap().payload(), b"hello");
    assert_eq!(
        SharedQueue::try_from(OwnedFd::from(fs::File::open("/dev/null").unwrap())).unwrap_err().error.kind(),
        ErrorKind::InvalidInput
    );
}

fn only_the_creators_handle_removes_the_name() {
    let queue = small_queue();
    let name = name_of(&queue).as_bytes().to_vec();
    let name = Name::new(&name[..]).unwrap();
    drop(small().create(true).open(name).unwrap());
    drop(queue.try_clone().unwrap());
    assert!(file_of(name).exists());
    drop(queue);
    assert!(!file_of(name).exists());
    // Not if the name stands for another queue.
    let first = small().create_new(true).open(name).unwrap();
    SharedQueue::unlink(name).unwrap();
    let second = small().create_new(true).open(name).unwrap();
    drop(first);
    assert!(file_of(name).exists());
    second.close().unwrap();
    assert!(!file_of(name).exists());
    let kept = small().unlink_on_drop(false).create_unique(name!("/rawipc-test-")).unwrap();
    let file = file_of(name_of(&kept));
    SharedQueue::unlink(name_of(&kept)).unwrap();
    assert!(!file.exists());
}

fn the_longest_names_fit() {
    let text = |length: usize| format!("/rawipc-test-{:x>1$}", std::process::id(), length - 13);
    let longest = text(253);
    let queue = small().create_new(true).open(Name::new(longest.as_str()).unwrap()).unwrap();
    queue.send(b"x", Priority::MIN).unwrap();
    let error = small().create_new(true).open(Name::new(text(254).as_str()).unwrap()).unwrap_err();
    assert_eq!((error.kind(), error.errno()), (ErrorKind::InvalidName, Errno::NAMETOOLONG));
}

fn many_open_one_name_and_one_of_them_creates_it() {
    for _ in 0..20 {
        let free = FreeName::new();
        let open = || small().unlink_on_drop(false).create(true).open(&free).unwrap();
        let queues: Vec<SharedQueue> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for (index, queue) in queues.iter().enumerate() {
            queue.send(&[index as u8], Priority::MIN).unwrap();
        }
        let mut buffer = MessageBuffer::<64>::new();
        for index in 0..8 {
            assert_eq!(queues[0].try_receive(&mut buffer).unwrap().payload(), [index]);
        }
    }
}

/// Alone, with a `/dev/shm` of its own: a child that another test forks while a handle is made keeps that one's slot
/// for a moment, and `rawipc list` takes one while it looks.
fn no_more_take_part_than_there_are_slots() -> Ending {
    tiny_dev_shm(1 << 20)?;
    let queue = small_queue();
    let mut clones: Vec<SharedQueue> = (1..128).map(|_| queue.try_clone().unwrap()).collect();
    for error in [queue.try_clone().unwrap_err(), small().open(name_of(&queue)).unwrap_err()] {
        assert_eq!((error.kind(), error.errno()), (ErrorKind::LimitExceeded(Limit::Participants), Errno::USERS));
    }
    clones.pop();
    small().open(name_of(&queue)).unwrap().send(b"x", Priority::MIN).unwrap();
    Ok(())
}

fn the_largest_and_the_smallest_queues_work() {
    let smallest = small().max_messages(1).max_message_size(1).create_anonymous().unwrap();
    let most = small().max_messages(65_536).max_message_size(1).create_anonymous().unwrap();
    let longest = small().max_messages(1).max_message_size(16 << 20).create_anonymous().unwrap();
    smallest.send(b"x", Priority::MAX).unwrap();
    assert_eq!(smallest.receive(&mut [0; 1]).unwrap().payload(), b"x");
    for number in 0..65_536_u32 {
        let priority = Priority::new(number * 7919 % 32_768).unwrap();
        most.try_send(&[number as u8], priority).unwrap();
    }
    assert_eq!(most.try_send(b"x", Priority::MIN).unwrap_err().kind(), ErrorKind::WouldBlock);
    let mut last = Priority::MAX;
    for _ in 0..65_536 {
        let priority = most.try_receive(&mut [0; 1]).unwrap().priority();
        assert!(priority <= last);
        last = priority;
    }
    let message = vec![7; 16 << 20];
    longest.send(&message, Priority::MIN).unwrap();
    let mut buffer = vec![0; 16 << 20];
    assert!(longest.receive(&mut buffer[..]).unwrap().payload() == message);
}

fn a_clone_is_a_participant_of_its_own() {
    let queue = small_queue();
    queue.set_nonblocking(true).unwrap();
    let clone = queue.try_clone().unwrap();
    assert!(clone.attributes().unwrap().nonblocking);
    queue.set_nonblocking(false).unwrap();
    assert!(clone.attributes().unwrap().nonblocking, "each has a flag of its own");
    std::mem::forget(queue.reserve().unwrap());
    clone.send(b"x", Priority::MIN).unwrap();
    assert_eq!(queue.receive(&mut [0; 64]).unwrap().payload(), b"x");
}

fn the_mode_is_less_the_umask_or_exact() {
    set_umask(0o027);
    let unique = name!("/rawipc-test-");
    assert_eq!(small().mode(0o666).create_unique(unique).unwrap().mode().unwrap(), 0o640);
    assert_eq!(small().exact_mode(0o666).create_unique(unique).unwrap().mode().unwrap(), 0o666);
}

fn a_child_sends_and_receives_in_its_own_right() {
    let queue = small_queue();
    queue.send(b"for the child", Priority::MIN).unwrap();
    in_child(|| {
        assert_eq!(queue.receive(&mut [0; 64]).unwrap().payload(), b"for the child");
        in_child(|| queue.send(b"from the grandchild", Priority::MAX).unwrap());
        queue.send(b"from the child", Priority::MIN).unwrap();
    });
    for text in ["from the grandchild", "from the child"] {
        assert_eq!(queue.receive(&mut [0; 64]).unwrap().payload(), text.as_bytes());
    }
    // The child has closed its copy of the handle, and the name is still there.
    in_child(|| drop(small().open(name_of(&queue)).unwrap()));
    assert!(file_of(name_of(&queue)).exists());
}
