//! The system call numbers of the architectures that follow `asm-generic/unistd.h`.

pub(in crate::sys) const MQ_OPEN: usize = 180;
pub(in crate::sys) const MQ_UNLINK: usize = 181;
pub(in crate::sys) const MQ_TIMEDSEND: usize = 182;
pub(in crate::sys) const MQ_TIMEDRECEIVE: usize = 183;
pub(in crate::sys) const MQ_NOTIFY: usize = 184;
pub(in crate::sys) const MQ_GETSETATTR: usize = 185;
pub(in crate::sys) const PRLIMIT64: usize = 261;
pub(in crate::sys) const FCNTL: usize = 25;
