//! The lists of semaphores and of shared memory: files in `/dev/shm`, whoever made them.

use std::ffi::CString;
use std::fs::{self, File};
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use rawipc::error::Operation;
use rawipc::inspect::{Listing, ObjectKind};
use rawipc::time::Time;
use rawipc::{Errno, ErrorKind, Name, SharedQueue, name};
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, mknodat, utimensat};

use crate::harness::queues::text;
use crate::harness::queues::{FreeName, assert_error};
use crate::harness::random::Random;
use crate::harness::{Ending, Peer, Role, role};
use crate::inspect::list_support::{Listed, drop_capabilities, private_dev, semaphores, shared_memory, shared_queues};

// All but the first two have a `/dev/shm` of their own.
crate::tests!(
    objects_of_the_c_library_are_found_beside_others,
    debug_shows_the_directory;
    alone: the_lists_are_exactly_what_is_there,
    semaphores_of_musls_are_known_by_size_and_content,
    what_is_no_regular_file_is_not_listed,
    times_and_owners_are_the_files,
    hostile_names_are_escaped,
    files_that_come_and_go_are_no_errors,
    what_may_not_be_read_is_listed_all_the_same,
    too_small_a_buffer_is_an_error,
    an_entry_that_is_no_queue_has_no_status,
    no_dev_shm_is_told,
    a_dev_shm_that_may_not_be_read_is_told
);

pub const ROLES: &[Role] = &[("files_coming_and_going", files_coming_and_going)];

/// How big a semaphore is, of glibc's and of musl's.
const SEMAPHORE_SIZE: u64 = 4 * size_of::<usize>() as u64;

/// What the C library of this test program makes of a semaphore.
const OWN_KIND: ObjectKind = if cfg!(target_env = "musl") { ObjectKind::MuslSemaphore } else { ObjectKind::Semaphore };

/// A named semaphore of the C library, removed at the end.
struct CSemaphore(CString);

impl CSemaphore {
    fn new(name: &str, mode: libc::mode_t, value: u32) -> Self {
        let name = CString::new(name).unwrap();
        let flags = libc::O_CREAT | libc::O_EXCL;
        // SAFETY: the name ends in a NUL byte.
        let semaphore = unsafe { libc::sem_open(name.as_ptr(), flags, mode, value) };
        assert_ne!(semaphore, libc::SEM_FAILED);
        // SAFETY: it has just been opened.
        assert_eq!(unsafe { libc::sem_close(semaphore) }, 0);
        Self(name)
    }
}

impl Drop for CSemaphore {
    fn drop(&mut self) {
        // SAFETY: the name ends in a NUL byte.
        unsafe { libc::sem_unlink(self.0.as_ptr()) };
    }
}

/// A shared memory object of the C library, removed at the end.
struct CMemory(CString);

impl CMemory {
    fn new(name: &str, mode: libc::mode_t, size: u64) -> Self {
        let name = CString::new(name).unwrap();
        // SAFETY: the name ends in a NUL byte.
        let descriptor = unsafe { libc::shm_open(name.as_ptr(), libc::O_CREAT | libc::O_EXCL | libc::O_RDWR, mode) };
        assert!(descriptor >= 0);
        // SAFETY: the C library has just made it.
        let file = File::from(unsafe { OwnedFd::from_raw_fd(descriptor) });
        file.set_len(size).unwrap();
        Self(name)
    }
}

impl Drop for CMemory {
    fn drop(&mut self) {
        // SAFETY: the name ends in a NUL byte.
        unsafe { libc::shm_unlink(self.0.as_ptr()) };
    }
}

/// Writes a file into `/dev/shm`.
fn file(name: impl AsRef<[u8]>, content: &[u8]) {
    let path = [b"/dev/shm/", name.as_ref()].concat();
    let path = Path::new(std::ffi::OsStr::from_bytes(&path));
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
}

/// Other objects may be there too, and tests that run at the same time make and remove some.
fn objects_of_the_c_library_are_found_beside_others() {
    let (first, second, third) = (FreeName::new(), FreeName::new(), FreeName::new());
    let _semaphore = CSemaphore::new(text(&first), 0o600, 7);
    let _memory = CMemory::new(text(&second), 0o600, 12_345);
    // One name for both is no clash.
    let _both = (CSemaphore::new(text(&third), 0o600, 0), CMemory::new(text(&third), 0o600, 1));
    let mine = |listed: Vec<Listed>| -> Vec<Listed> {
        let names = [text(&first), text(&second), text(&third)];
        listed.into_iter().filter(|entry| names.iter().any(|name| name.as_bytes() == entry.name)).collect()
    };
    let mut expected = vec![
        Listed::new(text(&first), OWN_KIND, SEMAPHORE_SIZE, 0o600),
        Listed::new(text(&third), OWN_KIND, SEMAPHORE_SIZE, 0o600),
    ];
    expected.sort();
    assert_eq!(mine(semaphores().unwrap()), expected);
    let mut expected = vec![
        Listed::new(text(&second), ObjectKind::SharedMemory, 12_345, 0o600),
        Listed::new(text(&third), ObjectKind::SharedMemory, 1, 0o600),
    ];
    expected.sort();
    assert_eq!(mine(shared_memory().unwrap()), expected);
}

