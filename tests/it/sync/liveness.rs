//! Where a death is noticed and a life respected: on file systems of several kinds, and in PID namespaces.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use rawipc::error::Operation;
use rawipc::fd::{AsFd, OwnedFd};
use rawipc::{Errno, ErrorKind, Mapping, Priority, RobustMutex, SharedMemory, SharedQueue, name};
use rustix::fs::{MemfdFlags, memfd_create, statfs};
use rustix::mount::{MountFlags, mount};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::harness::kernel::{in_child, private_ipc_and_mounts};
use crate::harness::queues::assert_error;
use crate::harness::{Ending, Lacking};
use crate::shared_queue::support::small;
use crate::shm::support::{content, dev_shm, sized, tiny_dev_shm};
use crate::sync::support::BOUND;

crate::tests!(
    robust_mutex_refuses_huge_pages,
    ;
    alone:
    robust_mutex_refuses_overlayfs,
    shared_queue_refuses_overlayfs,
    robust_mutex_notices_death_on_tmpfs,
    robust_mutex_notices_death_on_disk,
    robust_mutex_notices_death_in_memfd,
    robust_mutex_notices_death_in_pid_namespaces,
    shared_queue_redelivers_on_tmpfs_after_kill,
    shared_queue_redelivers_on_disk_after_kill,
    shared_queue_redelivers_in_pid_namespaces,
);

const NOT_KEPT: &str = "the file system drops the lock when a descriptor is closed, as overlayfs does";

/// Puts an overlay over this process's own `/dev/shm`.
fn overlay_dev_shm() -> Ending {
    tiny_dev_shm(16 << 20)?;
    for place in ["lower", "upper", "work"] {
        fs::create_dir(Path::new("/dev/shm").join(place)).expect("the file system is this process's own");
    }
    let parts = c"lowerdir=/dev/shm/lower,upperdir=/dev/shm/upper,workdir=/dev/shm/work";
    mount("overlay", "/dev/shm", "overlay", MountFlags::empty(), Some(parts))
        .map_err(|errno| Lacking(format!("the right to mount an overlayfs ({errno})")))
}

/// The descriptors of this process, and its mappings of files in `/dev/shm`.
fn held() -> (usize, usize) {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let descriptors = fs::read_dir("/proc/self/fd").unwrap().count();
    (descriptors, maps.lines().filter(|line| line.contains("/dev/shm/")).count())
}

fn memory_of(file: &Path) -> SharedMemory {
    let file = File::options().read(true).write(true).open(file).unwrap();
    SharedMemory::try_from(OwnedFd::from(file)).unwrap()
}

fn robust_mutex_refuses_overlayfs() -> Ending {
    overlay_dev_shm()?;
    let named = sized(4096).create_new(true).open(name!("/memory")).unwrap();
    let adopted = memory_of(Path::new("/dev/shm/memory"));
    for memory in [&named, &adopted] {
        let before = held();
        let error = RobustMutex::in_memory(memory, 0).unwrap_err();
        assert_error(error, ErrorKind::Unsupported, Errno::NOLCK, Operation::OpenMutex, NOT_KEPT);
        assert!(error.to_string().contains("put the object on a tmpfs"));
        assert_eq!(held(), before, "a descriptor or a mapping is left");
        let slots = &content(memory)[64..RobustMutex::SIZE];
        assert!(slots.iter().all(|byte| *byte == 0), "a slot is left");
    }
    Ok(())
}

/// A queue's file without anybody who takes part.
fn queue_file() -> Vec<u8> {
    let queue = small().create_anonymous().unwrap();
    let memory = SharedMemory::try_from(queue.as_fd().try_clone_to_owned().unwrap()).unwrap();
    drop(queue);
    content(&memory)
}

