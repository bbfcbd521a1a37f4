//! Names of queues, semaphores and shared memory: checked once, then carried as a type.

mod buf;

pub use buf::NameBuf;

use core::ffi::CStr;
use core::fmt;

use rustix::io::Errno;

use crate::error::{Cause, Error, NameFault, Operation, Result};
use crate::inline_cstr::InlineCStr;

/// A valid name: one slash, then 1 to [`MAX_LEN`](Self::MAX_LEN) bytes that are neither a slash nor NUL, and not `/.`
/// or `/..`.
///
/// A view like `str`: always used behind a reference. Make one at compile time with [`name!`](crate::name!), at run
/// time with [`Name::new`]. The same name stands for a queue, a semaphore and a shared memory object without clash.
///
/// ```
/// use rawipc::{ErrorKind, Name, name};
/// const JOBS: &Name = name!("/jobs");
/// assert_eq!(JOBS, Name::new("/jobs")?);
/// assert_eq!(Name::new("jobs").unwrap_err().kind(), ErrorKind::InvalidName);
/// # Ok::<(), rawipc::Error>(())
/// ```
///
/// A wrong constant does not compile:
/// ```compile_fail
/// const WRONG: &rawipc::Name = rawipc::name!("/two/slashes");
/// ```
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Name([u8]);

/// What [`Name::new`] takes: `str`, `[u8]`, `[u8; N]` and [`CStr`].
pub trait NameSource: sealed::Source {}

impl<T: sealed::Source + ?Sized> NameSource for T {}

mod sealed {
    pub trait Source {
        fn bytes(&self) -> &[u8];
    }
}

impl sealed::Source for str {
    fn bytes(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl sealed::Source for [u8] {
    fn bytes(&self) -> &[u8] {
        self
    }
}

impl<const N: usize> sealed::Source for [u8; N] {
    fn bytes(&self) -> &[u8] {
        self
    }
}

impl sealed::Source for CStr {
    fn bytes(&self) -> &[u8] {
        self.to_bytes()
    }
}

impl Name {
    /// The maximum length of a name in bytes, without its slash.
    pub const MAX_LEN: usize = 255;

    /// Checks a name. Nothing is repaired: a missing slash is an error.
    ///
    /// # Errors
    /// [`InvalidName`](crate::ErrorKind::InvalidName); the error's text says which rule is broken and where.
    ///
    /// # References
    /// [`mq_overview(7)`](https://man7.org/linux/man-pages/man7/mq_overview.7.html),
    /// [`mq_open` in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/mq_open.html)
    pub fn new<S: NameSource + ?Sized>(source: &S) -> Result<&Self> {
        let bytes = source.bytes();
        match check(bytes) {
            Ok(()) => Ok(Self::of_checked(bytes)),
            Err((fault, at)) => Err(name_error(fault, at)),
        }
    }

    /// Checks a constant; what [`name!`](crate::name!) calls.
    ///
    /// # Panics
    /// If the name is not valid. In a constant, that is an error of the compilation.
    #[doc(hidden)]
    #[must_use]
    pub const fn of_constant(name: &str) -> &Self {
        match check(name.as_bytes()) {
            Ok(()) => Self::of_checked(name.as_bytes()),
            Err((NameFault::Empty | NameFault::NoSlash, _)) => panic!("the name does not begin with a slash"),
            Err((NameFault::OnlySlash, _)) => panic!("nothing follows the name's slash"),
            Err((NameFault::SecondSlash, _)) => panic!("the name has a second slash"),
            Err((NameFault::Nul, _)) => panic!("the name has a NUL in it"),
            Err((NameFault::Dots, _)) => panic!("`/.` and `/..` are not valid names"),
            Err((NameFault::LongerThan(_) | NameFault::PrefixLongerThan(_), _)) => {
                panic!("more than 255 bytes follow the name's slash")
            }
        }
    }

    /// Returns the whole name, with its slash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    #[allow(unsafe_code)]
    const fn of_checked(bytes: &[u8]) -> &Self {
        // SAFETY: `Name` is a transparent wrapper of `[u8]`, so both references have one layout.
        unsafe { &*(core::ptr::from_ref(bytes) as *const Self) }
    }
}

/// Makes a [`&'static Name`](Name) of a string constant, checked when the program is compiled.
///
/// ```
/// const JOBS: &rawipc::Name = rawipc::name!("/jobs");
/// assert_eq!(JOBS.as_bytes(), b"/jobs");
/// ```
#[macro_export]
macro_rules! name {
    ($name:expr) => {
        const { $crate::Name::of_constant($name) }
    };
}

// For this crate itself: see `shm/shareable.rs`.
pub(crate) use name;

impl AsRef<[u8]> for Name {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Name {
    /// Printable ASCII as it is, everything else escaped: a name from somewhere else cannot play with the terminal.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(formatter)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{self}\"")
    }
}

/// The fault of a name and the byte where it is (for `LongerThan`, how many bytes follow the slash).
const fn check(bytes: &[u8]) -> core::result::Result<(), (NameFault, usize)> {
    let Some((first, rest)) = bytes.split_first() else { return Err((NameFault::Empty, 0)) };
    if *first != b'/' {
        return Err((NameFault::NoSlash, 0));
    }
    match rest {
        [] => return Err((NameFault::OnlySlash, 1)),
        [b'.'] | [b'.', b'.'] => return Err((NameFault::Dots, 1)),
        _ => {}
    }
    if rest.len() > Name::MAX_LEN {
        return Err((NameFault::LongerThan(Name::MAX_LEN as u8), rest.len()));
    }
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'/' => return Err((NameFault::SecondSlash, at)),
            0 => return Err((NameFault::Nul, at)),
            _ => at += 1,
        }
    }
    Ok(())
}

