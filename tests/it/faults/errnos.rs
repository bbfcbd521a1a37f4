//! Every system call that the crate makes, and with which errnos it can fail, as the manual's section 2 lists them for
//! Linux.

use rawipc::Errno;

use crate::harness::injector::Call;

/// A call: its name, its numbers, its errnos.
pub struct Row {
    pub name: &'static str,
    numbers: &'static [libc::c_long],
    errnos: &'static [Errno],
}

/// What any call can be answered by a sandbox.
const SANDBOX: [Errno; 2] = [Errno::NOSYS, Errno::PERM];

const fn row(name: &'static str, numbers: &'static [libc::c_long], errnos: &'static [Errno]) -> Row {
    Row { name, numbers, errnos }
}

/// The calls that rustix makes where they are there, and those that took their place.
macro_rules! older {
    ($older:ident, $newer:ident) => {
        &[
            libc::$newer,
            #[cfg(any(target_arch = "arm", target_arch = "x86", target_arch = "x86_64"))]
            libc::$older,
        ]
    };
}

macro_rules! errnos {
    ($($name:ident)*) => { &[$(Errno::$name),*] };
}

/// EFAULT, and EINVAL and EBADF where arguments rule them out, are there as well: what is not to come must do no harm.
const ROWS: &[Row] = &[
    row("mq_open", &[libc::SYS_mq_open], errnos!(ACCESS EXIST INVAL MFILE NAMETOOLONG NFILE NOENT NOMEM NOSPC)),
    row("mq_unlink", &[libc::SYS_mq_unlink], errnos!(ACCESS NAMETOOLONG NOENT)),
    row("mq_timedsend", &[libc::SYS_mq_timedsend, 418], errnos!(AGAIN BADF INTR INVAL MSGSIZE TIMEDOUT FAULT NOMEM)),
    row("mq_timedreceive", &[libc::SYS_mq_timedreceive, 419], errnos!(AGAIN BADF INTR INVAL MSGSIZE TIMEDOUT FAULT)),
    row("mq_getsetattr", &[libc::SYS_mq_getsetattr], errnos!(BADF INVAL FAULT)),
    row("mq_notify", &[libc::SYS_mq_notify], errnos!(BADF BUSY INVAL NOMEM AGAIN FAULT)),
    row("open", older!(SYS_open, SYS_openat), OPEN),
    row("close", &[libc::SYS_close], errnos!(BADF INTR IO NOSPC DQUOT)),
    row("unlink", older!(SYS_unlink, SYS_unlinkat), UNLINK),
    row("linkat", &[libc::SYS_linkat], LINK),
    row("stat", STAT, errnos!(ACCESS BADF FAULT INVAL LOOP NAMETOOLONG NOENT NOMEM NOTDIR OVERFLOW)),
    row("statfs", &[libc::SYS_statfs], errnos!(ACCESS FAULT INTR IO LOOP NAMETOOLONG NOENT NOMEM NOTDIR OVERFLOW)),
    row("fstatfs", &[libc::SYS_fstatfs], errnos!(BADF FAULT INTR IO NOMEM OVERFLOW)),
    row("fcntl", &[libc::SYS_fcntl], errnos!(ACCESS AGAIN BADF BUSY FAULT INTR INVAL MFILE NOLCK NOTDIR PERM)),
    row("renameat2", &[libc::SYS_renameat2], RENAME),
    row("fchown", &[libc::SYS_fchown], errnos!(BADF INVAL IO PERM ROFS)),
    row("fchmod", &[libc::SYS_fchmod], errnos!(BADF IO PERM ROFS)),
    row("fallocate", &[libc::SYS_fallocate], ALLOCATE),
    row("ftruncate", &[libc::SYS_ftruncate], errnos!(BADF FBIG INTR INVAL IO PERM TXTBSY ROFS)),
    row("flock", &[libc::SYS_flock], errnos!(BADF INTR INVAL NOLCK)),
    row("read", &[libc::SYS_read], errnos!(AGAIN BADF FAULT INTR INVAL IO ISDIR)),
    row("write", &[libc::SYS_write], WRITE),
    row("pread", &[libc::SYS_pread64], errnos!(AGAIN BADF FAULT INTR INVAL IO ISDIR NXIO OVERFLOW SPIPE)),
    row("pwrite", &[libc::SYS_pwrite64], WRITE),
    row("getdents", &[libc::SYS_getdents64], errnos!(BADF FAULT INVAL NOENT NOTDIR)),
    row("mmap", MMAP, errnos!(ACCESS AGAIN BADF EXIST INVAL NFILE NODEV NOMEM OVERFLOW PERM TXTBSY)),
    row("mprotect", &[libc::SYS_mprotect], errnos!(ACCESS INVAL NOMEM)),
    row("prctl", &[libc::SYS_prctl], errnos!(FAULT INVAL)),
    row("mlock", &[libc::SYS_mlock], errnos!(NOMEM PERM AGAIN INVAL)),
    row("madvise", &[libc::SYS_madvise], errnos!(ACCESS AGAIN BADF BUSY FAULT INTR INVAL IO NOMEM PERM)),
    row("memfd_create", &[libc::SYS_memfd_create], errnos!(FAULT INVAL MFILE NFILE NOMEM)),
    row("getrandom", &[libc::SYS_getrandom], errnos!(AGAIN FAULT INTR INVAL)),
    row("futex", &[libc::SYS_futex, 422], errnos!(ACCESS AGAIN FAULT INTR INVAL NFILE TIMEDOUT)),
    row("sched_getaffinity", &[libc::SYS_sched_getaffinity], errnos!(FAULT INVAL SRCH)),
    row("poll", older!(SYS_poll, SYS_ppoll), errnos!(FAULT INTR INVAL NOMEM)),
    row("epoll_create1", &[libc::SYS_epoll_create1], errnos!(INVAL MFILE NFILE NOMEM)),
    row("epoll_ctl", &[libc::SYS_epoll_ctl], errnos!(BADF EXIST INVAL LOOP NOENT NOMEM NOSPC)),
    row("socket", &[libc::SYS_socket], errnos!(ACCESS AFNOSUPPORT INVAL MFILE NFILE NOBUFS NOMEM PROTONOSUPPORT)),
    row("recv", &[libc::SYS_recvfrom], errnos!(AGAIN BADF CONNREFUSED FAULT INTR INVAL NOMEM NOTCONN NOTSOCK)),
    row("eventfd", &[libc::SYS_eventfd2], errnos!(INVAL MFILE NFILE NODEV NOMEM)),
    row("fsopen", &[libc::SYS_fsopen], errnos!(FAULT INVAL MFILE NFILE NODEV NOMEM)),
    row("fsconfig", &[libc::SYS_fsconfig], errnos!(FAULT BUSY INVAL ACCESS NOENT NOTBLK NOTDIR OPNOTSUPP NXIO)),
    row("fsmount", &[libc::SYS_fsmount], errnos!(BUSY INVAL MFILE NFILE NOMEM)),
];