fn shared_queue_refuses_overlayfs() -> Ending {
    let file = queue_file();
    overlay_dev_shm()?;
    let (before, names) = (held(), dev_shm());
    let error = small().create(true).open(name!("/queue")).unwrap_err();
    assert_error(error, ErrorKind::Unsupported, Errno::NOLCK, Operation::CreateQueue, NOT_KEPT);
    assert_eq!((held(), dev_shm()), (before, names), "something is left");
    // One that comes with the file system.
    let path = Path::new("/dev/shm/mq.queue");
    fs::write(path, &file).unwrap();
    let error = small().open(name!("/queue")).unwrap_err();
    assert_error(error, ErrorKind::Unsupported, Errno::NOLCK, Operation::OpenQueue, NOT_KEPT);
    let descriptor = OwnedFd::from(File::options().read(true).write(true).open(path).unwrap());
    let error = SharedQueue::try_from(descriptor).unwrap_err().error;
    assert_error(error, ErrorKind::Unsupported, Errno::NOLCK, Operation::AdoptQueue, NOT_KEPT);
    assert_eq!(held(), before, "a descriptor or a mapping is left");
    assert_eq!(fs::read(path).unwrap(), file, "the queue has changed");
    Ok(())
}

/// A nameless file on a disk: a file system that is no tmpfs, and keeps locks.
fn on_disk(bytes: &[u8]) -> Result<File, Lacking> {
    const TMPFS: u32 = 0x0102_1994;
    const OVERLAYFS: u32 = 0x794c_7630;
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("rawipc-test-{}", std::process::id()));
    let disk = statfs(env!("CARGO_TARGET_TMPDIR")).map(|status| status.f_type as u32).unwrap_or(TMPFS);
    if [TMPFS, OVERLAYFS].contains(&disk) {
        return Err(Lacking("a build directory on a disk".into()));
    }
    let options = File::options().read(true).write(true).create_new(true).open(&path);
    let mut file = options.expect("the build directory can be written");
    fs::remove_file(&path).expect("it has just been made");
    file.write_all(bytes).expect("there is room");
    Ok(file)
}

/// Does `act` in a child until it reports by returning, and then kills that.
fn killed_child(act: impl FnOnce()) {
    let (reader, writer) = std::io::pipe().expect("there are free descriptors");
    // SAFETY: the process has one thread, so the child is as whole as its parent.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork failed");
    if child == 0 {
        crate::harness::kernel::die_with_parent();
        act();
        let _ = (&writer).write_all(&[1]);
        loop {
            // SAFETY: only waits for a signal.
            unsafe { libc::pause() };
        }
    }
    drop(writer);
    std::io::Read::read_exact(&mut &reader, &mut [0]).expect("the child reports");
    // SAFETY: the child is this process's own.
    assert_eq!(unsafe { libc::kill(child, libc::SIGKILL) }, 0);
    // SAFETY: no status is asked for.
    assert_eq!(unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) }, child);
}

/// Two handles exclude each other, and the next one gets the lock of one that is killed.
fn assert_mutex_notices_death(memory: &SharedMemory) {
    let mutex = RobustMutex::in_memory(memory, 0).unwrap();
    let other = RobustMutex::in_memory(memory, 0).unwrap();
    let guard = other.lock().unwrap();
    assert_eq!(mutex.try_lock().unwrap_err().kind(), ErrorKind::WouldBlock, "it lives");
    drop(guard);
    // By a handle of the child's own, and by one that it has inherited.
    killed_child(|| {
        let own = RobustMutex::in_memory(memory, 0).unwrap();
        std::mem::forget(own.lock().unwrap());
        std::mem::forget(own);
    });
    let guard = mutex.lock_timeout(BOUND).unwrap();
    assert!(guard.owner_died());
    drop(guard.mark_consistent());
    killed_child(|| std::mem::forget(other.lock().unwrap()));
    let guard = mutex.lock_timeout(BOUND).unwrap();
    assert!(guard.owner_died());
}

fn robust_mutex_notices_death_on_tmpfs() -> Ending {
    tiny_dev_shm(1 << 20)?;
    assert_mutex_notices_death(&sized(4096).create_new(true).open(name!("/memory")).unwrap());
    Ok(())
}

fn robust_mutex_notices_death_on_disk() -> Ending {
    let file = on_disk(&[0; 4096])?;
    assert_mutex_notices_death(&SharedMemory::try_from(OwnedFd::from(file)).unwrap());
    Ok(())
}

fn robust_mutex_notices_death_in_memfd() {
    assert_mutex_notices_death(&SharedMemory::anonymous(4096).create().unwrap());
}

