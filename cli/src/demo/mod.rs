//! The main job, shown by itself: two processes, two queues, priorities, and the time of a round trip.
//!
//! Each side queues a batch of messages before the other side looks, so the order in which they arrive is known. No
//! side has to be notified: this process fills the requests, then starts its partner; the partner fills the replies
//! before it takes a request; and this process sends one request more, which waits for room until then.

mod partner;
mod process;

pub(crate) use partner::Partner;

use std::time::{Duration, Instant};

use clap::Args;
use rawipc::{Deadline, ErrorKind, MessageBuffer, MessageQueue, Name, Priority, name};

use crate::error::Failure;
use crate::output::Output;
use process::Process;

/// As many messages as a queue holds, with their priorities, in the order they are sent.
type Batch = [(u8, &'static str); MAX_MESSAGES];
const REQUESTS: Batch =
    [(1, "water the plants"), (30, "put out the fire"), (5, "feed the cat"), (30, "call the fire brigade")];
const REPLIES: Batch =
    [(2, "the plants are dry"), (2, "the cat is hungry"), (20, "the door is open"), (31, "the kitchen is on fire")];
/// The request that waits for room.
const LAST: (u8, &str) = (0, "go home");

const MAX_MESSAGES: usize = 4;
const MAX_MESSAGE_SIZE: usize = 64;
const ROUND_TRIPS: usize = 1000;
/// Ends the partner.
const END: &[u8] = b"";

/// Show two processes sending each other messages.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Demo;

const HELP: &str = "\
It sends prioritised messages both ways through two queues, prints what arrived in which order and
how long a round trip takes, and leaves nothing behind.

Example:
  rawipc demo";

impl Demo {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let mut output = Output::open()?;
        let requests = create(name!("/rawipc-demo-requests-"))?;
        let replies = create(name!("/rawipc-demo-replies-"))?;
        let names = [requests.name(), replies.name()].map(|name| name.expect("a queue created here has a name"));
        output.write(format!("Two queues, each for {MAX_MESSAGES} messages:\n  {}\n  {}\n\n", names[0], names[1]))?;

        send_batch(&requests, &REQUESTS).map_err(failure)?;
        let mut partner = Process::start(&names)?;
        let result = converse(&requests, &replies, &mut output);
        let end = partner.end();
        result.map_err(|failure| failure.and(&end))?;
        output.write(format!("\nQueues unlinked; {end}.\n"))
    }
}

/// All that happens while both processes run.
fn converse(requests: &MessageQueue, replies: &MessageQueue, output: &mut Output) -> Result<(), Failure> {
    let mut buffer = MessageBuffer::new();
    requests.send_deadline(LAST.1.as_bytes(), LAST.0.into(), patience()).map_err(failure)?;
    // The partner has opened both queues. Without their names, they end with the two processes, however those end.
    for name in [requests.name(), replies.name()].into_iter().flatten() {
        MessageQueue::unlink(name).map_err(failure)?;
    }

    let received: Vec<String> =
        REPLIES.iter().map(|_| receive_line(replies, &mut buffer)).collect::<rawipc::Result<_>>().map_err(failure)?;
    let reports: Vec<String> = REQUESTS
        .iter()
        .chain([&LAST])
        .map(|_| Ok(text(replies.receive_deadline(&mut buffer, patience())?.payload())))
        .collect::<rawipc::Result<_>>()
        .map_err(failure)?;
    output.write(table(
        "This process sent",
        REQUESTS.iter().chain([&LAST]),
        "The second process received",
        &reports,
    ))?;
    output.write(table("The second process sent", REPLIES.iter(), "This process received", &received))?;

    let times = round_trips(requests, replies, &mut buffer).map_err(failure)?;
    output.write(format!(
        "{ROUND_TRIPS} round trips, two messages each: median {}, fastest {}\n",
        microseconds(times[ROUND_TRIPS / 2]),
        microseconds(times[0])
    ))?;
    requests.send_deadline(END, Priority::MIN, patience()).map_err(failure)
}

/// How long each round trip took, the fastest first.
fn round_trips(
    requests: &MessageQueue,
    replies: &MessageQueue,
    buffer: &mut MessageBuffer<MAX_MESSAGE_SIZE>,
) -> rawipc::Result<[Duration; ROUND_TRIPS]> {
    let mut times = [Duration::ZERO; ROUND_TRIPS];
    for time in &mut times {
        let (deadline, start) = (patience(), Instant::now());
        requests.send_deadline(b"ping", Priority::MIN, deadline)?;
        replies.receive_deadline(buffer, deadline)?;
        *time = start.elapsed();
    }
    times.sort_unstable();
    Ok(times)
}

fn create(prefix: &Name) -> Result<MessageQueue, Failure> {
    MessageQueue::options()
        .read(true)
        .write(true)
        .max_messages(MAX_MESSAGES)
        .max_message_size(MAX_MESSAGE_SIZE)
        .unlink_on_drop(true)
        .create_unique(prefix)
        .map_err(failure)
}

fn send_batch(queue: &MessageQueue, batch: &Batch) -> rawipc::Result<()> {
    batch.iter().try_for_each(|(priority, text)| queue.try_send(text.as_bytes(), Priority::from(*priority)))
}

/// Receives a message as a line of the table.
fn receive_line(queue: &MessageQueue, buffer: &mut MessageBuffer<MAX_MESSAGE_SIZE>) -> rawipc::Result<String> {
    let message = queue.receive_deadline(buffer, patience())?;
    Ok(line(message.priority(), &text(message.payload())))
}

/// The bound of a wait. By the wall clock, since that wait is one system call: the round trips shall show what the
/// kernel can do.
fn patience() -> Deadline {
    Deadline::realtime_after(Duration::from_secs(5))
}

/// Waiting without success is a failure here, not a "not now".
fn failure(error: rawipc::Error) -> Failure {
    let failure = Failure::new("demo", error);
    match error.kind() {
        ErrorKind::Unsupported => failure.and("this kernel, or the sandbox around it, has no POSIX message queues"),
        _ => failure,
    }
}

fn text(payload: &[u8]) -> String {
    String::from_utf8_lossy(payload).into_owned()
}

fn line(priority: Priority, text: &str) -> String {
    format!("{priority:>4}  {text}")
}

fn table<'batch>(
    left: &str,
    sent: impl Iterator<Item = &'batch (u8, &'static str)>,
    right: &str,
    received: &[String],
) -> String {
    let rows = sent.zip(received).map(|((priority, text), received)| {
        let sent = line(Priority::from(*priority), text);
        format!("{sent:<36}{received}\n")
    });
    format!("{left:<36}{right}\n{}\n", rows.collect::<String>())
}

fn microseconds(time: Duration) -> String {
    format!("{:.1} µs", time.as_secs_f64() * 1e6)
}
