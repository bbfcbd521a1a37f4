//! Defaults and limits, in a private IPC namespace where they can be set.

use rawipc::error::{Limit, Operation};
use rawipc::mqueue::MessageQueueOptions;
use rawipc::{Errno, ErrorKind, MessageQueue, Result};
use rustix::mount::{MountFlags, mount};
use rustix::process::{Resource, getrlimit};

use crate::harness::kernel::{private_ipc, private_ipc_and_mounts, set_limit, set_sysctl};
use crate::harness::queues::{FreeName, assert_bounds, assert_error};
use crate::harness::{Ending, exists, small};

crate::tests!(
    ;
    alone: omitted_sizes_are_the_kernels_defaults,
    defaults_above_the_maxima_are_cut_to_them,
    too_many_messages_are_told_with_the_maximum,
    too_long_messages_are_told_with_the_maximum,
    sizes_beyond_any_kernel_are_told_apart,
    a_queue_too_costly_is_told_with_its_cost,
    the_cost_is_exactly_the_kernels,
    defaults_too_costly_are_told_with_their_cost,
    too_many_queues_are_told_with_the_maximum,
    too_many_descriptors_are_told_with_the_maximum,
    limits_without_proc_have_no_numbers
);

fn sized(max_messages: usize, max_message_size: usize) -> MessageQueueOptions {
    small().max_messages(max_messages).max_message_size(max_message_size)
}

fn unsized_options() -> MessageQueueOptions {
    MessageQueue::options().read(true).write(true).unlink_on_drop(true)
}

/// Creates in all three ways, each of which must fail in the same way and leave no name behind.
fn error_of(options: MessageQueueOptions) -> rawipc::Error {
    let free = FreeName::new();
    let create = |options: MessageQueueOptions| options.open(&free).unwrap_err();
    let error = create(options.create_new(true));
    assert_eq!(create(options.create(true)), error);
    assert_eq!(create(options.create(true).unlink_on_drop(false)), error);
    assert!(!exists(&free));
    error
}

fn sizes_of(options: MessageQueueOptions) -> Result<(usize, usize)> {
    let attributes = options.create_new(true).open(&FreeName::new())?.attributes()?;
    assert_eq!((attributes.messages, attributes.nonblocking), (0, false));
    Ok((attributes.max_messages, attributes.max_message_size))
}

fn omitted_sizes_are_the_kernels_defaults() -> Ending {
    private_ipc()?;
    set_sysctl("msg_default", 7)?;
    set_sysctl("msgsize_default", 500)?;
    assert_eq!(sizes_of(unsized_options()).unwrap(), (7, 500));
    assert_eq!(sizes_of(unsized_options().max_messages(3)).unwrap(), (3, 500));
    assert_eq!(sizes_of(unsized_options().max_message_size(40)).unwrap(), (7, 40));
    assert_eq!(sizes_of(sized(3, 40)).unwrap(), (3, 40));
    Ok(())
}

/// What the kernel does where no sizes are given must hold where one is.
fn defaults_above_the_maxima_are_cut_to_them() -> Ending {
    private_ipc()?;
    set_sysctl("msg_max", 4)?;
    set_sysctl("msgsize_max", 300)?;
    assert_eq!(sizes_of(unsized_options()).unwrap(), (4, 300));
    assert_eq!(sizes_of(unsized_options().max_messages(3)).unwrap(), (3, 300));
    assert_eq!(sizes_of(unsized_options().max_message_size(40)).unwrap(), (4, 40));
    Ok(())
}

