//! Every documented error of opening and creating, and that nothing has changed then.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use rawipc::error::{Limit, Operation};
use rawipc::shm::SharedMemoryOptions;
use rawipc::{Errno, ErrorKind, SharedMemory, name};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::process::Resource;

use crate::harness::kernel::{as_nobody, fail_calls, in_child, set_limit};
use crate::harness::queues::assert_error;
use crate::harness::{Ending, Lacking};
use crate::shm::support::{FreeName, Snapshot, Untouched, dev_shm, no_dev_shm, sized};

crate::tests!(
    what_is_not_there_is_not_found,
    arguments_are_checked_before_anything_is_done,
    no_object_is_created_beyond_two_to_the_63rd,
    links_are_never_followed,
    what_is_no_regular_file_is_refused;
    alone: a_device_is_refused,
    another_user_may_not_open_what_the_mode_forbids,
    another_user_may_do_what_the_mode_allows_and_no_more,
    too_many_descriptors_are_told,
    failures_of_the_kernel_are_sorted,
    a_creation_that_fails_half_way_leaves_nothing,
    a_failing_random_source_is_told,
    without_dev_shm_nothing_is_supported
);

fn what_is_not_there_is_not_found() {
    let free = FreeName::new();
    for options in [SharedMemory::options().read(true), sized(10), sized(10).truncate(true)] {
        let error = options.open(&free).unwrap_err();
        let part = "opening the shared memory: no object has this name (ENOENT)";
        assert_error(error, ErrorKind::NotFound, Errno::NOENT, Operation::OpenMemory, part);
    }
    let error = SharedMemory::unlink(&free).unwrap_err();
    assert_error(error, ErrorKind::NotFound, Errno::NOENT, Operation::UnlinkMemory, "no object has this name");
    assert!(!free.is_taken());
}

/// Opening must fail so, both of a name that is free and of somebody's object.
#[track_caller]
fn refused(options: SharedMemoryOptions, operation: Operation, part: &str) {
    let (free, watched) = (FreeName::new(), Untouched::new());
    for name in [&*free, watched.name()] {
        let error = options.open(name).unwrap_err();
        assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, operation, part);
    }
    assert!(!free.is_taken());
    watched.assert_untouched();
}

fn arguments_are_checked_before_anything_is_done() {
    let none = SharedMemory::options();
    let (open, create) = (Operation::OpenMemory, Operation::CreateMemory);
    refused(none, open, "opening the shared memory: neither read nor write access was requested (EINVAL)");
    refused(none.create(true), create, "neither read nor write access was requested");
    let part = "creating the shared memory: creating or emptying an object takes write access (EINVAL)";
    for options in [none.read(true).create(true), none.read(true).create_new(true).size(10)] {
        refused(options, create, part);
    }
    refused(none.read(true).truncate(true), open, "creating or emptying an object takes write access");
    for mode in [0o1000, 0o7777, u32::MAX] {
        refused(sized(1).create(true).mode(mode), create, "has bits beyond 0o777");
        refused(sized(1).create_new(true).exact_mode(mode), create, &format!("the mode {mode:#o} has bits beyond"));
    }
    let error = none.create_unique(name!("/rawipc-test-shm-")).unwrap_err();
    assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, create, "neither read nor write access was requested");
}

fn no_object_is_created_beyond_two_to_the_63rd() {
    let free = FreeName::new();
    for size in [1 << 63, u64::MAX - 4095, u64::MAX] {
        for options in [sized(1).create(true), sized(1).create_new(true), sized(1).create_new(true).sparse(true)] {
            let error = options.size(size).open(&free).unwrap_err();
            let part = "creating the shared memory: no object has more than 9223372036854775807 bytes (EINVAL)";
            assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::CreateMemory, part);
            assert!(!free.is_taken());
        }
        let error = SharedMemory::anonymous(size).create().unwrap_err();
        let part = "no object has more than 9223372036854775807 bytes";
        assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::CreateMemory, part);
    }
    let before = sized(10).create_new(true).open(&free).unwrap();
    let error = sized(1).size(u64::MAX).truncate(true).open(&free).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(before.size().unwrap(), 10, "nothing is emptied for what cannot be");
}

/// All the ways to open; whether the name may be taken by something that is no object.
fn ways() -> [(SharedMemoryOptions, Operation); 4] {
    [
        (SharedMemory::options().read(true), Operation::OpenMemory),
        (sized(10), Operation::OpenMemory),
        (sized(10).create(true), Operation::CreateMemory),
        (sized(10).create(true).truncate(true), Operation::CreateMemory),
    ]
}

/// Nothing of what has been planted at a name is opened, and it is left as it is.
#[track_caller]
fn assert_refused(planted: &FreeName) {
    let before = Snapshot::of(planted);
    for (options, operation) in ways() {
        let error = options.open(planted).unwrap_err();
        assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, operation, "it is not a regular file (EINVAL)");
    }
    let error = sized(10).create_new(true).open(planted).unwrap_err();
    assert_eq!((error.kind(), error.errno()), (ErrorKind::AlreadyExists, Errno::EXIST));
    assert_eq!(Snapshot::of(planted), before);
}

