//! A job queue with three worker processes: each job is done by exactly one of them, urgent ones first.
//!
//! The program starts itself again as the workers. At SIGTERM or SIGINT it takes in no more jobs, but does all that it
//! has taken in: a job of no bytes tells a worker to stop, and it has the lowest priority, so the workers have done
//! everything else by then. A worker that dies is replaced; the job that it had in hand is lost, as with every queue
//! that hands a job over before it is done.
//!
//! ```sh
//! cargo run --example workers               # 20 jobs
//! cargo run --example workers -- 1000000    # until a signal comes
//! ```

use std::env;
use std::error::Error;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rawipc::{ErrorKind, MessageBuffer, MessageQueue, Name, Priority, Receiver, Sender, name};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};
use signal_hook::{flag, low_level::pipe};

const WORKERS: usize = 3;
const LONGEST_JOB: usize = 32;

/// The number of workers that may die before the program gives up: perhaps they all do.
const DEATHS: u32 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1) {
        Some(queue) if queue.starts_with('/') => work(Name::new(queue.as_str())?),
        jobs => Supervisor::new()?.run(jobs.map_or(Ok(20), |jobs| jobs.parse())?),
    }
}

struct Supervisor {
    jobs: Sender,
    workers: Vec<Child>,
    deaths: u32,
    /// Readable when a signal has come.
    signals: UnixStream,
    /// Whether it was one that ends the program.
    stop: Arc<AtomicBool>,
}

impl Supervisor {
    /// Makes the queue and starts the workers.
    fn new() -> Result<Self, Box<dyn Error>> {
        let (signals, raised) = UnixStream::pair()?;
        signals.set_nonblocking(true)?;
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            flag::register(signal, Arc::clone(&stop))?;
        }
        for signal in [SIGTERM, SIGINT, SIGCHLD] {
            pipe::register(signal, raised.try_clone()?)?;
        }
        let queue = MessageQueue::options()
            .write(true)
            .max_messages(8)
            .max_message_size(LONGEST_JOB)
            .unlink_on_drop(true)
            .create_unique(name!("/rawipc-example-workers-"))?;
        let jobs = Sender::try_from(queue)?;
        let mut supervisor = Self { jobs, workers: Vec::new(), deaths: 0, signals, stop };
        for _ in 0..WORKERS {
            supervisor.workers.push(supervisor.start()?);
        }
        Ok(supervisor)
    }

    /// Sends `count` jobs, or as many as it can until a signal comes; then waits for the workers' ends.
    fn run(mut self, jobs: u32) -> Result<(), Box<dyn Error>> {
        let mut sent = 0;
        while sent < jobs && !self.stop.load(Relaxed) {
            let urgent = sent.is_multiple_of(5);
            let job = format!("{} {sent}", if urgent { "urgent" } else { "usual" });
            if self.send(job.as_bytes(), Priority::from(if urgent { 2 } else { 1 }))? {
                sent += 1;
            }
        }
        let mut told = 0;
        while told < WORKERS {
            told += usize::from(self.send(&[], Priority::MIN)?);
        }
        // A worker that dies now has not heard that it is to stop: another one must.
        for at in 0..WORKERS {
            loop {
                let status = self.workers[at].wait()?;
                if status.success() {
                    break;
                }
                self.replace(at, status)?;
            }
        }
        println!("{sent} jobs were taken in, {} workers have died", self.deaths);
        Ok(())
    }

    /// Sends a job, unless a signal comes before there is room for it: whether it was sent.
    fn send(&mut self, job: &[u8], priority: Priority) -> Result<bool, Box<dyn Error>> {
        let signal_comes = {
            let mut sources = [PollFd::new(&self.signals, PollFlags::IN), PollFd::new(&self.jobs, PollFlags::OUT)];
            match poll(&mut sources, None) {
                Ok(_) => !sources[0].revents().is_empty(),
                // The signal's handler has written by now.
                Err(Errno::INTR) => true,
                Err(errno) => return Err(errno.into()),
            }
        };
        if signal_comes {
            // How many came does not matter.
            let _ = self.signals.read(&mut [0; 64]);
            for at in 0..WORKERS {
                if let Some(status) = self.workers[at].try_wait()?.filter(|status| !status.success()) {
                    self.replace(at, status)?;
                }
            }
            return Ok(false);
        }
        match self.jobs.try_send(job, priority) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            result => Ok(result.map(|()| true)?),
        }
    }

    fn replace(&mut self, at: usize, status: ExitStatus) -> Result<(), Box<dyn Error>> {
        println!("worker {} has died ({status}), and its job with it", self.workers[at].id());
        self.deaths += 1;
        if self.deaths == DEATHS {
            self.workers.iter_mut().for_each(|worker| drop(worker.kill()));
            return Err("too many workers die".into());
        }
        self.workers[at] = self.start()?;
        Ok(())
    }

    fn start(&self) -> Result<Child, Box<dyn Error>> {
        let name = self.jobs.queue().name().ok_or("a created queue has a name")?.to_string();
        Ok(Command::new(env::current_exe()?).arg(name).spawn()?)
    }
}

/// Does jobs until one of no bytes comes.
fn work(queue: &Name) -> Result<(), Box<dyn Error>> {
    // Control-C in a terminal goes to all processes; to stop is the supervisor's decision.
    flag::register(SIGINT, Arc::default())?;
    let jobs = Receiver::open(queue)?;
    let mut buffer = MessageBuffer::<LONGEST_JOB>::new();
    loop {
        let job = rawipc::retry_on_interrupt!(jobs.receive(&mut buffer).map(|job| job.payload().len()))?;
        if job == 0 {
            return Ok(());
        }
        println!("worker {} does {}", std::process::id(), String::from_utf8_lossy(buffer.as_slice()));
    }
}
