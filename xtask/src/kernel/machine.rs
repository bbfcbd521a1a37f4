//! The machines: an architecture of Debian's, its kernel, and what qemu has to be told.

/// A machine that qemu emulates.
pub struct Machine {
    /// Debian's name of the architecture.
    pub name: &'static str,
    /// What Debian calls the architecture.
    pub architecture: &'static str,
    /// An older kernel than the one that the evidence is about: nothing is kept of its runs.
    pub is_older: bool,
    /// The release that the kernel is of, and the package that names the newest one.
    pub suite: &'static str,
    pub package: &'static str,
    pub emulator: &'static str,
    pub arguments: &'static [&'static str],
    /// Where the kernel writes to.
    pub console: &'static str,
    /// Packages of this machine's own, each with a command that succeeds where it is there.
    pub needs: &'static [(&'static str, &'static str)],
    /// The architectures whose programs the kernel runs; the first is its own.
    pub architectures: &'static [&'static str],
}

pub const MACHINES: [Machine; 5] = [
    Machine {
        name: "amd64",
        architecture: "amd64",
        is_older: false,
        suite: "bookworm",
        package: "linux-image-cloud-amd64",
        emulator: "qemu-system-x86_64",
        arguments: &["-machine", "q35", "-cpu", "max", "-m", "256"],
        console: "ttyS0",
        needs: &[("qemu-system-x86", "qemu-system-x86_64 --version")],
        architectures: &["x86_64", "i686"],
    },
    Machine {
        name: "amd64-5.10",
        architecture: "amd64",
        is_older: true,
        suite: "bullseye",
        package: "linux-image-cloud-amd64",
        emulator: "qemu-system-x86_64",
        arguments: &["-machine", "q35", "-cpu", "max", "-m", "256"],
        console: "ttyS0",
        needs: &[("qemu-system-x86", "qemu-system-x86_64 --version")],
        architectures: &["x86_64", "i686"],
    },
    Machine {
        name: "arm64",
        architecture: "arm64",
        is_older: false,
        suite: "bookworm",
        package: "linux-image-cloud-arm64",
        emulator: "qemu-system-aarch64",
        arguments: &["-machine", "virt", "-cpu", "cortex-a57", "-m", "256"],
        console: "ttyAMA0",
        needs: &[("qemu-system-arm", "qemu-system-aarch64 --version")],
        architectures: &["aarch64"],
    },
    Machine {
        name: "armhf",
        architecture: "armhf",
        is_older: false,
        suite: "bookworm",
        package: "linux-image-armmp",
        emulator: "qemu-system-arm",
        arguments: &["-machine", "virt", "-cpu", "cortex-a15", "-m", "256"],
        console: "ttyAMA0",
        needs: &[("qemu-system-arm", "qemu-system-arm --version")],
        architectures: &["armv7", "thumbv7"],
    },
    Machine {
        name: "riscv64",
        architecture: "riscv64",
        is_older: false,
        // The first release that has the architecture.
        suite: "trixie",
        package: "linux-image-riscv64",
        emulator: "qemu-system-riscv64",
        arguments: &["-machine", "virt", "-cpu", "rv64", "-m", "256"],
        console: "ttyS0",
        needs: &[
            ("qemu-system-misc", "qemu-system-riscv64 --version"),
            // The firmware.
            ("opensbi", "test -e /usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin"),
        ],
        architectures: &["riscv64"],
    },
];