fn links_are_never_followed() {
    let (link, target) = (FreeName::new(), FreeName::new());
    symlink(target.file(), link.file()).unwrap();
    assert_refused(&link);
    assert!(!target.is_taken(), "nothing is created where the link leads");
    let watched = Untouched::new();
    fs::remove_file(link.file()).unwrap();
    symlink(crate::shm::support::file_of(watched.name()), link.file()).unwrap();
    assert_refused(&link);
    watched.assert_untouched();
    SharedMemory::unlink(&link).unwrap();
    watched.assert_untouched();
}

fn what_is_no_regular_file_is_refused() {
    let [directory, fifo, socket] = [FreeName::new(), FreeName::new(), FreeName::new()];
    fs::create_dir(directory.file()).unwrap();
    mknodat(CWD, fifo.file(), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let _listener = UnixListener::bind(socket.file()).unwrap();
    for planted in [&directory, &fifo, &socket] {
        assert_refused(planted);
    }
    let error = SharedMemory::unlink(&directory).unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Other, Operation::UnlinkMemory));
    assert!(directory.is_taken());
}

fn a_device_is_refused() -> Ending {
    let device = FreeName::new();
    let null = makedev(1, 3);
    mknodat(CWD, device.file(), FileType::CharacterDevice, Mode::from_raw_mode(0o600), null)
        .map_err(|errno| Lacking(format!("the right to make devices ({errno})")))?;
    let before = Snapshot::of(&device);
    for (options, operation) in ways() {
        let error = options.open(&device).unwrap_err();
        // Where the directory is mounted without devices, the kernel says EACCES.
        let kinds = [ErrorKind::InvalidInput, ErrorKind::PermissionDenied];
        assert!(kinds.contains(&error.kind()) && error.operation() == operation, "{error}");
    }
    assert_eq!(Snapshot::of(&device), before);
    Ok(())
}

const DENIED: &str = "not permitted for this user";

fn another_user_may_not_open_what_the_mode_forbids() -> Ending {
    let watched = Untouched::new();
    for (options, operation) in ways() {
        let error = as_nobody(|| options.open(watched.name()).unwrap_err())?;
        assert_error(error, ErrorKind::PermissionDenied, Errno::ACCESS, operation, DENIED);
    }
    // EPERM in a sticky directory, EACCES in POSIX: one kind.
    let error = as_nobody(|| SharedMemory::unlink(watched.name()).unwrap_err())?;
    assert_error(error, ErrorKind::PermissionDenied, Errno::PERM, Operation::UnlinkMemory, DENIED);
    watched.assert_untouched();
    Ok(())
}

fn another_user_may_do_what_the_mode_allows_and_no_more() -> Ending {
    let memory = sized(10).exact_mode(0o644).create_unique(name!("/rawipc-test-shm-")).unwrap();
    let name = memory.name().unwrap();
    let error = as_nobody(|| {
        let reader = SharedMemory::options().read(true).open(name).unwrap();
        assert_eq!(reader.map_options().map_read_only().unwrap().len(), 10);
        sized(10).open(name).unwrap_err()
    })?;
    assert_error(error, ErrorKind::PermissionDenied, Errno::ACCESS, Operation::OpenMemory, DENIED);
    assert_eq!(fs::metadata(crate::shm::support::file_of(name)).unwrap().permissions().mode() & 0o777, 0o644);
    Ok(())
}

fn too_many_descriptors_are_told() {
    let (free, watched) = (FreeName::new(), Untouched::new());
    let next = rustix::fd::AsRawFd::as_raw_fd(&rustix::io::dup(&watched.memory).unwrap());
    in_child(|| {
        set_limit(Resource::Nofile, next as u64);
        let kind = ErrorKind::LimitExceeded(Limit::Descriptors);
        let part = "raise the limit with `ulimit -n` (EMFILE)";
        let create = sized(1).create_new(true).open(&free).unwrap_err();
        assert_error(create, kind, Errno::MFILE, Operation::CreateMemory, part);
        let open = sized(1).open(watched.name()).unwrap_err();
        assert_error(open, kind, Errno::MFILE, Operation::OpenMemory, part);
        let anonymous = SharedMemory::anonymous(1).create().unwrap_err();
        assert_error(anonymous, kind, Errno::MFILE, Operation::CreateMemory, part);
        let clone = watched.memory.try_clone().unwrap_err();
        assert_error(clone, kind, Errno::MFILE, Operation::CloneMemory, part);
    });
    assert!(!free.is_taken());
    watched.assert_untouched();
}

/// rustix makes the older call where there is one.
const OPENS: &[libc::c_long] = &[
    libc::SYS_openat,
    #[cfg(any(target_arch = "arm", target_arch = "x86", target_arch = "x86_64"))]
    libc::SYS_open,
];

