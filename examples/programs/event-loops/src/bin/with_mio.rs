//! Queues in an event loop of mio: one by its own descriptor, one by a notification, beside a pipe from a child.
//!
//! mio reports **changes** only: the program receives until there is nothing more, else the rest lies there until
//! the next message comes.
//!
//! The program starts itself again as the one that sends. Another thread would not do: closing its handles would drop
//! the notification, which belongs to the process.
//!
//! ```sh
//! cargo run --manifest-path examples/programs/Cargo.toml --bin with_mio
//! ```

use std::env;
use std::error::Error;
use std::os::fd::AsRawFd;
use std::process::{Child, Command, Stdio};

use mio::unix::{SourceFd, pipe};
use mio::{Events, Interest, Poll, Token};
use rawipc::mqueue::Notified;
use rawipc::{ErrorKind, MessageQueue, Name, NotificationSocket, Priority, Sender, name};

const JOBS: Token = Token(0);
const NEWS: Token = Token(1);
const CHILD: Token = Token(2);

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => receive(),
        [jobs, news] => send(&Sender::open(Name::new(jobs.as_str())?)?, &Sender::open(Name::new(news.as_str())?)?),
        _ => Err("no arguments are taken".into()),
    }
}

fn send(jobs: &Sender, news: &Sender) -> Result<(), Box<dyn Error>> {
    for number in 1..=5 {
        jobs.send(format!("resize {number}").as_bytes(), Priority::MIN)?;
        news.send(format!("it is {number} o'clock").as_bytes(), Priority::MIN)?;
    }
    Ok(())
}

fn receive() -> Result<(), Box<dyn Error>> {
    let options = MessageQueue::options().read(true).max_messages(2).max_message_size(32).nonblocking(true);
    let options = options.unlink_on_drop(true);
    let jobs = options.create_unique(name!("/rawipc-example-mio-jobs-"))?;
    let news = options.create_unique(name!("/rawipc-example-mio-news-"))?;
    let mut arrivals = NotificationSocket::new(&news).map_err(rawipc::Error::from)?;
    // A notification is armed before the queue is emptied, so that no message comes unnoticed between the two.
    arrivals.arm()?;
    receive_all("news", &news)?;

    let mut child = start(&jobs, &news)?;
    let mut output = pipe::Receiver::from(child.stdout.take().ok_or("its output is a pipe")?);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut SourceFd(&jobs.as_raw_fd()), JOBS, Interest::READABLE)?;
    poll.registry().register(&mut SourceFd(&arrivals.as_raw_fd()), NEWS, Interest::READABLE)?;
    poll.registry().register(&mut output, CHILD, Interest::READABLE)?;
    let mut events = Events::with_capacity(8);
    let mut ended = false;
    while !ended {
        poll.poll(&mut events, None)?;
        for event in &events {
            match event.token() {
                JOBS => receive_all("job", &jobs)?,
                NEWS => {
                    assert_eq!(arrivals.try_wait()?, Notified::Arrived);
                    arrivals.arm()?;
                    receive_all("news", &news)?;
                }
                _ => ended = event.is_read_closed(),
            }
        }
    }
    // The child's end may have been seen before its last messages.
    receive_all("job", &jobs)?;
    receive_all("news", &news)?;
    println!("the sender has ended: {}", child.wait()?);
    Ok(())
}

fn start(jobs: &MessageQueue, news: &MessageQueue) -> Result<Child, Box<dyn Error>> {
    let name = |queue: &MessageQueue| queue.name().map(Name::to_string).ok_or("it was opened by name");
    Ok(Command::new(env::current_exe()?).args([name(jobs)?, name(news)?]).stdout(Stdio::piped()).spawn()?)
}

fn receive_all(what: &str, queue: &MessageQueue) -> rawipc::Result<()> {
    let mut buffer = queue.buffer::<32>()?;
    loop {
        match queue.try_receive(&mut buffer) {
            Ok(message) => println!("{what}: {}", String::from_utf8_lossy(message.payload())),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}
