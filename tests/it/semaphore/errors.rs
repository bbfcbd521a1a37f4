//! Each documented error of semaphores, and that nothing has changed after it.

use std::thread;

use rawipc::error::{Limit, Operation};
use rawipc::semaphore::abi::{Abi, Gnu32, Gnu64, Layout, Musl, Private};
use rawipc::semaphore::{NamedSemaphoreOptions, SemaphoreOf};
use rawipc::{Errno, Error, ErrorKind, Name, NamedSemaphore, Semaphore, name};
use rustix::process::Resource;

use crate::harness::Ending;
use crate::harness::kernel::{as_nobody, set_limit};
use crate::harness::queues::assert_error;
use crate::in_every_layout;
use crate::semaphore::support::{ABIS, FreeName, Snapshot, created};

crate::tests!(
    a_value_above_the_maximum_is_refused,
    a_mode_with_other_bits_is_refused,
    a_post_at_the_maximum_is_refused,
    many_posters_at_the_maximum_leave_it_there,
    posters_and_takers_at_the_maximum_lose_nothing,
    names_are_as_long_as_the_c_library_allows,
    what_exists_is_not_created_anew,
    what_does_not_exist_is_not_found;
    alone: a_value_above_the_maximum_is_a_panic_of_new,
    another_user_may_not_use_what_the_mode_forbids,
    another_user_may_use_what_the_mode_allows,
    another_user_may_not_unlink,
    root_opens_anothers_in_the_sticky_directory,
    no_free_descriptor_is_a_limit,
    no_address_space_is_a_limit,
);

fn a_value_above_the_maximum_is_refused() {
    for abi in ABIS {
        for value in [Semaphore::MAX_VALUE + 1, u32::MAX] {
            let name = FreeName::new();
            let options = NamedSemaphore::options().abi(abi).initial_value(value);
            let part = format!("the value {value} is above 2147483647 (EINVAL)");
            for error in [
                options.create(true).open(&name).unwrap_err(),
                options.create_new(true).open(&name).unwrap_err(),
                options.create(true).create_unique(&name).unwrap_err(),
            ] {
                assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::CreateSemaphore, &part);
            }
            assert!(!name.file(abi).exists());
        }
    }
}

/// In a process of its own, where nobody sees the panics' texts.
fn a_value_above_the_maximum_is_a_panic_of_new() -> Ending {
    for value in [Semaphore::MAX_VALUE + 1, u32::MAX] {
        assert!(std::panic::catch_unwind(|| SemaphoreOf::<Gnu64>::new(value)).is_err());
        assert!(std::panic::catch_unwind(|| SemaphoreOf::<Private<Musl>>::new(value)).is_err());
        assert!(std::panic::catch_unwind(|| SemaphoreOf::<Gnu32>::new(value)).is_err());
        assert!(std::panic::catch_unwind(|| SemaphoreOf::<Musl>::new(value)).is_err());
    }
    Ok(())
}

fn a_mode_with_other_bits_is_refused() {
    let name = FreeName::new();
    for mode in [0o1000, 0o4755, u32::MAX] {
        let options = NamedSemaphore::options().create(true);
        for options in [options.mode(mode), options.exact_mode(mode)] {
            let error = options.open(&name).unwrap_err();
            let part = "has bits beyond 0o777 (EINVAL)";
            assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::CreateSemaphore, part);
        }
    }
    assert!(!name.file(Abi::NATIVE).exists());
}

#[track_caller]
fn assert_overflow(error: Error) {
    let part = "posting the semaphore: a number is too large (EOVERFLOW)";
    assert_error(error, ErrorKind::Overflow, Errno::OVERFLOW, Operation::Post, part);
}

