use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::time::Duration;

use clap::Args;
use rawipc::{NamedSemaphore, retry_on_interrupt};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::Existing;
use super::interruptible::{Taken, take};
use crate::arguments;
use crate::error::Failure;
use crate::signals::{self, Caught, Signals};

/// Take a token, run a command, and give the token back when the command ends, however it ends.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Run {
    #[command(flatten)]
    semaphore: Existing,
    /// How long to wait for a token; 0 does not wait [default: for ever].
    #[arg(long, value_name = "SECONDS", value_parser = arguments::seconds, allow_negative_numbers = true)]
    timeout: Option<Duration>,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

const HELP: &str = "\
The exit code is that of CMD; 128 + the signal's number if a signal killed CMD, or ended this program
(HUP, INT, QUIT and TERM are passed on to CMD, whose end is waited for; a key's goes to both by itself);
126 if CMD cannot be run, 127 if it is not found. Before CMD is run: 1 failed, 3 no token in time.

A program that is killed by SIGKILL, or by a signal not named above, cannot give anything back: then CMD goes
on, and its token is lost until somebody puts it back with `rawipc sem post`. No semaphore knows who has
its tokens.

Example, never more than four at once:
  rawipc sem create slots --value 4
  for image in *.png; do rawipc sem run slots -- convert \"$image\" \"$image.jpg\" & done; wait";

impl Run {
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        let semaphore = self.semaphore.open()?;
        // Before the token is taken: no signal shall find a token in the hands of a process that it can end.
        let mut signals = Signals::catch().map_err(|error| Failure::new("signals", error))?;
        match take(&semaphore, self.timeout, &mut signals).map_err(Failure::about(self.semaphore.name))? {
            Taken::Token => {}
            Taken::Signal(signal) => return Ok(signal.exit_code().into()),
        }
        let result = self.run_command(&mut signals);
        self.give_back(&semaphore)?;
        result
    }

    fn run_command(&self, signals: &mut Signals) -> Result<ExitCode, Failure> {
        // One that came with the token: there is no command yet that it could be passed on to.
        if let Some(signal) = signals.caught() {
            return Ok(signal.exit_code().into());
        }
        let (program, arguments) = self.command.split_first().expect("the argument is required");
        let mut child = match Command::new(program).args(arguments).spawn() {
            Ok(child) => child,
            Err(error) => return Err(cannot_run(program, &error)),
        };
        let ((), passed) = signals.passed_on_while(pid_of(&child), || wait_for_end(&child));
        let status = child.wait().map_err(|error| Failure::new(program.display(), error))?;
        Ok(exit_code(status, passed).into())
    }

    fn give_back(&self, semaphore: &NamedSemaphore) -> Result<(), Failure> {
        retry_on_interrupt!(semaphore.post())
            .map_err(|error| Failure::about(self.semaphore.name)(error).and("the token is not given back"))
    }
}

/// Waits for the end of the child without reaping it, so that its number stays its own.
fn wait_for_end(child: &Child) {
    // It fails only for who has no such child.
    let _ = retry_on_intr(|| waitid(WaitId::Pid(pid_of(child)), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT));
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_child(child)
}

fn exit_code(status: ExitStatus, passed: Option<Caught>) -> u8 {
    match (passed, status.code(), status.signal()) {
        (Some(signal), _, _) => signal.exit_code(),
        (None, Some(code), _) => code as u8,
        (None, None, Some(signal)) => signals::exit_code(signal),
        (None, None, None) => 1,
    }
}

/// With the exit codes that shells and `env` have for it.
fn cannot_run(program: &OsString, error: &io::Error) -> Failure {
    let code = if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 };
    Failure::new(program.display(), format_args!("cannot be run: {error}")).with_code(code)
}
