//! What the tests have in common: lists of tests, other processes, unique names, what a machine may lack.

pub mod allocator;
pub mod injector;
pub mod kernel;
pub mod languages;
pub mod message;
pub mod peer;
pub mod property;
pub mod queues;
pub mod random;
pub mod stepper;
pub mod tracer;
pub mod waiting;

use std::env;
use std::fs::File;
use std::io::{Read, Seek};
use std::process::{Command, Stdio};

use libtest_mimic::{Completion, Failed, Trial};
use rustix::fs::{MemfdFlags, memfd_create};

pub use peer::Peer;
pub use queues::{exists, name_of, small, small_queue};

/// What a test needs and this machine has not. The test counts as ignored, with this reason; with `RAWIPC_STRICT` in
/// the environment (as CI sets it) it fails.
#[derive(Debug)]
pub struct Lacking(pub String);

/// How a test ended that did not panic.
pub type Ending = Result<(), Lacking>;

/// What a test function may return: nothing (it panics if it fails), or whether the machine lacks what it needs.
pub trait Outcome {
    fn ending(self) -> Ending;
}

impl Outcome for () {
    fn ending(self) -> Ending {
        Ok(())
    }
}

impl Outcome for Ending {
    fn ending(self) -> Ending {
        self
    }
}

/// A test: its path, and whether it needs a process for itself.
pub struct Test {
    pub name: &'static str,
    pub body: Box<dyn Fn() -> Ending + Send>,
    pub alone: bool,
}

/// Lists a module's tests for `main`; a test function that is not listed is dead code and a warning.
///
/// Those after `alone:` run each in a process of its own that has one thread: there a test may change what belongs to
/// the process (umask, limits, namespaces, system call filters) and may fork.
#[macro_export]
macro_rules! tests {
    ($($test:ident),* $(,)? $(; alone: $($alone:ident),* $(,)?)?) => {
        pub fn tests() -> Vec<$crate::harness::Test> {
            vec![
                $($crate::tests!(@one $test, false),)*
                $($($crate::tests!(@one $alone, true),)*)?
            ]
        }
    };
    (@one $test:ident, $alone:literal) => {
        $crate::harness::Test {
            name: concat!(module_path!(), "::", stringify!($test)),
            body: Box::new(|| $crate::harness::Outcome::ending($test())),
            alone: $alone,
        }
    };
}

/// A part that this program plays when it is started again by one of its tests.
pub type Role = (&'static str, fn(&[String]));

const ROLE: &str = "RAWIPC_ROLE";

/// No process of the tests lives longer, in seconds, whatever goes wrong in it.
pub const LONGEST_LIFE: u32 = 240;

/// The exit code of a lonely test that the machine lacks something for; standard output says what.
const LACKING: i32 = 77;

/// Plays the role that the environment names, if any, and ends the process: with 0 if the role returns, 101 if it
/// panics.
pub fn play_role(roles: &[&[Role]], tests: &[Test]) {
    let Ok(role) = env::var(ROLE) else { return };
    kernel::die_with_parent();
    kernel::die_in(LONGEST_LIFE);
    if let Some(test) = tests.iter().find(|test| test.name == role) {
        if let Err(Lacking(what)) = (test.body)() {
            print!("{what}");
            std::process::exit(LACKING);
        }
    } else {
        let arguments: Vec<String> = env::args().skip(1).collect();
        let (_, play) = roles.iter().copied().flatten().find(|(name, _)| *name == role).expect("an unknown role");
        play(&arguments);
    }
    std::process::exit(0);
}

/// A command that starts this program in a role.
pub fn role(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env::current_exe().expect("the path of the test program"));
    command.env(ROLE, name).args(arguments);
    command
}

/// The tests as the test runner takes them.
pub fn trials(tests: Vec<Test>) -> Vec<Trial> {
    // The runner's own process is bounded too: a call that hangs in one thread must not hang a machine.
    kernel::die_in(5 * LONGEST_LIFE);
    kernel::act_as_usual_on_signals();
    let strict = env::var_os("RAWIPC_STRICT").is_some();
    let trial = |test: Test| {
        let name = test.name.strip_prefix("it::").unwrap_or(test.name).to_owned();
        Trial::ignorable_test(name, move || {
            let ending = if test.alone { run_alone(test.name)? } else { (test.body)() };
            match ending {
                Ok(()) => Ok(Completion::Completed),
                Err(Lacking(what)) if strict => Err(format!("this machine lacks {what}").into()),
                Err(Lacking(what)) => Ok(Completion::ignored_with(format!("this machine lacks {what}"))),
            }
        })
    };
    tests.into_iter().map(trial).collect()
}

fn run_alone(name: &str) -> Result<Ending, Failed> {
    // Files rather than pipes: a process that a failed test has left behind would keep a pipe open, and this waiting.
    let [mut output, mut errors] = [(); 2].map(|()| memory_file());
    let stdio = |file: &File| Stdio::from(file.try_clone().expect("there is a free descriptor"));
    let mut command = role(name, &[]);
    let status = command.stdin(Stdio::null()).stdout(stdio(&output)).stderr(stdio(&errors)).status();
    let status = status.expect("the test program starts again");
    match status.code() {
        Some(0) => Ok(Ok(())),
        Some(LACKING) => Ok(Err(Lacking(text(&mut output)))),
        _ => Err(format!("{status}\n{}{}", text(&mut output), text(&mut errors)).into()),
    }
}

fn memory_file() -> File {
    File::from(memfd_create("test-output", MemfdFlags::CLOEXEC).expect("the kernel offers it"))
}

fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("it lies in memory");
    String::from_utf8_lossy(&bytes).into_owned()
}
