//! One access to a byte or to an aligned word of shared memory: one instruction of assembly.
//!
//! The value goes through a register. So the instruction is all that touches shared memory, and the private side of a
//! copy is ordinary Rust.

/// Makes an architecture's four accesses from its instructions.
///
/// `address` is the class of registers that an address may be in; `byte` is the class for a byte that is stored, and
/// the type that it is passed as.
macro_rules! accesses {
    (
        address: $address:ident,
        byte: $byte:ident as $passed:ty,
        load_byte: $load_byte:literal,
        store_byte: $store_byte:literal,
        load_word: $load_word:literal,
        store_word: $store_word:literal,
    ) => {
        use core::arch::asm;

        /// Reads a byte.
        ///
        /// # Safety
        /// The byte is mapped for reading.
        #[inline(always)]
        pub(in crate::atomic_copy) unsafe fn load_byte(place: *const u8) -> u8 {
            let value: u32;
            // SAFETY: the instruction reads what the caller vouches for, and changes nothing but one register.
            unsafe {
                asm!(
                    $load_byte,
                    place = in($address) place,
                    value = lateout(reg) value,
                    options(nostack, preserves_flags),
                );
            }
            value as u8
        }

        /// Writes a byte.
        ///
        /// # Safety
        /// The byte is mapped for writing.
        #[inline(always)]
        pub(in crate::atomic_copy) unsafe fn store_byte(place: *mut u8, value: u8) {
            // SAFETY: the instruction writes what the caller vouches for, and changes no register.
            unsafe {
                asm!(
                    $store_byte,
                    place = in($address) place,
                    value = in($byte) <$passed>::from(value),
                    options(nostack, preserves_flags),
                );
            }
        }

        /// Reads a word.
        ///
        /// # Safety
        /// The word is aligned, and mapped for reading.
        #[inline(always)]
        pub(in crate::atomic_copy) unsafe fn load_word(place: *const usize) -> usize {
            let value: usize;
            // SAFETY: the instruction reads what the caller vouches for, and changes nothing but one register.
            unsafe {
                asm!(
                    $load_word,
                    place = in($address) place,
                    value = lateout(reg) value,
                    options(nostack, preserves_flags),
                );
            }
            value
        }

        /// Writes a word.
        ///
        /// # Safety
        /// The word is aligned, and mapped for writing.
        #[inline(always)]
        pub(in crate::atomic_copy) unsafe fn store_word(place: *mut usize, value: usize) {
            // SAFETY: the instruction writes what the caller vouches for, and changes no register.
            unsafe {
                asm!(
                    $store_word,
                    place = in($address) place,
                    value = in(reg) value,
                    options(nostack, preserves_flags),
                );
            }
        }
    };
}

// A target that none of these lines is for is refused elsewhere, by `sys/arch/native.rs`.
#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
#[cfg_attr(target_arch = "arm", path = "arm.rs")]
#[cfg_attr(target_arch = "x86", path = "x86.rs")]
#[cfg_attr(target_arch = "riscv64", path = "riscv64.rs")]
#[cfg_attr(target_arch = "s390x", path = "s390x.rs")]
mod bytewise;

pub(super) use bytewise::{load_byte, load_word, store_byte, store_word};
