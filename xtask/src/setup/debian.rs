//! Programs and headers, which Debian has as packages.

use anyhow::{Context, Result, bail};
use xshell::{Shell, cmd};

/// A package, and a shell command that succeeds where what we need of it is there, however it was installed.
pub struct Need<'text> {
    package: &'text str,
    probe: &'text str,
}

pub const NEEDS: &[Need<'static>] = &[
    Need { package: "gcc", probe: "cc --version" },
    // libFuzzer is written in C++.
    Need { package: "g++", probe: "echo '#include <string>' | c++ -E -x c++ -" },
    Need { package: "libc6-dev", probe: "echo '#include <mqueue.h>' | cc -E -" },
    Need { package: "python3", probe: "python3 --version" },
    Need { package: "python3-venv", probe: "python3 -c 'import ensurepip, venv'" },
    Need { package: "strace", probe: "strace --version" },
    // To run the peers of 32-bit x86.
    Need { package: "libc6-i386", probe: "test -e /lib/ld-linux.so.2" },
    Need { package: "mosquitto", probe: "PATH=$PATH:/usr/sbin; command -v mosquitto" },
    // For the tool's examples and its manual.
    Need { package: "jq", probe: "jq --version" },
    Need { package: "groff-base", probe: "groff --version" },
    // To run what is built for other architectures.
    Need { package: "qemu-user", probe: "qemu-aarch64 --version && qemu-arm --version && qemu-riscv64 --version" },
    Need { package: "valgrind", probe: "valgrind --version" },
];

/// What only `cargo xtask bench` needs.
pub const OF_BENCHES: &[Need<'static>] =
    &[Need { package: "libboost-dev", probe: "echo '#include <boost/version.hpp>' | c++ -E -x c++ -" }];

/// Installs the packages of what is missing.
pub fn install(shell: &Shell, needs: &[Need<'_>]) -> Result<()> {
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

/// Installs a package that only one command needs, unless the probe succeeds.
pub fn install_one(shell: &Shell, package: &str, probe: &str) -> Result<()> {
    install(shell, &[Need { package, probe }])
}

fn missing<'text>(shell: &Shell, needs: &[Need<'text>]) -> Result<Vec<&'text str>> {
    let mut missing = Vec::new();
    for Need { package, probe } in needs {
        let output = cmd!(shell, "sh -c {probe}").quiet().ignore_status().output()?;
        if !output.status.success() {
            missing.push(*package);
        }
    }
    Ok(missing)
}
