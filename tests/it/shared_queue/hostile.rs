//! Anything at all in a shared queue's memory: an error or a message, but no crash, no hang, nothing out of bounds.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rawipc::fd::{AsFd, OwnedFd};
use rawipc::shared_queue::SharedQueueOptions;
use rawipc::{ErrorKind, Mapping, Priority, SharedMemory, SharedQueue, WaitTuning};

use crate::harness::random::Random;
use crate::harness::waiting::PATIENCE;
use crate::shared_queue::support::small;

crate::tests!(
    random_memory_is_survived,
    each_word_can_be_anything,
    a_peer_that_scribbles_all_the_time_is_survived,
    damage_is_told_once_and_put_right,
    a_length_beyond_the_room_is_damage,
    damage_to_what_is_in_hand_is_told,
    a_block_of_no_known_state_is_free,
);

/// Where the words that change begin, the participants, the doorbells, and the blocks of a queue of 8 messages of 64
/// bytes.
pub const CONTROL: usize = 64;
const TABLE: usize = 128;
const BELLS: usize = 640;
const BLOCKS: usize = 3008;
const BLOCK: usize = 128;

/// How many messages there are; a block's state, and the length of its message.
const MESSAGES: usize = CONTROL + 4;
const STATE: usize = BLOCKS;

fn queue() -> (SharedQueue, Mapping) {
    queue_of(small())
}

/// A queue whose waits are short, and its memory.
pub fn queue_of(options: SharedQueueOptions) -> (SharedQueue, Mapping) {
    let mut queue = options.create_anonymous().unwrap();
    queue.set_tuning(WaitTuning { spin: 1, recheck_interval: Some(Duration::from_millis(1)) });
    let descriptor: OwnedFd = queue.as_fd().try_clone_to_owned().unwrap();
    let mapping = SharedMemory::try_from(descriptor).unwrap().map().unwrap();
    (queue, mapping)
}

pub fn write(mapping: &Mapping, offset: usize, value: u32) {
    mapping.get::<AtomicU32>(offset).unwrap().store(value, Relaxed);
}

/// Every call comes back in time, with one of the errors that it may have.
fn use_it(queue: &SharedQueue, random: &mut Random) {
    let (start, mut buffer) = (Instant::now(), [0; 64]);
    let expected = [ErrorKind::Malformed, ErrorKind::WouldBlock, ErrorKind::TimedOut];
    let message = random.bytes(64);
    for _ in 0..3 {
        let priority = Priority::new(random.below(32_768) as u32).unwrap();
        let results = [
            queue.try_send(&message[..random.below(65)], priority).map(|()| 0),
            queue.try_receive(&mut buffer).map(|message| message.payload().len()),
            queue.send_timeout(&message, priority, Duration::from_millis(1)).map(|()| 0),
            queue.receive_timeout(&mut buffer, Duration::from_millis(1)).map(|message| message.payload().len()),
            queue.try_receive_in_place().and_then(|borrowed| {
                borrowed.read_at(0, &mut [0; 1]).ok();
                let length = borrowed.len();
                borrowed.put_back().map(|()| length).map_err(rawipc::Error::from)
            }),
            queue.try_reserve().and_then(|reservation| Ok(reservation.publish(9, priority)?)).map(|()| 9),
        ];
        for result in results {
            match result {
                Ok(length) => assert!(length <= 64),
                Err(error) => assert!(expected.contains(&error.kind()), "{error}"),
            }
        }
        assert!(queue.len().unwrap() <= 8);
    }
    assert!(start.elapsed() < PATIENCE);
}

fn random_memory_is_survived() {
    let (queue, mapping) = queue();
    let mut random = Random::new();
    for round in 0..150 {
        let start = if round % 3 == 0 { 0 } else { CONTROL };
        let mut bytes = random.bytes(mapping.len() - start);
        if round % 2 == 0 {
            // Small numbers get further.
            bytes.iter_mut().enumerate().for_each(|(at, byte)| *byte = if at % 4 == 0 { *byte % 10 } else { 0 });
        }
        mapping.write_at(start, &bytes).unwrap();
        use_it(&queue, &mut random);
    }
}

