//! What the machine allows and what exists: limits, what the kernel can do, and lists of objects.

mod limits;
mod listing;
mod platform;

pub use limits::{Limits, QueueSizes, SEMAPHORE_VALUE_MAX, VERSION, VERSION_NUMBERS};
pub use listing::{Entry, Listing, ObjectKind};
pub use platform::Platform;
