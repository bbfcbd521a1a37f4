//! Programs of C and Python that use the same semaphores: how they are built and started.

use std::env;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rawipc::semaphore::abi::Abi;

use crate::harness::kernel::{die_in, die_with_parent};
use crate::harness::languages::{c_compiler, compiled, python_with, source};
use crate::harness::{LONGEST_LIFE, Lacking};

const SOURCE: &str = "semaphore.c";

/// A library by which another program uses semaphores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// This crate, in a role of the test program.
    Rawipc,
    /// The machine's glibc, by its C compiler.
    Glibc,
    /// musl 1.2.5 of PyPI's `ziglang`; Debian's is too old (its protocol changed in 1.2.4).
    Musl,
    /// glibc for i386: compiled by `ziglang`, run with the loader of Debian's `libc6-i386`.
    Glibc32,
    /// CPython's `multiprocessing`.
    Multiprocessing,
    /// PyPI's `posix_ipc`.
    PosixIpc,
}

impl Library {
    pub const fn abi(self) -> Abi {
        match self {
            Self::Musl => Abi::Musl,
            Self::Glibc32 => Abi::Gnu32,
            _ => Abi::NATIVE,
        }
    }

    /// The command that starts a program of this library, which dies with the one that started it.
    pub fn command(self) -> Result<Command, Lacking> {
        let mut command = match self {
            Self::Rawipc => crate::harness::role("semaphore_stress", &[]),
            Self::Glibc => Command::new(compiled(SOURCE, "glibc", || Ok(c_compiler()))?),
            Self::Musl => Command::new(compiled(SOURCE, "musl", || zig("x86_64-linux-musl", &["-static"]))?),
            Self::Glibc32 => {
                let loader = loader_for_i386()?;
                let program = compiled(SOURCE, "glibc-i386", || zig("x86-linux-gnu.2.36", &[]))?;
                let mut command = Command::new(&loader);
                if let Some(libraries) = env::var_os("RAWIPC_I386_LIBRARIES") {
                    command.arg("--library-path").arg(libraries);
                }
                command.arg(program);
                command
            }
            Self::Multiprocessing => script("multiprocessing", "_multiprocessing")?,
            Self::PosixIpc => script("posix_ipc", "posix_ipc")?,
        };
        // SAFETY: the function only makes system calls.
        unsafe {
            command.pre_exec(|| {
                die_with_parent();
                die_in(LONGEST_LIFE);
                Ok(())
            })
        };
        Ok(command)
    }

    /// Runs a program of this library to its end; what it prints.
    #[track_caller]
    pub fn run(self, arguments: &[&str]) -> Result<String, Lacking> {
        let output = self.command()?.args(arguments).output().expect("the program starts");
        assert!(output.status.success(), "{self:?} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout).expect("it prints ASCII"))
    }
}

fn script(library: &str, module: &str) -> Result<Command, Lacking> {
    let mut command = python_with(module)?;
    command.arg(source("semaphore.py")).arg(library);
    Ok(command)
}

fn zig(target: &str, flags: &[&str]) -> Result<Command, Lacking> {
    if cfg!(not(target_arch = "x86_64")) {
        return Err(Lacking("x86-64, for which the peers are compiled".into()));
    }
    let mut compiler = python_with("ziglang")?;
    compiler.args(["-m", "ziglang", "cc", "-target", target]).args(flags);
    Ok(compiler)
}

fn loader_for_i386() -> Result<PathBuf, Lacking> {
    let loader = match env::var_os("RAWIPC_I386_LIBRARIES") {
        Some(libraries) => Path::new(&libraries).join("ld-linux.so.2"),
        None => "/lib/ld-linux.so.2".into(),
    };
    if loader.exists() { Ok(loader) } else { Err(Lacking("glibc for i386 (Debian's libc6-i386)".into())) }
}
