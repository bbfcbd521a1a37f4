//! Semaphores, in memory and by name.

use std::time::Duration;

use rawipc::semaphore::NamedSemaphoreOptions;
use rawipc::{Deadline, Name, NamedSemaphore, Semaphore, WaitTuning, name};

use super::{Play, play};

const NAME: &Name = name!("/rawipc-test-semaphore");
const OTHER: &Name = name!("/rawipc-test-other");
const LATE: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_millis(5);

pub fn plays() -> Vec<Play> {
    [opening(), in_memory(), waiting(), by_name()].into_iter().flatten().collect()
}

fn options() -> NamedSemaphoreOptions {
    NamedSemaphore::options().initial_value(1)
}

fn named() -> NamedSemaphore {
    options().create_new(true).unlink_on_drop(true).open(NAME).unwrap()
}

/// A name that is removed in the end, whoever created it.
struct Removed(Option<NamedSemaphore>);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = NamedSemaphore::unlink(OTHER);
    }
}

fn removed(options: NamedSemaphoreOptions) -> Removed {
    Removed(Some(options.open(OTHER).unwrap()))
}

fn opening() -> Vec<Play> {
    vec![
        play("`NamedSemaphoreOptions::open` of what is there", named, |_| options().open(NAME).unwrap()),
        play("`NamedSemaphoreOptions::open` with `create_new`", || (), |()| removed(options().create_new(true))),
        play("`NamedSemaphoreOptions::open` with `create`, nothing there", || (), |()| removed(options().create(true))),
        play(
            "`NamedSemaphoreOptions::open` with `create_new`, `abi`",
            || (),
            |()| removed(options().create_new(true).abi(rawipc::semaphore::abi::Abi::GNU)),
        ),
        play(
            "`NamedSemaphoreOptions::open` with `create_new`, `unlink_on_drop`",
            || (),
            |()| options().create_new(true).unlink_on_drop(true).open(OTHER).unwrap(),
        ),
        play(
            "`NamedSemaphoreOptions::create_unique`",
            || (),
            |()| options().unlink_on_drop(true).create_unique(name!("/rawipc-test-unique-")).unwrap(),
        ),
        play(
            "`NamedSemaphoreOptions::unlink`",
            || removed(options().create(true)),
            |_| {
                options().unlink(OTHER).unwrap();
            },
        ),
        play(
            "`NamedSemaphore::unlink`",
            || removed(options().create(true)),
            |_| NamedSemaphore::unlink(OTHER).unwrap(),
        ),
        play(
            "`NamedSemaphore::close`",
            || removed(options().create(true)),
            |semaphore| {
                semaphore.0.take().unwrap().close().unwrap();
            },
        ),
        play(
            "`NamedSemaphore::close` with `unlink_on_drop`",
            || Some(named()),
            |semaphore| {
                semaphore.take().unwrap().close().unwrap();
            },
        ),
    ]
}

fn in_memory() -> Vec<Play> {
    let one = || Semaphore::new(1);
    vec![
        play("`Semaphore::post`", one, |semaphore| semaphore.post().unwrap()),
        play("`Semaphore::post_many`", one, |semaphore| semaphore.post_many(3).unwrap()),
        play("`Semaphore::wait`", one, |semaphore| semaphore.wait().unwrap()),
        play("`Semaphore::try_wait`", one, |semaphore| semaphore.try_wait().unwrap()),
        play("`Semaphore::wait_timeout`", one, |semaphore| semaphore.wait_timeout(LATE).unwrap()),
        play("`Semaphore::wait_deadline`", one, |semaphore| semaphore.wait_deadline(Deadline::after(LATE)).unwrap()),
        play("`Semaphore::wait_tuned`", one, |semaphore| semaphore.wait_tuned(None, WaitTuning::DEFAULT).unwrap()),
        play("`Semaphore::acquire`", one, |semaphore| drop(semaphore.acquire().unwrap())),
        play("`Semaphore::try_acquire`", one, |semaphore| drop(semaphore.try_acquire().unwrap())),
        play("`Semaphore::acquire_timeout`", one, |semaphore| drop(semaphore.acquire_timeout(LATE).unwrap())),
        play("`Semaphore::acquire_deadline`", one, |semaphore| {
            drop(semaphore.acquire_deadline(Deadline::after(LATE)).unwrap());
        }),
        play("`Semaphore::value`", one, |semaphore| semaphore.value()),
        play("`Semaphore::waiters`", one, |semaphore| semaphore.waiters()),
        play("`Semaphore::reset_waiters`", one, |semaphore| semaphore.reset_waiters()),
    ]
}

/// Where there is no token, or somebody to be woken.
fn waiting() -> Vec<Play> {
    let none = || Semaphore::new(0);
    vec![
        play("`Semaphore::try_wait`, no token", none, |semaphore| semaphore.try_wait().unwrap_err()),
        play("`Semaphore::wait_timeout`, no token, of zero", none, |semaphore| {
            semaphore.wait_timeout(Duration::ZERO).unwrap_err()
        }),
        play("`Semaphore::wait_timeout`, no token until the end", none, |semaphore| {
            semaphore.wait_timeout(SOON).unwrap_err()
        }),
        play("`Semaphore::wait_deadline`, no token until the end", none, |semaphore| {
            semaphore.wait_deadline(Deadline::realtime_after(SOON)).unwrap_err()
        }),
    ]
}

fn by_name() -> Vec<Play> {
    vec![
        play("`NamedSemaphore::post`", named, |semaphore| semaphore.post().unwrap()),
        play("`NamedSemaphore::post_many`", named, |semaphore| semaphore.post_many(3).unwrap()),
        play("`NamedSemaphore::wait`", named, |semaphore| semaphore.wait().unwrap()),
        play("`NamedSemaphore::try_wait`", named, |semaphore| semaphore.try_wait().unwrap()),
        play("`NamedSemaphore::wait_timeout`", named, |semaphore| semaphore.wait_timeout(LATE).unwrap()),
        play("`NamedSemaphore::wait_deadline`", named, |semaphore| {
            semaphore.wait_deadline(Deadline::after(LATE)).unwrap();
        }),
        play("`NamedSemaphore::acquire`", named, |semaphore| drop(semaphore.acquire().unwrap())),
        play("`NamedSemaphore::try_acquire`", named, |semaphore| drop(semaphore.try_acquire().unwrap())),
        play("`NamedSemaphore::acquire_timeout`", named, |semaphore| drop(semaphore.acquire_timeout(LATE).unwrap())),
        play("`NamedSemaphore::acquire_deadline`", named, |semaphore| {
            drop(semaphore.acquire_deadline(Deadline::after(LATE)).unwrap());
        }),
        play("`NamedSemaphore::value`", named, |semaphore| semaphore.value()),
        play("`NamedSemaphore::waiters`", named, |semaphore| semaphore.waiters()),
        play("`NamedSemaphore::reset_waiters`", named, |semaphore| semaphore.reset_waiters()),
        play("`NamedSemaphore::diagnose`", named, |semaphore| semaphore.diagnose()),
        play("`NamedSemaphore::is_linked`", named, |semaphore| assert!(semaphore.is_linked().unwrap())),
        play("`NamedSemaphore::name`", named, |semaphore| assert_eq!(semaphore.name(), NAME)),
    ]
}
