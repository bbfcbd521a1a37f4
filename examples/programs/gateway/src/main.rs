//! Forwards the readings of a queue to an MQTT broker: `gateway QUEUE HOST PORT`.
//!
//! A queue ends at its machine; what has to go further goes by a protocol that is made for it. The gateway owns the
//! queue of readings: it creates the queue and removes it. A reading goes to the topic `sensors/SENSOR/temperature`
//! with quality of service 2, so that it arrives once.
//!
//! At most [`WINDOW`] readings are on their way to the broker; while it does not take them, the rest waits in the
//! queue, and then the sensors wait. SIGTERM and SIGINT end the gateway well: it forwards what is in the queue first.

mod broker;

use std::env;
use std::error::Error;
use std::os::unix::net::UnixStream;

use rawipc::fd::AsFd;
use rawipc::{ErrorKind, MessageQueue, Name, Receiver, TypedReceiver};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use sensor::Reading;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

use broker::Broker;

/// How many readings the queue holds.
const DEPTH: usize = 10;

/// How many readings may have been taken from the queue without the broker having all of them: those that are lost if
/// the gateway is killed.
const WINDOW: usize = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [queue, host, port] = arguments.as_slice() else { return Err("usage: gateway QUEUE HOST PORT".into()) };

    let (signals, raised) = UnixStream::pair()?;
    pipe::register(SIGTERM, raised.try_clone()?)?;
    pipe::register(SIGINT, raised)?;
    let queue = MessageQueue::options()
        .read(true)
        .create(true)
        .max_messages(DEPTH)
        .max_message_size(size_of::<Reading>())
        .unlink_on_drop(true)
        .open(Name::new(queue.as_str())?)?;
    let readings = TypedReceiver::<Reading>::new(Receiver::try_from(queue)?)?;
    let mut broker = Broker::connect(host, port.parse()?, WINDOW)?;
    println!("ready");

    let mut forwarded = 0;
    while wait(&signals, &readings)? {
        forwarded += forward(&readings, &mut broker)?;
    }
    forwarded += forward(&readings, &mut broker)?;
    broker.close()?;
    println!("forwarded {forwarded} readings");
    Ok(())
}

/// Waits until there is a reading, or a signal has come: whether to go on.
fn wait(signals: &UnixStream, readings: &TypedReceiver<Reading>) -> Result<bool, Errno> {
    let mut sources = [PollFd::new(signals, PollFlags::IN), PollFd::from_borrowed_fd(readings.as_fd(), PollFlags::IN)];
    match poll(&mut sources, None) {
        // The signal's handler has written to its pipe.
        Err(Errno::INTR) => Ok(true),
        result => result.map(|_| sources[0].revents().is_empty()),
    }
}

/// Forwards what is in the queue now; how many readings that were.
fn forward(readings: &TypedReceiver<Reading>, broker: &mut Broker) -> Result<u32, Box<dyn Error>> {
    let mut count = 0;
    loop {
        let reading = match readings.try_receive() {
            Ok((reading, _)) => reading,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(count),
            Err(error) => return Err(error.into()),
        };
        let Reading { sensor, number, millikelvin } = reading;
        let text = format!("{{\"number\":{number},\"millikelvin\":{millikelvin}}}");
        broker.publish(&format!("sensors/{sensor}/temperature"), text)?;
        count += 1;
    }
}
