//! Opening and creating: access, flags, modes, unique names.

use std::collections::HashSet;
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd};

use rawipc::mqueue::MessageQueueOptions;
use rawipc::{ErrorKind, MessageBuffer, MessageQueue, Name, OpenFlags, Priority, SharedQueue, name};

use crate::harness::kernel::set_umask;
use crate::harness::queues::FreeName;
use crate::harness::{exists, name_of, small, small_queue};

crate::tests!(
    every_access_is_what_flags_says_and_what_works,
    flags_at_once_are_the_methods_one_by_one,
    flags_replace_what_was_chosen_before,
    creation_does_what_its_flags_say_whether_or_not_the_queue_exists,
    message_queue_exclusive_needs_create_in_any_order,
    message_queue_descriptor_has_the_flags_of_c,
    an_existing_queue_keeps_its_sizes_and_its_mode,
    the_creating_handle_ignores_the_mode,
    names_are_as_they_were_opened,
    unique_names_differ_and_keep_their_prefix,
    the_longest_prefix_is_taken;
    alone: the_umask_takes_from_mode_but_not_from_exact_mode, every_mode_can_be_had_exactly
);

/// All ways to choose a direction, as methods and as flags.
const ACCESSES: [(bool, bool, OpenFlags); 3] =
    [(true, false, OpenFlags::READ), (false, true, OpenFlags::WRITE), (true, true, OpenFlags::READ_WRITE)];

fn every_access_is_what_flags_says_and_what_works() {
    let creator = small_queue();
    for (read, write, access) in ACCESSES {
        for nonblocking in [false, true] {
            let options = MessageQueue::options().read(read).write(write).nonblocking(nonblocking);
            let queue = options.open(name_of(&creator)).unwrap();
            let expected = if nonblocking { access | OpenFlags::NONBLOCKING } else { access };
            assert_eq!(queue.flags().unwrap(), expected);
            assert_eq!(queue.attributes().unwrap().nonblocking, nonblocking);
            assert_eq!(queue.try_send(b"x", Priority::MIN).is_ok(), write);
            creator.send(b"y", Priority::MIN).unwrap();
            assert_eq!(queue.try_receive(&mut MessageBuffer::<64>::new()).is_ok(), read);
            while creator.try_receive(&mut [0; 64]).is_ok() {}
        }
    }
}

fn flags_at_once_are_the_methods_one_by_one() {
    for (read, write, access) in ACCESSES {
        for nonblocking in [OpenFlags::empty(), OpenFlags::NONBLOCKING] {
            for create in [OpenFlags::CREATE, OpenFlags::CREATE_NEW] {
                let free = FreeName::new();
                let sizes = |options: MessageQueueOptions| options.max_messages(1).max_message_size(1);
                let at_once = sizes(MessageQueue::options()).flags(access | nonblocking | create);
                let at_once = at_once.open(&free).unwrap().flags().unwrap();
                MessageQueue::unlink(&free).unwrap();
                let one_by_one = sizes(MessageQueue::options())
                    .read(read)
                    .write(write)
                    .nonblocking(nonblocking == OpenFlags::NONBLOCKING)
                    .create(create == OpenFlags::CREATE)
                    .create_new(create == OpenFlags::CREATE_NEW);
                assert_eq!(one_by_one.open(&free).unwrap().flags().unwrap(), at_once);
                assert_eq!(at_once, access | nonblocking);
            }
        }
    }
}

fn flags_replace_what_was_chosen_before() {
    let creator = small_queue();
    let options = MessageQueue::options().write(true).nonblocking(true).create_new(true).flags(OpenFlags::READ);
    assert_eq!(options.open(name_of(&creator)).unwrap().flags().unwrap(), OpenFlags::READ);
    let options = options.write(true).read(false);
    assert_eq!(options.open(name_of(&creator)).unwrap().flags().unwrap(), OpenFlags::WRITE);
}

