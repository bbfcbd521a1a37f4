//! Where participants meet.
//!
//! `arena create NAME` makes a named semaphore and shared memory of this name, as `named` and `semaphore` expect them,
//! with one token each. `arena post NAME` adds a token to the one in memory. `arena remove NAME TURNS` removes both,
//! and fails unless so many turns were counted and both tokens are back. `arena share NAME` makes a shared value, and
//! `arena unshare NAME` removes it.

#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use freestanding::{ABI, FAILED, Layout, Strings, Turns, USAGE};
use rawipc::semaphore::SemaphoreOf;
use rawipc::{Error, Name, NamedSemaphore, Shared, SharedMemory};

freestanding::entry!(main);
freestanding::never_panics!();

fn main(mut arguments: Strings, _: Strings) -> i32 {
    let (Some(_), Some(task), Some(name)) = (arguments.next(), arguments.next(), arguments.next()) else {
        return USAGE;
    };
    let Ok(name) = Name::new(name) else { return USAGE };
    let turns = arguments.next().and_then(freestanding::number);
    let result = match (task.to_bytes(), turns) {
        (b"create", None) => create(name),
        (b"post", None) => post(name),
        (b"share", None) => share(name),
        (b"unshare", None) => SharedMemory::unlink(name).map(|()| true),
        (b"remove", Some(turns)) => remove(name, turns),
        _ => return USAGE,
    };
    match result {
        Ok(true) => 0,
        Ok(false) => FAILED,
        Err(error) => error.errno().raw_os_error(),
    }
}

fn create(name: &Name) -> Result<bool, Error> {
    NamedSemaphore::options().abi(ABI).create_new(true).initial_value(1).open(name)?;
    SharedMemory::options().write(true).create_new(true).size(4096).open(name)?;
    post(name)
}

fn post(name: &Name) -> Result<bool, Error> {
    let mapping = SharedMemory::options().write(true).open(name)?.map()?;
    let semaphore: &SemaphoreOf<Layout> = mapping.get(0)?;
    semaphore.post()?;
    Ok(true)
}

fn share(name: &Name) -> Result<bool, Error> {
    let turns = Shared::<Turns>::options().open(name, |fresh| fresh.count.store(Turns::FIRST, Relaxed))?;
    Ok(turns.count.load(Relaxed) == Turns::FIRST)
}

fn remove(name: &Name, turns: u64) -> Result<bool, Error> {
    let semaphore = NamedSemaphore::options().abi(ABI).open(name)?;
    let mapping = SharedMemory::options().write(true).open(name)?.map()?;
    NamedSemaphore::options().abi(ABI).unlink(name)?;
    SharedMemory::unlink(name)?;
    let in_memory: &SemaphoreOf<Layout> = mapping.get(0)?;
    let counter: &AtomicU32 = mapping.get(freestanding::COUNTER)?;
    let at_rest = (semaphore.value(), semaphore.waiters(), in_memory.value(), in_memory.waiters()) == (1, 0, 1, 0);
    Ok(at_rest && u64::from(counter.load(Relaxed)) == turns)
}
