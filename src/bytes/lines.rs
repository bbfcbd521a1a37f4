//! Copying memory that others may change meanwhile, as fast as the processor can.
//!
//! What assembly does to memory may be anything, as far as the compiler knows: a race gives a mix of old and new bytes
//! and nothing worse, as with atomic operations, but many bytes go at a time.

/// A line of the processor's cache.
pub(super) const LINE: usize = 64;

/// From so many lines on, the processor's own way to copy is the fastest.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
const MANY: usize = 32;

/// Copies so many lines, wherever they begin; returns how many were copied: all, or none where there is no such way.
///
/// # Safety
/// So many lines can be read and written there, and none of them is both.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[inline]
pub(super) unsafe fn copy_lines(from: *const u8, to: *mut u8, lines: usize) -> usize {
    use core::arch::asm;

    if lines >= MANY {
        // SAFETY: the instruction reads and writes what the caller vouches for; by the ABI it counts upwards.
        unsafe {
            asm!(
                "rep movsq",
                inout("rcx") lines * (LINE / 8) => _,
                inout("rsi") from => _,
                inout("rdi") to => _,
                options(nostack, preserves_flags),
            );
        }
    } else if lines > 0 {
        // SAFETY: each turn reads and writes one of the lines that the caller vouches for.
        unsafe {
            asm!(
                "2:",
                "movups {a}, [{from}]",
                "movups {b}, [{from} + 16]",
                "movups {c}, [{from} + 32]",
                "movups {d}, [{from} + 48]",
                "movups [{to}], {a}",
                "movups [{to} + 16], {b}",
                "movups [{to} + 32], {c}",
                "movups [{to} + 48], {d}",
                "add {from}, 64",
                "add {to}, 64",
                "dec {lines}",
                "jnz 2b",
                from = inout(reg) from => _,
                to = inout(reg) to => _,
                lines = inout(reg) lines => _,
                a = out(xmm_reg) _,
                b = out(xmm_reg) _,
                c = out(xmm_reg) _,
                d = out(xmm_reg) _,
                options(nostack),
            );
        }
    }
    lines
}

/// There is none here: words will do.
///
/// # Safety
/// None is needed.
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
#[inline]
pub(super) unsafe fn copy_lines(_: *const u8, _: *mut u8, _: usize) -> usize {
    0
}