/// With the errno that the C library or the kernel would have given.
#[cold]
fn name_error(fault: NameFault, at: usize) -> Error {
    let errno = match fault {
        NameFault::Empty | NameFault::NoSlash | NameFault::Nul => Errno::INVAL,
        NameFault::OnlySlash => Errno::NOENT,
        NameFault::SecondSlash | NameFault::Dots => Errno::ACCESS,
        NameFault::LongerThan(_) | NameFault::PrefixLongerThan(_) => Errno::NAMETOOLONG,
    };
    Error::caused(Operation::CheckName, errno, Cause::Name(fault, crate::error::saturate(at as u64)))
}

/// A name's own copy, in place and with a NUL at its end: what the kernel is given and what a handle remembers.
#[derive(Clone, Copy)]
pub(crate) struct OwnedName(InlineCStr<{ Name::MAX_LEN + 2 }>);

impl OwnedName {
    pub(crate) const EMPTY: Self = Self(InlineCStr::EMPTY);

    pub(crate) fn new(name: &Name) -> Self {
        Self::joined(name, &[])
    }

    /// A name followed by more bytes, which must be valid in a name; what does not fit is cut.
    pub(crate) fn joined(name: &Name, suffix: &[u8]) -> Self {
        Self(InlineCStr::joined(&[&name.0, suffix]))
    }

    /// Of a directory entry, which has no slash; `None` if no name is made of it.
    pub(crate) fn of_file(file: &[u8]) -> Option<Self> {
        let name = Self::joined(Name::of_checked(b"/"), file);
        let bytes = name.name().as_bytes();
        (check(bytes).is_ok() && bytes.len() == file.len() + 1).then_some(name)
    }

    /// The name without its slash, as directories have it.
    pub(crate) fn file(&self) -> &CStr {
        self.0.c_str_from(1)
    }

    pub(crate) fn name(&self) -> &Name {
        Name::of_checked(self.0.as_bytes())
    }

    pub(crate) fn c_str(&self) -> &CStr {
        self.0.c_str()
    }
}

#[cfg(test)]
mod tests {
    use crate::error::ErrorKind;

    use super::*;

    #[test]
    fn name_is_a_view_of_its_bytes() {
        let bytes = std::vec::Vec::from(*b"/a-name");
        let name = Name::new(bytes.as_slice()).unwrap();
        assert_eq!((name.as_bytes(), name.as_bytes().as_ptr()), (&b"/a-name"[..], bytes.as_ptr()));
        assert_eq!(name, name!("/a-name"));
        for wrong in ["", "a", "/", "/a/b", "/a\0", "/.."] {
            assert_eq!(Name::new(wrong).unwrap_err().kind(), ErrorKind::InvalidName, "{wrong:?}");
        }
    }
}
