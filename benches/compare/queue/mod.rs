//! Ways to pass messages. Each is a type that can send and receive, and a line in [`WAYS`].

mod bare;
mod boost;
mod kernel;
mod local;
mod memory;
mod ours;
mod python;
mod ring;

use std::ffi::CString;
use std::time::Instant;

use crate::machine::{Placement, Processors, in_child};

/// How many messages, and of how many bytes.
#[derive(Clone, Copy)]
pub struct Shape {
    pub messages: usize,
    pub size: usize,
}

/// One direction.
pub trait Queue {
    fn send(&self, message: &[u8]);
    /// Waits for a message; returns its length.
    fn receive(&self, buffer: &mut [u8]) -> usize;
}

/// A way that may be measured.
#[derive(Clone, Copy)]
pub struct Way {
    pub name: &'static str,
    /// Opens it by names that are removed at the end; fails if the machine lacks something.
    pub open: fn(&Names, Shape) -> Opened,
    /// Whether it reaches other processes.
    pub crosses: bool,
}

/// What opening a way comes to: what can be measured, or what the machine lacks.
pub type Opened = Result<Box<dyn Passing>, String>;

/// All ways. The first is the floor: what the kernel's queue costs with nothing around it.
pub const WAYS: [Way; 12] = [
    Way { name: "bare system calls", open: bare::open, crosses: true },
    Way { name: "rawipc", open: ours::kernel, crosses: true },
    Way { name: "rawipc, SharedQueue", open: ours::shared, crosses: true },
    Way { name: "glibc", open: kernel::glibc, crosses: true },
    Way { name: "nix", open: kernel::nix, crosses: true },
    Way { name: "posixmq", open: kernel::posixmq, crosses: true },
    Way { name: "Python posix_ipc", open: python::open, crosses: true },
    Way { name: "Boost.Interprocess", open: boost::open, crosses: true },
    Way { name: "bare ring", open: ring::open, crosses: true },
    Way { name: "pipe", open: local::pipe, crosses: true },
    Way { name: "seqpacket socket", open: local::socket, crosses: true },
    Way { name: "two copies of memory", open: memory::open, crosses: false },
];

/// Those that look before they sleep though they need not, or sleep at once, or were opened on one processor; of
/// interest between processes.
pub const WAITING: [Way; 4] = [
    Way { name: "rawipc, spinning", open: ours::kernel_spinning, crosses: true },
    Way { name: "rawipc, SharedQueue, sleeping", open: ours::shared_sleeping, crosses: true },
    Way { name: "rawipc, SharedQueue, opened pinned", open: ours::shared_pinned, crosses: true },
    Way { name: "bare ring, spinning", open: ring::spinning, crosses: true },
];

/// What is measured of a way; times are in nanoseconds.
pub trait Passing {
    /// Sending and receiving in one process, where so many messages are queued already: the time of a pair.
    fn pairs(&mut self, queued: usize, count: u32) -> f64;
    /// There and back between two processes: the time of each.
    fn round_trips(&mut self, placement: Placement, count: u32) -> Vec<f64>;
    /// From one process to another, on two processors, as fast as it goes: the time of a message.
    fn one_way(&mut self, count: u32) -> f64;
}

/// Both directions of a way.
pub struct Ends<Q> {
    there: Q,
    back: Q,
    size: usize,
}

impl<Q: Queue + 'static> Ends<Q> {
    fn open(names: &Names, shape: Shape, open: impl Fn(&CString, Shape) -> Q) -> Opened {
        Ok(Box::new(Self { there: open(&names.there, shape), back: open(&names.back, shape), size: shape.size }))
    }
}

impl<Q: Queue> Passing for Ends<Q> {
    fn pairs(&mut self, queued: usize, count: u32) -> f64 {
        let (mut message, mut buffer) = (Message::new(self.size), vec![0; self.size]);
        (0..queued).for_each(|number| self.there.send(message.numbered(number)));
        let start = Instant::now();
        for number in 0..count as usize {
            self.there.send(message.numbered(number + queued));
            let length = self.there.receive(&mut buffer);
            check(&buffer, length, number);
        }
        let time = start.elapsed().as_nanos() as f64 / f64::from(count);
        for number in (0..queued).map(|number| number + count as usize) {
            let length = self.there.receive(&mut buffer);
            check(&buffer, length, number);
        }
        time
    }

    fn round_trips(&mut self, placement: Placement, count: u32) -> Vec<f64> {
        let processors = Processors::of_this_process();
        let (mut message, mut buffer) = (Message::new(self.size), vec![0; self.size]);
        let child = in_child(|| {
            processors.pin(placement.other());
            for number in 0..count as usize {
                let length = self.there.receive(&mut buffer);
                check(&buffer, length, number);
                self.back.send(message.numbered(number));
            }
        });
        processors.pin(0);
        let trip = |number| {
            let start = Instant::now();
            self.there.send(message.numbered(number));
            let length = self.back.receive(&mut buffer);
            let time = start.elapsed().as_nanos() as f64;
            check(&buffer, length, number);
            time
        };
        let times = (0..count as usize).map(trip).collect();
        processors.release();
        child.succeed();
        times
    }

    fn one_way(&mut self, count: u32) -> f64 {
        let processors = Processors::of_this_process();
        let (mut message, mut buffer) = (Message::new(self.size), vec![0; self.size]);
        let child = in_child(|| {
            processors.pin(Placement::TwoProcessors.other());
            (0..=count as usize).for_each(|number| self.there.send(message.numbered(number)));
        });
        processors.pin(0);
        let mut receive = |number| {
            let length = self.there.receive(&mut buffer);
            check(&buffer, length, number);
        };
        receive(0);
        let start = Instant::now();
        (1..=count as usize).for_each(receive);
        let time = start.elapsed().as_nanos() as f64 / f64::from(count);
        processors.release();
        child.succeed();
        time
    }
}

/// A message that tells its number, at its start and at its end.
struct Message(Vec<u8>);

impl Message {
    fn new(size: usize) -> Self {
        Self(vec![0x5a; size])
    }

    fn numbered(&mut self, number: usize) -> &[u8] {
        let last = self.0.len() - 1;
        self.0[..8].copy_from_slice(&number.to_ne_bytes());
        self.0[last] = number as u8;
        &self.0
    }
}

/// Makes sure that what arrived is the message of this number, whole.
fn check(buffer: &[u8], length: usize, number: usize) {
    assert_eq!(length, buffer.len(), "a message is cut");
    assert_eq!(buffer[..8], number.to_ne_bytes(), "a message is lost, or out of order");
    assert_eq!(buffer[length - 1], number as u8, "a message is torn");
}

/// Two names that nobody else has, and that are gone at the end.
pub struct Names {
    there: CString,
    back: CString,
}

impl Names {
    pub fn new() -> Self {
        let name = |end| CString::new(format!("/rawipc-bench-{}-{end}", std::process::id())).expect("no NUL in it");
        Self { there: name("there"), back: name("back") }
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        for name in [&self.there, &self.back] {
            // SAFETY: the name ends in a NUL. There may be no queue of that name, or none any more.
            unsafe { libc::mq_unlink(name.as_ptr()) };
            boost::remove(name);
            ours::remove(name);
        }
    }
}
