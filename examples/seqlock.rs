//! A frame of sensor data in shared memory, published under a sequence lock and read from Python.
//!
//! The writer never waits: it makes the sequence number odd, writes the frame, and makes it even again. A reader copies
//! the frame and believes it only if the number was even and the same before and after; else it tries again. So no
//! torn frame is ever accepted, however slow the reader is.
//!
//! Python has no atomic operations, but copies aligned words whole and in order enough on the machines where a store
//! is seen in order (x86); the checksum in the frame shows that it works.
//!
//! ```sh
//! cargo run --example seqlock
//! ```

use std::env;
use std::error::Error;
use std::process::Command;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::*, fence};

use rawipc::{SharedMemory, name, shareable};

const CHANNELS: usize = 60;

shareable! {
    /// Its layout is C's, so that Python's `struct` finds it: `=QQI60Ixxxx`.
    struct Frame {
        /// Odd while the writer is at it.
        sequence: AtomicU64,
        time: AtomicU64,
        /// All samples together, modulo 2^32.
        checksum: AtomicU32,
        samples: [AtomicU32; CHANNELS],
    }
}

const _: () = assert!(size_of::<Frame>() == 264);

impl Frame {
    /// Publishes a frame. There must be one writer only.
    fn publish(&self, time: u64, samples: &[u32; CHANNELS]) {
        let sequence = self.sequence.load(Relaxed);
        self.sequence.store(sequence + 1, Relaxed);
        // Nothing of the frame is seen before the odd number.
        fence(Release);
        self.time.store(time, Relaxed);
        for (to, from) in self.samples.iter().zip(samples) {
            to.store(*from, Relaxed);
        }
        self.checksum.store(samples.iter().fold(0, |sum, sample| sum.wrapping_add(*sample)), Relaxed);
        // And all of it before the even one.
        self.sequence.store(sequence + 2, Release);
    }

    /// The newest frame and its time; `None` if the writer was at it meanwhile.
    fn try_read(&self) -> Option<(u64, [u32; CHANNELS])> {
        let before = self.sequence.load(Acquire);
        let time = self.time.load(Relaxed);
        let samples = std::array::from_fn(|channel| self.samples[channel].load(Relaxed));
        // All of it is read before the number is looked at again.
        fence(Acquire);
        let after = self.sequence.load(Relaxed);
        (before == after && before.is_multiple_of(2)).then_some((time, samples))
    }
}

/// Reads frames until it has accepted `count` different ones; fails at the first that is torn.
const READER: &str = r#"
import mmap, os, struct, sys, time as clock
file = os.open("/dev/shm" + sys.argv[1], os.O_RDONLY)
memory = mmap.mmap(file, os.fstat(file).st_size, prot=mmap.PROT_READ)
layout = struct.Struct("=QQI60Ixxxx")
accepted = rejected = newest = 0
last = clock.monotonic()
while accepted < int(sys.argv[2]):
    if clock.monotonic() > last + 30:
        sys.exit("no new frames come")
    before, = struct.unpack_from("=Q", memory)
    frame = memory[:layout.size]
    after, = struct.unpack_from("=Q", memory)
    if before != after or before % 2:
        rejected += 1
        continue
    _, time, checksum, *samples = layout.unpack(frame)
    if sum(samples) % 2**32 != checksum or samples[0] != time % 2**32:
        sys.exit("a torn frame was accepted")
    if time < newest:
        sys.exit("time runs backwards")
    if time > newest:
        accepted, newest, last = accepted + 1, time, clock.monotonic()
    else:
        os.sched_yield()
print("Python has accepted", accepted, "frames and tried again", rejected, "times", file=sys.stderr)
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let memory = SharedMemory::options()
        .write(true)
        .size(size_of::<Frame>() as u64)
        .unlink_on_drop(true)
        .create_unique(name!("/rawipc-example-seqlock-"))?;
    let mapping = memory.map()?;
    let frame: &Frame = mapping.get(0)?;
    let name = memory.name().ok_or("a created object has a name")?.to_string();
    let python = env::var_os("RAWIPC_PYTHON").unwrap_or_else(|| "python3".into());
    let mut reader = Command::new(python).args(["-c", READER, &name, "500"]).spawn()?;
    let (mut frames, mut seen) = (0, 0);
    let status = loop {
        if let Some(status) = reader.try_wait()? {
            break status;
        }
        // A burst, then a pause in which a slow reader finds a frame whole.
        for _ in 0..100 {
            frames += 1;
            frame.publish(frames, &samples(frames));
        }
        let (time, read) = frame.try_read().ok_or("nobody else writes")?;
        if (time, read) != (frames, samples(frames)) {
            return Err("the frame read is not the frame written".into());
        }
        seen += 1;
        std::thread::yield_now();
    };
    if !status.success() {
        return Err(format!("the reader failed: {status}").into());
    }
    println!("{frames} frames published, {seen} read back, none torn");
    Ok(())
}

/// What the sensors have measured: the first tells the time, the others differ from it and from each other.
fn samples(time: u64) -> [u32; CHANNELS] {
    std::array::from_fn(|channel| (time as u32).wrapping_mul(1 + channel as u32 * 7919))
}
