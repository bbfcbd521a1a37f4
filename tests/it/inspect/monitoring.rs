//! Looking at values and queues with read permission only.

use std::fs;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::thread;

use rawipc::error::Operation;
use rawipc::{Errno, ErrorKind, Priority, Shared, SharedMemory, SharedQueue, name, shareable};

use crate::harness::Ending;
use crate::harness::kernel::{as_nobody, in_child, require_users};
use crate::harness::queues::{assert_bounds, assert_error};
use crate::harness::random::Random;
use crate::shared_queue::support::{file_of, name_of, small, small_queue};
use crate::shm::support::{FreeName, page};

crate::tests!(
    read_only_mapping_loads_values_at_every_offset,
    read_only_mapping_loads_whole_words_in_a_race,
    shared_value_read_only_refuses_what_is_not_whole,
    shared_queue_inspect_counts_messages_and_handles,
    shared_queue_inspect_names_what_is_not_a_queue,
    shared_queue_inspect_survives_hostile_memory,
    shared_queue_inspect_works_beside_a_held_lock;
    alone: shared_value_is_read_with_read_permission,
    shared_queue_is_inspected_with_read_permission,
    shared_queue_inspect_does_not_count_the_dead
);

shareable! {
    struct Value {
        first: AtomicU64,
        bytes: [AtomicU8; 5],
        last: AtomicU32,
    }
}

fn shared_value_is_read_with_read_permission() -> Ending {
    require_users()?;
    let name = FreeName::new();
    let options = Shared::<Value>::options().version(3).exact_mode(0o644).unlink_on_drop(true);
    let value = options.open(&name, |fresh| fresh.last.store(5, Relaxed)).unwrap();
    as_nobody(|| {
        let error = options.open_existing(&name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "it may not be written");
        let reader = options.open_read_only(&name).unwrap();
        assert_eq!((reader.name(), reader.load().last.into_inner()), (&*name, 5));
        value.first.store(u64::MAX - 1, Relaxed);
        value.bytes[4].store(9, Relaxed);
        let Value { first, bytes, .. } = reader.load();
        assert_eq!((first.into_inner(), bytes.map(AtomicU8::into_inner)), (u64::MAX - 1, [0, 0, 0, 0, 9]));
        // A copy is private.
        reader.load().last.store(6, Relaxed);
        assert_eq!(reader.load().last.into_inner(), 5);
        let other = Shared::<Value>::options().version(4).open_read_only(&name).unwrap_err();
        assert!(other.to_string().contains("of another version"), "{other}");
        let other = Shared::<[AtomicU32; 5]>::options().version(3).open_read_only(&name).unwrap_err();
        assert_eq!((other.kind(), other.operation()), (ErrorKind::Malformed, Operation::OpenShared), "{other}");
    })
}

fn shared_value_read_only_refuses_what_is_not_whole() {
    let name = FreeName::new();
    let options = Shared::<Value>::options();
    let error = options.open_read_only(&name).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let memory = SharedMemory::options().write(true).create_new(true).unlink_on_drop(true);
    let memory = memory.size(64 + size_of::<Value>() as u64).open(&name).unwrap();
    let open = || options.open_read_only(&name).unwrap_err();
    assert!(open().to_string().contains("has not been initialized"));
    memory.write_at(12, &2_u32.to_ne_bytes()).unwrap();
    assert!(open().to_string().contains("is not a shared value"), "an unknown state");
    memory.write_at(12, &1_u32.to_ne_bytes()).unwrap();
    assert!(open().to_string().contains("is not a shared value"), "no magic number");
    let mut random = Random::new();
    for _ in 0..200 {
        memory.write_at(0, &random.bytes(64)).unwrap();
        assert_eq!(open().kind(), ErrorKind::Malformed);
    }
}

fn read_only_mapping_loads_values_at_every_offset() {
    let memory = SharedMemory::anonymous(page() as u64).create().unwrap();
    let bytes: Vec<u8> = (0..page()).map(|number| (number % 251) as u8).collect();
    memory.write_at(0, &bytes).unwrap();
    let mapping = memory.map_options().map_read_only().unwrap();
    for offset in (0..100).chain(page() - 40..=page() - 7) {
        let copy = mapping.load::<[AtomicU8; 7]>(offset).unwrap().map(AtomicU8::into_inner);
        assert_eq!(copy, bytes[offset..offset + 7]);
        let number = mapping.load::<AtomicU32>(offset);
        let expected = u32::from_ne_bytes(bytes[offset..offset + 4].try_into().unwrap());
        assert_eq!(number.ok().map(AtomicU32::into_inner), offset.is_multiple_of(4).then_some(expected));
    }
    let large = mapping.load::<[AtomicU32; 1000]>(4).unwrap().map(AtomicU32::into_inner);
    assert_eq!(large[999].to_ne_bytes(), bytes[4000..4004]);
    assert_bounds(mapping.load::<AtomicU64>(page() - 4).unwrap_err(), page() as u64 + 4, page() as u64);
    assert!(mapping.load::<AtomicU8>(usize::MAX).is_err());
}

/// A counter of 32 bits whose bytes are all equal: a mix would show.
fn read_only_mapping_loads_whole_words_in_a_race() {
    let memory = SharedMemory::anonymous(4096).create().unwrap();
    let (writer, reader) = (memory.map().unwrap(), memory.map_options().map_read_only().unwrap());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let numbers = writer.slice::<AtomicU32>(0, 99).unwrap();
            for byte in (0..=u8::MAX).cycle().take(20_000) {
                numbers.iter().for_each(|number| number.store(u32::from_ne_bytes([byte; 4]), Relaxed));
            }
            done.store(true, Relaxed);
        });
        while !done.load(Relaxed) {
            for number in reader.load::<[AtomicU32; 99]>(0).unwrap().map(AtomicU32::into_inner) {
                let bytes = number.to_ne_bytes();
                assert_eq!(bytes, [bytes[0]; 4]);
            }
        }
    });
}

