//! Semaphores between processes: handing over, and several processes with one semaphore.

use std::time::{Duration, Instant};

use rawipc::{Semaphore, SharedMemory, Tuning, shareable};

use crate::measure::Target::{AtLeast, AtMost};
use crate::measure::{Table, subject};

/// What a pass or turn may take at most; beyond it something is lost.
const PATIENCE: Duration = Duration::from_secs(30);

shareable! {
    struct Pair {
        there: Semaphore,
        back: Semaphore,
    }
}

/// A way to use a semaphore: ours with some tuning, or the C library's functions on the same words.
#[derive(Clone, Copy)]
enum Way {
    Own(Tuning),
    Library,
}

impl Way {
    fn wait(self, semaphore: &Semaphore) {
        match self {
            Self::Own(tuning) => {
                let deadline = rawipc::Deadline::after(PATIENCE);
                if semaphore.try_wait().is_err() {
                    semaphore.wait_tuned(Some(deadline), tuning).expect("the other process posts");
                }
            }
            // SAFETY: it is a semaphore in the C library's own layout.
            Self::Library => assert_eq!(unsafe { libc::sem_wait(std::ptr::from_ref(semaphore) as *mut _) }, 0),
        }
    }

    fn post(self, semaphore: &Semaphore) {
        match self {
            Self::Own(_) => semaphore.post().expect("it is far from the maximum"),
            // SAFETY: as above.
            Self::Library => assert_eq!(unsafe { libc::sem_post(std::ptr::from_ref(semaphore) as *mut _) }, 0),
        }
    }
}

const fn spinning(spin: u32) -> Way {
    Way::Own(Tuning { spin, ..Tuning::DEFAULT })
}

/// Runs a function in a forked child, which ends with it.
fn in_child(function: impl FnOnce()) -> libc::pid_t {
    // SAFETY: this program has one thread.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork fails");
    if child == 0 {
        // SAFETY: no child outlives its bench, whatever goes wrong.
        unsafe { libc::alarm(60) };
        function();
        // SAFETY: the child ends without running what the parent registered.
        unsafe { libc::_exit(0) };
    }
    child
}

fn reap(child: libc::pid_t) {
    let mut status = 0;
    // SAFETY: it is our child, and `status` a whole integer.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "a child fails");
}

/// Shared memory whose semaphores have the bytes that the C library wants.
fn memory(values: [u32; 2]) -> rawipc::Mapping {
    let mapping = SharedMemory::anonymous(4096).create().and_then(|memory| memory.map()).expect("there is memory");
    for (index, value) in values.into_iter().enumerate() {
        let fresh = Semaphore::new(value);
        // SAFETY: a semaphore is plain memory, which is copied before anybody uses it.
        let bytes = unsafe { std::slice::from_raw_parts((&raw const fresh).cast::<u8>(), size_of::<Semaphore>()) };
        mapping.write_at(index * size_of::<Semaphore>(), bytes).expect("it fits");
    }
    mapping
}

/// So many round trips between two processes.
fn round_trips(way: Way, count: u32) {
    let mapping = memory([0, 0]);
    let pair: &Pair = mapping.get(0).expect("it fits");
    let child = in_child(|| {
        for _ in 0..count {
            way.wait(&pair.there);
            way.post(&pair.back);
        }
    });
    for _ in 0..count {
        way.post(&pair.there);
        way.wait(&pair.back);
    }
    reap(child);
}

pub fn hand_off(table: &mut Table) {
    let times = table.measure_medians(
        "semaphore: a round trip between two processes",
        31,
        2_000,
        vec![
            subject("rawipc, no spinning", |count| round_trips(spinning(0), count)),
            subject("rawipc, default", |count| round_trips(Way::Own(Tuning::DEFAULT), count)),
            subject("rawipc, 200 looks", |count| round_trips(spinning(200), count)),
            subject("C library", |count| round_trips(Way::Library, count)),
        ],
    );
    table.ratio("no spinning / C library", times[0], times[3], AtMost(1.1));
    table.ratio("C library / 200 looks", times[3], times[2], AtLeast(5.0));
}

/// Four processes that each take and give the one token so often.
fn four_processes(way: Way, count: u32) {
    let mapping = memory([1, 0]);
    let pair: &Pair = mapping.get(0).expect("it fits");
    let children: Vec<_> = (0..4)
        .map(|_| {
            in_child(|| {
                for _ in 0..count / 4 {
                    way.wait(&pair.there);
                    (0..50).for_each(|_| std::hint::spin_loop());
                    way.post(&pair.there);
                }
            })
        })
        .collect();
    children.into_iter().for_each(reap);
    assert_eq!((pair.there.value(), pair.there.waiters()), (1, 0));
}

pub fn contention(table: &mut Table) {
    let start = Instant::now();
    let times = table.measure_medians(
        "semaphore: four processes take turns with one token",
        10,
        40_000,
        vec![
            subject("rawipc, default", |count| four_processes(Way::Own(Tuning::DEFAULT), count)),
            subject("C library", |count| four_processes(Way::Library, count)),
        ],
    );
    assert!(start.elapsed() < 10 * PATIENCE, "somebody slept on");
    table.ratio("rawipc / C library", times[0], times[1], AtMost(1.3));
}
