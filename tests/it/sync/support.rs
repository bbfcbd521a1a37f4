//! What the tests of the robust mutex have in common: memory with a mutex and a count that it guards, in other
//! processes too.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rawipc::sync::{Locked, RobustMutexGuard};
use rawipc::{Mapping, Name, RobustMutex, SharedMemory};

use crate::harness::waiting::PATIENCE;
use crate::harness::{Peer, Role, role};
use crate::shm::support::{memory, name_of, text};

/// Longer than any survivor waits for a dead one's lock: two longest sleeps, and a busy machine.
pub const BOUND: Duration = PATIENCE;

pub const ROLES: &[Role] = &[("robust_holder", hold)];

/// Memory with a mutex at its start, and what it guards.
pub struct Arena {
    pub memory: SharedMemory,
    pub mapping: Mapping,
    pub mutex: RobustMutex,
}

/// Where the guarded words lie.
const GUARDED: usize = 1024;

impl Arena {
    pub fn new() -> Self {
        Self::of(memory(4096))
    }

    pub fn open(name: &str) -> Self {
        let name = Name::new(name).expect("a name");
        Self::of(SharedMemory::options().write(true).open(name).expect("the memory is there"))
    }

    fn of(memory: SharedMemory) -> Self {
        let mapping = memory.map().expect("it can be mapped");
        let mutex = RobustMutex::in_memory(&memory, 0).expect("a mutex");
        Self { memory, mapping, mutex }
    }

    pub fn name(&self) -> &str {
        text(name_of(&self.memory))
    }

    /// Another handle of the same mutex.
    pub fn another(&self) -> RobustMutex {
        RobustMutex::in_memory(&self.memory, 0).expect("a mutex")
    }

    /// Two words that are equal whenever nobody has the lock.
    pub fn words(&self) -> &[AtomicU64; 2] {
        self.mapping.get(GUARDED).expect("the memory has room")
    }

    /// Changes both words under the lock, and unlocks; whether an owner had died.
    pub fn step(&self, guard: Locked<'_>) -> bool {
        self.change(guard, || ()).0
    }

    /// Changes one word, does something else, and changes the other; but first makes them equal if an owner died
    /// between, which it tells.
    pub fn change<'a>(&self, guard: Locked<'a>, between: impl FnOnce()) -> (bool, RobustMutexGuard<'a>) {
        let [first, second] = self.words();
        let died = guard.owner_died();
        let guard = guard.recover(|| second.store(first.load(Relaxed), Relaxed));
        let number = first.load(Relaxed);
        assert_eq!(number, second.load(Relaxed), "somebody else had the lock");
        first.store(number + 1, Relaxed);
        between();
        second.store(number + 1, Relaxed);
        (died, guard)
    }
}

/// A process that has the lock until it is killed or told to end in some way.
pub fn holder(arena: &Arena, way: &str) -> Peer {
    let mut command = role("robust_holder", &[arena.name(), way]);
    let mut peer = Peer::start_reporting(command.stdin(std::process::Stdio::piped()));
    let mut ready = [0];
    peer.stdout.as_mut().expect("it reports").read_exact(&mut ready).expect("it has the lock");
    peer
}

/// Lets a holder go on.
pub fn go_on(peer: &mut Peer) {
    peer.stdin.as_mut().expect("it listens").write_all(&[1]).expect("it listens");
}

fn hold(arguments: &[String]) {
    let [name, way] = arguments else { panic!("a name and a way to end") };
    let arena = Arena::open(name);
    let guard = arena.mutex.lock().expect("it is free");
    arena.words()[0].fetch_add(1, Relaxed);
    if way == "leave a child" {
        leave_child();
    }
    std::io::stdout().write_all(&[1]).expect("the test listens");
    std::io::stdout().flush().expect("the test listens");
    // Also if the test ends.
    let _ = std::io::stdin().read(&mut [0]);
    match way.as_str() {
        "return" => drop(guard),
        "panic" => {
            std::panic::set_hook(Box::new(|_| ()));
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
                let _guard = guard;
                panic!("in the middle");
            }));
        }
        "exit" => std::process::exit(0),
        "exec" => {
            use std::os::unix::process::CommandExt;
            let error = std::process::Command::new("sleep").arg("100").exec();
            panic!("{error}");
        }
        _ => panic!("nobody ends so: {way}"),
    }
}

/// Forks a child that has inherited all there is, and lives as long as standard input's other end.
fn leave_child() {
    // SAFETY: the process has one thread, so the child is as whole as its parent.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork failed");
    if child == 0 {
        // SAFETY: nothing of this child writes there; the test reads until all ends are closed.
        unsafe { libc::close(1) };
        let mut rest = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut rest);
        // SAFETY: ends the child without running what its parent has registered.
        unsafe { libc::_exit(0) };
    }
}
