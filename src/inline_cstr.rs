//! Text as the kernel takes it.

#![allow(unsafe_code)]

use core::ffi::CStr;

/// At most `N - 1` bytes, none of them a NUL, and a NUL behind them; in place.
#[derive(Clone, Copy)]
pub(crate) struct InlineCStr<const N: usize> {
    bytes: [u8; N],
    length: u16,
}

impl<const N: usize> InlineCStr<N> {
    pub(crate) const EMPTY: Self = Self { bytes: [0; N], length: 0 };

    /// Parts one after the other, each up to its first NUL if it has one. What does not fit is cut.
    pub(crate) fn joined(parts: &[&[u8]]) -> Self {
        const { assert!(N > 0 && N <= u16::MAX as usize) };
        let mut text = Self::EMPTY;
        text.length = join(text.bytes.split_last_mut().map(|(_, room)| room).unwrap_or_default(), parts) as u16;
        text
    }

    /// Without the NUL.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    pub(crate) fn c_str(&self) -> &CStr {
        self.c_str_from(0)
    }

    /// The text without its first bytes.
    pub(crate) fn c_str_from(&self, start: usize) -> &CStr {
        let length = usize::from(self.length);
        let bytes = self.bytes.get(start.min(length)..=length).unwrap_or(&[0]);
        // SAFETY: `join` has put no NUL before `length`, and there is one at `length`, which is at most the last index.
        unsafe { CStr::from_bytes_with_nul_unchecked(bytes) }
    }
}

/// Returns how many bytes it has written; those behind them stay.
fn join(room: &mut [u8], parts: &[&[u8]]) -> usize {
    let mut length = 0;
    for part in parts {
        let free = room.iter_mut().skip(length);
        for (to, from) in free.zip(part.iter().take_while(|byte| **byte != 0)) {
            *to = *from;
            length += 1;
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::InlineCStr;

    #[test]
    fn parts_are_joined_up_to_their_nul_and_cut() {
        let text = InlineCStr::<6>::joined(&[b"ab", b"", b"c\0d"]);
        assert_eq!((text.as_bytes(), text.c_str(), text.c_str_from(1)), (&b"abc"[..], c"abc", c"bc"));
        let text = InlineCStr::<4>::joined(&[b"abc", b"d"]);
        assert_eq!((text.c_str(), text.c_str_from(3), text.c_str_from(4)), (c"abc", c"", c""));
        assert_eq!(InlineCStr::<1>::joined(&[b"a"]).c_str(), c"");
        assert_eq!(InlineCStr::<3>::EMPTY.c_str(), c"");
    }
}
