//! Programs and headers, which Debian has as packages.

use anyhow::{Context, Result, bail};
use xshell::{Shell, cmd};

/// A package, and a shell command that succeeds where what we need of it is there, however it was installed.
struct Need {
    package: &'static str,
    probe: &'static str,
}

const NEEDS: [Need; 8] = [
    Need { package: "gcc", probe: "cc --version" },
    // libFuzzer is written in C++.
    Need { package: "g++", probe: "echo '#include <string>' | c++ -E -x c++ -" },
    Need { package: "libc6-dev", probe: "echo '#include <mqueue.h>' | cc -E -" },
    Need { package: "python3", probe: "python3 --version" },
    Need { package: "python3-venv", probe: "python3 -c 'import ensurepip, venv'" },
    Need { package: "strace", probe: "strace --version" },
    // To run the peers of 32-bit x86.
    Need { package: "libc6-i386", probe: "test -e /lib/ld-linux.so.2" },
    Need { package: "valgrind", probe: "valgrind --version" },
];

/// Installs the packages of what is missing.
pub fn install(shell: &Shell) -> Result<()> {
    install_missing(shell, &NEEDS)
}

/// Installs qemu's user mode, all architectures at once.
pub fn emulators(shell: &Shell) -> Result<()> {
    install_missing(shell, &[Need { package: "qemu-user", probe: "qemu-aarch64 --version" }])
}

/// Installs the emulator of whole machines that has this command, and other packages that it needs.
pub fn system_emulator(shell: &Shell, needs: &[(&'static str, &'static str)]) -> Result<()> {
    let needs: Vec<_> = needs.iter().map(|(package, probe)| Need { package, probe }).collect();
    install_missing(shell, &needs)
}

fn install_missing(shell: &Shell, needs: &[Need]) -> Result<()> {
    let missing = missing(shell, needs)?;
    if missing.is_empty() {
        return Ok(());
    }
    let command = format!("apt-get install {}", missing.join(" "));
    if cmd!(shell, "id --user").quiet().read()? != "0" {
        bail!("missing: {}; run `{command}` as root, or install the like", missing.join(", "));
    }
    println!("missing: {}", missing.join(", "));
    cmd!(shell, "apt-get update --quiet").run().context("Debian's package lists cannot be had")?;
    cmd!(shell, "apt-get install --quiet --yes --no-install-recommends {missing...}")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .run()
        .with_context(|| format!("`{command}` failed"))?;
    let missing = self::missing(shell, needs)?;
    anyhow::ensure!(missing.is_empty(), "still missing after `{command}`: {}", missing.join(", "));
    Ok(())
}

fn missing(shell: &Shell, needs: &[Need]) -> Result<Vec<&'static str>> {
    let mut missing = Vec::new();
    for Need { package, probe } in needs {
        let output = cmd!(shell, "sh -c {probe}").quiet().ignore_status().output()?;
        if !output.status.success() {
            missing.push(*package);
        }
    }
    Ok(missing)
}
