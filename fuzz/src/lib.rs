//! Fuzz targets as plain functions: each takes any bytes and panics if it finds something wrong.
//!
//! `cargo xtask fuzz` calls them with bytes that libFuzzer thinks of, `cargo test` with those that were kept in
//! `corpus`.

#[path = "../../tests/model/mod.rs"]
pub mod model;

mod limits;
mod listing;
mod mapping;
mod models;
mod names;
mod options;
mod queue_memory;
mod semaphore;
mod shared;
mod texts;
mod tool;

pub use limits::limits;
pub use listing::listing;
pub use mapping::mapping;
pub use models::{memory_operations, queue_operations, semaphore_operations, shared_queue_operations};
pub use names::names;
pub use options::options;
pub use queue_memory::queue_memory;
pub use semaphore::semaphore;
pub use shared::shared;
pub use texts::{setting, status};
pub use tool::{arguments, input, json};
