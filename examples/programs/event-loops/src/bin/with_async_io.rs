//! A queue in smol's world: `async-io`'s `Async` takes any descriptor, so a queue needs no wrapper.
//!
//! `read_with` and `write_with` try, and wait for the descriptor to be ready where the try says that it would block. A
//! future that is dropped while it waits has sent and taken nothing.
//!
//! ```sh
//! cargo run --manifest-path examples/programs/Cargo.toml --bin with_async_io
//! ```

use std::io;
use std::time::Duration;

use async_io::{Async, Timer, block_on};
use futures_lite::future;
use rawipc::{MessageBuffer, MessageQueue, Priority, Receiver, Sender, name};

const LONGEST: usize = 32;

fn main() -> io::Result<()> {
    let queue = MessageQueue::options()
        .write(true)
        .nonblocking(true)
        .max_messages(2)
        .max_message_size(LONGEST)
        .unlink_on_drop(true)
        .create_unique(name!("/rawipc-example-async-io-"))?;
    let receiver = Async::new(Receiver::open(queue.name().ok_or(io::ErrorKind::NotFound)?)?)?;
    let sender = Async::new_nonblocking(Sender::try_from(queue)?)?;
    block_on(async {
        println!("at first: {:?}", receive_within(&receiver, Duration::from_millis(1)).await?);
        let (sent, received) = future::zip(send(&sender), receive(&receiver)).await;
        sent.and(received)
    })
}

/// Sends more than the queue holds, so it has to wait in between.
async fn send(sender: &Async<Sender>) -> io::Result<()> {
    for number in 1..=5 {
        let job = format!("resize {number}");
        sender.write_with(|sender| Ok(sender.try_send(job.as_bytes(), Priority::MIN)?)).await?;
    }
    sender.write_with(|sender| Ok(sender.try_send(b"", Priority::MIN)?)).await
}

/// Receives until an empty message comes.
async fn receive(receiver: &Async<Receiver>) -> io::Result<()> {
    while let Some(job) = receive_within(receiver, Duration::from_secs(10)).await? {
        if job.is_empty() {
            println!("the end");
            return Ok(());
        }
        println!("job: {job}");
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// A message, or `None` if none comes for so long.
async fn receive_within(receiver: &Async<Receiver>, time: Duration) -> io::Result<Option<String>> {
    let message = async {
        let mut buffer = MessageBuffer::<LONGEST>::new();
        receiver.read_with(|receiver| Ok(receiver.try_receive(&mut buffer).map(drop)?)).await?;
        Ok(Some(String::from_utf8_lossy(buffer.as_slice()).into_owned()))
    };
    let time_out = async {
        Timer::after(time).await;
        Ok(None)
    };
    future::or(message, time_out).await
}