fn the_lists_are_exactly_what_is_there() -> Ending {
    private_dev(false)?;
    assert_eq!((semaphores().unwrap(), shared_memory().unwrap()), (vec![], vec![]));
    rustix::process::umask(Mode::empty());
    let _semaphores = [CSemaphore::new("/b", 0o666, 1), CSemaphore::new("/a", 0o640, u32::from(u16::MAX))];
    let _memory = [CMemory::new("/zero", 0o600, 0), CMemory::new("/page", 0o4755, 4096), CMemory::new("/b", 0o444, 99)];
    let semaphore = |name: &str, mode| Listed::new(name, OWN_KIND, SEMAPHORE_SIZE, mode);
    assert_eq!(semaphores().unwrap(), [semaphore("/a", 0o640), semaphore("/b", 0o666)]);
    let queue =
        SharedQueue::options().read(true).max_messages(1).max_message_size(1).unlink_on_drop(true).create_new(true);
    let queue = queue.open(name!("/queue")).unwrap();
    let size = fs::metadata("/dev/shm/mq.queue").unwrap().len();
    // As far as a listing looks, which opens nothing.
    file("mq.fake", b"rawipc/Q");
    let shared = |name: &str, size, mode| Listed::new(name, ObjectKind::SharedQueue, size, mode);
    assert_eq!(shared_queues().unwrap(), [shared("/fake", 8, 0o644), shared("/queue", size, 0o600)]);
    drop(queue);
    fs::remove_file("/dev/shm/mq.fake").unwrap();
    file("mq.memory", b"rawipc/R");
    assert_eq!(shared_queues().unwrap(), []);
    let memory = |name: &str, size, mode| Listed::new(name, ObjectKind::SharedMemory, size, mode);
    assert_eq!(
        shared_memory().unwrap(),
        [
            memory("/b", 99, 0o444),
            memory("/mq.memory", 8, 0o644),
            memory("/page", 4096, 0o755),
            memory("/zero", 0, 0o600)
        ]
    );
    Ok(())
}

fn semaphores_of_musls_are_known_by_size_and_content() -> Ending {
    private_dev(false)?;
    // The value and the number of waiters, in the byte order of the machine; musl leaves the fourth word as it was.
    let image = |value: i32, waiters: i32, size: usize| {
        let mut image = [value.to_ne_bytes(), waiters.to_ne_bytes()].concat();
        image.resize(size, 0);
        image
    };
    file("idle", &image(0, 0, 32));
    file("waited", &image(-1, 3, 32));
    file("full", &image(i32::MAX, 0, 16));
    let mut left = image(1, 0, 32);
    left[12..16].copy_from_slice(b"left");
    file("left", &left);
    let mut other = image(1, 0, 32);
    other[31] = 1;
    file("other-content", &other);
    file("other-size", &image(1, 0, 24));
    file("empty", &[]);
    // By glibc's naming it is a semaphore whatever is in it.
    file("sem.glibc", &other);
    file("sem.short", &[1]);
    let kind = ObjectKind::MuslSemaphore;
    let musl = [("/full", 16), ("/idle", 32), ("/left", 32), ("/waited", 32)]
        .map(|(name, size)| Listed::new(name, kind, size, 0o644));
    let glibc =
        [("/glibc", 32), ("/short", 1)].map(|(name, size)| Listed::new(name, ObjectKind::Semaphore, size, 0o644));
    let plain = [("/empty", 0), ("/other-content", 32), ("/other-size", 24)]
        .map(|(name, size)| Listed::new(name, ObjectKind::SharedMemory, size, 0o644));
    let sorted = |first: &[Listed], second: &[Listed]| {
        let mut all = [first, second].concat();
        all.sort();
        all
    };
    assert_eq!(semaphores().unwrap(), sorted(&musl, &glibc));
    assert_eq!(shared_memory().unwrap(), sorted(&musl, &plain));
    Ok(())
}

