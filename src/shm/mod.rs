//! Memory that processes share.

mod anonymous;
#[cfg(all(test, loom))]
mod loom_tests;
mod map_options;
mod mapping;
mod object;
mod options;
mod progress;
mod read_only_shared;
mod resident;
mod resize;
mod shareable;
mod shared;
mod shared_header;
mod shortage;
mod space;

pub use anonymous::AnonymousOptions;
pub use map_options::{Advice, MapOptions};
pub(crate) use mapping::Placed;
pub use mapping::{Mapping, ReadOnlyMapping};
pub use object::SharedMemory;
pub(crate) use object::reserve;
pub use options::SharedMemoryOptions;
pub use read_only_shared::ReadOnlyShared;
pub use shareable::Shareable;
pub(crate) use shareable::shareable;
pub use shared::{Shared, SharedOptions};
pub(crate) use shortage::{size_error, within_file_limit};