fn failures_of_the_kernel_are_sorted() -> Ending {
    let sorted = [
        (Errno::NFILE, ErrorKind::LimitExceeded(Limit::SystemDescriptors), "raise fs.file-max (ENFILE)"),
        (Errno::NOMEM, ErrorKind::OutOfMemory, "the kernel is out of memory (ENOMEM)"),
        (Errno::IO, ErrorKind::Other, "the system refused (errno 5)"),
        (Errno::NOSYS, ErrorKind::Unsupported, "(ENOSYS)"),
    ];
    type Call<'watched> = &'watched dyn Fn() -> rawipc::Error;
    let watched = Untouched::new();
    let calls: [(&[libc::c_long], Operation, Call); 6] = [
        (OPENS, Operation::OpenMemory, &|| sized(1).open(watched.name()).unwrap_err()),
        (&[libc::SYS_memfd_create], Operation::CreateMemory, &|| SharedMemory::anonymous(1).create().unwrap_err()),
        (&[libc::SYS_mmap], Operation::MapMemory, &|| watched.memory.map().unwrap_err()),
        (&[libc::SYS_pread64], Operation::ReadMemory, &|| watched.memory.read_at(0, &mut [0]).unwrap_err()),
        (&[libc::SYS_pwrite64], Operation::WriteMemory, &|| watched.memory.write_at(0, &[0]).unwrap_err()),
        // Zeros take the place of a call that is not known.
        (&[libc::SYS_fallocate, libc::SYS_pwrite64], Operation::ResizeMemory, &|| {
            watched.memory.resize(1 << 20).unwrap_err()
        }),
    ];
    // Whether there are filters at all is seen once, outside.
    require_filters()?;
    for (numbers, operation, call) in calls {
        for (errno, kind, part) in sorted {
            in_child(|| {
                fail_calls(numbers, errno).expect("there are filters");
                assert_error(call(), kind, errno, operation, part);
            });
        }
    }
    watched.assert_untouched();
    Ok(())
}

fn require_filters() -> Ending {
    let there = fs::exists("/proc/sys/kernel/seccomp/actions_avail").unwrap_or(false);
    if there { Ok(()) } else { Err(Lacking("seccomp filters".into())) }
}

fn a_creation_that_fails_half_way_leaves_nothing() -> Ending {
    require_filters()?;
    let free = FreeName::new();
    for (call, errno, kind) in [
        (libc::SYS_fchmod, Errno::IO, ErrorKind::Other),
        (libc::SYS_fallocate, Errno::INTR, ErrorKind::Interrupted),
        (libc::SYS_fallocate, Errno::NOSPC, ErrorKind::LimitExceeded(Limit::DevShm)),
    ] {
        in_child(|| {
            fail_calls(&[call], errno).expect("there are filters");
            for options in
                [sized(10).create_new(true), sized(10).create(true), sized(10).create_new(true).truncate(true)]
            {
                let error = options.exact_mode(0o666).open(&free).unwrap_err();
                assert_eq!((error.kind(), error.errno(), error.operation()), (kind, errno, Operation::CreateMemory));
                assert!(!free.is_taken());
            }
        });
    }
    Ok(())
}

fn a_failing_random_source_is_told() -> Ending {
    fail_calls(&[libc::SYS_getrandom], Errno::NOSYS)?;
    let error = sized(1).create_unique(name!("/rawipc-test-shm-")).unwrap_err();
    assert_error(error, ErrorKind::Unsupported, Errno::NOSYS, Operation::CreateMemory, "ENOSYS");
    Ok(())
}

fn without_dev_shm_nothing_is_supported() -> Ending {
    let name = name!("/rawipc-test-shm-nowhere");
    no_dev_shm()?;
    let part = "there is no directory /dev/shm; mount a tmpfs on it (ENOENT)";
    for options in [sized(1).create(true), sized(1).create_new(true)] {
        let error = options.open(name).unwrap_err();
        assert_error(error, ErrorKind::Unsupported, Errno::NOENT, Operation::CreateMemory, part);
    }
    let error = sized(1).create_unique(name).unwrap_err();
    assert_error(error, ErrorKind::Unsupported, Errno::NOENT, Operation::CreateMemory, part);
    // Nothing is there to be opened: that is the same whether or not there is a directory.
    for error in [sized(1).open(name).unwrap_err(), SharedMemory::unlink(name).unwrap_err()] {
        assert_eq!((error.kind(), error.errno()), (ErrorKind::NotFound, Errno::NOENT));
    }
    SharedMemory::anonymous(10).create().unwrap().map().unwrap();
    fs::write(PathBuf::from("/dev/shm"), "a file").unwrap();
    let error = sized(1).create(true).open(name).unwrap_err();
    assert_eq!((error.kind(), error.errno()), (ErrorKind::Unsupported, Errno::NOTDIR));
    fs::remove_file("/dev/shm").unwrap();
    fs::create_dir("/dev/shm").unwrap();
    sized(1).create(true).open(name).unwrap().close().unwrap();
    assert!(dev_shm().is_empty());
    Ok(())
}