fn too_many_messages_are_told_with_the_maximum() -> Ending {
    private_ipc()?;
    set_sysctl("msg_max", 8)?;
    sizes_of(sized(8, 64)).unwrap();
    let error = error_of(sized(9, 64));
    let kind = ErrorKind::LimitExceeded(Limit::MaxMessages);
    assert_error(error, kind, Errno::INVAL, Operation::CreateQueue, "9 messages are above the maximum of 8;");
    assert_error(error, kind, Errno::INVAL, Operation::CreateQueue, "/proc/sys/fs/mqueue/msg_max");
    assert_bounds(error, 9, 8);
    #[cfg(feature = "std")]
    {
        let converted = std::io::Error::from(error);
        assert_eq!(converted.kind(), std::io::ErrorKind::QuotaExceeded);
        assert_eq!(converted.to_string(), error.to_string());
    }
    Ok(())
}

fn too_long_messages_are_told_with_the_maximum() -> Ending {
    private_ipc()?;
    set_sysctl("msgsize_max", 1000)?;
    sizes_of(sized(1, 1000)).unwrap();
    let error = error_of(sized(1, 1001));
    let kind = ErrorKind::LimitExceeded(Limit::MaxMessageSize);
    assert_error(error, kind, Errno::INVAL, Operation::CreateQueue, "messages of 1,001 bytes are above the maximum of");
    assert_error(
        error,
        kind,
        Errno::INVAL,
        Operation::CreateQueue,
        "1,000; raise it in /proc/sys/fs/mqueue/msgsize_max",
    );
    assert_bounds(error, 1001, 1000);
    Ok(())
}

fn sizes_beyond_any_kernel_are_told_apart() -> Ending {
    private_ipc()?;
    for (messages, size, limit, given, bound) in [
        (65_537, 1, Limit::MaxMessages, 65_537, 10),
        (usize::MAX, 1, Limit::MaxMessages, u32::MAX.into(), 10),
        (1, (16 << 20) + 1, Limit::MaxMessageSize, (16 << 20) + 1, 8192),
        (1, usize::MAX, Limit::MaxMessageSize, u32::MAX.into(), 8192),
        // Above the soft maximum on one side, above the kernel's own on the other: the latter is named.
        (11, usize::MAX, Limit::MaxMessageSize, u32::MAX.into(), 8192),
        (usize::MAX, usize::MAX, Limit::MaxMessages, u32::MAX.into(), 10),
    ] {
        let error = error_of(sized(messages, size));
        assert_eq!((error.kind(), error.operation()), (ErrorKind::LimitExceeded(limit), Operation::CreateQueue));
        assert_bounds(error, given, bound);
    }
    Ok(())
}

/// By the kernel's formula: a header and a tree node for each message, 48 bytes each on 64-bit machines, 24 on 32-bit
/// ones.
fn cost(max_messages: usize, max_message_size: usize) -> u64 {
    (max_messages * (2 * 6 * size_of::<usize>() + max_message_size)) as u64
}

fn a_queue_too_costly_is_told_with_its_cost() -> Ending {
    private_ipc()?;
    set_limit(Resource::Msgqueue, 12_000);
    let first = sized(10, 1000).create_new(true).open(&FreeName::new()).unwrap();
    let error = error_of(sized(2, 1000));
    let kind = ErrorKind::LimitExceeded(Limit::QueueBytes);
    let part = "2 messages of 1000 bytes need 2,";
    assert_error(error, kind, Errno::MFILE, Operation::CreateQueue, part);
    assert_error(error, kind, Errno::MFILE, Operation::CreateQueue, "RLIMIT_MSGQUEUE (12,000 bytes for all queues");
    assert_error(error, kind, Errno::MFILE, Operation::CreateQueue, "ulimit -q");
    assert_bounds(error, cost(2, 1000), 12_000);
    // Nothing of it has been charged, and what is free again can be had.
    drop(first);
    assert_eq!(sizes_of(sized(10, 1000)).unwrap(), (10, 1000));
    Ok(())
}

fn the_cost_is_exactly_the_kernels() -> Ending {
    private_ipc()?;
    for (messages, size) in [(1, 1), (10, 8192), (3, 77), (10, 1)] {
        let cost = cost(messages, size);
        set_limit(Resource::Msgqueue, cost);
        sizes_of(sized(messages, size)).unwrap();
        set_limit(Resource::Msgqueue, cost - 1);
        assert_bounds(error_of(sized(messages, size)), cost, cost - 1);
    }
    Ok(())
}

