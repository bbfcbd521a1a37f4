//! A process killed at any instruction of a call: others go on, nothing that was accepted is lost or there twice,
//! nothing is torn, nothing is left in a dead hand.
//!
//! One process is stopped after each instruction of a call, and the queue's memory is copied whenever it has changed.
//! Each copy is what a kill at that moment leaves behind: its slot's lock is held by nobody.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use rawipc::fd::OwnedFd;
use rawipc::{ErrorKind, Mapping, Name, Priority, SharedMemory, SharedQueue};

use crate::harness::stepper::step_through;
use crate::harness::tracer::be_traced;
use crate::harness::{Ending, Lacking, Role, role};
use crate::shared_queue::support::{BELLS, is_rung, name_of};
use crate::shm::support::{memory, name_of as name_of_memory, text};

crate::tests!(
    a_kill_at_any_instruction_of_a_short_send,
    a_kill_at_any_instruction_of_a_long_send,
    a_kill_at_any_instruction_of_a_short_receive,
    a_kill_at_any_instruction_of_a_long_receive,
    a_kill_at_any_instruction_of_putting_back,
    a_kill_at_any_instruction_of_a_send_leaves_a_bell_armed_or_rung,
    a_kill_at_any_instruction_of_a_repair,
);

pub const ROLES: &[Role] = &[("shared_queue_victim", be_stepped_through)];

/// The queues of these tests: some messages are copied under the lock, some outside of it.
const MESSAGES: usize = 4;
const SIZE: usize = 1050;

/// Where a queue says that a doorbell may be armed.
const ARMED: usize = 120;

/// What the victim does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    ShortSend,
    LongSend,
    Receive,
    PutBack,
}

impl Call {
    const ALL: [(&str, Self); 4] = [
        ("send a short one", Self::ShortSend),
        ("send a long one", Self::LongSend),
        ("receive", Self::Receive),
        ("put back", Self::PutBack),
    ];

    fn text(self) -> &'static str {
        Self::ALL[self as usize].0
    }

    fn message(self) -> Vec<u8> {
        if self == Self::LongSend { whole(SIZE, 9) } else { whole(40, 9) }
    }
}

/// A message that shows whether it is whole.
fn whole(length: usize, number: u8) -> Vec<u8> {
    (0..length).map(|at| (at as u8).wrapping_mul(31).wrapping_add(number)).collect()
}

fn options() -> rawipc::shared_queue::SharedQueueOptions {
    SharedQueue::options().read(true).write(true).max_messages(MESSAGES).max_message_size(SIZE).unlink_on_drop(true)
}

/// The victim's progress: 0 before the call, 1 in it, 2 after it.
fn progress(mapping: &Mapping) -> &AtomicU32 {
    mapping.get(0).expect("the memory has room")
}

fn be_stepped_through(arguments: &[String]) {
    let [queue, arena, call] = arguments else { panic!("a queue, an arena and a call") };
    let name = |text: &String| Name::new(text.as_str()).expect("a name").as_bytes().to_vec();
    let queue = SharedQueue::options()
        .read(true)
        .write(true)
        .open(Name::new(&name(queue)[..]).expect("a name"))
        .expect("the queue is there");
    let memory = SharedMemory::options().write(true).open(Name::new(&name(arena)[..]).expect("a name"));
    let mapping = memory.and_then(|memory| memory.map()).expect("the arena is there");
    let (_, call) = *Call::ALL.iter().find(|(text, _)| text == call).expect("a call");
    let (message, mut buffer) = (call.message(), vec![0; SIZE]);
    be_traced();
    progress(&mapping).store(1, SeqCst);
    let done = match call {
        Call::Receive => queue.try_receive(&mut buffer[..]).is_ok(),
        Call::PutBack => queue.try_receive_in_place().and_then(|borrowed| Ok(borrowed.put_back()?)).is_ok(),
        _ => queue.try_send(&message, Priority::from(5)).is_ok(),
    };
    progress(&mapping).store(if done { 2 } else { 3 }, SeqCst);
    loop {
        std::hint::spin_loop();
    }
}

/// What a kill at some moment leaves behind.
struct Remains {
    bytes: Vec<u8>,
    /// The call had come back.
    done: bool,
}

/// Lets a victim make a call; what it leaves behind at each instruction at which that is something new.
fn remains_of(queue: &SharedQueue, call: Call) -> Result<Vec<Remains>, Lacking> {
    let arena = memory(4096);
    let (mapping, file) = (arena.map().unwrap(), file_of(queue));
    let shared = file.map().unwrap();
    let arguments = [text(name_of(queue)), text(name_of_memory(&arena)), call.text()];
    let mut remains: Vec<Remains> = Vec::new();
    let mut copy = vec![0; shared.len()];
    step_through(&mut role("shared_queue_victim", &arguments), || {
        let progress = progress(&mapping).load(SeqCst);
        assert!(progress < 3, "the call failed");
        let done = progress == 2;
        // SAFETY: as many bytes are mapped, and nobody writes there while the victim is stopped.
        let same = unsafe { libc::memcmp(shared.as_ptr().cast(), copy.as_ptr().cast(), copy.len()) } == 0;
        if !same || done {
            shared.read_at(0, &mut copy).unwrap();
            remains.push(Remains { bytes: copy.clone(), done });
        }
        !done
    })?;
    Ok(remains)
}

fn file_of(queue: &SharedQueue) -> SharedMemory {
    use rawipc::fd::AsFd;
    let duplicate: OwnedFd = queue.as_fd().try_clone_to_owned().expect("a descriptor");
    SharedMemory::try_from(duplicate).expect("it is memory")
}

