//! The kernel's settings for message queues, as `/proc` shows them.

use core::ffi::CStr;
use core::mem::MaybeUninit;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::read;

/// The most messages of a queue, for every setting and every user.
pub(crate) const HARD_MAX_MESSAGES: u64 = 65_536;

/// The longest messages of a queue, in bytes, for every setting and every user.
pub(crate) const HARD_MAX_MESSAGE_SIZE: u64 = 16 << 20;

/// A setting under `/proc/sys`.
#[derive(Clone, Copy)]
pub(crate) struct Sysctl(&'static CStr);

impl Sysctl {
    pub(crate) const MSG_DEFAULT: Self = Self(c"/proc/sys/fs/mqueue/msg_default");
    pub(crate) const MSG_MAX: Self = Self(c"/proc/sys/fs/mqueue/msg_max");
    pub(crate) const MSGSIZE_DEFAULT: Self = Self(c"/proc/sys/fs/mqueue/msgsize_default");
    pub(crate) const MSGSIZE_MAX: Self = Self(c"/proc/sys/fs/mqueue/msgsize_max");
    pub(crate) const QUEUES_MAX: Self = Self(c"/proc/sys/fs/mqueue/queues_max");

    /// Of memory, not of queues.
    pub(crate) const NR_HUGEPAGES: Self = Self(c"/proc/sys/vm/nr_hugepages");

    /// Its value in this IPC namespace; `None` where `/proc` is not mounted or not readable.
    #[cold]
    pub(crate) fn read(self) -> Option<u64> {
        let file = open(self.0, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        let mut text = [MaybeUninit::uninit(); 24];
        let (text, _) = read(&file, &mut text).ok()?;
        parse(text)
    }
}

/// The decimal number at the start of a text.
pub(crate) fn parse(text: &[u8]) -> Option<u64> {
    let mut digits = text.iter().take_while(|byte| byte.is_ascii_digit()).peekable();
    digits.peek()?;
    digits.try_fold(0_u64, |number, digit| number.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn numbers_are_read_up_to_the_line_end() {
        assert_eq!(parse(b"8192\n"), Some(8192));
        assert_eq!(parse(b"0"), Some(0));
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"\n"), None);
        assert_eq!(parse(b"99999999999999999999999"), None);
    }
}