fn what_is_no_regular_file_is_not_listed() -> Ending {
    private_dev(false)?;
    file("plain", b"content");
    file("sem.plain", b"content");
    // A name of nothing but glibc's prefix is no name.
    file("sem.", b"content");
    for prefix in ["", "sem."] {
        let path = |what: &str| format!("/dev/shm/{prefix}{what}");
        fs::create_dir(path("directory")).unwrap();
        fs::write(path("directory/inside"), "").unwrap();
        symlink("/dev/shm/plain", path("link")).unwrap();
        symlink("nowhere", path("dangling")).unwrap();
        mknodat(CWD, path("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        mknodat(CWD, path("socket"), FileType::Socket, Mode::RUSR, 0).unwrap();
    }
    assert_eq!(semaphores().unwrap(), [Listed::new("/plain", ObjectKind::Semaphore, 7, 0o644)]);
    assert_eq!(shared_memory().unwrap(), [Listed::new("/plain", ObjectKind::SharedMemory, 7, 0o644)]);
    Ok(())
}

fn times_and_owners_are_the_files() -> Ending {
    private_dev(false)?;
    for (name, accessed, modified) in
        [("old", (-1_000, 1), (0, 999_999_999)), ("late", (1 << 32, 5), (1_700_000_000, 0))]
    {
        file(name, b"content");
        let time = |(seconds, nanoseconds): (i64, i64)| Timespec { tv_sec: seconds as _, tv_nsec: nanoseconds as _ };
        let times = Timestamps { last_access: time(accessed), last_modification: time(modified) };
        utimensat(CWD, format!("/dev/shm/{name}"), &times, AtFlags::empty()).unwrap();
    }
    let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
    let mut listing = Listing::shared_memory(&mut buffer).unwrap();
    let mut seen = 0;
    while let Some(entry) = listing.next() {
        let entry = entry.unwrap();
        let status = fs::metadata(format!("/dev/shm{}", entry.name())).unwrap();
        let time = |seconds, nanoseconds: i64| Time::new(seconds, nanoseconds as u32).unwrap();
        assert_eq!(entry.accessed, time(status.atime(), status.atime_nsec()));
        assert_eq!(entry.modified, time(status.mtime(), status.mtime_nsec()));
        assert_eq!(entry.changed, time(status.ctime(), status.ctime_nsec()));
        assert_eq!((entry.user, entry.group), (status.uid(), status.gid()));
        if entry.name().as_bytes() == b"/late" {
            assert_eq!((entry.accessed, entry.modified), (time(1 << 32, 5), time(1_700_000_000, 0)));
        }
        seen += 1;
    }
    assert_eq!(seen, 2);
    Ok(())
}

fn hostile_names_are_escaped() -> Ending {
    private_dev(false)?;
    let longest = [0xff; 255];
    let hostile: [&[u8]; 6] = [b"\x1b]0;title\x07", b"line\nbreak", "\u{202e}".as_bytes(), b" ", b"...", &longest];
    for name in hostile {
        file(name, b"content");
    }
    let mut random = Random::new();
    let mut bytes = random.bytes(200);
    bytes.retain(|byte| *byte != 0 && *byte != b'/');
    file(&bytes, b"content");
    let listed = shared_memory().unwrap();
    assert_eq!(listed.len(), hostile.len() + 1);
    for name in hostile.into_iter().chain([&bytes[..]]) {
        let whole = [b"/", name].concat();
        assert!(listed.iter().any(|entry| entry.name == whole), "{name:?}");
        let shown = Name::new(&whole[..]).unwrap().to_string();
        assert!(shown.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{shown}");
        assert_eq!(shown, whole.escape_ascii().to_string());
    }
    // With glibc's prefix the longest name has 251 bytes left.
    file([b"sem.", &longest[..251]].concat(), b"content");
    assert_eq!(semaphores().unwrap().iter().map(|entry| entry.name.len()).collect::<Vec<_>>(), [252]);
    Ok(())
}

/// Makes and removes files until it is killed, five hundred names in turn.
fn files_coming_and_going(_: &[String]) {
    loop {
        for number in 0..500 {
            file(format!("sem.going-{number}"), &[0; 32]);
            file(format!("going-{number}"), &[0; 32]);
            fs::remove_file(format!("/dev/shm/sem.going-{}", (number + 450) % 500)).unwrap_or_default();
            fs::remove_file(format!("/dev/shm/going-{}", (number + 450) % 500)).unwrap_or_default();
        }
    }
}

fn files_that_come_and_go_are_no_errors() -> Ending {
    private_dev(false)?;
    for number in 10..30 {
        file(format!("sem.staying-{number}"), &[0; 32]);
        file(format!("staying-{number}"), &[1; 32]);
    }
    let restless = Peer::start(&mut role("files_coming_and_going", &[]));
    let start = std::time::Instant::now();
    let mut going = std::collections::BTreeSet::new();
    while going.len() < 500 {
        assert!(start.elapsed() < crate::harness::waiting::PATIENCE, "only {} have been seen", going.len());
        for listed in [semaphores().unwrap(), shared_memory().unwrap()] {
            let (staying, others): (Vec<_>, Vec<_>) =
                listed.into_iter().partition(|entry| entry.name.starts_with(b"/staying-"));
            let expected = (10..30).map(|number| format!("/staying-{number}").into_bytes());
            assert!(staying.into_iter().map(|entry| entry.name).eq(expected));
            assert!(others.iter().all(|entry| entry.name.starts_with(b"/going-")));
            going.extend(others.into_iter().map(|entry| entry.name));
        }
    }
    restless.kill_now();
    Ok(())
}

fn what_may_not_be_read_is_listed_all_the_same() -> Ending {
    private_dev(false)?;
    for name in ["sem.glibc", "musl", "memory"] {
        file(name, &[0; 32]);
        fs::set_permissions(format!("/dev/shm/{name}"), fs::Permissions::from_mode(0o0)).unwrap();
    }
    drop_capabilities();
    assert_eq!(semaphores().unwrap(), [Listed::new("/glibc", ObjectKind::Semaphore, 32, 0)]);
    // What might be a semaphore of musl's cannot be told from memory.
    let memory = |name: &str| Listed::new(name, ObjectKind::SharedMemory, 32, 0);
    assert_eq!(shared_memory().unwrap(), [memory("/memory"), memory("/musl")]);
    Ok(())
}

fn too_small_a_buffer_is_an_error() -> Ending {
    private_dev(false)?;
    file("x".repeat(255), b"");
    let mut buffer = [MaybeUninit::uninit(); 200];
    let mut listing = Listing::shared_memory(&mut buffer).unwrap();
    let error = std::iter::from_fn(|| listing.next().map(|entry| entry.map(drop))).find_map(Result::err);
    let part = "the buffer is too small for an entry";
    assert_error(error.unwrap(), ErrorKind::InvalidInput, Errno::INVAL, Operation::List, part);
    assert!(listing.next().is_none());
    Ok(())
}

fn debug_shows_the_directory() {
    let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
    let shown = format!("{:?}", Listing::shared_memory(&mut buffer).unwrap());
    assert!(shown.starts_with("Listing { directory: ") && shown.ends_with(", .. }"), "{shown}");
}

fn an_entry_that_is_no_queue_has_no_status() -> Ending {
    private_dev(false)?;
    // It says what the kernel says of a queue, but it is none.
    file("liar", b"QSIZE:5          NOTIFY:0     SIGNO:0     NOTIFY_PID:0     \n");
    file("sem.liar", b"");
    let mut buffer = [[MaybeUninit::uninit(); Listing::BUFFER_SIZE]; 2];
    let [first, second] = &mut buffer;
    for mut listing in [Listing::semaphores(first).unwrap(), Listing::shared_memory(second).unwrap()] {
        let error = listing.next().unwrap().unwrap().queue_status().unwrap_err();
        let part = "the object is not a message queue";
        assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::QueueStatus, part);
    }
    Ok(())
}

fn no_dev_shm_is_told() -> Ending {
    private_dev(false)?;
    rustix::mount::unmount("/dev/shm", rustix::mount::UnmountFlags::DETACH).unwrap();
    let assert_told = |errno| {
        for error in [semaphores().unwrap_err(), shared_memory().unwrap_err()] {
            let part = "there is no directory /dev/shm; mount a tmpfs on it";
            assert_error(error, ErrorKind::Unsupported, errno, Operation::List, part);
        }
    };
    fs::remove_dir("/dev/shm").unwrap();
    assert_told(Errno::NOENT);
    fs::write("/dev/shm", "").unwrap();
    assert_told(Errno::NOTDIR);
    Ok(())
}

fn a_dev_shm_that_may_not_be_read_is_told() -> Ending {
    private_dev(false)?;
    fs::set_permissions("/dev/shm", fs::Permissions::from_mode(0o311)).unwrap();
    drop_capabilities();
    for error in [semaphores().unwrap_err(), shared_memory().unwrap_err()] {
        assert_error(error, ErrorKind::PermissionDenied, Errno::ACCESS, Operation::List, "not permitted for this user");
    }
    Ok(())
}
