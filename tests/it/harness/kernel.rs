//! What tests do to the process they run in, and what they ask of the kernel.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null;

use rustix::fs::Mode;
use rustix::process::{
    Resource, Rlimit, Signal, geteuid, getrlimit, set_parent_process_death_signal, setrlimit, umask,
};
use rustix::thread::{UnshareFlags, set_thread_res_uid, unshare_unsafe};

use super::{Ending, Lacking};

/// Ends this process when the thread that started it ends.
pub fn die_with_parent() {
    set_parent_process_death_signal(Some(Signal::KILL)).expect("the kernel offers it");
}

/// Ends this process after so many seconds.
pub fn die_in(seconds: u32) {
    // SAFETY: only sets a timer.
    unsafe { libc::alarm(seconds) };
}

/// Signals that end a process end this one and its children: whoever started it (a shell's `&`, `nohup`) may have had
/// them ignored.
pub fn act_as_usual_on_signals() {
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
        // SAFETY: no handler is installed, only the usual action.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Gives this process, which must have one thread, queues, limits and an accounting of its own.
pub fn private_ipc() -> Ending {
    private(UnshareFlags::NEWIPC, "a private IPC namespace")
}

/// Like `private_ipc`, with mounts of its own too.
pub fn private_ipc_and_mounts() -> Ending {
    private(UnshareFlags::NEWIPC | UnshareFlags::NEWNS, "private IPC and mount namespaces")
}

fn private(namespaces: UnshareFlags, what: &str) -> Ending {
    // SAFETY: all of them are safe for a process of one thread that shares nothing by reference.
    let unshare = |flags| unsafe { unshare_unsafe(flags) };
    let (user, group) = (rustix::process::getuid(), rustix::process::getgid());
    // With a user namespace: it has no queues that count for its user, and no capability of it counts outside.
    let private = unshare(UnshareFlags::NEWUSER | namespaces)
        .map_err(|errno| std::io::Error::from_raw_os_error(errno.raw_os_error()))
        .and_then(|()| fs::write("/proc/self/setgroups", "deny"))
        .and_then(|()| fs::write("/proc/self/uid_map", format!("0 {} 1", user.as_raw())))
        .and_then(|()| fs::write("/proc/self/gid_map", format!("0 {} 1", group.as_raw())));
    private.map_err(|error| Lacking(format!("{what} ({error})")))
}

/// Writes a setting for message queues of a private namespace.
pub fn set_sysctl(name: &str, value: u64) -> Ending {
    let path = format!("/proc/sys/fs/mqueue/{name}");
    fs::write(&path, value.to_string()).map_err(|error| Lacking(format!("a writable {path} ({error})")))
}

/// Lowers a limit of this process.
pub fn set_limit(resource: Resource, value: u64) {
    let maximum = getrlimit(resource).maximum;
    setrlimit(resource, Rlimit { current: Some(value), maximum }).expect("a limit can be lowered");
}

/// Sets the mask of modes; returns the one before.
pub fn set_umask(mask: u32) -> u32 {
    umask(Mode::from_raw_mode(mask as _)).as_raw_mode() as u32
}

/// Does `work` as another user. Only for processes of one thread that are root.
pub fn as_nobody<T>(work: impl FnOnce() -> T) -> Result<T, Lacking> {
    struct Back;
    impl Drop for Back {
        fn drop(&mut self) {
            become_user(0).expect("the saved user is root");
        }
    }
    fn become_user(user: u32) -> rustix::io::Result<()> {
        set_thread_res_uid(rustix::process::Uid::ROOT, rustix::process::Uid::from_raw(user), rustix::process::Uid::ROOT)
    }
    if !geteuid().is_root() {
        return Err(Lacking("the right to become another user".into()));
    }
    become_user(65_534).map_err(|errno| Lacking(format!("the right to become another user ({errno})")))?;
    let _back = Back;
    Ok(work())
}

/// Does `work` in a forked child, and makes sure that it succeeds there. Only for processes of one thread.
#[track_caller]
pub fn in_child(work: impl FnOnce()) {
    // SAFETY: the process has one thread, so the child is as whole as its parent.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork failed");
    if child == 0 {
        die_with_parent();
        let code = if catch_unwind(AssertUnwindSafe(work)).is_ok() { 0 } else { 101 };
        // SAFETY: ends the child without running what its parent has registered.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: `status` is a place for the result.
    let waited = unsafe { libc::waitpid(child, &mut status, 0) };
    assert_eq!((waited, status), (child, 0), "the child failed");
}

/// Two users that have no names and own nothing.
pub const ALICE: u32 = 59_901;
pub const BOB: u32 = 59_902;

/// Does `work` in a forked child that belongs to a user, with no group of others and no capability. Only for processes
/// of one thread that are root.
#[track_caller]
pub fn in_child_of(user: u32, work: impl FnOnce()) -> Ending {
    require_users()?;
    in_child(|| {
        // SAFETY: of no groups, none is read.
        assert_eq!(unsafe { libc::setgroups(0, null()) }, 0);
        // SAFETY: takes numbers only.
        assert_eq!(unsafe { libc::setresgid(user, user, user) }, 0);
        // SAFETY: takes numbers only.
        assert_eq!(unsafe { libc::setresuid(user, user, user) }, 0);
        // The change of user undid it.
        die_with_parent();
        // SAFETY: takes numbers only. Else `/proc/self` would be root's.
        unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) };
        work();
    });
    Ok(())
}

/// Whether this process may act as other users.
pub fn require_users() -> Ending {
    let lacking = || Lacking("the right to become another user".into());
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let mapped = map.split_whitespace().last().and_then(|count| count.parse::<u32>().ok());
    (geteuid().is_root() && mapped.is_some_and(|count| count > BOB)).then_some(()).ok_or_else(lacking)
}

/// From now on these system calls of this process fail with an errno, for good. Without any effect on other processes.
pub fn fail_calls(calls: &[libc::c_long], errno: rawipc::Errno) -> Ending {
    let refuse = libc::SECCOMP_RET_ERRNO | errno.raw_os_error() as u32;
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    // Loads the number, then for each call: if it is this one, refuse.
    let mut program = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0)];
    for call in calls {
        let unless = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        program.push(libc::sock_filter { code: unless as u16, jt: 0, jf: 1, k: *call as u32 });
        program.push(statement(libc::BPF_RET | libc::BPF_K, refuse));
    }
    program.push(statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW));
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: takes numbers only.
    let no_new_privileges = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(no_new_privileges, 0);
    // SAFETY: the filter points to a program that lives until the end of the call.
    let result = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) };
    if result == 0 { Ok(()) } else { Err(Lacking("seccomp filters".into())) }
}
