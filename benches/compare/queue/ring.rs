//! A bare ring in shared memory, for one sender and one receiver: what any queue there can be measured against.
//!
//! It has neither priorities nor lengths, believes whatever lies in the memory, and a peer that dies is waited for.

use std::cell::Cell;
use std::hint::spin_loop;
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU32, fence};

use super::{Ends, Names, Opened, Queue, Shape};

/// How many messages one end has done with. Two lines of the cache: processors fetch them in pairs.
#[repr(C, align(128))]
struct End {
    position: AtomicU32,
    /// Not 0 while the other end sleeps until this one moves.
    awaited: AtomicU32,
}

/// What lies before the slots; memory of zeros is an empty ring.
#[repr(C)]
struct Positions {
    written: End,
    read: End,
}

/// What an end does that has to wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// Sleeps until it is woken.
    Sleeps,
    /// Looks so often, then naps; nobody has to see whether it is to be woken.
    Looks(u32),
}

/// How long one that has looked in vain stays away.
const NAP: libc::timespec = libc::timespec { tv_sec: 0, tv_nsec: 50_000 };

struct Ring {
    memory: NonNull<Positions>,
    shape: Shape,
    /// A power of two, so that a number that wraps around goes on with the next slot.
    slots: usize,
    waiting: Waiting,
    /// How far the other end was when it was last looked at; it may be further.
    written: Cell<u32>,
    read: Cell<u32>,
}

pub fn open(names: &Names, shape: Shape) -> Opened {
    Ends::open(names, shape, |_, shape| Ring::new(shape, Waiting::Sleeps))
}

pub fn spinning(names: &Names, shape: Shape) -> Opened {
    Ends::open(names, shape, |_, shape| Ring::new(shape, Waiting::Looks(200)))
}

impl Ring {
    fn new(shape: Shape, waiting: Waiting) -> Self {
        let slots = shape.messages.next_power_of_two();
        let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: memory of its own, where nothing lies yet.
        let memory = unsafe { libc::mmap(ptr::null_mut(), length(slots, shape), access, flags, -1, 0) };
        assert_ne!(memory, libc::MAP_FAILED, "there is memory");
        let memory = NonNull::new(memory.cast()).expect("it is not at 0");
        Self { memory, shape, slots, waiting, written: Cell::new(0), read: Cell::new(0) }
    }

    fn positions(&self) -> &Positions {
        // SAFETY: it is mapped as long as this value lives, aligned to a page, and plain atomics.
        unsafe { self.memory.as_ref() }
    }

    /// The room of the message of this number.
    fn slot(&self, number: u32) -> *mut u8 {
        let offset = size_of::<Positions>() + (number as usize & (self.slots - 1)) * room(self.shape);
        // SAFETY: the memory is as long as all slots.
        unsafe { self.memory.as_ptr().cast::<u8>().add(offset) }
    }

    /// Waits until the other end's position is another one than this.
    #[cold]
    fn wait(&self, end: &End, seen: u32) {
        match self.waiting {
            Waiting::Sleeps => {
                end.awaited.store(1, SeqCst);
                futex(&end.position, libc::FUTEX_WAIT, seen, None);
                end.awaited.store(0, Relaxed);
            }
            Waiting::Looks(count) => {
                for _ in 0..count {
                    spin_loop();
                    if end.position.load(Relaxed) != seen {
                        return;
                    }
                }
                futex(&end.position, libc::FUTEX_WAIT, seen, Some(NAP));
            }
        }
    }

    /// Lets the other end have what this one has done.
    fn advance(&self, end: &End, position: u32) {
        end.position.store(position, Release);
        if self.waiting == Waiting::Sleeps {
            // Either this sees that it is awaited, or who begins to wait sees the position.
            fence(SeqCst);
            if end.awaited.load(Relaxed) != 0 {
                futex(&end.position, libc::FUTEX_WAKE, 1, None);
            }
        }
    }
}

impl Queue for Ring {
    #[inline]
    fn send(&self, message: &[u8]) {
        assert_eq!(message.len(), self.shape.size);
        let Positions { written, read } = self.positions();
        let number = written.position.load(Relaxed);
        while number.wrapping_sub(self.read.get()) as usize >= self.shape.messages {
            let seen = read.position.load(Acquire);
            if seen == self.read.replace(seen) {
                self.wait(read, seen);
            }
        }
        // SAFETY: the slot has room for it, and the receiver has done with it.
        unsafe { ptr::copy_nonoverlapping(message.as_ptr(), self.slot(number), message.len()) };
        self.advance(written, number.wrapping_add(1));
    }

    #[inline]
    fn receive(&self, buffer: &mut [u8]) -> usize {
        assert_eq!(buffer.len(), self.shape.size);
        let Positions { written, read } = self.positions();
        let number = read.position.load(Relaxed);
        // In a parent, what its child has sent and it has received since may be further.
        while (self.written.get().wrapping_sub(number) as i32) <= 0 {
            let seen = written.position.load(Acquire);
            if seen == self.written.replace(seen) {
                self.wait(written, seen);
            }
        }
        // SAFETY: the slot has a message of this length, and the sender does not touch it.
        unsafe { ptr::copy_nonoverlapping(self.slot(number), buffer.as_mut_ptr(), buffer.len()) };
        self.advance(read, number.wrapping_add(1));
        buffer.len()
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: it is this value's own, and nothing of it is lent.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), length(self.slots, self.shape)) };
    }
}

/// The bytes of a slot.
fn room(shape: Shape) -> usize {
    shape.size.next_multiple_of(64)
}

fn length(slots: usize, shape: Shape) -> usize {
    size_of::<Positions>() + slots * room(shape)
}

/// Whatever it returns, the position tells.
fn futex(word: &AtomicU32, operation: i32, value: u32, limit: Option<libc::timespec>) {
    let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: the word is a live atomic, and the time a whole one, if there is one.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, limit) };
}
