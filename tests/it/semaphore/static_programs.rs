//! A static program without libc takes turns with this one, and with the C library, on one semaphore.

use std::env;
use std::ffi::CString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use rawipc::{NamedSemaphore, SharedMemory, name};

use crate::harness::{Ending, Lacking, Peer};

crate::tests!(a_program_without_libc_takes_part);

const TURNS: u32 = 50_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// Builds a program of `tests/freestanding`, whose settings say how.
pub fn program(name: &str) -> Result<PathBuf, Lacking> {
    const TRIPLE: &str = "x86_64-unknown-linux-musl";
    if cfg!(not(target_arch = "x86_64")) {
        return Err(Lacking("x86-64, for which the static program is built".into()));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/freestanding");
    if !folder.exists() {
        return Err(Lacking("the static program's source, which is in the repository alone".into()));
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../freestanding");
    let cargo = env::var_os("CARGO").ok_or_else(|| Lacking("cargo, which runs the tests usually".into()))?;
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--release", "--locked", "--bin", name, "--target", TRIPLE]);
    build.arg("--target-dir").arg(&target).current_dir(folder);
    let built = build.env("RUSTC_BOOTSTRAP", "1").env_remove("RUSTFLAGS").status();
    if !built.is_ok_and(|status| status.success()) {
        return Err(Lacking("what builds it: rust-lld, and `rustup component add rust-src`".into()));
    }
    Ok(target.join(TRIPLE).join("release").join(name))
}

/// The types of an ELF file's segments.
fn segments(program: &Path) -> Vec<u32> {
    let file = fs::read(program).unwrap();
    let number = |at: usize, length: usize| {
        file[at..at + length].iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
    };
    let (first, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    (0..count).map(|index| number(first + index * size, 4) as u32).collect()
}

/// A turn of this program's, by a way to wait and one to post.
fn take_turns(counter: &AtomicU32, wait: impl Fn(), post: impl Fn()) {
    for _ in 0..TURNS {
        wait();
        let count = counter.load(Relaxed);
        (0..50).for_each(|_| std::hint::spin_loop());
        counter.store(count + 1, Relaxed);
        post();
    }
}

fn a_program_without_libc_takes_part() -> Ending {
    const DYNAMIC: u32 = 2;
    const INTERPRETER: u32 = 3;
    let program = program("named")?;
    assert!(!segments(&program).iter().any(|segment| [DYNAMIC, INTERPRETER].contains(segment)), "it is not static");

    let options = NamedSemaphore::options().initial_value(1).unlink_on_drop(true);
    let semaphore = options.create_unique(name!("/rawipc-test-")).unwrap();
    let options = SharedMemory::options().write(true).size(4096).unlink_on_drop(true);
    let memory = options.create_unique(name!("/rawipc-test-")).unwrap();
    let mapping = memory.map().unwrap();
    let counter: &AtomicU32 = mapping.get(32).unwrap();

    let (semaphore_name, memory_name) = (semaphore.name().to_string(), memory.name().unwrap().to_string());
    let start = || Peer::start(Command::new(&program).args([&semaphore_name, &memory_name, &TURNS.to_string()]));
    let peers = [start(), start()];
    thread::scope(|scope| {
        scope.spawn(|| {
            take_turns(counter, || semaphore.wait_timeout(PATIENCE).unwrap(), || semaphore.post().unwrap());
        });
        scope.spawn(|| {
            let path = CString::new(semaphore_name.as_str()).unwrap();
            // SAFETY: the name ends in a NUL.
            let theirs = unsafe { libc::sem_open(path.as_ptr(), 0) };
            assert!(!theirs.is_null());
            // SAFETY: it is an open semaphore of the C library's.
            let wait = || assert_eq!(unsafe { libc::sem_wait(theirs) }, 0);
            // SAFETY: as above.
            take_turns(counter, wait, || assert_eq!(unsafe { libc::sem_post(theirs) }, 0));
            // SAFETY: as above, for the last time.
            assert_eq!(unsafe { libc::sem_close(theirs) }, 0);
        });
    });
    peers.into_iter().for_each(Peer::succeed);
    assert_eq!(counter.load(Relaxed), 4 * TURNS);
    assert_eq!((semaphore.value(), semaphore.waiters()), (1, 0));
    Ok(())
}
