//! A program without libc, std and allocation that takes turns with others: `participant SEMAPHORE MEMORY TURNS`.
//!
//! In each turn it waits for the semaphore, counts in the shared memory in a way that only works with the token, and
//! posts. It ends with 0, or with the errno of what failed. For x86-64.

#![no_std]
#![no_main]

use core::arch::{asm, global_asm};
use core::ffi::{CStr, c_char};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use core::time::Duration;

use rawipc::{Error, Name, NamedSemaphore, SharedMemory};

// The kernel starts a program with its arguments on an aligned stack; a function begins with that less a return
// address.
global_asm!(".globl _start", "_start:", "mov rdi, rsp", "call {start}", "ud2", start = sym start);

/// The exit code for arguments that are none.
const USAGE: i32 = 255;

/// # Safety
/// `stack` points to the number of arguments, and then to that many pointers to strings.
unsafe extern "C" fn start(stack: *const usize) -> ! {
    // SAFETY: that is how the kernel starts a program.
    let count = unsafe { *stack };
    // SAFETY: so many pointers follow.
    let arguments = unsafe { core::slice::from_raw_parts(stack.add(1).cast::<*const c_char>(), count) };
    let [_, semaphore, memory, turns] = arguments else { exit(USAGE) };
    // SAFETY: each is a string that ends in a NUL and lives as long as the program.
    let [semaphore, memory, turns] = [semaphore, memory, turns].map(|text| unsafe { CStr::from_ptr(*text) });
    let Some(turns) = turns.to_str().ok().and_then(|digits| digits.parse().ok()) else { exit(USAGE) };
    exit(participate(semaphore, memory, turns).err().map_or(0, |error| error.errno().raw_os_error()))
}

fn participate(semaphore: &CStr, memory: &CStr, turns: u32) -> Result<(), Error> {
    let semaphore = NamedSemaphore::options().open(Name::new(semaphore)?)?;
    let mapping = SharedMemory::options().write(true).open(Name::new(memory)?)?.map()?;
    let counter: &AtomicU64 = mapping.get(0)?;
    for _ in 0..turns {
        semaphore.wait_timeout(Duration::from_secs(60))?;
        let count = counter.load(Relaxed);
        // Long enough that somebody without the token would come between.
        (0..50).for_each(|_| core::hint::spin_loop());
        counter.store(count + 1, Relaxed);
        semaphore.post()?;
    }
    Ok(())
}

fn exit(code: i32) -> ! {
    // SAFETY: `exit_group` does not come back.
    unsafe { asm!("syscall", in("rax") 231, in("rdi") code, options(noreturn)) }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(101)
}

/// What the compiler calls to copy; by one instruction, which it does not turn into a call again.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    // SAFETY: the caller vouches for both ranges.
    unsafe {
        asm!("rep movsb", inout("rcx") count => _, inout("rdi") to => _, inout("rsi") from => _, options(nostack))
    };
    to
}

/// What the compiler calls to fill.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, count: usize) -> *mut u8 {
    // SAFETY: the caller vouches for the range.
    unsafe { asm!("rep stosb", inout("rcx") count => _, inout("rdi") to => _, in("al") byte as u8, options(nostack)) };
    to
}

/// What the compiler calls to compare.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    for at in 0..count {
        // SAFETY: the caller vouches for both ranges. Volatile, so that this is not made a call of itself.
        let (left, right) = unsafe { (left.add(at).read_volatile(), right.add(at).read_volatile()) };
        if left != right {
            return 1;
        }
    }
    0
}

/// What `CStr` calls.
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut length = 0;
    // SAFETY: the caller vouches for a NUL at the end. Volatile, so that this is not made a call of itself.
    while unsafe { text.add(length).read_volatile() } != 0 {
        length += 1;
    }
    length
}
