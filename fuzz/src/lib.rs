//! Fuzz targets as plain functions: each takes any bytes and panics if it finds something wrong.
//!
//! `cargo xtask fuzz` calls them with bytes that libFuzzer thinks of, `cargo test` with those that were kept in
//! `corpus`.

mod names;
mod options;
mod semaphore;
mod shared;

pub use names::names;
pub use options::options;
pub use semaphore::semaphore;
pub use shared::shared;
