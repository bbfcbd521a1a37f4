//! Owned names.

use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::Deref;
use core::str::FromStr;

use super::{Name, OwnedName};
use crate::error::{Error, Result};

/// An owned [`Name`], stored in place: what a struct of a no_std program keeps. It takes 264 bytes and allocates
/// nothing.
///
/// ```
/// use rawipc::{Name, NameBuf, name};
/// struct Service {
///     jobs: NameBuf,
/// }
/// let service = Service { jobs: "/jobs".parse()? };
/// assert_eq!(service.jobs, *name!("/jobs"));
/// let also: &Name = &service.jobs; // A `&NameBuf` is accepted wherever a `&Name` is.
/// assert_eq!(NameBuf::from(also), service.jobs);
/// # Ok::<(), rawipc::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct NameBuf(OwnedName);

impl NameBuf {
    /// Returns the name as a view.
    #[must_use]
    pub fn as_name(&self) -> &Name {
        self.0.name()
    }
}

impl Deref for NameBuf {
    type Target = Name;

    fn deref(&self) -> &Name {
        self.as_name()
    }
}

impl AsRef<Name> for NameBuf {
    fn as_ref(&self) -> &Name {
        self
    }
}

impl Borrow<Name> for NameBuf {
    fn borrow(&self) -> &Name {
        self
    }
}

impl From<&Name> for NameBuf {
    fn from(name: &Name) -> Self {
        Self(OwnedName::new(name))
    }
}

impl FromStr for NameBuf {
    type Err = Error;

    /// Checks a name as [`Name::new`] does.
    fn from_str(text: &str) -> Result<Self> {
        Name::new(text).map(Self::from)
    }
}

impl TryFrom<&str> for NameBuf {
    type Error = Error;

    /// Checks a name as [`Name::new`] does.
    fn try_from(text: &str) -> Result<Self> {
        text.parse()
    }
}

impl TryFrom<&[u8]> for NameBuf {
    type Error = Error;

    /// Checks a name as [`Name::new`] does.
    fn try_from(bytes: &[u8]) -> Result<Self> {
        Name::new(bytes).map(Self::from)
    }
}

#[cfg(feature = "alloc")]
impl alloc::borrow::ToOwned for Name {
    type Owned = NameBuf;

    fn to_owned(&self) -> NameBuf {
        NameBuf::from(self)
    }
}

impl PartialEq for NameBuf {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for NameBuf {}

impl PartialEq<Name> for NameBuf {
    fn eq(&self, other: &Name) -> bool {
        **self == *other
    }
}

impl PartialOrd for NameBuf {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for NameBuf {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(other)
    }
}

impl Hash for NameBuf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Display for NameBuf {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, formatter)
    }
}

impl fmt::Debug for NameBuf {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, formatter)
    }
}
