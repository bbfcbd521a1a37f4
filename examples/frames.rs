//! A stream of frames of 8 KiB from one process to another, as from a camera, through memory that they share.
//!
//! The sender draws each frame where it will lie, and the receiver reads it there, so no frame is copied, and no system
//! call is made while both keep up. An empty message ends the stream; it has the lowest priority, so it comes after all
//! frames.
//!
//! ```sh
//! cargo run --release --example frames            # 10000 frames
//! cargo run --release --example frames -- 500
//! ```

use std::env;
use std::error::Error;
use std::process::{Command, id};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use rawipc::{Name, Priority, SharedQueue};

const FRAME: usize = 8192;
const FRAMES: Priority = Priority::MAX;

/// How long either side waits for the other before it gives up.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1) {
        Some(queue) if queue.starts_with('/') => receive(Name::new(queue.as_str())?),
        count => send(count.map_or(Ok(10_000), |count| count.parse())?),
    }
}

/// Makes the queue, starts the receiver, and sends `count` frames.
fn send(count: u32) -> Result<(), Box<dyn Error>> {
    let name = format!("/rawipc-example-frames-{}", id());
    let options = SharedQueue::options().write(true).create_new(true).max_messages(8).max_message_size(FRAME);
    let frames = options.unlink_on_drop(true).open(Name::new(name.as_str())?)?;
    let mut receiver = Command::new(env::current_exe()?).arg(&name).spawn()?;
    let start = Instant::now();
    for number in 0..count {
        let mut frame = frames.reserve_timeout(PATIENCE)?;
        frame.write_at(0, &number.to_le_bytes())?;
        for pixel in frame.bytes().iter().skip(4) {
            pixel.store(number as u8, Relaxed);
        }
        frame.publish(FRAME, FRAMES).map_err(rawipc::Error::from)?;
    }
    frames.send_timeout(b"", Priority::MIN, PATIENCE)?;
    let status = receiver.wait()?;
    let (seconds, bytes) = (start.elapsed().as_secs_f64(), f64::from(count) * FRAME as f64);
    println!("{count} frames, {:.0} a second, {:.0} MB/s", f64::from(count) / seconds, bytes / seconds / 1e6);
    if status.success() { Ok(()) } else { Err(format!("the receiver failed: {status}").into()) }
}

/// Receives frames up to the end of the stream, and makes sure that each came whole and in order.
fn receive(name: &Name) -> Result<(), Box<dyn Error>> {
    let frames = SharedQueue::options().read(true).open(name)?;
    for expected in 0_u32.. {
        let frame = frames.receive_in_place_timeout(PATIENCE)?;
        if frame.is_empty() {
            frame.complete();
            break;
        }
        let mut number = [0; 4];
        frame.read_at(0, &mut number)?;
        let whole = frame.bytes().iter().skip(4).all(|pixel| pixel.load(Relaxed) == expected as u8);
        if u32::from_le_bytes(number) != expected || !whole {
            return Err(format!("frame {expected} came out of order, or torn").into());
        }
        frame.complete(); // The sender gets its place back. A frame that is dropped would come again.
    }
    Ok(())
}
