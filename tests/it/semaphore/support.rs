//! What the tests of semaphores have in common: names, files, sleepers, memory that processes share.

use std::ffi::CString;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use rawipc::semaphore::abi::{Abi, Layout};
use rawipc::semaphore::{NamedSemaphoreOptions, SemaphoreOf};
use rawipc::{Name, NamedSemaphore};

use crate::creation::is_private;
use crate::harness::waiting::wait_until;

pub const ABIS: [Abi; 3] = [Abi::Gnu64, Abi::Gnu32, Abi::Musl];

/// Does the same with a new semaphore of each layout, shared and private.
#[macro_export]
macro_rules! in_every_layout {
    ($value:expr, $semaphore:ident => $action:expr) => {
        $crate::in_every_layout!(@of $value, $semaphore => $action,
            Gnu64, Gnu32, Musl, Private<Gnu64>, Private<Gnu32>, Private<Musl>)
    };
    (@of $value:expr, $semaphore:ident => $action:expr, $($layout:ty),*) => {$({
        #[allow(unused_imports)]
        use rawipc::semaphore::abi::{Gnu32, Gnu64, Musl, Private};
        let $semaphore = &rawipc::semaphore::SemaphoreOf::<$layout>::new($value);
        $action
    })*};
}

/// A name that nobody else has and that stands for nothing yet; whatever bears it at the end is removed.
pub struct FreeName(String);

impl FreeName {
    pub fn new() -> Self {
        Self(format!("/rawipc-test-{}", unique()))
    }

    /// A longer one, just as free.
    pub fn with(&self, suffix: &str) -> Self {
        Self(format!("{}{suffix}", self.0))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the C library of a layout keeps it.
    pub fn file(&self, abi: Abi) -> PathBuf {
        file_of(self, abi)
    }
}

impl Deref for FreeName {
    type Target = Name;

    fn deref(&self) -> &Name {
        Name::new(self.0.as_str()).expect("it is made valid")
    }
}

impl Drop for FreeName {
    fn drop(&mut self) {
        for abi in [Abi::Gnu64, Abi::Musl] {
            let file = self.file(abi);
            // Mostly it is gone already.
            let _ = fs::remove_file(&file).or_else(|_| fs::remove_dir(&file));
        }
    }
}

/// Where the C library of a layout keeps the semaphore of a name.
pub fn file_of(name: &Name, abi: Abi) -> PathBuf {
    let name = std::str::from_utf8(&name.as_bytes()[1..]).expect("names of tests are ASCII");
    Path::new("/dev/shm").join(if abi == Abi::Musl { name.into() } else { format!("sem.{name}") })
}

fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").subsec_nanos();
    format!("{}-{}-{time}", process::id(), COUNT.fetch_add(1, Relaxed))
}

/// A new semaphore in a layout, gone when its handle is dropped.
#[track_caller]
pub fn created(abi: Abi, value: u32) -> NamedSemaphore {
    let options = NamedSemaphore::options().abi(abi).initial_value(value).unlink_on_drop(true);
    options.create_unique(rawipc::name!("/rawipc-test-")).expect("a semaphore can be created")
}

/// Opens a semaphore of whichever library, for a role that is told its name alone.
pub fn opened(options: NamedSemaphoreOptions, name: &str) -> NamedSemaphore {
    let name = Name::new(name).expect("a name");
    options.open(name).or_else(|_| options.abi(Abi::Musl).open(name)).expect("it was made")
}

/// The name of a semaphore as text, for the arguments of a peer.
pub fn text_of(semaphore: &NamedSemaphore) -> &str {
    std::str::from_utf8(semaphore.name().as_bytes()).expect("names of tests are ASCII")
}

/// The words of a semaphore's file.
pub fn words_of(file: &Path) -> Vec<u32> {
    let bytes = fs::read(file).expect("the file can be read");
    bytes.chunks_exact(4).map(|word| u32::from_ne_bytes(word.try_into().expect("four bytes"))).collect()
}

/// All that must not change in a file which is refused.
#[derive(Debug, PartialEq, Eq)]
pub struct Snapshot {
    status: [i64; 8],
    content: Option<Vec<u8>>,
}

impl Snapshot {
    /// Of the file itself, if it is a symbolic link.
    pub fn of(file: &Path) -> Self {
        use std::os::unix::fs::MetadataExt;
        let status = fs::symlink_metadata(file).expect("the file is there");
        let numbers = [status.ino() as i64, i64::from(status.mode()), status.size() as i64, status.nlink() as i64];
        let times = [status.mtime(), status.mtime_nsec(), status.ctime(), status.ctime_nsec()];
        let mut all = [0; 8];
        all[..4].copy_from_slice(&numbers);
        all[4..].copy_from_slice(&times);
        let content = status.is_file().then(|| fs::read(file).expect("the file can be read"));
        Self { status: all, content }
    }
}

/// No temporary name stays. One of this moment may be another test's, which will remove it.
#[track_caller]
pub fn assert_no_temporary() {
    let files = fs::read_dir("/dev/shm").unwrap().flatten();
    let temporary: Vec<_> = files.filter(|file| file.file_name().to_str().is_some_and(is_private)).collect();
    wait_until("no temporary name is there", || !temporary.iter().any(|file| file.path().exists()));
}

