//! What the tests have in common: lists of tests, other processes, unique names, what a machine may lack.

use std::env;
use std::ops::{Deref, DerefMut};
use std::process::{Child, Command};

use libtest_mimic::{Completion, Failed, Trial};
use rawipc::{MessageQueue, MessageQueueOptions, name};

/// What a test function may return: nothing (it panics if it fails), or whether the machine lacks what it needs.
pub trait Outcome {
    fn completion(self) -> Result<Completion, Failed>;
}

impl Outcome for () {
    fn completion(self) -> Result<Completion, Failed> {
        Ok(Completion::Completed)
    }
}

impl Outcome for Result<(), Lacking> {
    fn completion(self) -> Result<Completion, Failed> {
        let Err(Lacking(what)) = self else { return Ok(Completion::Completed) };
        if env::var_os("RAWIPC_STRICT").is_some() {
            return Err(format!("this machine lacks {what}").into());
        }
        Ok(Completion::ignored_with(format!("this machine lacks {what}")))
    }
}

/// What a test needs and this machine has not. The test counts as ignored, with this reason; with `RAWIPC_STRICT` in
/// the environment (as CI sets it) it fails.
#[derive(Debug)]
pub struct Lacking(pub String);

/// Makes a trial of a test function.
pub fn trial<O: Outcome + 'static>(name: &str, test: fn() -> O) -> Trial {
    let name = name.strip_prefix("it::").unwrap_or(name).to_owned();
    Trial::ignorable_test(name, move || test().completion())
}

/// Lists a module's tests for `main`; a test function that is not listed is dead code and a warning.
#[macro_export]
macro_rules! tests {
    ($($test:ident),* $(,)?) => {
        pub fn tests() -> Vec<libtest_mimic::Trial> {
            vec![$($crate::harness::trial(concat!(module_path!(), "::", stringify!($test)), $test)),*]
        }
    };
}

/// A part that this program plays when it is started again by one of its tests.
pub type Role = (&'static str, fn(&[String]));

const ROLE: &str = "RAWIPC_ROLE";

/// Plays the role that the environment names, if any, and ends the process: with 0 if the role returns, 101 if it
/// panics.
pub fn play_role(roles: &[&[Role]]) {
    let Ok(role) = env::var(ROLE) else { return };
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (_, play) = roles.iter().copied().flatten().find(|(name, _)| *name == role).expect("an unknown role");
    play(&arguments);
    std::process::exit(0);
}

/// A command that starts this program in a role.
pub fn role(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env::current_exe().expect("the path of the test program"));
    command.env(ROLE, name).args(arguments);
    command
}

/// A child process that does not outlive its test.
pub struct Peer(Child);

impl Peer {
    pub fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}")))
    }

    /// Waits for its end and makes sure that it was a success.
    pub fn succeed(mut self) {
        let status = self.0.wait().expect("the child is ours");
        assert!(status.success(), "the peer failed: {status}");
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

/// Options for a small queue of both directions: 8 messages of 64 bytes, gone when its handle is dropped.
pub fn small() -> MessageQueueOptions {
    MessageQueue::options().read(true).write(true).max_messages(8).max_message_size(64).unlink_on_drop(true)
}

/// A small queue of a name that nobody else has.
pub fn small_queue() -> MessageQueue {
    small().create_unique(name!("/rawipc-test-")).expect("a small queue can be created")
}