fn a_post_at_the_maximum_is_refused() {
    fn check<L: Layout>(semaphore: &SemaphoreOf<L>) {
        let maximum = Semaphore::MAX_VALUE;
        assert_overflow(semaphore.post_many(4).unwrap_err());
        assert_overflow(semaphore.post_many(u32::MAX).unwrap_err());
        assert_eq!((semaphore.value(), semaphore.waiters()), (maximum - 3, 0));
        semaphore.post_many(3).unwrap();
        assert_eq!(semaphore.value(), maximum);
        for tokens in [1, 2, maximum, maximum + 1, u32::MAX] {
            assert_overflow(semaphore.post_many(tokens).unwrap_err());
        }
        assert_overflow(semaphore.post().unwrap_err());
        semaphore.post_many(0).unwrap();
        assert_eq!((semaphore.value(), semaphore.waiters()), (maximum, 0));
        semaphore.try_wait().unwrap();
        semaphore.wait().unwrap();
        semaphore.post().unwrap();
        assert_eq!(semaphore.value(), maximum - 1);
    }
    in_every_layout!(Semaphore::MAX_VALUE - 3, semaphore => check(semaphore));
    for abi in ABIS {
        let semaphore = created(abi, Semaphore::MAX_VALUE);
        assert_overflow(semaphore.post().unwrap_err());
        assert_overflow(semaphore.post_many(1).unwrap_err());
        assert_eq!(semaphore.value(), Semaphore::MAX_VALUE);
    }
}

fn many_posters_at_the_maximum_leave_it_there() {
    fn check<L: Layout>(semaphore: &SemaphoreOf<L>)
    where
        SemaphoreOf<L>: Sync,
    {
        let posted: usize = thread::scope(|scope| {
            let posters: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let results = (0..20_000).map(|_| semaphore.post());
                        results.inspect(|result| result.iter_err(assert_overflow)).filter(Result::is_ok).count()
                    })
                })
                .collect();
            posters.into_iter().map(|poster| poster.join().unwrap()).sum()
        });
        // Beside another that is being refused, a post may be refused one early; it is never accepted one late.
        assert!((1..=3).contains(&posted), "{posted} posts were accepted");
        assert_eq!(semaphore.value(), Semaphore::MAX_VALUE - 3 + posted as u32);
        (posted..3).for_each(|_| semaphore.post().unwrap());
        assert_overflow(semaphore.post().unwrap_err());
        assert_eq!((semaphore.value(), semaphore.waiters()), (Semaphore::MAX_VALUE, 0));
    }
    in_every_layout!(Semaphore::MAX_VALUE - 3, semaphore => check(semaphore));
}

/// What is done with the error of a result, if it has one.
trait IterErr {
    fn iter_err(&self, check: fn(Error));
}

impl IterErr for Result<(), Error> {
    fn iter_err(&self, check: fn(Error)) {
        if let Err(error) = self {
            check(*error);
        }
    }
}

fn posters_and_takers_at_the_maximum_lose_nothing() {
    fn check<L: Layout>(semaphore: &SemaphoreOf<L>)
    where
        SemaphoreOf<L>: Sync,
    {
        const TURNS: usize = 20_000;
        let (posted, taken): (usize, usize) = thread::scope(|scope| {
            let posters: Vec<_> =
                (0..2).map(|_| scope.spawn(|| (0..TURNS).filter(|_| semaphore.post().is_ok()).count())).collect();
            let takers: Vec<_> =
                (0..2).map(|_| scope.spawn(|| (0..TURNS).filter(|_| semaphore.try_wait().is_ok()).count())).collect();
            let sum = |threads: Vec<thread::ScopedJoinHandle<'_, usize>>| {
                threads.into_iter().map(|thread| thread.join().unwrap()).sum()
            };
            (sum(posters), sum(takers))
        });
        assert_eq!(taken, 2 * TURNS, "there is always a token");
        let expected = Semaphore::MAX_VALUE as usize + posted - taken;
        assert_eq!((semaphore.value() as usize, semaphore.waiters()), (expected, 0));
    }
    in_every_layout!(Semaphore::MAX_VALUE, semaphore => check(semaphore));
}