const OPEN: &[Errno] = errnos!(ACCESS BADF BUSY DQUOT EXIST FAULT FBIG INTR INVAL ISDIR LOOP MFILE NAMETOOLONG NFILE
    NODEV NOENT NOMEM NOSPC NOTDIR NXIO OPNOTSUPP OVERFLOW ROFS TXTBSY WOULDBLOCK);
const UNLINK: &[Errno] = errnos!(ACCESS BADF BUSY FAULT INVAL IO ISDIR LOOP NAMETOOLONG NOENT NOMEM NOTDIR ROFS);
const LINK: &[Errno] = errnos!(ACCESS BADF DQUOT EXIST FAULT INVAL IO LOOP MLINK NAMETOOLONG NOENT NOMEM NOSPC NOTDIR
    ROFS XDEV);
const RENAME: &[Errno] = errnos!(ACCESS BUSY DQUOT EXIST FAULT INVAL ISDIR LOOP MLINK NAMETOOLONG NOENT NOMEM NOSPC
    NOTDIR ROFS XDEV);
const ALLOCATE: &[Errno] = errnos!(BADF FBIG INTR INVAL IO NODEV NOSPC OPNOTSUPP PERM SPIPE TXTBSY);
const WRITE: &[Errno] = errnos!(AGAIN BADF DESTADDRREQ DQUOT FAULT FBIG INTR INVAL IO NOSPC PERM PIPE);
const STAT: &[libc::c_long] = &[
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    #[cfg(any(target_arch = "arm", target_arch = "x86", target_arch = "x86_64"))]
    libc::SYS_lstat,
    #[cfg(any(target_arch = "arm", target_arch = "x86", target_arch = "x86_64"))]
    libc::SYS_stat,
];
const MMAP: &[libc::c_long] = &[libc::SYS_mmap];

/// The calls that cannot fail as they are made here, with the reason.
const SAFE: &[(libc::c_long, &str)] = &[
    (libc::SYS_getpid, "it has no errors"),
    (libc::SYS_sched_yield, "it always succeeds on Linux, and rustix relies on that"),
    (libc::SYS_prlimit64, "it reads a limit of the process itself, into memory of its own"),
    (libc::SYS_munmap, "it unmaps whole mappings of its own; only a part of one can be refused"),
];

/// The row of a call; `None` if it cannot fail.
///
/// # Panics
/// If the call is in neither table.
pub fn row_of(call: &Call) -> Option<&'static Row> {
    // In debug builds std makes sure that a descriptor is open before it closes it, else it ends the process.
    let is_std = call.number == libc::SYS_fcntl && call.arguments[1] == libc::F_GETFD as u64;
    if is_std || SAFE.iter().any(|(number, _)| *number == call.number) {
        return None;
    }
    let row = ROWS.iter().find(|row| row.numbers.contains(&call.number));
    Some(row.unwrap_or_else(|| panic!("{call:?} is not in the table")))
}

/// The row of this name.
pub fn row_named(name: &str) -> &'static Row {
    ROWS.iter().find(|row| row.name == name).expect("the call is in the table")
}

/// The names of all calls that can fail.
pub fn names() -> Vec<&'static str> {
    ROWS.iter().map(|row| row.name).collect()
}

impl Row {
    /// What the call can fail with, here or in a sandbox.
    pub fn errnos(&self) -> impl Iterator<Item = Errno> {
        let sandbox = SANDBOX.into_iter().filter(|errno| !self.errnos.contains(errno));
        self.errnos.iter().copied().chain(sandbox)
    }
}
