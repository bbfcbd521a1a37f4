//! The programs of the test, none of which outlives it.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A program that runs. Killed when dropped; and if the test itself is killed, by the kernel.
pub struct Program {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Program {
    pub fn start(program: impl AsRef<Path>, arguments: &[&str]) -> Self {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(program.as_ref()).args(arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, output }
    }

    /// The next line that it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a readable pipe");
        line.trim_end().to_owned()
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        let kill = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(kill.is_ok_and(|status| status.success()), "SIGTERM cannot be sent");
    }

    /// Whether it has ended, however.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the child is ours").is_some()
    }

    /// Waits for its good end; what it has printed since the last line that was read.
    pub fn end(mut self) -> String {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("a readable pipe");
        let status = self.child.wait().expect("the child is ours");
        assert!(status.success(), "{status}: {rest}");
        rest
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended mostly.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Builds the sensor, which has neither libc nor std, with the settings of all such programs of this repository.
pub fn sensor() -> PathBuf {
    const TRIPLE: &str = "x86_64-unknown-linux-musl";
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sensor");
    let settings = package.join("../../../tests/freestanding");
    // The linker looks there for the script that the settings name.
    let place = format!("target.'cfg(target_env = \"musl\")'.rustflags = ['-Clink-arg=-L{}']", settings.display());
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--release", "--locked", "--bin", "sensor", "--target", TRIPLE, "--config"]);
    build.arg(settings.join(".cargo/config.toml")).args(["--config", &place, "--target-dir"]).arg(&target);
    let built =
        build.current_dir(package.join("../sensor")).env("RUSTC_BOOTSTRAP", "1").env_remove("RUSTFLAGS").status();
    assert!(built.is_ok_and(|status| status.success()), "the sensor does not build: {build:?}");
    let program = target.join(TRIPLE).join("release/sensor");
    let bytes = std::fs::read(&program).expect("it has been built");
    assert!(!bytes.windows(3).any(|part| part == b"/ld"), "it is static, so it names no loader");
    program
}
