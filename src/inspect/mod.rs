//! What the machine allows and what exists: limits, what the kernel can do, and lists of objects.

mod limits;
mod listing;
mod platform;

pub use limits::{Limits, QueueSizes};
pub use listing::{Entry, Listing, ObjectKind};
pub use platform::Platform;
