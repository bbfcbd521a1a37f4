//! Sensor, queue, gateway, broker, subscriber: each reading arrives once.

mod broker;
mod programs;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rawipc::{MessageQueue, Priority, name};

use broker::{Mosquitto, Subscriber};
use programs::Program;

/// The least number of readings: several times what the queue, the window and the broker hold.
const READINGS: usize = 300;
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn every_reading_arrives_once() {
    // First: it may take a while, in which the broker would miss its subscriber.
    let program = programs::sensor();
    let broker = Mosquitto::start();
    let mut subscriber = Subscriber::new(&broker, "sensors/+/temperature");
    let free = |prefix| {
        let options = MessageQueue::options().write(true).max_messages(2).max_message_size(4).unlink_on_drop(true);
        options.create_unique(prefix).expect("a small queue can be created")
    };
    let commands = free(name!("/rawipc-test-commands-"));
    let command_name = commands.name().expect("it has a name").to_string();
    let queue = format!("/rawipc-test-readings-{}", std::process::id());

    let mut gateway = Program::start(env!("CARGO_BIN_EXE_gateway"), &[&queue, "127.0.0.1", &broker.port.to_string()]);
    assert_eq!(gateway.line(), "ready");
    let sensor = Program::start(program, &[&queue, &command_name]);
    let start = Instant::now();
    let mut arrived = BTreeMap::new();
    let mut take = |topic: String, text: String| {
        assert_eq!(topic, "sensors/7/temperature");
        *arrived.entry(text).or_insert(0) += 1;
        arrived.len()
    };
    loop {
        assert!(start.elapsed() < PATIENCE, "too few readings arrive");
        let (topic, text) = subscriber.next(PATIENCE).expect("readings arrive");
        if take(topic, text) == READINGS {
            break;
        }
    }

    // The sensor ends at a command, the gateway at a signal: what is under way still arrives.
    commands.send(b"", Priority::MIN).expect("the queue of commands is there");
    assert_eq!(sensor.end(), "");
    gateway.terminate();
    let last = gateway.end();
    let forwarded = last.strip_prefix("forwarded ").and_then(|rest| rest.strip_suffix(" readings\n"));
    let forwarded: usize = forwarded.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{last:?}"));
    while take_next(&mut subscriber, &mut take) {}
    assert_eq!(arrived.len(), forwarded);
    for number in 0..forwarded {
        let millikelvin = 293_150 + number % 100;
        let text = format!("{{\"number\":{number},\"millikelvin\":{millikelvin}}}");
        assert_eq!(arrived.get(&text), Some(&1), "{text}");
    }
    let name = rawipc::Name::new(queue.as_str()).expect("a valid name");
    let error = MessageQueue::unlink(name).expect_err("the gateway has removed its queue");
    assert_eq!(error.kind(), rawipc::ErrorKind::NotFound);
}

/// Takes what the broker still has: it comes at once, or not at all.
fn take_next(subscriber: &mut Subscriber, take: &mut impl FnMut(String, String) -> usize) -> bool {
    let Some((topic, text)) = subscriber.next(Duration::from_millis(500)) else { return false };
    take(topic, text);
    true
}
