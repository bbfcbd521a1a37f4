//! Filters of system calls.

use syscalls::{Errno, Sysno, syscall};

/// One instruction of a filter: the kernel's `struct sock_filter`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Instruction {
    code: u16,
    on_true: u8,
    on_false: u8,
    operand: u32,
}

const fn instruction(code: u16, on_true: u8, on_false: u8, operand: u32) -> Instruction {
    Instruction { code, on_true, on_false, operand }
}

const LOAD: u16 = 0x20;
const IF_AT_LEAST: u16 = 0x35;
const IF_ABOVE: u16 = 0x25;
const IF_EQUAL: u16 = 0x15;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
const IF_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

const ALLOW: u32 = 0x7fff_0000;
const ERRNO: u32 = 0x0005_0000;
const END_PROCESS: u32 = 0x8000_0000;

/// Where the number of the call lies in what a filter looks at.
const NUMBER: u32 = 0;

/// Where the low half of an argument lies.
const fn argument(index: u8) -> u32 {
    16 + 8 * index as u32 + if cfg!(target_endian = "big") { 4 } else { 0 }
}

/// The kernel's `struct sock_fprog`.
#[repr(C)]
struct Program {
    length: u16,
    instructions: *const Instruction,
}

/// What a filter refuses, and with which errno.
#[derive(Clone, Copy)]
pub struct Rule {
    /// The calls: the first and the last one.
    calls: (usize, usize),
    argument: Option<Argument>,
    /// The errno of such a call; without one, it ends the process.
    errno: Option<Errno>,
}

/// An argument that a call is refused for; it has 32 bits.
#[derive(Clone, Copy)]
enum Argument {
    Is(u8, u32),
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    HasAnyOf(u8, u32),
}

impl Rule {
    /// All calls of these numbers.
    pub const fn range(first: usize, last: usize, errno: Errno) -> Self {
        Self { calls: (first, last), argument: None, errno: Some(errno) }
    }

    /// All calls of this number, and they end the process.
    pub const fn deadly(number: Sysno) -> Self {
        Self { calls: (number as usize, number as usize), argument: None, errno: None }
    }

    /// All calls of this number.
    pub const fn call(number: Sysno, errno: Errno) -> Self {
        Self::range(number as usize, number as usize, errno)
    }

    /// The calls with this argument.
    pub const fn value(number: Sysno, index: u8, value: u32, errno: Errno) -> Self {
        Self { argument: Some(Argument::Is(index, value)), ..Self::call(number, errno) }
    }

    /// The calls with any of these bits in an argument.
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    pub const fn bits(number: Sysno, index: u8, bits: u32, errno: Errno) -> Self {
        Self { argument: Some(Argument::HasAnyOf(index, bits)), ..Self::call(number, errno) }
    }

    /// Its instructions, the same count for all: what is after them is for calls that are not refused.
    fn instructions(self) -> [Instruction; LENGTH] {
        let (load, test) = match self.argument {
            // Every number is at least 0.
            None => (NUMBER, instruction(IF_AT_LEAST, 0, 1, 0)),
            Some(Argument::Is(index, value)) => (argument(index), instruction(IF_EQUAL, 0, 1, value)),
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Some(Argument::HasAnyOf(index, bits)) => (argument(index), instruction(IF_ANY_BIT, 0, 1, bits)),
        };
        let action = self.errno.map_or(END_PROCESS, |errno| ERRNO | errno.into_raw() as u32);
        [
            instruction(LOAD, 0, 0, NUMBER),
            instruction(IF_AT_LEAST, 0, 4, self.calls.0 as u32),
            instruction(IF_ABOVE, 3, 0, self.calls.1 as u32),
            instruction(LOAD, 0, 0, load),
            test,
            instruction(RETURN, 0, 0, action),
        ]
    }
}

/// The instructions of a rule.
const LENGTH: usize = 6;

/// The most rules of a filter.
const RULES: usize = 64;

/// From now on, system calls that a rule is for are refused, for good. `false` if the kernel has no filters.
pub fn refuse(rules: impl IntoIterator<Item = Rule>) -> bool {
    let mut instructions = [instruction(RETURN, 0, 0, ALLOW); RULES * LENGTH + 1];
    let mut length = 0;
    for rule in rules {
        instructions[length..length + LENGTH].copy_from_slice(&rule.instructions());
        length += LENGTH;
    }
    let program = Program { length: length as u16 + 1, instructions: instructions.as_ptr() };
    rustix::thread::set_no_new_privs(true).expect("rights can be given up");
    // SAFETY: the program and its instructions live until the call returns.
    unsafe { syscall!(Sysno::seccomp, 1, 0, &raw const program) }.is_ok()
}

/// Whether a call of this number, which must refuse arguments of zero, is refused for another reason than these.
#[cfg(target_pointer_width = "32")]
pub fn knows_call(number: usize) -> bool {
    // SAFETY: no pointer is given.
    let result = unsafe { syscalls::raw::syscall5(number, usize::MAX, 0, 0, 0, 0) };
    !matches!(Errno::from_ret(result), Err(Errno::ENOSYS | Errno::EPERM))
}
