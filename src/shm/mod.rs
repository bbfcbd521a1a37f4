//! Memory that processes share.

mod anonymous;
mod mapping;
mod object;
mod options;
mod shareable;
mod shared;

pub use anonymous::AnonymousOptions;
pub(crate) use mapping::Placed;
pub use mapping::{Advice, MapOptions, Mapping, ReadOnlyMapping};
pub use object::SharedMemory;
pub(crate) use object::{reserve, size_error};
pub use options::SharedMemoryOptions;
pub use shareable::Shareable;
pub use shared::{Shared, SharedOptions};
