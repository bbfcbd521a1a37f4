//! A program's arguments, or its environment.

use core::ffi::{CStr, c_char};

/// Strings that the kernel has put on the stack, in their order. The first argument is the program's own name.
#[derive(Clone)]
pub struct Strings(*const *const c_char);

impl Strings {
    /// # Safety
    /// `list` points to pointers to strings that end in a NUL; a null pointer comes after the last. None of it changes,
    /// as long as the program lives.
    pub(crate) unsafe fn new(list: *const *const c_char) -> Self {
        Self(list)
    }
}

impl Iterator for Strings {
    type Item = &'static CStr;

    fn next(&mut self) -> Option<&'static CStr> {
        // SAFETY: the list goes on up to its null pointer, beyond which `self` is never moved.
        let string = unsafe { *self.0 };
        if string.is_null() {
            return None;
        }
        self.0 = self.0.wrapping_add(1);
        // SAFETY: it ends in a NUL and lives as long as the program.
        Some(unsafe { CStr::from_ptr(string) })
    }
}
