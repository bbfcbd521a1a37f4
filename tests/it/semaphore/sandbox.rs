//! Creating where the system lacks or refuses something: no `/dev/shm`, a full one, no nameless files, no links.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rawipc::error::{Limit, Operation};
use rawipc::semaphore::abi::Abi;
use rawipc::{Errno, ErrorKind, NamedSemaphore, name};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};

use crate::harness::kernel::private_ipc_and_mounts;
use crate::harness::queues::assert_error;
use crate::harness::{Ending, Lacking};
use crate::semaphore::support::{ABIS, FreeName, assert_no_temporary};

crate::tests!(
    ;
    alone: no_dev_shm_is_said_so,
    a_full_dev_shm_is_a_limit_and_nothing_is_left,
    semaphore_without_free_inode_names_inodes,
    without_links_by_descriptor_creation_goes_through_proc,
    without_any_links_of_nameless_files_creation_goes_through_a_name,
    without_nameless_files_creation_goes_through_a_name,
    through_a_name_a_refused_creation_leaves_nothing,
);

/// Mounts an empty tmpfs on a directory, in mounts of this process's own.
fn mount_over(directory: &str, options: &str) -> Ending {
    private_ipc_and_mounts()?;
    let lacking = |errno: Errno| Lacking(format!("the right to mount in a namespace of its own ({errno})"));
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).map_err(lacking)?;
    let options = std::ffi::CString::new(options).expect("no NUL in it");
    mount("rawipc-test", directory, "tmpfs", MountFlags::empty(), &*options).map_err(lacking)
}

fn entries() -> usize {
    fs::read_dir("/dev/shm").expect("it can be listed").count()
}

fn no_dev_shm_is_said_so() -> Ending {
    mount_over("/dev", "mode=755")?;
    for abi in ABIS {
        let options = NamedSemaphore::options().abi(abi);
        let part = "there is no directory /dev/shm; mount a tmpfs on it (ENOENT)";
        for error in [
            options.create(true).open(name!("/rawipc-test-none")).unwrap_err(),
            options.create_new(true).open(name!("/rawipc-test-none")).unwrap_err(),
            options.create_unique(name!("/rawipc-test-none-")).unwrap_err(),
        ] {
            assert_error(error, ErrorKind::Unsupported, Errno::NOENT, Operation::CreateSemaphore, part);
        }
        let error = options.open(name!("/rawipc-test-none")).unwrap_err();
        assert_error(error, ErrorKind::NotFound, Errno::NOENT, Operation::OpenSemaphore, "no object has this name");
    }
    // A file in its place is as bad.
    fs::write("/dev/shm", "").expect("the directory is ours");
    let error = NamedSemaphore::options().create_new(true).open(name!("/rawipc-test-none")).unwrap_err();
    assert_eq!((error.kind(), error.errno()), (ErrorKind::Unsupported, Errno::NOTDIR));
    Ok(())
}

const FULL: &str = "/dev/shm is full; remove what is not needed, or mount it larger (ENOSPC)";

fn assert_full(entries_before: usize, limit: Limit, part: &str) {
    for abi in ABIS {
        let options = NamedSemaphore::options().abi(abi).initial_value(4);
        let kind = ErrorKind::LimitExceeded(limit);
        for error in [
            options.create(true).open(name!("/rawipc-test-full")).unwrap_err(),
            options.create_new(true).open(name!("/rawipc-test-full")).unwrap_err(),
            options.create_unique(name!("/rawipc-test-full-")).unwrap_err(),
        ] {
            assert_error(error, kind, Errno::NOSPC, Operation::CreateSemaphore, part);
        }
        assert_eq!(entries(), entries_before, "nothing is left behind");
    }
}

fn a_full_dev_shm_is_a_limit_and_nothing_is_left() -> Ending {
    mount_over("/dev/shm", "size=8k")?;
    let last = NamedSemaphore::options().create_new(true).initial_value(1).open(name!("/rawipc-test-last")).unwrap();
    fs::write("/dev/shm/filler", [1; 4096]).expect("there is one page more");
    assert_full(2, Limit::DevShm, FULL);
    // The one that exists has its page and goes on working; and so does another when there is space again.
    last.post_many(1_000).unwrap();
    assert_eq!(NamedSemaphore::options().open(name!("/rawipc-test-last")).unwrap().value(), 1_001);
    fs::remove_file("/dev/shm/filler").unwrap();
    NamedSemaphore::options().create_new(true).open(name!("/rawipc-test-full")).unwrap();
    Ok(())
}

fn semaphore_without_free_inode_names_inodes() -> Ending {
    mount_over("/dev/shm", "nr_inodes=2")?;
    fs::write("/dev/shm/filler", "").expect("there is one inode");
    assert_full(1, Limit::Inodes, "mount it with a larger nr_inodes (ENOSPC)");
    Ok(())
}

/// A call that a filter refuses: if one of its arguments has this bit.
#[derive(Clone, Copy)]
pub struct Refusal {
    pub call: libc::c_long,
    pub argument: u32,
    pub bit: u32,
    pub errno: Errno,
}

pub const BY_DESCRIPTOR: Refusal =
    Refusal { call: libc::SYS_linkat, argument: 4, bit: libc::AT_EMPTY_PATH as u32, errno: Errno::NOENT };
