//! Copying memory that others may change meanwhile, as fast as the processor can.
//!
//! What assembly does to memory may be anything, as far as the compiler knows: a race gives a mix of old and new bytes
//! and nothing worse, as with atomic operations, but many bytes go at a time.

/// A line of the processor's cache.
pub(super) const LINE: usize = 64;

/// Copies so many lines, wherever they begin; returns how many were copied: all, or none where there is no such way.
///
/// # Safety
/// So many lines can be read and written there, and none of them is both.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[inline]
pub(super) unsafe fn copy_lines(from: *const u8, to: *mut u8, lines: usize) -> usize {
    if lines < FEW {
        // SAFETY: as the caller says.
        unsafe { narrow::copy_lines(from, to, lines) };
    } else {
        // SAFETY: as the caller says.
        unsafe { copy_more_lines(from, to, lines) };
    }
    lines
}

/// Below so many lines, the registers that every processor has are as good as any.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
const FEW: usize = 4;

/// # Safety
/// As of [`copy_lines`]; at least one line.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[inline(never)]
unsafe fn copy_more_lines(from: *const u8, to: *mut u8, lines: usize) {
    let has_wide = wide::are_there();
    // From so many lines on, the processor's own way to copy is the fastest.
    if lines >= if has_wide { 256 } else { 32 } {
        // SAFETY: the instruction reads and writes what the caller vouches for; by the ABI it counts upwards.
        unsafe {
            core::arch::asm!(
                "rep movsq",
                inout("rcx") lines * (LINE / 8) => _,
                inout("rsi") from => _,
                inout("rdi") to => _,
                options(nostack, preserves_flags),
            );
        }
    } else if has_wide {
        // SAFETY: as the caller says, and there are such registers.
        unsafe { wide::copy_lines(from, to, lines) };
    } else {
        // SAFETY: as the caller says.
        unsafe { narrow::copy_lines(from, to, lines) };
    }
}

/// By registers of 16 bytes, which every processor has.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod narrow {
    /// # Safety
    /// As of [`copy_lines`](super::copy_lines).
    #[inline]
    pub(super) unsafe fn copy_lines(from: *const u8, to: *mut u8, lines: usize) {
        if lines == 0 {
            return;
        }
        // SAFETY: each turn reads and writes one of the lines that the caller vouches for.
        unsafe {
            core::arch::asm!(
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
}

/// By registers of 32 bytes, if the processor has them and the kernel keeps them.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod wide {
    use core::arch::x86_64::{__cpuid, _xgetbv};
    use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

    const UNKNOWN: u8 = 0;
    const ABSENT: u8 = 1;
    const PRESENT: u8 = 2;

    /// Whether there are any. The processor is asked once, for a microsecond or more where it is a virtual one.
    #[inline]
    pub(super) fn are_there() -> bool {
        static ANSWER: AtomicU8 = AtomicU8::new(UNKNOWN);
        if cfg!(target_feature = "avx") {
            return true;
        }
        match ANSWER.load(Relaxed) {
            UNKNOWN => ask(&ANSWER),
            answer => answer == PRESENT,
        }
    }

    #[cold]
    fn ask(answer: &AtomicU8) -> bool {
        const OSXSAVE_AND_AVX: u32 = 1 << 27 | 1 << 28;
        const XMM_AND_YMM: u64 = 1 << 1 | 1 << 2;
        #[allow(unused_unsafe, reason = "it is a safe function since Rust 1.94")]
        // SAFETY: every processor of 64 bits has this instruction.
        let leaf = unsafe { __cpuid(1) };
        let known = leaf.ecx & OSXSAVE_AND_AVX == OSXSAVE_AND_AVX;
        // SAFETY: there is this instruction if the processor says OSXSAVE.
        let is_there = known && unsafe { _xgetbv(0) } & XMM_AND_YMM == XMM_AND_YMM;
        answer.store(if is_there { PRESENT } else { ABSENT }, Relaxed);
        is_there
    }

    /// # Safety
    /// As of [`copy_lines`](super::copy_lines); there are such registers, and at least one line.
    #[inline]
    pub(super) unsafe fn copy_lines(from: *const u8, to: *mut u8, lines: usize) {
        // SAFETY: each turn reads and writes one of the lines that the caller vouches for. Where the compiler knows
        // nothing of the registers' upper halves, nothing lies in them.
        unsafe {
            core::arch::asm!(
                "2:",
                "vmovups ymm0, [{from}]",
                "vmovups ymm1, [{from} + 32]",
                "vmovups [{to}], ymm0",
                "vmovups [{to} + 32], ymm1",
                "add {from}, 64",
                "add {to}, 64",
                "dec {lines}",
                "jnz 2b",
                "vzeroupper",
                from = inout(reg) from => _,
                to = inout(reg) to => _,
                lines = inout(reg) lines => _,
                out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
                out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
                out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                options(nostack),
            );
        }
    }
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
