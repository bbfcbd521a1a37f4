//! Named semaphores in the three layouts: what they do by POSIX, and rawipc's.

mod model;
mod operation;
mod system;

pub use model::SemaphoreModel;
pub use system::SemaphoreSystem;

use rawipc::semaphore::abi::Abi;

/// How many names there are.
pub const NAMES: usize = 2;

/// How many handles a process may have.
pub const HANDLES: usize = 4;

/// The highest value.
pub const MOST: u32 = i32::MAX as u32;

/// What can be seen of a semaphore through a handle.
#[derive(Debug, PartialEq)]
pub struct View {
    pub abi: Abi,
    pub value: u32,
    /// Those who wait, and those who were killed while they did.
    pub waiters: u32,
}
