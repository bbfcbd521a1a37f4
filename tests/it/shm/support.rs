//! What the tests of shared memory have in common: names, objects that must not change, a small `/dev/shm`.

use std::fs;
use std::ops::Deref;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use rawipc::shm::SharedMemoryOptions;
use rawipc::{Name, SharedMemory, name};
use rustix::mount::{MountFlags, mount};

use crate::harness::kernel::private_ipc_and_mounts;
use crate::harness::{Ending, Lacking};

/// The size of a page here.
pub fn page() -> usize {
    rustix::param::page_size()
}

/// A name that nobody else has and that stands for nothing yet; whatever bears it at the end is removed.
pub struct FreeName(String);

impl FreeName {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let time = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").subsec_nanos();
        Self(format!("/rawipc-test-shm-{}-{}-{time}", process::id(), COUNT.fetch_add(1, Relaxed)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where an object of this name lies.
    pub fn file(&self) -> PathBuf {
        file_of(self)
    }

    /// Whether anything has this name, even a dangling link.
    pub fn is_taken(&self) -> bool {
        fs::symlink_metadata(self.file()).is_ok()
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
        // Mostly it is gone already.
        let _ = fs::remove_file(self.file()).or_else(|_| fs::remove_dir(self.file()));
    }
}

pub fn file_of(name: &Name) -> PathBuf {
    Path::new("/dev/shm").join(text(name).trim_start_matches('/'))
}

/// A name as text, for the arguments of a peer.
pub fn text(name: &Name) -> &str {
    std::str::from_utf8(name.as_bytes()).expect("names of tests are ASCII")
}

/// Options for memory of this size that is gone when its handle is dropped.
pub fn sized(size: usize) -> SharedMemoryOptions {
    SharedMemory::options().write(true).size(size as u64).unlink_on_drop(true)
}

/// Memory of this size and of a name that nobody else has.
#[track_caller]
pub fn memory(size: usize) -> SharedMemory {
    sized(size).create_unique(name!("/rawipc-test-shm-")).expect("memory can be created")
}

/// The name of memory that has one.
pub fn name_of(memory: &SharedMemory) -> &Name {
    memory.name().expect("the memory was opened by name")
}

/// Whether there is anything of this name.
pub fn exists(name: &Name) -> bool {
    fs::symlink_metadata(file_of(name)).is_ok()
}

/// All bytes of an object.
#[track_caller]
pub fn content(memory: &SharedMemory) -> Vec<u8> {
    let mut bytes = vec![0; memory.size().expect("a size") as usize];
    memory.read_at(0, &mut bytes).expect("the memory can be read");
    bytes
}

/// How many bytes of a file have space of their own.
pub fn reserved(name: &Name) -> u64 {
    512 * fs::metadata(file_of(name)).expect("the file is there").blocks()
}

/// Bytes that are all different from their neighbours.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|number| (number % 251) as u8 + 1).collect()
}

/// All of a file, of whatever sort, that must not change when a call is refused.
#[derive(Debug, PartialEq, Eq)]
pub struct Snapshot {
    numbers: [u64; 6],
    times: [i64; 4],
    content: Option<Vec<u8>>,
}

impl Snapshot {
    /// Of the file itself, also if it is a symbolic link.
    #[track_caller]
    pub fn of(name: &Name) -> Self {
        let file = file_of(name);
        let status = fs::symlink_metadata(&file).expect("the file is there");
        let owner = [u64::from(status.uid()), u64::from(status.gid())];
        let numbers = [status.ino(), u64::from(status.mode()), status.size(), status.blocks(), owner[0], owner[1]];
        let times = [status.mtime(), status.mtime_nsec(), status.ctime(), status.ctime_nsec()];
        Self { numbers, times, content: status.is_file().then(|| fs::read(file).ok()).flatten() }
    }
}

/// Somebody's memory with something in it, none of which may be touched.
pub struct Untouched {
    pub memory: SharedMemory,
    snapshot: Snapshot,
}

impl Untouched {
    pub fn new() -> Self {
        Self::of_size(5000)
    }

    pub fn of_size(size: usize) -> Self {
        let memory = memory(size);
        memory.write_at(0, &pattern(size)).expect("it can be written");
        let snapshot = Snapshot::of(name_of(&memory));
        Self { memory, snapshot }
    }

    pub fn name(&self) -> &Name {
        name_of(&self.memory)
    }

    /// Name, size, mode, content and times are as they were.
    #[track_caller]
    pub fn assert_untouched(&self) {
        assert_eq!(Snapshot::of(self.name()), self.snapshot);
    }
}

/// Gives this process, which must have one thread, a `/dev/shm` of its own with so much room.
pub fn tiny_dev_shm(bytes: usize) -> Ending {
    private_ipc_and_mounts()?;
    let size = std::ffi::CString::new(format!("size={bytes}")).expect("no NUL in it");
    mount_tmpfs("/dev/shm", Some(&size))
}

/// Gives this process, which must have one thread, a `/dev` with nothing in it.
pub fn no_dev_shm() -> Ending {
    private_ipc_and_mounts()?;
    mount_tmpfs("/dev", None)
}

/// Mounts an empty file system there.
pub fn mount_tmpfs(place: &str, options: Option<&std::ffi::CStr>) -> Ending {
    mount("none", place, "tmpfs", MountFlags::empty(), options)
        .map_err(|errno| Lacking(format!("the right to mount a tmpfs ({errno})")))
}

/// What lies in the directory of shared memory.
pub fn dev_shm() -> Vec<String> {
    let entries = fs::read_dir("/dev/shm").expect("the directory can be read");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}