fn each_word_can_be_anything() {
    let (queue, mapping) = queue();
    let mut random = Random::new();
    let words: &[AtomicU32] = mapping.slice(0, mapping.len() / 4).unwrap();
    for (index, word) in words.iter().enumerate() {
        // The rest of the generations and of the doorbells are like the first ones, and the rest of a message like its
        // start.
        let is_like_others = |start: usize, end: usize| (start / 4..end / 4).contains(&index);
        if is_like_others(TABLE + 16, BELLS) || is_like_others(BELLS + 32, BELLS + 2048) {
            continue;
        }
        for value in [0, 1, u32::MAX, 1 << 31, random.below(1 << 31) as u32] {
            word.store(value, Relaxed);
            for _ in 0..4 {
                match queue.try_send(b"hello", Priority::MIN).and_then(|()| queue.try_receive(&mut [0; 64]).map(drop)) {
                    Ok(()) => {}
                    Err(error) => {
                        assert!(
                            [ErrorKind::Malformed, ErrorKind::WouldBlock].contains(&error.kind()),
                            "{index}: {error}"
                        );
                    }
                }
            }
        }
        if index * 4 < CONTROL {
            // The header is not looked at any more.
            word.store(0, Relaxed);
        }
    }
}

fn a_peer_that_scribbles_all_the_time_is_survived() {
    let (queue, mapping) = queue();
    let (start, mut random) = (Instant::now(), Random::new());
    std::thread::scope(|scope| {
        let scribbler = scope.spawn(|| {
            let mut random = Random::new();
            for _ in 0..30_000 {
                let at = CONTROL / 4 + random.below(mapping.len() / 4 - CONTROL / 4);
                let at = if random.below(2) == 0 { CONTROL / 4 + random.below(16) } else { at };
                let word = mapping.get::<AtomicU32>(4 * at).unwrap();
                let bound = [3, 12, 1 << 31][random.below(3)];
                word.store(random.below(bound) as u32, Relaxed);
            }
        });
        while !scribbler.is_finished() {
            use_it(&queue, &mut random);
        }
    });
    assert!(start.elapsed() < PATIENCE);
}

fn damage_is_told_once_and_put_right() {
    let (queue, mapping) = queue();
    for message in [b"one", b"two"] {
        queue.send(message, Priority::MIN).unwrap();
    }
    // The count of messages is more than there can be.
    write(&mapping, MESSAGES, 9);
    let error = queue.try_receive(&mut [0; 64]).unwrap_err();
    assert_eq!((error.kind(), error.errno()), (ErrorKind::Malformed, rawipc::Errno::BADMSG));
    let text = "receiving: the queue's memory is corrupt; it was repaired as far as possible (EBADMSG)";
    assert_eq!(error.to_string(), text);
    for message in [b"one", b"two"] {
        assert_eq!(queue.try_receive(&mut [0; 64]).unwrap().payload(), message);
    }
    assert_eq!(queue.try_receive(&mut [0; 64]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

fn a_length_beyond_the_room_is_damage() {
    for length in [65, 96, 1025, u32::MAX] {
        let (queue, mapping) = queue();
        queue.send(b"gone", Priority::MAX).unwrap();
        queue.send(b"kept", Priority::MIN).unwrap();
        let first = mapping.get::<AtomicU32>(CONTROL + 32).unwrap().load(Relaxed) as usize;
        mapping.get::<AtomicU32>(BLOCKS + first * BLOCK + 4).unwrap().store(length, Relaxed);
        let error = queue.try_receive(&mut [0; 4096]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{length}");
        assert_eq!(queue.try_receive(&mut [0; 64]).unwrap().payload(), b"kept");
        assert!(queue.is_empty().unwrap());
    }
}

fn damage_to_what_is_in_hand_is_told() {
    // It is nobody's any more; or there are as many messages as there can be.
    for (offset, value) in [(STATE, 0), (MESSAGES, 8)] {
        let (queue, mapping) = queue();
        let reservation = queue.reserve().unwrap();
        write(&mapping, offset, value);
        assert_eq!(reservation.publish(1, Priority::MIN).unwrap_err().error.kind(), ErrorKind::Malformed);
        use_it(&queue, &mut Random::new());
    }
}

fn a_block_of_no_known_state_is_free() {
    let (queue, mapping) = queue();
    std::mem::forget(queue.reserve().unwrap());
    (0..7).for_each(|_| queue.try_send(b"x", Priority::MIN).unwrap());
    assert_eq!(queue.try_send(b"x", Priority::MIN).unwrap_err().kind(), ErrorKind::WouldBlock);
    // A message that has an owner.
    write(&mapping, STATE, 2 << 30 | 1);
    queue.try_send(b"x", Priority::MIN).unwrap();
    assert_eq!(queue.len(), Ok(8));
}
