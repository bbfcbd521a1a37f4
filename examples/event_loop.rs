//! One event loop over everything: a queue by its own descriptor, another by a notification, a timer, and signals.
//!
//! A queue is a descriptor, so `epoll` can wait for it beside anything else. There are two ways to wait for messages:
//!
//! - The queue's own descriptor (`jobs` here) is readable while there are messages, for every process that has it open.
//!   A program that polls it is woken for each message, also for those that another process takes.
//! - A [`NotificationSocket`] (of `news` here) is readable once when a message comes into the empty queue, for the
//!   one process that is registered, and not if a receiver waits in its call already. A program that only wants to
//!   know that there is something to do again sleeps through the rest.
//!
//! A notification is armed before the queue is emptied, never after: between the two a message would notify no process.
//!
//! To have something to see, the timer sends a job and a piece of news at each of its ticks, and after the last one a
//! real-time signal that ends the program.
//!
//! ```sh
//! cargo run --example event_loop
//! ```

use std::error::Error;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};

use rawipc::mqueue::{MessageQueueOptions, Notified, PORTABLE_REALTIME_SIGNALS};
use rawipc::{ErrorKind, MessageQueue, NotificationSocket, Priority, name};
use rustix::event::epoll;
use rustix::io::read;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

const TICKS: u64 = 3;

/// The sources of events, by the numbers that `epoll` gives back.
const JOBS: u64 = 0;
const NEWS: u64 = 1;
const TIMER: u64 = 2;
const SIGNALS: u64 = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let jobs = options().create_unique(name!("/rawipc-example-jobs-"))?;
    let news = options().create_unique(name!("/rawipc-example-news-"))?;
    let mut arrivals = NotificationSocket::new(&news).map_err(rawipc::Error::from)?;
    let (timer, signals) = (ticking()?, signals()?);

    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (number, source) in
        [(JOBS, jobs.as_fd()), (NEWS, arrivals.as_fd()), (TIMER, timer.as_fd()), (SIGNALS, signals.as_fd())]
    {
        epoll::add(&epoll, source, epoll::EventData::new_u64(number), epoll::EventFlags::IN)?;
    }

    arrivals.arm()?;
    let (mut jobs_done, mut news_read) = (0, receive_all("news", &news)?);
    let (mut ticks, mut ended) = (0, false);
    let mut events = [epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) }; 4];
    while !ended {
        let count = epoll::wait(&epoll, &mut events, None)?;
        for event in &events[..count] {
            match event.data.u64() {
                JOBS => jobs_done += receive_all("job", &jobs)?,
                NEWS => {
                    // The socket has been made with the queue's handle, and this process closes no other one.
                    assert_eq!(arrivals.try_wait()?, Notified::Arrived);
                    println!("notified: arrived");
                    arrivals.arm()?;
                    news_read += receive_all("news", &news)?;
                }
                TIMER => {
                    read(&timer, &mut [0; 8])?;
                    ticks += 1;
                    println!("timer: tick {ticks}");
                    give_something_to_see(ticks, &jobs, &news)?;
                    if ticks == TICKS {
                        stop_ticking(&timer)?;
                    }
                }
                _ => {
                    read(&signals, &mut [0; size_of::<libc::signalfd_siginfo>()])?;
                    println!("signal: the end");
                    ended = true;
                }
            }
        }
    }
    // The signal may have been seen before the last messages.
    jobs_done += receive_all("job", &jobs)?;
    news_read += receive_all("news", &news)?;
    println!("done: {jobs_done} jobs, {news_read} news, {ticks} ticks");
    Ok(())
}

/// Sends a job and a piece of news, and the signal with the last ones.
fn give_something_to_see(tick: u64, jobs: &MessageQueue, news: &MessageQueue) -> rawipc::Result<()> {
    jobs.try_send(format!("resize {tick}").as_bytes(), Priority::MIN)?;
    news.try_send(format!("it is {tick} o'clock").as_bytes(), Priority::MIN)?;
    if tick == TICKS {
        // SAFETY: sends a signal that is blocked, so that it can only be read.
        unsafe { libc::raise(*PORTABLE_REALTIME_SIGNALS.start()) };
    }
    Ok(())
}

fn options() -> MessageQueueOptions {
    MessageQueue::options().read(true).write(true).max_messages(4).max_message_size(64).unlink_on_drop(true)
}

/// Receives and prints what is in a queue; never waits.
fn receive_all(what: &str, queue: &MessageQueue) -> rawipc::Result<u64> {
    let mut buffer = queue.buffer::<64>()?;
    let mut count = 0;
    loop {
        match queue.try_receive(&mut buffer) {
            Ok(message) => println!("{what}: {}", String::from_utf8_lossy(message.payload())),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(count),
            Err(error) => return Err(error),
        }
        count += 1;
    }
}

/// A timer that ticks every ten milliseconds.
fn ticking() -> rustix::io::Result<OwnedFd> {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
    let interval = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: interval, it_value: interval })?;
    Ok(timer)
}

fn stop_ticking(timer: &OwnedFd) -> rustix::io::Result<()> {
    let never = Timespec { tv_sec: 0, tv_nsec: 0 };
    timerfd_settime(timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: never, it_value: never }).map(drop)
}

/// A descriptor that is readable when the first portable real-time signal has come, instead of a handler that runs.
///
/// rustix has no signalfd; this is the only thing here that takes the C library.
fn signals() -> std::io::Result<OwnedFd> {
    // SAFETY: all zero is the empty set.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the number is a signal's.
    unsafe { libc::sigaddset(&mut set, *PORTABLE_REALTIME_SIGNALS.start()) };
    // SAFETY: only blocks a signal in this thread, the only one.
    let blocked = unsafe { libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) };
    // SAFETY: the set is initialized.
    let descriptor = if blocked == 0 { unsafe { libc::signalfd(-1, &set, libc::SFD_CLOEXEC) } } else { -1 };
    if descriptor < 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
