//! A daemon without libc, std and allocation that measures by a timer and publishes to a queue: `sensor READINGS
//! COMMANDS`.
//!
//! One loop waits for two descriptors, a timer's and that of the queue of commands. A command is the time between two
//! readings in milliseconds, as a number of four bytes; an empty one ends the program. It ends with 0, or with the
//! errno of what failed.

#![no_std]
#![no_main]

use core::ffi::CStr;
use core::time::Duration;

use freestanding::{Strings, USAGE};
use rawipc::fd::{AsFd, OwnedFd};
use rawipc::{Error, ErrorKind, MessageBuffer, Name, Priority, Receiver, Sender, TypedSender};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, read};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use sensor::Reading;

const SENSOR: u32 = 7;
const FIRST_INTERVAL: u32 = 1;

/// How long a reading waits for room in the queue before it is given up.
const PATIENCE: Duration = Duration::from_secs(1);

freestanding::entry!(main);

fn main(mut arguments: Strings, _: Strings) -> i32 {
    let (Some(_), Some(readings), Some(commands), None) =
        (arguments.next(), arguments.next(), arguments.next(), arguments.next())
    else {
        return USAGE;
    };
    publish(readings, commands).err().map_or(0, Errno::raw_os_error)
}

fn publish(readings: &CStr, commands: &CStr) -> Result<(), Errno> {
    let errno = |error: Error| error.errno();
    let readings = Sender::open(Name::new(readings).map_err(errno)?).map_err(errno)?;
    let readings = TypedSender::new(readings).map_err(|refused| refused.error.errno())?;
    let commands = Receiver::open(Name::new(commands).map_err(errno)?).map_err(errno)?;
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
    tick(&timer, FIRST_INTERVAL)?;
    let mut number = 0;
    loop {
        let mut sources =
            [PollFd::from_borrowed_fd(commands.as_fd(), PollFlags::IN), PollFd::new(&timer, PollFlags::IN)];
        poll(&mut sources, None)?;
        let [command, time] = sources.map(|source| !source.revents().is_empty());
        if command {
            let mut buffer = MessageBuffer::<4>::new();
            match commands.try_receive(&mut buffer).map_err(errno)?.payload() {
                [] => return Ok(()),
                bytes => tick(&timer, bytes.try_into().map_or(FIRST_INTERVAL, u32::from_le_bytes))?,
            }
        } else if time {
            read(&timer, &mut [0; 8])?;
            let reading = Reading { sensor: SENSOR, number, millikelvin: measure(number) };
            number += 1;
            match readings.send_timeout(&reading, Priority::MIN, PATIENCE) {
                Err(error) if error.kind() != ErrorKind::TimedOut => return Err(error.errno()),
                // Given up: the gap in the numbers tells.
                _ => {}
            }
        }
    }
}

/// Lets the timer tick at this interval, in milliseconds.
fn tick(timer: &OwnedFd, milliseconds: u32) -> Result<(), Errno> {
    let milliseconds = milliseconds.max(1);
    let interval = Timespec { tv_sec: (milliseconds / 1000).into(), tv_nsec: (milliseconds % 1000 * 1_000_000).into() };
    timerfd_settime(timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: interval, it_value: interval })
        .map(drop)
}

/// Stands for the hardware: 20 °C and a little more each time, for a while.
fn measure(number: u32) -> u32 {
    293_150 + number % 100
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    freestanding::exit(101)
}
