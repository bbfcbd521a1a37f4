//! Programs in other languages: those of C are compiled once, those of Python find an interpreter.

use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use super::Lacking;

/// A source file of a peer.
pub fn source(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(file)
}

/// The machine's C compiler.
pub fn c_compiler() -> Command {
    Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()))
}

/// The program of a C source file, compiled once for each version of the source and each kind of compiler, and kept
/// with the build.
pub fn compiled(
    file: &str,
    kind: &str,
    compiler: impl FnOnce() -> Result<Command, Lacking>,
) -> Result<PathBuf, Lacking> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut version = DefaultHasher::new();
    fs::read(source(file)).expect("the peer's source is there").hash(&mut version);
    let program = format!("{}-{kind}-{:016x}", file.trim_end_matches(".c"), version.finish());
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(program);
    if program.exists() {
        return Ok(program);
    }
    // Whole at once, since others may be running the tests too.
    let new = program.with_extension(process::id().to_string());
    fs::write(&new, "").map_err(|error| Lacking(format!("a target directory to write to ({error})")))?;
    let flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O2", "-pthread", "-o"];
    let ended = compiler()?.args(flags).arg(&new).arg(source(file)).output();
    let output = ended.map_err(|error| Lacking(format!("a C compiler ({error})")))?;
    assert!(output.status.success(), "{file} does not compile: {}", String::from_utf8_lossy(&output.stderr));
    fs::rename(&new, &program).expect("the directory is the same");
    Ok(program)
}

/// The interpreter to use: the environment's choice.
pub fn python() -> Command {
    Command::new(env::var_os("RAWIPC_PYTHON").unwrap_or_else(|| "python3".into()))
}

/// The interpreter, if it has a module.
pub fn python_with(module: &str) -> Result<Command, Lacking> {
    let mut probe = python();
    probe.args(["-c", &format!("import {module}")]);
    let ended = probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if ended.is_ok_and(|end| end.success()) {
        Ok(python())
    } else {
        Err(Lacking(format!("a Python with {module} (RAWIPC_PYTHON names its interpreter)")))
    }
}