/// As where `/proc` is not mounted.
pub const BY_PROC: Refusal =
    Refusal { call: libc::SYS_linkat, argument: 4, bit: libc::AT_SYMLINK_FOLLOW as u32, errno: Errno::NOENT };
/// The bit of O_TMPFILE that O_DIRECTORY has not.
const NAMELESS_BIT: u32 = (libc::O_TMPFILE & !libc::O_DIRECTORY) as u32;
pub const NAMELESS: Refusal =
    Refusal { call: libc::SYS_openat, argument: 2, bit: NAMELESS_BIT, errno: Errno::OPNOTSUPP };
/// The other call that opens.
#[cfg(target_arch = "x86_64")]
pub const NAMELESS_TOO: Refusal = Refusal { call: libc::SYS_open, argument: 1, ..NAMELESS };
#[cfg(not(target_arch = "x86_64"))]
pub const NAMELESS_TOO: Refusal = NAMELESS;

/// No file can be made under a name: the last way out, closed where another is to be shown.
pub const NAMED: Refusal =
    Refusal { call: libc::SYS_openat, argument: 2, bit: libc::O_CREAT as u32, errno: Errno::PERM };
#[cfg(target_arch = "x86_64")]
pub const NAMED_TOO: Refusal = Refusal { call: libc::SYS_open, argument: 1, ..NAMED };
#[cfg(not(target_arch = "x86_64"))]
pub const NAMED_TOO: Refusal = NAMED;

/// From now on these calls of this process fail, for good.
pub fn refuse(refusals: &[Refusal]) -> Ending {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let jump = |test: u32, k: u32, jf: u8| libc::sock_filter {
        code: (libc::BPF_JMP | test | libc::BPF_K) as u16,
        jt: 0,
        jf,
        k,
    };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let answer = libc::BPF_RET | libc::BPF_K;
    let mut program = Vec::new();
    for refusal in refusals {
        // The number lies at the start of what the filter sees, the arguments from byte 16 on, of 8 bytes each.
        let low_half = 16 + 8 * refusal.argument + if cfg!(target_endian = "big") { 4 } else { 0 };
        program.push(statement(load, 0));
        program.push(jump(libc::BPF_JEQ, refusal.call as u32, 3));
        program.push(statement(load, low_half));
        program.push(jump(libc::BPF_JSET, refusal.bit, 1));
        program.push(statement(answer, libc::SECCOMP_RET_ERRNO | refusal.errno.raw_os_error() as u32));
    }
    program.push(statement(answer, libc::SECCOMP_RET_ALLOW));
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: takes numbers only.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    // SAFETY: the filter points to a program that lives until the end of the call.
    let result = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) };
    if result != 0 {
        return Err(Lacking("seccomp filters".into()));
    }
    for refusal in refusals {
        let mut arguments = [-1, 0, 0, 0, 0];
        arguments[refusal.argument as usize] = libc::c_long::from(refusal.bit);
        let [a, b, c, d, e] = arguments;
        // SAFETY: the pointers are null, which the kernel looks at only if the filter does not act.
        assert_eq!(unsafe { libc::syscall(refusal.call, a, b, c, d, e) }, -1);
        let errno = std::io::Error::last_os_error().raw_os_error();
        assert_eq!(errno, Some(refusal.errno.raw_os_error()), "the filter does not act");
    }
    Ok(())
}

/// Creates semaphores under a filter, and makes sure that they are as others.
fn check_creation(refusals: &[Refusal]) -> Ending {
    refuse(refusals)?;
    for abi in ABIS {
        let name = FreeName::new();
        let options = NamedSemaphore::options().abi(abi).initial_value(11).exact_mode(0o640).unlink_on_drop(true);
        let semaphore = options.create_new(true).open(&name).unwrap();
        let file = fs::metadata(name.file(abi)).unwrap();
        assert_eq!(file.len(), if abi == Abi::Gnu32 { 16 } else { 32 });
        assert_eq!(file.permissions().mode() & 0o777, 0o640);
        let opened = options.create(true).open(&name).unwrap();
        semaphore.post().unwrap();
        assert_eq!((opened.value(), opened.abi()), (12, abi));
        assert_eq!(options.create_new(true).open(&name).unwrap_err().kind(), ErrorKind::AlreadyExists);
        drop(semaphore);
        assert!(!name.file(abi).exists());
        drop(options.create_unique(name!("/rawipc-test-")).unwrap());
        assert_no_temporary();
    }
    Ok(())
}

fn without_links_by_descriptor_creation_goes_through_proc() -> Ending {
    check_creation(&[BY_DESCRIPTOR, NAMED, NAMED_TOO])
}

fn without_any_links_of_nameless_files_creation_goes_through_a_name() -> Ending {
    check_creation(&[BY_DESCRIPTOR, BY_PROC])
}

fn without_nameless_files_creation_goes_through_a_name() -> Ending {
    check_creation(&[NAMELESS, NAMELESS_TOO])
}

fn through_a_name_a_refused_creation_leaves_nothing() -> Ending {
    mount_over("/dev/shm", "size=8k")?;
    fs::write("/dev/shm/filler", [1; 8192]).expect("there are two pages");
    refuse(&[NAMELESS, NAMELESS_TOO])?;
    assert_full(1, Limit::DevShm, FULL);
    Ok(())
}