/// What is in the hand of one that lives is nobody else's; when that one is killed, it is there again.
fn assert_queue_redelivers(queue: &SharedQueue, other: &SharedQueue) {
    queue.send(b"once", Priority::MIN).unwrap();
    let message = other.receive_in_place().unwrap();
    let late = queue.receive_timeout(&mut [0; 64], Duration::from_millis(100)).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::TimedOut, "it is in hand");
    message.put_back().unwrap();
    killed_child(|| std::mem::forget(other.receive_in_place().unwrap()));
    assert_eq!(queue.receive_timeout(&mut [0; 64], BOUND).unwrap().payload(), b"once");
}

fn shared_queue_redelivers_on_tmpfs_after_kill() -> Ending {
    tiny_dev_shm(1 << 20)?;
    let queue = small().create_new(true).open(name!("/queue")).unwrap();
    assert_queue_redelivers(&queue, &small().open(name!("/queue")).unwrap());
    Ok(())
}

fn shared_queue_redelivers_on_disk_after_kill() -> Ending {
    let queue = SharedQueue::try_from(OwnedFd::from(on_disk(&queue_file())?)).unwrap();
    assert_queue_redelivers(&queue, &queue.try_clone().unwrap());
    Ok(())
}

/// Does `act` in a child that may make one PID namespace more.
fn with_new_pid_namespace(act: impl FnOnce()) {
    in_child(|| {
        // SAFETY: this process has one thread; only its children will be in the new namespace.
        unsafe { unshare_unsafe(UnshareFlags::NEWPID) }.expect("the user namespace of before allows it");
        act();
    });
}

/// Does `act` as process 1 of a PID namespace within the one of before.
fn as_first_process(act: impl FnOnce()) {
    with_new_pid_namespace(|| {
        in_child(|| {
            assert!(rustix::process::getpid().is_init());
            act();
        });
    });
}

fn robust_mutex_notices_death_in_pid_namespaces() -> Ending {
    private_ipc_and_mounts()?;
    let memory = SharedMemory::anonymous(4096).create().unwrap();
    let mutex = RobustMutex::in_memory(&memory, 0).unwrap();
    as_first_process(|| {
        let outer = RobustMutex::in_memory(&memory, 0).unwrap();
        let guard = outer.lock().unwrap();
        as_first_process(|| {
            // Both are process 1, and both live.
            assert_eq!(mutex.try_lock().unwrap_err().kind(), ErrorKind::WouldBlock);
            assert_eq!(outer.try_lock().unwrap_err().kind(), ErrorKind::WouldBlock);
        });
        drop(guard);
        with_new_pid_namespace(|| killed_child(|| std::mem::forget(mutex.lock().unwrap())));
        let guard = outer.lock_timeout(BOUND).unwrap();
        assert!(guard.owner_died());
        drop(guard.mark_consistent());
        std::mem::forget(outer.lock().unwrap());
        std::mem::forget(outer);
    });
    assert!(mutex.lock_timeout(BOUND).unwrap().owner_died());
    Ok(())
}

fn shared_queue_redelivers_in_pid_namespaces() -> Ending {
    private_ipc_and_mounts()?;
    let queue = small().create_anonymous().unwrap();
    let other = queue.try_clone().unwrap();
    as_first_process(|| assert_queue_redelivers(&queue, &other));
    Ok(())
}

fn robust_mutex_refuses_huge_pages() -> Ending {
    const HUGE: u64 = 1 << 30;
    let descriptor = memfd_create("rawipc-test", MemfdFlags::CLOEXEC | MemfdFlags::HUGETLB)
        .map_err(|errno| Lacking(format!("memory of huge pages ({errno})")))?;
    let file = File::from(descriptor);
    file.set_len(HUGE).expect("it is a multiple of all sizes of huge pages");
    assert_eq!(file.metadata().unwrap().size(), HUGE);
    // No page of the pool is needed: it is refused before anything is mapped.
    let memory = SharedMemory::try_from(OwnedFd::from(file)).unwrap();
    let error = RobustMutex::in_memory(&memory, 0).unwrap_err();
    let part = "the object is made of huge pages, of which each participant would use up one";
    assert_error(error, ErrorKind::Unsupported, Errno::OPNOTSUPP, Operation::OpenMutex, part);
    // Those of ordinary ones, beside it.
    let memory = SharedMemory::anonymous(4096).create().unwrap();
    drop(RobustMutex::in_memory(&memory, 0).unwrap());
    let mapping: Mapping = memory.map().unwrap();
    assert_eq!(mapping.get::<AtomicU32>(64).unwrap().load(Relaxed), 2, "one has been there");
    Ok(())
}
