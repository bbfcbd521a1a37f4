//! The unit tests under Miri, which judges every access by Rust's own rules. By hand, where Miri is installed: it comes
//! with nightly toolchains only, and no registry of packages has it.

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::workspace;

/// The toolchain that has Miri for those who develop with a stable one.
const NIGHTLY: &str = "nightly";

/// What to look for beyond the default: pointers made of integers, and references that are held to the rules of both
/// alias models being designed.
const FLAGS: [&str; 2] = ["-Zmiri-strict-provenance", "-Zmiri-strict-provenance -Zmiri-tree-borrows"];

/// Runs all unit tests of the library, none of which makes a system call that Miri does not know: first compiled as for
/// Miri and run as they are, since most of what can be wrong shows there too, and then under Miri.
pub fn check(shell: &Shell) -> Result<()> {
    let target = workspace().join("miri");
    let plain = cmd!(shell, "cargo test --quiet --lib --features alloc --target-dir {target}");
    plain.env("RUSTFLAGS", "--cfg=miri --cfg=rustix_use_libc -Aexplicit_builtin_cfgs_in_flags").run()?;
    let version = cmd!(shell, "rustup run {NIGHTLY} cargo miri --version").quiet().ignore_stderr().read();
    let version = version.with_context(|| {
        format!(
            "Miri is missing; `rustup toolchain install {NIGHTLY} --component miri,rust-src` adds it, or if there is \
             such a toolchain, `rustup component add miri rust-src --toolchain {NIGHTLY}`"
        )
    })?;
    println!("{version}");
    for flags in FLAGS {
        let run = cmd!(shell, "rustup run {NIGHTLY} cargo miri test --quiet --lib --features alloc");
        run.args(["--target-dir".as_ref(), target.as_os_str()]).env("MIRIFLAGS", flags).run()?;
    }
    Ok(())
}
