//! What a program's file must not have.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use object::elf::{PF_W, PF_X, PT_DYNAMIC, PT_GNU_STACK, PT_INTERP};
use object::read::elf::{ElfFile32, ElfFile64, FileHeader, ProgramHeader};
use object::{Endianness, FileKind, Object, ObjectSymbol};

/// Parts of mangled names: of the allocator, of panicking and unwinding, of formatting, of libraries that are not to be
/// there.
const FORBIDDEN: [&str; 9] = [
    "__rust_alloc",
    "5alloc",
    "9panicking",
    "rust_begin_unwind",
    "rust_eh_personality",
    "_Unwind_",
    "4core3fmt",
    "3std",
    "4libc",
];

/// No symbol is left undefined, and none is of what a small program is to be without.
pub fn check_symbols(program: &Path) -> Result<()> {
    let bytes = fs::read(program).with_context(|| format!("{} is missing", program.display()))?;
    let file = object::File::parse(&*bytes)?;
    let mut entry = false;
    for symbol in file.symbols() {
        let name = symbol.name()?;
        entry |= name == "_start" && symbol.is_definition() | symbol.is_global();
        ensure!(!symbol.is_undefined() || name.is_empty(), "`{name}` is undefined");
        let forbidden = FORBIDDEN.iter().find(|part| name.contains(**part));
        ensure!(forbidden.is_none(), "`{name}` is in it");
    }
    ensure!(entry, "it has no `_start`, so no symbols at all perhaps");
    Ok(())
}

/// It is static, and names no source file, as a panic would tell; returns its size.
pub fn check_small(program: &Path) -> Result<u64> {
    let bytes = check_static(program)?;
    ensure!(!bytes.windows(3).any(|bytes| bytes == b".rs"), "it names a source file, as panics do");
    Ok(bytes.len() as u64)
}

/// It needs no other file, and no memory is both writable and executable; returns what it holds.
pub fn check_static(program: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(program)?;
    let segments = match FileKind::parse(&*bytes)? {
        FileKind::Elf32 => segments(ElfFile32::<Endianness>::parse(&*bytes)?),
        FileKind::Elf64 => segments(ElfFile64::<Endianness>::parse(&*bytes)?),
        kind => anyhow::bail!("it is a {kind:?}"),
    };
    for (kind, flags) in &segments {
        ensure!(![PT_DYNAMIC, PT_INTERP].contains(kind), "it is not static");
        ensure!(flags & (PF_W | PF_X) != PF_W | PF_X, "memory is both writable and executable");
    }
    ensure!(segments.iter().any(|(kind, _)| *kind == PT_GNU_STACK), "its stack is executable");
    Ok(bytes)
}

/// The kinds and the flags of the segments.
fn segments<Elf: FileHeader<Endian = Endianness>>(file: object::read::elf::ElfFile<'_, Elf>) -> Vec<(u32, u32)> {
    let endian = file.endian();
    file.elf_program_headers().iter().map(|header| (header.p_type(endian), header.p_flags(endian))).collect()
}
