//! Starting the second process, and its end in any case.

use std::env;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rawipc::Name;

use crate::error::Failure;

/// How long the process may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// The running second process; killed when it is dropped.
pub(super) struct Process(Child);

impl Process {
    /// Starts this program again, as the partner that uses these queues.
    pub(super) fn start(queues: &[&Name]) -> Result<Self, Failure> {
        let program = env::current_exe().map_err(cannot_start)?;
        let child = Command::new(program)
            .arg("demo-partner")
            .args(queues.iter().map(|name| OsStr::from_bytes(name.as_bytes())))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        child.map(Self).map_err(cannot_start)
    }

    /// Waits for its end, and ends it if it takes too long; says how it ended.
    pub(super) fn end(&mut self) -> String {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            match self.0.try_wait() {
                Ok(Some(status)) => return format!("the second process ended with {status}"),
                Ok(None) => sleep(Duration::from_millis(1)),
                Err(error) => return format!("how the second process ended is not known: {error}"),
            }
        }
        self.kill();
        "the second process did not end by itself and was killed".to_owned()
    }

    fn kill(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn cannot_start(error: std::io::Error) -> Failure {
    Failure::new("demo", format_args!("the second process cannot be started: {error}"))
}
