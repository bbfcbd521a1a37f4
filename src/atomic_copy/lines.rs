//! Copying whole lines by the widest registers that there are. Elsewhere words do: see [`access`](super::access).

/// A line of the processor's cache.
pub(super) const LINE: usize = 64;

/// Copies `count` lines, wherever they begin. Returns how many were copied: all, or none where the processor has no
/// such way.
///
/// # Safety
/// This many lines can be read and written there, and none of them is both.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(any(miri, loom))))]
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

/// Below this number of lines, the registers that every processor has are as good as any.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(any(miri, loom))))]
const FEW: usize = 4;

/// # Safety
/// As of [`copy_lines`]; there are [`FEW`] lines and more.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(any(miri, loom))))]
#[inline(never)]
unsafe fn copy_more_lines(from: *const u8, to: *mut u8, lines: usize) {
    let has_wide = wide::are_there();
    // From this number of lines on, the processor's own way to copy is the fastest.
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
        // Writing is slow where it crosses the lines of the cache. So whole turns begin at a multiple of 32 bytes, and
        // what is before them or behind them is copied apart.
        let skipped = to.align_offset(32);
        let turns = (lines * LINE - skipped) / wide::TURN;
        let rest = lines * LINE - skipped - turns * wide::TURN;
        if skipped > 0 {
            // SAFETY: as the caller says.
            unsafe { narrow::copy_lines(from, to, 1) };
        }
        // SAFETY: as the caller says, and there are such registers.
        unsafe { wide::copy_turns(from.wrapping_add(skipped), to.wrapping_add(skipped), turns) };
        if rest > 0 {
            let last = (lines - 2) * LINE;
            // SAFETY: as the caller says.
            unsafe { narrow::copy_lines(from.wrapping_add(last), to.wrapping_add(last), 2) };
        }
    } else {
        // SAFETY: as the caller says.
        unsafe { narrow::copy_lines(from, to, lines) };
    }
}

/// By registers of 16 bytes, which every processor has.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(any(miri, loom))))]
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
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(any(miri, loom))))]
mod wide {
    use core::arch::x86_64::{__cpuid, _xgetbv};
    use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

    /// How many bytes are copied in a turn.
    pub(super) const TURN: usize = 128;

    const UNKNOWN: u8 = 0;
    const ABSENT: u8 = 1;
    const PRESENT: u8 = 2;

    /// Returns `true` if there are any. The processor is asked once, for a microsecond or more where it is a virtual
    /// one.
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
    /// This many turns of bytes, at least one, can be read and written there, and none of them is both; there are such
    /// registers.
    #[inline]
    pub(super) unsafe fn copy_turns(from: *const u8, to: *mut u8, turns: usize) {
        // SAFETY: each turn reads and writes what the caller vouches for. Where the compiler knows
        // nothing of the registers' upper halves, nothing lies in them.
        unsafe {
            core::arch::asm!(
                // A turn is few bytes of code: well aligned it takes a fifth less time.
                ".p2align 5",
                "2:",
                "vmovups ymm0, [{from}]",
                "vmovups ymm1, [{from} + 32]",
                "vmovups ymm2, [{from} + 64]",
                "vmovups ymm3, [{from} + 96]",
                "vmovups [{to}], ymm0",
                "vmovups [{to} + 32], ymm1",
                "vmovups [{to} + 64], ymm2",
                "vmovups [{to} + 96], ymm3",
                "sub {from}, -128",
                "sub {to}, -128",
                "dec {turns}",
                "jnz 2b",
                "vzeroupper",
                from = inout(reg) from => _,
                to = inout(reg) to => _,
                turns = inout(reg) turns => _,
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
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(any(miri, loom)))))]
#[inline]
pub(super) unsafe fn copy_lines(_: *const u8, _: *mut u8, _: usize) -> usize {
    0
}

#[cfg(all(test, target_arch = "x86_64", target_feature = "sse2", not(any(miri, loom))))]
mod tests {
    use std::vec::Vec;

    use super::{LINE, copy_lines, narrow, wide};

    /// Copies by one of the ways, at all places in a line, and sees that nothing else changes.
    fn assert_copies(most: usize, copy: impl Fn(*const u8, *mut u8, usize)) {
        for (lines, place) in (0..=most).flat_map(|lines| [0, 1, 31, 32, 33, 63].map(|place| (lines, place))) {
            let count = lines * LINE;
            let from: Vec<u8> = (0..count + LINE).map(|number| (number % 251) as u8).collect();
            let mut to = std::vec![0xff; count + 2 * LINE];
            copy(from[lines % LINE..].as_ptr(), to[place..].as_mut_ptr(), lines);
            let (before, rest) = to.split_at(place);
            let (copied, behind) = rest.split_at(count);
            assert!(copied == &from[lines % LINE..][..count], "{lines} lines at {place}");
            assert!(before.iter().chain(behind).all(|byte| *byte == 0xff), "beyond {lines} lines at {place}");
        }
    }

    #[test]
    fn lines_are_copied_wherever_they_lie() {
        assert_copies(300, |from, to, lines| {
            // SAFETY: both have that many lines.
            assert_eq!(unsafe { copy_lines(from, to, lines) }, lines);
        });
    }

    #[test]
    fn lines_are_copied_without_wide_registers() {
        // SAFETY: both have that many lines.
        assert_copies(40, |from, to, lines| unsafe { narrow::copy_lines(from, to, lines) });
    }

    #[test]
    fn the_processor_is_asked_rightly() {
        let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let flags = told.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
        assert!(flags.contains(" sse2 "));
        assert_eq!(wide::are_there(), flags.contains(" avx "));
    }
}