/// A thread that waits for a semaphore.
pub struct Sleeper<'scope, T> {
    thread: ScopedJoinHandle<'scope, T>,
    pub tid: i32,
}

impl<'scope, T: Send + 'scope> Sleeper<'scope, T> {
    /// Starts a thread whose work is to wait, and returns when it sleeps and the semaphore has recorded it.
    #[track_caller]
    pub fn start<'env>(
        scope: &'scope Scope<'scope, 'env>,
        recorded: impl Fn() -> bool,
        work: impl FnOnce() -> T + Send + 'scope,
    ) -> Self {
        let number: &AtomicI32 = Box::leak(Box::new(AtomicI32::new(0)));
        let thread = scope.spawn(move || {
            // SAFETY: takes nothing.
            number.store(unsafe { libc::gettid() }, SeqCst);
            work()
        });
        let tid = || number.load(SeqCst);
        wait_until("a thread sleeps", || recorded() && tid() != 0 && sleeps_on_futex(process::id(), tid()));
        Self { thread, tid: tid() }
    }

    /// Sends a signal to this thread.
    pub fn signal(&self, signal: i32) {
        // SAFETY: takes numbers only; tests have handlers for what they send.
        let result = unsafe { libc::syscall(libc::SYS_tgkill, process::id() as i32, self.tid, signal) };
        assert_eq!(result, 0);
    }

    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn join(self) -> T {
        wait_until("a thread ends", || self.thread.is_finished());
        self.thread.join().expect("the thread has not panicked")
    }
}

/// Starts a thread that waits for a semaphore until it has a token.
#[track_caller]
pub fn sleeper<'scope, 'env, L: Layout>(
    scope: &'scope Scope<'scope, 'env>,
    semaphore: &'scope SemaphoreOf<L>,
) -> Sleeper<'scope, ()>
where
    SemaphoreOf<L>: Sync,
{
    let before = semaphore.waiters();
    Sleeper::start(scope, || semaphore.waiters() > before, || semaphore.wait().expect("the wait ends with a token"))
}

/// Whether a thread of a process sleeps, as far as the kernel tells in a futex call.
pub fn sleeps_on_futex(pid: u32, tid: i32) -> bool {
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/task/{tid}/{file}")).unwrap_or_default();
    // `PID (NAME) STATE …`; the names of tests have no parentheses at their ends.
    let sleeps = read("stat").rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'));
    let call = read("syscall");
    let number = call.split(' ').next().and_then(|number| number.parse().ok());
    // An interrupted and continued wait shows as the call that restarts it. Not every machine tells the number.
    sleeps && number.is_none_or(|number: i64| number == libc::SYS_futex || number == libc::SYS_restart_syscall)
}

/// Numbers that processes share: a file, mapped by each of them. The process that made it removes it.
pub struct Arena {
    words: NonNull<AtomicU64>,
    file: PathBuf,
    owner: u32,
}

/// How many numbers an arena has.
pub const ARENA_WORDS: usize = 1024;

// SAFETY: the memory belongs to no thread, and what it lends are atomics.
unsafe impl Send for Arena {}
// SAFETY: as above.
unsafe impl Sync for Arena {}

impl Arena {
    pub fn new() -> Self {
        let file = std::env::temp_dir().join(format!("rawipc-arena-{}", unique()));
        fs::write(&file, [0; 8 * ARENA_WORDS]).expect("a temporary file can be written");
        let mut arena = Self::open(&file);
        arena.owner = process::id();
        arena
    }

    pub fn open(file: &Path) -> Self {
        let path = CString::new(file.to_str().expect("it is ASCII")).expect("no NUL in it");
        // SAFETY: the path ends in a NUL.
        let descriptor = unsafe { libc::open(path.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) };
        assert!(descriptor >= 0, "{}", file.display());
        let (read_write, length) = (libc::PROT_READ | libc::PROT_WRITE, 8 * ARENA_WORDS);
        // SAFETY: the kernel chooses the address.
        let start = unsafe { libc::mmap(null_mut(), length, read_write, libc::MAP_SHARED, descriptor, 0) };
        assert_ne!(start, libc::MAP_FAILED);
        // SAFETY: the descriptor is this function's own.
        unsafe { libc::close(descriptor) };
        Self { words: NonNull::new(start.cast()).expect("a mapping"), file: file.to_owned(), owner: 0 }
    }

    pub fn path(&self) -> &str {
        self.file.to_str().expect("it is ASCII")
    }

    pub fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < ARENA_WORDS);
        // SAFETY: the index is within the mapping.
        let word = unsafe { self.words.add(index) };
        // SAFETY: the mapping lives as long as `self`, and all its users access it atomically or by `Arena::increment`.
        unsafe { word.as_ref() }
    }

    /// Adds 1 in two steps, as code does that relies on a lock; `between` is done between them.
    pub fn increment(&self, index: usize, between: impl FnOnce()) {
        let number = self.word(index).load(Relaxed);
        between();
        self.word(index).store(number + 1, Relaxed);
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one's own, and what it lent has ended.
        unsafe { libc::munmap(self.words.as_ptr().cast(), 8 * ARENA_WORDS) };
        if self.owner == process::id() {
            let _ = fs::remove_file(&self.file);
        }
    }
}