fn shared_queue_is_inspected_with_read_permission() -> Ending {
    require_users()?;
    let queue = small().exact_mode(0o644).create_unique(name!("/rawipc-test-")).unwrap();
    let private = small_queue();
    queue.send(b"one", Priority::MIN).unwrap();
    let before = fs::read(file_of(name_of(&queue))).unwrap();
    as_nobody(|| {
        let error = SharedQueue::options().read(true).open(name_of(&queue)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "it may not take part");
        let status = SharedQueue::inspect(name_of(&queue)).unwrap();
        assert_eq!((status.messages, status.participants, status.mode), (1, 1, 0o644));
        let error = SharedQueue::inspect(name_of(&private)).unwrap_err();
        let part = "reading the queue's status: not permitted for this user (EACCES)";
        assert_error(error, ErrorKind::PermissionDenied, Errno::ACCESS, Operation::QueueStatus, part);
    })?;
    assert!(fs::read(file_of(name_of(&queue))).unwrap() == before, "nothing is written");
    Ok(())
}

fn shared_queue_inspect_counts_messages_and_handles() {
    let queue = small_queue();
    let size = fs::metadata(file_of(name_of(&queue))).unwrap().len();
    let mut clones = Vec::new();
    for count in 0..8 {
        let status = SharedQueue::inspect(name_of(&queue)).unwrap();
        assert_eq!((status.max_messages, status.max_message_size, status.size), (8, 64, size));
        assert_eq!((status.messages, status.participants), (count, count + 1));
        queue.send(b"message", Priority::MIN).unwrap();
        clones.push(queue.try_clone().unwrap());
    }
    clones.truncate(2);
    queue.receive(&mut [0; 64]).unwrap();
    let status = SharedQueue::inspect(name_of(&queue)).unwrap();
    assert_eq!((status.messages, status.participants), (7, 3));
}

fn shared_queue_inspect_does_not_count_the_dead() {
    let queue = small_queue();
    in_child(|| {
        // It takes part from its first call on, and ends without a word.
        queue.send(b"child", Priority::MIN).unwrap();
        assert_eq!(SharedQueue::inspect(name_of(&queue)).unwrap().participants, 2);
    });
    let status = SharedQueue::inspect(name_of(&queue)).unwrap();
    assert_eq!((status.messages, status.participants), (1, 1));
}

fn shared_queue_inspect_names_what_is_not_a_queue() {
    let name = FreeName::new();
    let error = SharedQueue::inspect(&name).unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::NotFound, Operation::QueueStatus));
    for length in [0, 63, 64, 639, 640, 10_000] {
        fs::write(file_of(&name), vec![7; length]).unwrap();
        let error = SharedQueue::inspect(&name).unwrap_err();
        fs::remove_file(file_of(&name)).unwrap();
        let part = "reading the queue's status: the object of this name is not a shared queue (EINVAL)";
        assert_error(error, ErrorKind::Malformed, Errno::INVAL, Operation::QueueStatus, part);
    }
    fs::create_dir(file_of(&name)).unwrap();
    let error = SharedQueue::inspect(&name).unwrap_err();
    fs::remove_dir(file_of(&name)).unwrap();
    assert_eq!(error.kind(), ErrorKind::Malformed);
}

fn shared_queue_inspect_survives_hostile_memory() {
    let queue = small_queue();
    let file = fs::File::options().read(true).write(true).open(file_of(name_of(&queue))).unwrap();
    let mut start = [0; 2688];
    file.read_exact_at(&mut start, 0).unwrap();
    let mut random = Random::new();
    for _ in 0..500 {
        // All but the header, which must fit the file's size to come this far.
        file.write_all_at(&random.bytes(64 * 40), 64).unwrap();
        match SharedQueue::inspect(name_of(&queue)) {
            Ok(status) => assert!(status.messages <= 8 && status.participants <= 128),
            Err(error) => {
                let part = "the queue's memory is corrupt; the next call of a participant repairs it";
                assert_error(error, ErrorKind::Malformed, Errno::INVAL, Operation::QueueStatus, part);
            }
        }
    }
    // All places are said to be taken; one is.
    file.write_all_at(&[0xff; 512], 128).unwrap();
    file.write_all_at(&[0; 64], 64).unwrap();
    let status = SharedQueue::inspect(name_of(&queue)).unwrap();
    assert_eq!((status.messages, status.participants), (0, 1));
    file.write_all_at(&random.bytes(24), 0).unwrap();
    assert_eq!(SharedQueue::inspect(name_of(&queue)).unwrap_err().kind(), ErrorKind::Malformed);
    file.write_all_at(&start, 0).unwrap();
}

/// It looks beside the lock, and waits for nothing.
fn shared_queue_inspect_works_beside_a_held_lock() {
    let queue = small_queue();
    queue.send(b"message", Priority::MIN).unwrap();
    let file = fs::File::options().read(true).write(true).open(file_of(name_of(&queue))).unwrap();
    let (mut generation, mut word) = ([0; 4], [0; 4]);
    file.read_exact_at(&mut generation, 128).unwrap();
    file.read_exact_at(&mut word, 64).unwrap();
    // The queue's own handle is in the middle of a call.
    file.write_all_at(&(u32::from_ne_bytes(generation) << 8 | 1).to_ne_bytes(), 64).unwrap();
    assert_eq!(SharedQueue::inspect(name_of(&queue)).unwrap().messages, 1);
    file.write_all_at(&word, 64).unwrap();
}