/// The same bytes as a queue of their own, in which only this process takes part.
fn queue_of(remains: &Remains) -> SharedQueue {
    let memory = SharedMemory::anonymous(remains.bytes.len() as u64).create().expect("memory");
    memory.write_at(0, &remains.bytes).expect("it fits");
    SharedQueue::try_from(OwnedFd::from(memory)).expect("a queue")
}

/// All messages, in order.
fn drain(queue: &SharedQueue) -> Vec<Vec<u8>> {
    let mut buffer = vec![0; SIZE];
    let mut messages = Vec::new();
    loop {
        match queue.try_receive(&mut buffer[..]) {
            Ok(message) => messages.push(message.payload().to_vec()),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
                return messages;
            }
        }
    }
}

/// The queue takes as many messages as it is made for, and gives them back.
fn assert_is_whole(queue: &SharedQueue) {
    let sent: Vec<Vec<u8>> = (0..MESSAGES as u8).map(|number| whole(1 + 349 * usize::from(number), number)).collect();
    for message in &sent {
        queue.try_send(message, Priority::MIN).expect("there is room");
    }
    assert_eq!(queue.try_send(b"", Priority::MAX).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(drain(queue), sent);
}

/// A queue with messages of all lengths in it, the first of which is of this length.
fn filled(first: usize) -> (SharedQueue, Vec<Vec<u8>>) {
    let queue = options().create_unique(rawipc::name!("/rawipc-test-")).unwrap();
    let messages = [whole(first, 1), whole(SIZE, 2), whole(3, 3)];
    for (message, priority) in messages.iter().zip([7, 5, 5]) {
        queue.send(message, Priority::from(priority)).unwrap();
    }
    (queue, messages.to_vec())
}

/// Checks what each kill leaves behind; `before` is what was in the queue.
fn assert_survivable(remains: &[Remains], call: Call, before: &[Vec<u8>]) {
    let mut after = before.to_vec();
    match call {
        Call::ShortSend | Call::LongSend => after.push(call.message()),
        Call::Receive => drop(after.remove(0)),
        Call::PutBack => {}
    }
    let mut changed = false;
    for (moment, remains) in remains.iter().enumerate() {
        let queue = queue_of(remains);
        let found = drain(&queue);
        // From one moment on it is done, and a call that has come back was before its end.
        assert!(found == after || !remains.done, "moment {moment}: what came back is undone");
        assert!(found == before && !changed || found == after, "moment {moment}: {} messages", found.len());
        changed = found == after;
        assert_is_whole(&queue);
    }
    assert!(changed && remains.len() > 5, "the call has done something: {}", remains.len());
}

fn assert_any_kill_is_survived(call: Call, first: usize) -> Ending {
    let (queue, before) = filled(first);
    let remains = remains_of(&queue, call)?;
    assert_survivable(&remains, call, &before);
    Ok(())
}

fn a_kill_at_any_instruction_of_a_short_send() -> Ending {
    assert_any_kill_is_survived(Call::ShortSend, 10)
}

fn a_kill_at_any_instruction_of_a_long_send() -> Ending {
    assert_any_kill_is_survived(Call::LongSend, 10)
}

fn a_kill_at_any_instruction_of_a_short_receive() -> Ending {
    assert_any_kill_is_survived(Call::Receive, 10)
}

fn a_kill_at_any_instruction_of_a_long_receive() -> Ending {
    assert_any_kill_is_survived(Call::Receive, SIZE - 1)
}

fn a_kill_at_any_instruction_of_putting_back() -> Ending {
    assert_any_kill_is_survived(Call::PutBack, 10)
}

fn a_kill_at_any_instruction_of_a_send_leaves_a_bell_armed_or_rung() -> Ending {
    let (queue, arena) = (options().create_unique(rawipc::name!("/rawipc-test-")).unwrap(), memory(4096));
    let mut doorbell = queue.doorbell().unwrap();
    assert!(doorbell.arm().unwrap().is_armed());
    let (mapping, shared) = (arena.map().unwrap(), file_of(&queue).map().unwrap());
    // Both the sum of all doorbells and this one's record.
    let is_armed = || [ARMED, BELLS + 8].iter().all(|at| shared.get::<AtomicU32>(*at).unwrap().load(SeqCst) >> 31 == 1);
    let arguments = [text(name_of(&queue)), text(name_of_memory(&arena)), Call::ShortSend.text()];
    step_through(&mut role("shared_queue_victim", &arguments), || {
        assert!(is_rung(&doorbell) || is_armed(), "the next message would ring nobody");
        progress(&mapping).load(SeqCst) < 2
    })?;
    assert!(is_rung(&doorbell) && !is_armed());
    Ok(())
}

/// Somebody died with the lock; the next one puts the queue right, and is killed in the middle of that.
fn a_kill_at_any_instruction_of_a_repair() -> Ending {
    let (queue, before) = filled(10);
    let remains = remains_of(&queue, Call::ShortSend)?;
    let locked: Vec<&Remains> = remains.iter().filter(|remains| is_locked(remains)).collect();
    assert!(locked.len() > 5);
    for dead in [locked[1], locked[locked.len() / 2], locked[locked.len() - 2]] {
        let accepted = drain(&queue_of(dead)).len() > before.len();
        let file = file_of(&queue);
        file.write_at(0, &dead.bytes).unwrap();
        let mut before = before.clone();
        before.extend(accepted.then(|| Call::ShortSend.message()));
        assert_survivable(&remains_of(&queue, Call::Receive)?, Call::Receive, &before);
    }
    Ok(())
}

/// Whether somebody had the lock.
fn is_locked(remains: &Remains) -> bool {
    remains.bytes[64..68].iter().any(|byte| *byte != 0)
}
