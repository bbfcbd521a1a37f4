//! The names of errnos.

use rustix::io::Errno;

pub(super) fn errno_name(errno: Errno) -> Option<&'static str> {
    Some(match errno {
        Errno::ACCESS => "EACCES",
        Errno::AGAIN => "EAGAIN",
        Errno::BADF => "EBADF",
        Errno::BADMSG => "EBADMSG",
        Errno::BUSY => "EBUSY",
        Errno::AFNOSUPPORT => "EAFNOSUPPORT",
        Errno::DQUOT => "EDQUOT",
        Errno::FBIG => "EFBIG",
        Errno::ROFS => "EROFS",
        Errno::EXIST => "EEXIST",
        Errno::INTR => "EINTR",
        Errno::INVAL => "EINVAL",
        Errno::MFILE => "EMFILE",
        Errno::MSGSIZE => "EMSGSIZE",
        Errno::NAMETOOLONG => "ENAMETOOLONG",
        Errno::NFILE => "ENFILE",
        Errno::NOENT => "ENOENT",
        Errno::NOLCK => "ENOLCK",
        Errno::NOMEM => "ENOMEM",
        Errno::NOSPC => "ENOSPC",
        Errno::NOSYS => "ENOSYS",
        Errno::NOTRECOVERABLE => "ENOTRECOVERABLE",
        Errno::OPNOTSUPP => "EOPNOTSUPP",
        Errno::OVERFLOW => "EOVERFLOW",
        Errno::PERM => "EPERM",
        Errno::TIMEDOUT => "ETIMEDOUT",
        Errno::USERS => "EUSERS",
        _ => return None,
    })
}
