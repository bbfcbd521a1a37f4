//! One file an architecture: the `syscall` function and the numbers that differ between architectures.
//!
//! The kernel keeps every register that its calling convention does not name as changed. What each file declares beyond
//! that convention is said in the file.

#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
pub(super) mod generic;

// `src/lib.rs` has the list of the targets that there are.
#[cfg_attr(all(target_arch = "x86_64", target_pointer_width = "64"), path = "x86_64.rs")]
#[cfg_attr(all(target_arch = "aarch64", target_pointer_width = "64"), path = "aarch64.rs")]
#[cfg_attr(target_arch = "arm", path = "arm.rs")]
#[cfg_attr(target_arch = "x86", path = "x86.rs")]
#[cfg_attr(target_arch = "riscv64", path = "riscv64.rs")]
#[cfg_attr(all(target_arch = "s390x", rustix_use_experimental_asm), path = "s390x.rs")]
mod native;

#[cfg(target_pointer_width = "32")]
pub(super) use native::syscall_six;
pub(super) use native::{number, syscall};
