//! One hot operation, so often: `cargo xtask gates` counts the instructions of two runs of different lengths, and the
//! difference is what the operation costs in user space, its loop included.

use core::hint::black_box;
use core::ops::ControlFlow;
use std::error::Error;
use std::time::Duration;

use rawipc::{
    Message, MessageBuffer, MessageQueue, NamedSemaphore, Priority, RobustMutex, Semaphore, SharedMemory, SharedQueue,
    name,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let operation = arguments.next().ok_or("which operation?")?;
    let count = arguments.next().ok_or("how often?")?.parse()?;
    match operation.as_str() {
        "queue" => queue(count)?,
        "queue-timeout" => queue_timeout(count)?,
        "queue-try" => queue_try(count)?,
        "queue-try-empty" => queue_try_empty(count)?,
        "queue-many" => queue_many(count)?,
        "queue-open" => queue_open(count)?,
        "robust" => robust(count)?,
        "shared-queue" => shared_queue::<64>(0, count)?,
        "shared-queue-queued" => shared_queue::<64>(9, count)?,
        "shared-queue-long" => shared_queue::<2048>(0, count)?,
        "semaphore" => semaphore(&Semaphore::new(1), count)?,
        "semaphore-five" => semaphore(&Semaphore::new(5), count)?,
        "semaphore-named" => named(count)?,
        "semaphore-try" => fail(&Semaphore::new(0), count),
        _ => return Err(format!("there is no operation {operation}").into()),
    }
    Ok(())
}

fn small() -> rawipc::Result<MessageQueue> {
    let options = MessageQueue::options().read(true).write(true).max_messages(2).max_message_size(64);
    options.unlink_on_drop(true).create_unique(name!("/rawipc-bench-"))
}

/// So many messages of `N` bytes, each sent and received.
#[inline(always)]
fn pairs<const N: usize>(
    count: u32,
    send: impl Fn(&[u8; N]) -> rawipc::Result<()>,
    receive: impl Fn(&mut MessageBuffer<N>) -> rawipc::Result<Message<'_>>,
) -> rawipc::Result<()> {
    let (message, mut buffer, mut received) = (black_box([7; N]), MessageBuffer::new(), 0);
    for _ in 0..count {
        send(&message)?;
        received += receive(&mut buffer)?.payload().len();
    }
    assert_eq!(received, N * count as usize);
    Ok(())
}

/// `send` and `receive`, 64 bytes.
#[inline(never)]
fn queue(count: u32) -> rawipc::Result<()> {
    let queue = small()?;
    pairs::<64>(count, |message| queue.send(message, Priority::MIN), |buffer| queue.receive(buffer))
}

/// `send_timeout` and `receive_timeout`, 64 bytes, which succeed at once.
#[inline(never)]
fn queue_timeout(count: u32) -> rawipc::Result<()> {
    let (queue, timeout) = (small()?, black_box(Duration::from_secs(1)));
    let send = |message: &[u8; 64]| queue.send_timeout(message, Priority::MIN, timeout);
    pairs(count, send, |buffer| queue.receive_timeout(buffer, timeout))
}

/// `try_send` and `try_receive` that succeed.
#[inline(never)]
fn queue_try(count: u32) -> rawipc::Result<()> {
    let queue = small()?;
    pairs::<64>(count, |message| queue.try_send(message, Priority::MIN), |buffer| queue.try_receive(buffer))
}

/// `try_receive` that fails.
#[inline(never)]
fn queue_try_empty(count: u32) -> rawipc::Result<()> {
    let (queue, mut buffer) = (small()?, MessageBuffer::<64>::new());
    for _ in 0..count {
        assert!(queue.try_receive(&mut buffer).is_err());
    }
    Ok(())
}

/// Opening a queue that is there, and closing it.
#[inline(never)]
fn queue_open(count: u32) -> rawipc::Result<()> {
    let (queue, options) = (small()?, MessageQueue::options().read(true).write(true));
    for _ in 0..count {
        options.open(queue.name().expect("it was created by name"))?.close()?;
    }
    Ok(())
}

/// `try_send_many` and `try_receive_many`, for each of two messages.
#[inline(never)]
fn queue_many(count: u32) -> rawipc::Result<()> {
    let (queue, mut buffer, mut received) = (small()?, MessageBuffer::<64>::new(), 0);
    let messages = black_box([[7_u8; 64]; 2]);
    for _ in 0..count / 2 {
        queue.try_send_many(&messages, Priority::MIN)?;
        received += queue.try_receive_many(&mut buffer, |message| {
            black_box(message.payload());
            ControlFlow::Continue(())
        })?;
    }
    assert_eq!(received, count as usize);
    Ok(())
}

/// `send` and `receive` of a shared queue in which so many are; messages of 64 bytes are copied under the lock, those
/// of 2048 outside.
#[inline(never)]
fn shared_queue<const N: usize>(queued: usize, count: u32) -> rawipc::Result<()> {
    let options = SharedQueue::options().read(true).write(true).max_messages(queued + 2).max_message_size(N);
    let queue = options.create_anonymous()?;
    (0..queued).try_for_each(|_| queue.send(&[7; N], Priority::MIN))?;
    pairs::<N>(count, |message| queue.send(message, Priority::MIN), |buffer| queue.receive(buffer))
}

/// `lock` and unlocking of a robust mutex.
#[inline(never)]
fn robust(count: u32) -> rawipc::Result<()> {
    let memory = SharedMemory::anonymous(RobustMutex::SIZE as u64).create()?;
    let mutex = RobustMutex::in_memory(&memory, 0)?;
    for _ in 0..count {
        drop(black_box(&mutex).lock()?);
    }
    Ok(())
}

/// `wait` and `post`.
#[inline(never)]
fn semaphore(semaphore: &Semaphore, count: u32) -> rawipc::Result<()> {
    let semaphore = black_box(semaphore);
    for _ in 0..count {
        semaphore.wait()?;
        semaphore.post()?;
    }
    Ok(())
}

/// `wait` and `post` by name.
#[inline(never)]
fn named(count: u32) -> rawipc::Result<()> {
    let options = NamedSemaphore::options().initial_value(1).unlink_on_drop(true);
    let semaphore = options.create_unique(name!("/rawipc-bench-"))?;
    let semaphore = black_box(&semaphore);
    for _ in 0..count {
        semaphore.wait()?;
        semaphore.post()?;
    }
    Ok(())
}

/// `try_wait` and a zero `wait_timeout` that fail.
#[inline(never)]
fn fail(semaphore: &Semaphore, count: u32) {
    let semaphore = black_box(semaphore);
    for _ in 0..count {
        assert!(semaphore.try_wait().is_err());
        assert!(semaphore.wait_timeout(Duration::ZERO).is_err());
    }
}