fn creation_does_what_its_flags_say_whether_or_not_the_queue_exists() {
    let plain = OpenFlags::empty();
    for (create, alone, beside) in [
        (plain, Err(ErrorKind::NotFound), Ok(false)),
        (OpenFlags::CREATE, Ok(true), Ok(false)),
        (OpenFlags::CREATE_NEW, Ok(true), Err(ErrorKind::AlreadyExists)),
        // POSIX leaves it open what O_EXCL means alone; the kernel ignores it.
        (OpenFlags::EXCLUSIVE, Err(ErrorKind::NotFound), Ok(false)),
    ] {
        for exists_before in [false, true] {
            for owner in [false, true] {
                let free = FreeName::new();
                let before =
                    exists_before.then(|| small().unlink_on_drop(false).max_messages(3).create(true).open(&free));
                assert!(before.is_none_or(|result| result.is_ok()));
                let options = small().flags(OpenFlags::READ_WRITE | create).max_messages(2).unlink_on_drop(owner);
                let result = options.open(&free).map(|queue| queue.attributes().unwrap().max_messages == 2);
                let expected = if exists_before { beside } else { alone };
                assert_eq!(result.map_err(|error| error.kind()), expected, "{create:?} {exists_before} {owner}");
                let created = result.unwrap_or(false);
                assert_eq!(exists(&free), if created { !owner } else { exists_before });
            }
        }
    }
}

fn message_queue_exclusive_needs_create_in_any_order() {
    let free = FreeName::new();
    let queue = small().unlink_on_drop(false).create_new(true).open(&free).unwrap();
    let kind = |options: MessageQueueOptions| options.open(&free).map_err(|error| error.kind()).err();
    let alone = MessageQueue::options().flags(OpenFlags::READ | OpenFlags::EXCLUSIVE);
    assert_eq!(kind(alone), None);
    assert_eq!(kind(alone.create(true)), Some(ErrorKind::AlreadyExists));
    assert_eq!(kind(alone.create_new(true)), Some(ErrorKind::AlreadyExists));
    assert_eq!(kind(alone.create_new(true).create_new(false)), None);
    assert_eq!(kind(alone.create(true).create_new(false)), None);
    drop(queue);
    MessageQueue::unlink(&free).unwrap();
    assert_eq!(kind(alone.create_new(true).create_new(false)), Some(ErrorKind::NotFound));
    // The queue in shared memory has the same flags.
    let shared = SharedQueue::options().flags(OpenFlags::READ_WRITE | OpenFlags::EXCLUSIVE);
    assert_eq!(shared.open(&free).unwrap_err().kind(), ErrorKind::NotFound);
}

/// As a C program sees its own queue's descriptor, all flags of the description and of the descriptor.
fn message_queue_descriptor_has_the_flags_of_c() {
    let free = FreeName::new();
    let name = CString::new(free.as_bytes()).unwrap();
    let flags_of = |descriptor| {
        // SAFETY: takes numbers only.
        [libc::F_GETFL, libc::F_GETFD].map(|command| unsafe { libc::fcntl(descriptor, command) })
    };
    for (ours, theirs) in [
        (OpenFlags::READ, libc::O_RDONLY),
        (OpenFlags::WRITE | OpenFlags::CREATE, libc::O_WRONLY | libc::O_CREAT),
        (OpenFlags::READ_WRITE | OpenFlags::NONBLOCKING, libc::O_RDWR | libc::O_NONBLOCK),
        (OpenFlags::READ | OpenFlags::CREATE_NEW, libc::O_RDONLY | libc::O_CREAT | libc::O_EXCL),
    ] {
        let keeper = (!ours.contains(OpenFlags::EXCLUSIVE)).then(|| small().create_new(true).open(&free).unwrap());
        let queue = small().flags(ours).open(&free).unwrap();
        let expected = flags_of(queue.as_fd().as_raw_fd());
        drop(queue);
        // SAFETY: the name ends in a NUL; with O_CREAT, a mode and no sizes follow.
        let descriptor = unsafe { libc::mq_open(name.as_ptr(), theirs, 0o600, std::ptr::null_mut::<libc::mq_attr>()) };
        assert!(descriptor >= 0, "{ours:?}");
        assert_eq!(flags_of(descriptor), expected, "{ours:?}");
        assert_eq!(expected[1], libc::FD_CLOEXEC);
        // SAFETY: it is open, and used no more.
        unsafe { libc::mq_close(descriptor) };
        drop(keeper);
        let _ = MessageQueue::unlink(&free);
    }
}