fn names_are_as_long_as_the_c_library_allows() {
    let named = |length: usize| {
        let mut name = FreeName::new().as_str().to_owned();
        name.extend(std::iter::repeat_n('x', length + 1 - name.len()));
        name
    };
    let options = NamedSemaphore::options().create(true).unlink_on_drop(true);
    for (abi, longest) in [(Abi::Gnu64, 251), (Abi::Gnu32, 251), (Abi::Musl, 255)] {
        let name = named(longest);
        let name = Name::new(name.as_str()).unwrap();
        let semaphore = options.abi(abi).initial_value(2).open(name).unwrap();
        assert_eq!(NamedSemaphore::options().abi(abi).open(name).unwrap().value(), 2);
        assert_eq!(semaphore.name(), name);
        semaphore.close().unwrap();
    }
    let name = named(252);
    let name = Name::new(name.as_str()).unwrap();
    let part = "252 bytes follow the slash, at most 251 may (ENAMETOOLONG)";
    for abi in [Abi::Gnu64, Abi::Gnu32] {
        for (options, operation) in [
            (options, Operation::CreateSemaphore),
            (options.create_new(true), Operation::CreateSemaphore),
            (NamedSemaphore::options(), Operation::OpenSemaphore),
        ] {
            let error = options.abi(abi).open(name).unwrap_err();
            assert_error(error, ErrorKind::InvalidName, Errno::NAMETOOLONG, operation, part);
        }
        let error = NamedSemaphore::options().abi(abi).unlink(name).unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::InvalidName, Errno::NAMETOOLONG));
    }
}

fn what_exists_is_not_created_anew() {
    for abi in ABIS {
        let name = FreeName::new();
        let options = NamedSemaphore::options().abi(abi).create_new(true).initial_value(4);
        let semaphore = options.open(&name).unwrap();
        let before = Snapshot::of(&name.file(abi));
        for options in [options, options.create(true), options.initial_value(9).unlink_on_drop(true)] {
            let error = options.open(&name).unwrap_err();
            let part = "creating the semaphore: an object of this name already exists (EEXIST)";
            assert_error(error, ErrorKind::AlreadyExists, Errno::EXIST, Operation::CreateSemaphore, part);
        }
        assert_eq!(Snapshot::of(&name.file(abi)), before);
        drop(semaphore);
    }
}

fn what_does_not_exist_is_not_found() {
    let name = FreeName::new();
    let mut all: Vec<NamedSemaphoreOptions> = ABIS.map(|abi| NamedSemaphore::options().abi(abi)).to_vec();
    all.push(NamedSemaphore::options());
    all.push(NamedSemaphore::options().unlink_on_drop(true));
    for options in all {
        let error = options.open(&name).unwrap_err();
        let part = "opening the semaphore: no object has this name (ENOENT)";
        assert_error(error, ErrorKind::NotFound, Errno::NOENT, Operation::OpenSemaphore, part);
        let error = options.unlink(&name).unwrap_err();
        assert_error(error, ErrorKind::NotFound, Errno::NOENT, Operation::UnlinkSemaphore, "unlinking the semaphore");
    }
}

const PART: &str = "not permitted for this user";

fn another_user_may_not_use_what_the_mode_forbids() -> Ending {
    for (abi, mode) in ABIS.into_iter().flat_map(|abi| [0o600, 0o640, 0o620, 0o606].map(|mode| (abi, mode))) {
        let name = FreeName::new();
        let options = NamedSemaphore::options().abi(abi).exact_mode(mode);
        let semaphore = options.create_new(true).initial_value(3).open(&name).unwrap();
        let before = Snapshot::of(&name.file(abi));
        let (opening, creating) = (Operation::OpenSemaphore, Operation::CreateSemaphore);
        for (options, operation) in
            [(options, opening), (options.unlink_on_drop(true), opening), (options.create(true), creating)]
        {
            let error = as_nobody(|| options.open(&name).unwrap_err())?;
            assert_error(error, ErrorKind::PermissionDenied, Errno::ACCESS, operation, PART);
        }
        assert_eq!(Snapshot::of(&name.file(abi)), before);
        assert_eq!(semaphore.value(), 3);
    }
    Ok(())
}

