//! A hand-off between a Rust and a Python process: each waits for the other's turn to end, by two semaphores.
//!
//! The Python side uses PyPI's `posix_ipc`, which knows nothing of this crate: both speak the C library's protocol.
//!
//! ```sh
//! pip install posix_ipc
//! cargo run --example semaphore_handoff        # RAWIPC_PYTHON names another interpreter than python3
//! ```

use std::env;
use std::error::Error;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use rawipc::{Deadline, Name, NamedSemaphore, WaitTuning, name, retry_on_interrupt};

const TURNS: u32 = 1_000;

/// What Python does: waits for its turn, and gives the turn back.
const PYTHON: &str = "
import sys, posix_ipc
mine, yours = posix_ipc.Semaphore(sys.argv[1]), posix_ipc.Semaphore(sys.argv[2])
turns = int(sys.argv[3])
for _ in range(turns):
    mine.acquire()
    yours.release()
print(f'Python took {turns} turns', flush=True)
";

fn main() -> ExitCode {
    let python = env::var("RAWIPC_PYTHON").unwrap_or_else(|_| "python3".into());
    if !has_posix_ipc(&python) {
        eprintln!("{python} with the module posix_ipc is missing: `{python} -m pip install posix_ipc`");
        return ExitCode::from(2);
    }
    match hand_over(&python) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn has_posix_ipc(python: &str) -> bool {
    let mut look = Command::new(python);
    look.args(["-c", "import posix_ipc"]).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// A child that does not outlive its guard.
struct Guarded(Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn hand_over(python: &str) -> Result<(), Box<dyn Error>> {
    // A turn is short, so it pays to look a few times more before sleeping.
    let tuning = WaitTuning { spin: 200, ..WaitTuning::DEFAULT };
    let options = NamedSemaphore::options().tuning(tuning).unlink_on_drop(true);
    let (theirs, ours) = (
        options.create_unique(name!("/rawipc-example-handoff-"))?,
        options.create_unique(name!("/rawipc-example-handoff-"))?,
    );
    let names = [theirs.name(), ours.name()].map(Name::to_string);
    let mut child = Guarded(Command::new(python).args(["-c", PYTHON]).args(&names).arg(TURNS.to_string()).spawn()?);
    // A semaphore does not tell that a peer has died, so the wait is bounded.
    let deadline = Deadline::after(Duration::from_secs(60));
    for _ in 0..TURNS {
        theirs.post()?;
        retry_on_interrupt!(ours.wait_deadline(deadline))?;
    }
    let status = child.0.wait()?;
    if !status.success() {
        return Err(format!("the Python side failed: {status}").into());
    }
    if (theirs.value(), ours.value()) != (0, 0) {
        return Err("a turn is lost".into());
    }
    println!("Rust took {TURNS} turns");
    Ok(())
}