fn an_existing_queue_keeps_its_sizes_and_its_mode() {
    let queue = small().mode(0o640).create_unique(name!("/rawipc-test-")).unwrap();
    let (attributes, mode) = (queue.attributes().unwrap(), queue.mode().unwrap());
    for options in [small().mode(0o666), small().exact_mode(0o666), small().unlink_on_drop(false)] {
        let options = options.max_messages(3).max_message_size(5).create(true);
        let opened = options.open(name_of(&queue)).unwrap();
        assert_eq!((opened.attributes().unwrap(), opened.mode().unwrap()), (attributes, mode));
    }
    assert_eq!((attributes.max_messages, attributes.max_message_size, attributes.messages), (8, 64, 0));
    assert!(exists(name_of(&queue)));
}

fn the_creating_handle_ignores_the_mode() {
    let queue = small().mode(0).create_unique(name!("/rawipc-test-")).unwrap();
    assert_eq!(queue.mode().unwrap(), 0);
    queue.send(b"kept", Priority::MIN).unwrap();
    assert_eq!(queue.receive(&mut [0; 64]).unwrap().payload(), b"kept");
}

fn names_are_as_they_were_opened() {
    let free = FreeName::new();
    let creator = small().create_new(true).open(&free).unwrap();
    let opener = MessageQueue::options().read(true).open(&free).unwrap();
    assert_eq!((creator.name(), opener.name()), (Some(&*free), Some(&*free)));
    assert_eq!(creator.try_clone().unwrap().name(), Some(&*free));
}

fn unique_names_differ_and_keep_their_prefix() {
    let queues: Vec<_> = (0..50).map(|_| small_queue()).collect();
    let names: HashSet<_> = queues.iter().map(|queue| name_of(queue).as_bytes()).collect();
    assert_eq!(names.len(), queues.len());
    for name in names {
        let random = name.strip_prefix(b"/rawipc-test-").unwrap();
        assert_eq!(random.len(), 16);
        assert!(random.iter().all(u8::is_ascii_alphanumeric));
    }
}

fn the_longest_prefix_is_taken() {
    let text = format!("/rawipc-test-{}", "x".repeat(239 - 12));
    let queue = small().create_unique(Name::new(text.as_str()).unwrap()).unwrap();
    assert_eq!(name_of(&queue).as_bytes().len(), 256);
    assert!(exists(name_of(&queue)));
    assert_eq!(queue.name(), MessageQueue::options().read(true).open(name_of(&queue)).unwrap().name());
}

fn the_umask_takes_from_mode_but_not_from_exact_mode() {
    set_umask(0o027);
    let mode_of = |options: MessageQueueOptions| {
        let by_unique_name = options.create_unique(name!("/rawipc-test-")).unwrap().mode().unwrap();
        let free = FreeName::new();
        assert_eq!(options.create(true).open(&free).unwrap().mode().unwrap(), by_unique_name);
        assert_eq!(options.create_new(true).unlink_on_drop(false).open(&free).unwrap().mode().unwrap(), by_unique_name);
        by_unique_name
    };
    assert_eq!(mode_of(small()), 0o600);
    assert_eq!(mode_of(small().mode(0o666)), 0o640);
    assert_eq!(mode_of(small().exact_mode(0o666)), 0o666);
    assert_eq!(mode_of(small().exact_mode(0o666).mode(0o777)), 0o750);
    assert_eq!(set_umask(0), 0o027, "the umask of the process was touched");
    assert_eq!(mode_of(small().mode(0o666)), 0o666);
}

fn every_mode_can_be_had_exactly() {
    set_umask(0o777);
    for mode in 0..=0o777 {
        let queue = small().max_messages(1).exact_mode(mode).create_unique(name!("/rawipc-test-")).unwrap();
        assert_eq!(queue.mode().unwrap(), mode);
    }
}