fn another_user_may_use_what_the_mode_allows() -> Ending {
    for abi in ABIS {
        let name = FreeName::new();
        let options = NamedSemaphore::options().abi(abi).exact_mode(0o666).create(true);
        let semaphore = options.open(&name).unwrap();
        as_nobody(|| {
            options.open(&name).unwrap().post().unwrap();
            NamedSemaphore::options().abi(abi).open(&name).unwrap().post().unwrap();
        })?;
        assert_eq!(semaphore.value(), 2);
    }
    Ok(())
}

fn another_user_may_not_unlink() -> Ending {
    for abi in ABIS {
        let name = FreeName::new();
        let semaphore = NamedSemaphore::options().abi(abi).create_new(true).exact_mode(0o666).open(&name).unwrap();
        let before = Snapshot::of(&name.file(abi));
        let error = as_nobody(|| NamedSemaphore::options().abi(abi).unlink(&name).unwrap_err())?;
        assert_eq!((error.kind(), error.operation()), (ErrorKind::PermissionDenied, Operation::UnlinkSemaphore));
        assert!(error.to_string().contains(PART), "{error}");
        assert_eq!(Snapshot::of(&name.file(abi)), before);
        drop(semaphore);
    }
    Ok(())
}

/// glibc 2.38 opened with O_CREAT, which `fs.protected_regular` refuses there (BZ 30789).
fn root_opens_anothers_in_the_sticky_directory() -> Ending {
    for abi in ABIS {
        let name = FreeName::new();
        let options = NamedSemaphore::options().abi(abi).create(true).exact_mode(0o666);
        as_nobody(|| drop(options.initial_value(5).open(&name).unwrap()))?;
        assert_eq!(options.open(&name).unwrap().value(), 5);
    }
    Ok(())
}

fn no_free_descriptor_is_a_limit() -> Ending {
    let semaphore = created(Abi::NATIVE, 1);
    let free = FreeName::new();
    set_limit(Resource::Nofile, 0);
    let kind = ErrorKind::LimitExceeded(Limit::Descriptors);
    let error = NamedSemaphore::options().open(semaphore.name()).unwrap_err();
    assert_error(error, kind, Errno::MFILE, Operation::OpenSemaphore, "`ulimit -n`");
    let error = NamedSemaphore::options().create_new(true).open(&free).unwrap_err();
    assert_error(error, kind, Errno::MFILE, Operation::CreateSemaphore, "`ulimit -n`");
    assert!(!free.file(Abi::NATIVE).exists());
    assert_eq!(semaphore.value(), 1);
    Ok(())
}

fn no_address_space_is_a_limit() -> Ending {
    let semaphore = created(Abi::NATIVE, 1);
    let free = FreeName::new();
    let (opening, creating) = (NamedSemaphore::options(), NamedSemaphore::options().create_new(true));
    set_limit(Resource::As, 0);
    let (opened, made) = (opening.open(semaphore.name()), creating.open(&free));
    let unique = creating.create_unique(name!("/rawipc-test-"));
    set_limit(Resource::As, u64::MAX);
    for (error, operation) in [
        (opened.unwrap_err(), Operation::OpenSemaphore),
        (made.unwrap_err(), Operation::CreateSemaphore),
        (unique.unwrap_err(), Operation::CreateSemaphore),
    ] {
        let kind = ErrorKind::LimitExceeded(Limit::AddressSpace);
        assert_error(error, kind, Errno::NOMEM, operation, "RLIMIT_AS (0 bytes for the process)");
    }
    assert!(!free.file(Abi::NATIVE).exists(), "a creation that failed leaves nothing");
    Ok(())
}
