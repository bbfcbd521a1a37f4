//! Programs of C and Python that use the same semaphores: how they are built and started.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::fs;
use std::hash::{Hash, Hasher};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::Mutex;

use rawipc::Abi;

use crate::harness::Lacking;
use crate::harness::kernel::{die_in, die_with_parent};

const C_SOURCE: &str = include_str!("../peers/semaphore.c");
const PYTHON_SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/semaphore.py");

/// No peer lives longer, in seconds, whatever goes wrong in it.
const LONGEST_LIFE: u32 = 120;

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
            Self::Glibc => Command::new(compiled("glibc", || {
                let mut compiler = Command::new("cc");
                compiler.arg("-pthread");
                Ok(compiler)
            })?),
            Self::Musl => Command::new(compiled("musl", || zig("x86_64-linux-musl", &["-static"]))?),
            Self::Glibc32 => {
                let loader = loader_for_i386()?;
                let program = compiled("glibc-i386", || zig("x86-linux-gnu.2.36", &[]))?;
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

/// The interpreter to use: the environment's choice.
pub fn python() -> String {
    env::var("RAWIPC_PYTHON").unwrap_or_else(|_| "python3".into())
}

/// Whether Python has a module; both the answer's ends are quick.
pub fn python_with(module: &str) -> Result<String, Lacking> {
    let python = python();
    if succeeds(Command::new(&python).args(["-c", &format!("import {module}")])) {
        Ok(python)
    } else {
        Err(Lacking(format!("Python's module {module} (RAWIPC_PYTHON names the interpreter)")))
    }
}

fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|end| end.success())
}

fn script(library: &str, module: &str) -> Result<Command, Lacking> {
    let mut command = Command::new(python_with(module)?);
    command.args([PYTHON_SOURCE, library]);
    Ok(command)
}

fn zig(target: &str, flags: &[&str]) -> Result<Command, Lacking> {
    if cfg!(not(target_arch = "x86_64")) {
        return Err(Lacking("x86-64, for which the peers are compiled".into()));
    }
    let mut compiler = Command::new(python_with("ziglang")?);
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

/// The C peer, compiled once for each version of its source and kept with the build.
fn compiled(kind: &str, compiler: impl FnOnce() -> Result<Command, Lacking>) -> Result<PathBuf, Lacking> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut version = DefaultHasher::new();
    C_SOURCE.hash(&mut version);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let program = directory.join(format!("semaphore-{kind}-{:016x}", version.finish()));
    if program.exists() {
        return Ok(program);
    }
    let new = directory.join(format!("semaphore-{kind}-{}", process::id()));
    let source = new.with_extension("c");
    let mut compiler = compiler()?;
    fs::write(&source, C_SOURCE).map_err(|error| Lacking(format!("a target directory to write to ({error})")))?;
    let ended = compiler.args(["-O2", "-Wall", "-o"]).arg(&new).arg(&source).output();
    let _ = fs::remove_file(&source);
    match ended {
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!("the peer does not compile: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => return Err(Lacking(format!("a C compiler ({error})"))),
    }
    // Whole at once, since others may be running the tests too.
    fs::rename(&new, &program).expect("the directory is the same");
    Ok(program)
}