fn defaults_too_costly_are_told_with_their_cost() -> Ending {
    private_ipc()?;
    set_limit(Resource::Msgqueue, 40_000);
    let error = error_of(unsized_options());
    let kind = ErrorKind::LimitExceeded(Limit::QueueBytes);
    assert_error(error, kind, Errno::MFILE, Operation::CreateQueue, "10 messages of 8192 bytes need 82,");
    assert_bounds(error, cost(10, 8192), 40_000);
    assert_bounds(error_of(unsized_options().max_messages(9)), cost(9, 8192), 40_000);
    Ok(())
}

fn too_many_queues_are_told_with_the_maximum() -> Ending {
    private_ipc()?;
    set_sysctl("queues_max", 2)?;
    let create = || small().create_unique(rawipc::name!("/rawipc-test-"));
    let two = [create().unwrap(), create().unwrap()];
    let error = error_of(small());
    let kind = ErrorKind::LimitExceeded(Limit::Queues);
    assert_error(error, kind, Errno::NOSPC, Operation::CreateQueue, "already has 2 queues");
    assert_error(error, kind, Errno::NOSPC, Operation::CreateQueue, "/proc/sys/fs/mqueue/queues_max");
    assert_bounds(error, 3, 2);
    drop(two);
    create().unwrap();
    Ok(())
}

fn too_many_descriptors_are_told_with_the_maximum() -> Ending {
    private_ipc()?;
    let queue = small().create_unique(rawipc::name!("/rawipc-test-")).unwrap();
    set_limit(Resource::Nofile, 20);
    let mut open: Vec<MessageQueue> = Vec::new();
    let clone_error = loop {
        match queue.try_clone() {
            Ok(clone) => open.push(clone),
            Err(error) => break error,
        }
    };
    let kind = ErrorKind::LimitExceeded(Limit::Descriptors);
    assert_error(clone_error, kind, Errno::MFILE, Operation::CloneQueue, "ulimit -n");
    let free = FreeName::new();
    let create = small().create_new(true).open(&free).unwrap_err();
    let existing = MessageQueue::options().read(true).open(queue.name().unwrap()).unwrap_err();
    for (error, operation) in [(create, Operation::CreateQueue), (existing, Operation::OpenQueue)] {
        assert_error(error, kind, Errno::MFILE, operation, "its 20 descriptors open");
        assert_bounds(error, 21, 20);
    }
    open.clear();
    assert!(!exists(&free) && exists(queue.name().unwrap()));
    Ok(())
}

fn limits_without_proc_have_no_numbers() -> Ending {
    private_ipc_and_mounts()?;
    mount("none", "/proc", "tmpfs", MountFlags::empty(), None)
        .map_err(|errno| crate::harness::Lacking(format!("the right to mount ({errno})")))?;
    sizes_of(unsized_options().max_messages(1).max_message_size(1)).unwrap();
    for one_size in [unsized_options().max_messages(1), unsized_options().max_message_size(1)] {
        let error = error_of(one_size);
        assert_error(error, ErrorKind::Unsupported, Errno::NOENT, Operation::CreateQueue, "mount /proc");
    }
    // Which of the two is above its maximum cannot be known, so nothing is claimed.
    let error = error_of(sized(11, 1));
    assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::CreateQueue, "not valid");
    assert_eq!(error.bounds(), None);
    set_limit(Resource::Msgqueue, 40_000);
    let error = error_of(unsized_options());
    let kind = ErrorKind::LimitExceeded(Limit::QueueBytes);
    assert_error(error, kind, Errno::MFILE, Operation::CreateQueue, "RLIMIT_MSGQUEUE (40,000 bytes");
    assert_eq!(getrlimit(Resource::Msgqueue).current, Some(40_000));
    Ok(())
}
