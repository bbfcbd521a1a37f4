//! A queue in tasks of tokio: a fast producer is held back by the queue, a slow consumer never blocks a thread.
//!
//! `queue.rs` has all that makes a queue asynchronous. The two ends would be in different processes; here they are two
//! tasks of one thread, so that there is something to see.
//!
//! ```sh
//! cargo run --manifest-path examples/programs/Cargo.toml --bin with_tokio
//! ```

mod queue;

use std::io;
use std::time::Duration;

use rawipc::{MessageQueue, Priority, name};
use tokio::time::timeout;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use queue::{AsyncReceiver, AsyncSender};

const READINGS: u32 = 20;
const DEPTH: usize = 4;

#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Reading {
    number: u32,
    millikelvin: u32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let queue = MessageQueue::options()
        .read(true)
        .write(true)
        .max_messages(DEPTH)
        .max_message_size(size_of::<Reading>())
        .unlink_on_drop(true)
        .create_unique(name!("/rawipc-example-tokio-"))?;
    let (sender, receiver) = (AsyncSender::new(queue.try_clone()?)?, AsyncReceiver::<Reading>::new(queue)?);

    // A timeout drops the future that receives: nothing is lost by that.
    assert!(timeout(Duration::from_millis(1), receiver.receive()).await.is_err());
    println!("nothing has come within a millisecond");

    let produce = async {
        let mut sum = 0;
        for number in 0..READINGS {
            let reading = Reading { number, millikelvin: 293_150 + number };
            sum += reading.millikelvin;
            sender.send(&reading, Priority::MIN).await?;
        }
        io::Result::Ok(sum)
    };
    let consume = async {
        let mut sum = 0;
        for number in 0..READINGS {
            // A slow consumer slows down the sender: never more than DEPTH readings wait.
            tokio::time::sleep(Duration::from_millis(1)).await;
            let (reading, _) = receiver.receive().await?;
            assert_eq!(reading.number, number);
            sum += reading.millikelvin;
        }
        io::Result::Ok(sum)
    };
    let (sent, received) = tokio::try_join!(produce, consume)?;
    assert_eq!(sent, received);
    println!("{READINGS} readings have come in order, {DEPTH} at most under way");
    Ok(())
}
