//! The operations of semaphores.

use std::fs;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use rawipc::error::Operation;
use rawipc::semaphore::NamedSemaphoreOptions;
use rawipc::semaphore::abi::Abi;
use rawipc::{Deadline, Errno, ErrorKind, Name, NamedSemaphore, name};

use super::case::Left::{Before, Done, DoneNameStays};
use super::case::Told::{Kind, Nothing, Usually};
use super::case::{ALL, Case, LINK_REFUSED, Prepared, REFUSED, Unusual, case, freely, on};
use crate::harness::injector::Call;
use Operation::{CreateSemaphore, OpenSemaphore, Post, SemaphoreStatus, UnlinkSemaphore, Wait};

pub fn cases() -> Vec<Case> {
    [opening(), creating(), creating_by_another_name(), using(), closing()].concat()
}

const NAME: &Name = name!("/rawipc-test-semaphore");
const OTHER: &Name = name!("/rawipc-test-other");
const UNIQUE: &Name = name!("/rawipc-test-unique-");
const SOON: Duration = Duration::from_millis(10);

fn options() -> NamedSemaphoreOptions {
    NamedSemaphore::options().abi(Abi::Gnu64).unlink_on_drop(true)
}

fn semaphore() -> NamedSemaphore {
    options().create_new(true).open(NAME).unwrap()
}

fn look(semaphore: &NamedSemaphore) -> String {
    semaphore.diagnose().to_string()
}

fn on_semaphore<K: Send + 'static>(act: fn(&NamedSemaphore) -> rawipc::Result<K>) -> Prepared {
    on(semaphore(), look, move |semaphore| act(semaphore))
}

/// A semaphore whose name is removed after all, if it is not yet.
struct Owned(#[expect(dead_code, reason = "it is kept open")] NamedSemaphore);

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = NamedSemaphore::options().abi(Abi::Gnu64).unlink(OTHER);
    }
}

/// What opening makes of a file that cannot be one.
const UNFIT: Unusual = ("open", &[Errno::LOOP, Errno::ISDIR, Errno::NXIO], Kind(ErrorKind::Malformed), Before);

fn opening() -> Vec<Case> {
    vec![
        case("open", OpenSemaphore, || on_semaphore(|_| options().open(NAME))).unless(&[
            UNFIT,
            ("read", &[Errno::AGAIN], Kind(ErrorKind::Malformed), Before),
            ("close", ALL, Nothing, Done),
        ]),
        case("open of musl's", OpenSemaphore, || {
            let musl = options().abi(Abi::Musl).create_new(true).open(NAME).unwrap();
            on(musl, look, |_| NamedSemaphore::options().abi(Abi::Musl).open(NAME))
        })
        .unless(&[
            UNFIT,
            ("read", &[Errno::AGAIN], Kind(ErrorKind::Malformed), Before),
            ("close", ALL, Nothing, Done),
        ]),
        case("create what exists", CreateSemaphore, || on_semaphore(|_| options().create(true).open(NAME))).unless(&[
            UNFIT,
            ("open 0", &[Errno::NOENT], Nothing, Done),
            // Opening takes no space.
            ("open 0", &[Errno::NOSPC], Kind(ErrorKind::Other), Before),
            ("stat", &[Errno::NOENT], Nothing, Done),
            ("read", &[Errno::AGAIN], Kind(ErrorKind::Malformed), Before),
            ("close", ALL, Nothing, Done),
        ]),
    ]
}

fn creating() -> Vec<Case> {
    vec![
        case("create", CreateSemaphore, || freely(|| options().create_new(true).open(OTHER)))
            .unless(LOOKED_AT)
            .unless(CREATION),
        case("create to stay", CreateSemaphore, || {
            freely(|| options().unlink_on_drop(false).create_new(true).open(OTHER).map(Owned))
        })
        .unless(&[("stat", &[Errno::NOENT], Nothing, Done)])
        .unless(CREATION),
        case("create by default", CreateSemaphore, || {
            freely(|| NamedSemaphore::options().create_new(true).unlink_on_drop(true).open(OTHER))
        })
        // A look into the other C library's place, where nothing that can be read is as good as nothing.
        .unless(&[("open 0", ALL, Nothing, Done)])
        .unless(LOOKED_AT)
        .unless(CREATION),
        case("create of an exact mode", CreateSemaphore, || {
            freely(|| options().create_new(true).exact_mode(0o666).open(OTHER))
        })
        .unless(LOOKED_AT)
        .unless(CREATION),
        case("create of a new name", CreateSemaphore, || freely(|| options().create_unique(UNIQUE)))
            .unless(LOOKED_AT)
            .unless(CREATION)
            .unless(&[
                ("linkat", &[Errno::EXIST], Nothing, Done),
                // It is taken for a name that was there before.
                ("open", &[Errno::EXIST], Nothing, Done),
                ("mmap", &[Errno::EXIST], Nothing, Done),
            ]),
    ]
}

/// The second look at a file without a name is part of filling it, which another name is tried for.
const LOOKED_AT: &[Unusual] = &[("stat 1", &[Errno::NOENT], Nothing, Done)];

