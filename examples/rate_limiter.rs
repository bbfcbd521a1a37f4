//! A rate limit for programs in Rust and in Python together: a token a request, and new tokens at a fixed rate.
//!
//! The semaphore is the bucket. This program puts a token into it at every tick of a timer, unless it is full; a
//! program that wants to make a request takes one. So a burst is as long as the bucket is large, and after that the
//! requests of all programs together go at the rate of the timer. No program has to know the others.
//!
//! The Python side uses PyPI's `posix_ipc`, which knows nothing of this crate.
//!
//! ```sh
//! pip install posix_ipc
//! cargo run --example rate_limiter             # RAWIPC_PYTHON names another interpreter than python3
//! ```

use std::env;
use std::error::Error;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rawipc::{Deadline, Name, NamedSemaphore, name, retry_on_interrupt};
use rustix::fd::OwnedFd;
use rustix::io::read;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

/// How many tokens the bucket holds.
const BURST: u32 = 5;
/// The interval between two tokens.
const PERIOD: Duration = Duration::from_millis(5);
/// How many requests each of the two programs makes.
const REQUESTS: u32 = 20;

const PYTHON: &str = "
import sys, posix_ipc
tokens = posix_ipc.Semaphore(sys.argv[1])
for _ in range(int(sys.argv[2])):
    tokens.acquire(60)
print(f'Python made {sys.argv[2]} requests', flush=True)
";

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1) {
        None => limit(),
        Some(tokens) => make_requests(Name::new(tokens.as_str())?),
    }
}

/// Fills the bucket for as long as the programs make requests.
fn limit() -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let options = NamedSemaphore::options().initial_value(BURST).unlink_on_drop(true);
    let tokens = options.create_unique(name!("/rawipc-example-rate-"))?;
    let timer = ticking()?;
    let name = tokens.name().to_string();
    let python = env::var("RAWIPC_PYTHON").unwrap_or_else(|_| "python3".into());
    let mut clients = [
        Client(Command::new(env::current_exe()?).arg(&name).spawn()?),
        Client(Command::new(python).args(["-c", PYTHON, &name, &REQUESTS.to_string()]).spawn()?),
    ];
    while !have_ended(&mut clients)? {
        let mut ticks = [0; 8];
        read(&timer, &mut ticks)?;
        // No other process adds tokens, so the bucket does not overflow between the look and the addition.
        let room = u64::from(BURST.saturating_sub(tokens.value()));
        tokens.post_many(u64::from_ne_bytes(ticks).min(room) as u32)?;
    }
    let ticks = start.elapsed().as_nanos() / PERIOD.as_nanos();
    if u128::from(2 * REQUESTS) > u128::from(BURST) + ticks {
        return Err(format!("{} requests within {ticks} ticks are too many", 2 * REQUESTS).into());
    }
    println!("{} requests, {BURST} at once and then one in {PERIOD:?}", 2 * REQUESTS);
    Ok(())
}

fn make_requests(tokens: &Name) -> Result<(), Box<dyn Error>> {
    let tokens = NamedSemaphore::options().open(tokens)?;
    // If the limiter is killed there are no more tokens, so the wait is bounded.
    let deadline = Deadline::after(Duration::from_secs(60));
    for _ in 0..REQUESTS {
        retry_on_interrupt!(tokens.wait_deadline(deadline))?;
    }
    println!("Rust made {REQUESTS} requests");
    Ok(())
}

/// A program that does not outlive the limiter.
struct Client(Child);

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn have_ended(clients: &mut [Client]) -> Result<bool, Box<dyn Error>> {
    let mut all = true;
    for client in clients {
        match client.0.try_wait()? {
            Some(status) if !status.success() => return Err(format!("a client failed: {status}").into()),
            Some(_) => {}
            None => all = false,
        }
    }
    Ok(all)
}

fn ticking() -> rustix::io::Result<OwnedFd> {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
    let period = Timespec { tv_sec: 0, tv_nsec: PERIOD.subsec_nanos().into() };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: period, it_value: period })?;
    Ok(timer)
}
