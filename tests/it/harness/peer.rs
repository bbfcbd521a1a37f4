//! Other processes of a test.

use std::io::Read;
use std::ops::{Deref, DerefMut};
use std::process::{Child, Command, Stdio};

/// A child process that does not outlive its test.
pub struct Peer(Child);

impl Peer {
    pub fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}")))
    }

    /// Starts it with its standard output to be read by the test.
    pub fn start_reporting(command: &mut Command) -> Self {
        Self::start(command.stdout(Stdio::piped()))
    }

    /// Waits for its end and makes sure that it was a success.
    pub fn succeed(mut self) {
        let status = self.0.wait().expect("the child is ours");
        assert!(status.success(), "the peer failed: {status}");
    }

    /// Reads all that it reports, and makes sure that it succeeds.
    pub fn report(mut self) -> Vec<u8> {
        let mut report = Vec::new();
        self.stdout.as_mut().expect("a reporting peer").read_to_end(&mut report).expect("a readable pipe");
        self.succeed();
        report
    }

    /// Kills it and waits for its end; returns what it had reported until then and was not read yet.
    pub fn kill_now(mut self) -> Vec<u8> {
        self.0.kill().expect("the child is ours");
        self.0.wait().expect("the child is ours");
        let mut report = Vec::new();
        if let Some(stdout) = self.stdout.as_mut() {
            stdout.read_to_end(&mut report).expect("a readable pipe");
        }
        report
    }

    /// Its process number, which is also that of its first thread.
    pub fn pid(&self) -> i32 {
        self.0.id() as i32
    }
}

impl Deref for Peer {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Peer {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Already gone is fine.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