/// Where there are no files without a name, or they cannot be linked, another name does.
const CREATION: &[Unusual] = &[
    ("open", REFUSED, Nothing, Done),
    ("open", &[Errno::NOENT, Errno::NOTDIR], Kind(ErrorKind::Unsupported), Before),
    LINK_REFUSED,
    ("linkat", &[Errno::NOTDIR], Kind(ErrorKind::Unsupported), Before),
    ("stat", &[Errno::NOENT, Errno::NOTDIR], Kind(ErrorKind::Unsupported), Before),
    ("close", ALL, Nothing, Done),
];

fn no_nameless_files(call: &Call) -> Option<Errno> {
    let flags = match call.number {
        libc::SYS_openat => call.arguments[2],
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open => call.arguments[1],
        _ => 0,
    };
    (flags & libc::O_TMPFILE as u64 == libc::O_TMPFILE as u64).then_some(Errno::OPNOTSUPP)
}

fn creating_by_another_name() -> Vec<Case> {
    let create: fn() -> Prepared = || freely(|| options().create_new(true).exact_mode(0o666).open(OTHER));
    vec![
        // Not `unlink`: there is nothing else to be done about a temporary name that cannot be removed.
        case("create by another name", CreateSemaphore, create)
            .where_calls_fail(no_nameless_files)
            .only(&["open", "getrandom", "write", "fchmod", "mmap", "renameat2", "stat", "close"])
            .unless(&[
                ("open", REFUSED, Usually, Before),
                ("renameat2", REFUSED, Nothing, Done),
                ("renameat2", &[Errno::NOENT, Errno::NOTDIR], Kind(ErrorKind::Unsupported), Before),
            ])
            .unless(CREATION),
        case("create by another name that is linked", CreateSemaphore, create)
            .where_calls_fail(|call| {
                no_nameless_files(call).or((call.number == libc::SYS_renameat2).then_some(Errno::NOSYS))
            })
            .only(&["linkat"])
            .unless(&[
                ("linkat", &[Errno::NOENT, Errno::NOTDIR], Kind(ErrorKind::Unsupported), Before),
                ("linkat", ALL, Usually, Before),
            ]),
        case("create for a group", CreateSemaphore, || {
            freely(|| options().create_new(true).group(0).open(OTHER).map(drop))
        })
        .only(&["fchown"]),
        case("create without links by descriptor", CreateSemaphore, create)
            .where_calls_fail(|call| {
                let by_descriptor = call.number == libc::SYS_linkat && call.arguments[4] == libc::AT_EMPTY_PATH as u64;
                by_descriptor.then_some(Errno::NOENT)
            })
            .unless(LOOKED_AT)
            .unless(CREATION),
    ]
}

fn using() -> Vec<Case> {
    const AGAIN: Unusual = ("futex", &[Errno::AGAIN, Errno::TIMEDOUT], Nothing, Before);
    vec![
        case("is_linked", SemaphoreStatus, || on_semaphore(NamedSemaphore::is_linked))
            // A name that is not there stands for no semaphore.
            .unless(&[("stat", &[Errno::NOENT, Errno::NOTDIR], Nothing, Before)]),
        case("wait_timeout", Wait, || on_semaphore(|semaphore| semaphore.wait_timeout(SOON))).unless(&[AGAIN]),
        case("wait_deadline", Wait, || {
            on_semaphore(|semaphore| semaphore.wait_deadline(Deadline::realtime_after(SOON)))
        })
        .unless(&[AGAIN]),
        // Whom it should have woken looks again after a while.
        case("post", Post, || {
            let semaphore = semaphore();
            let file = fs::File::options().write(true).open("/dev/shm/sem.rawipc-test-semaphore").unwrap();
            let waiters = if cfg!(target_endian = "big") { 0 } else { 4 };
            file.write_all_at(&1_u32.to_ne_bytes(), waiters).unwrap();
            on(semaphore, look, |semaphore| semaphore.post())
        })
        .unless(&[("futex", ALL, Nothing, Done)]),
    ]
}

fn closing() -> Vec<Case> {
    fn close(semaphore: &mut Option<NamedSemaphore>) -> rawipc::Result<()> {
        semaphore.take().map_or(Ok(()), NamedSemaphore::close)
    }
    fn owned() -> Option<NamedSemaphore> {
        options().create_new(true).open(OTHER).ok()
    }
    vec![
        case("unlink", UnlinkSemaphore, || {
            let semaphore = options().unlink_on_drop(false).create_new(true).open(OTHER).map(Owned).unwrap();
            on(semaphore, |_| String::new(), |_| options().unlink(OTHER))
        }),
        case("close and unlink", UnlinkSemaphore, || {
            let second = || Owned(NamedSemaphore::options().abi(Abi::Gnu64).open(OTHER).unwrap());
            let first = owned();
            on((first, second()), |_| String::new(), |(semaphore, _)| close(semaphore))
        })
        .unless(&[
            ("stat", &[Errno::NOENT], Nothing, DoneNameStays),
            ("stat", ALL, Usually, DoneNameStays),
            ("unlink", &[Errno::NOENT], Nothing, DoneNameStays),
            ("unlink", ALL, Usually, DoneNameStays),
        ]),
    ]
}
