//! What the cost of a message does not depend on, and what it does: messages ever sent, queues open, messages queued,
//! processes that send.

use std::time::Instant;

use rawipc::{MessageQueue, Priority, name};

use crate::Run;
use crate::machine::{Processors, in_child};
use crate::measure::{at, sorted};
use crate::record::Bound::AtMost;
use crate::record::Table;

const MESSAGE: [u8; 8] = [7; 8];

fn queue(messages: usize, size: usize) -> rawipc::Result<MessageQueue> {
    let options = MessageQueue::options().read(true).write(true).max_messages(messages).max_message_size(size);
    options.unlink_on_drop(true).create_unique(name!("/rawipc-bench-"))
}

pub fn all(run: &mut Run) {
    messages_sent(run);
    queues_open(run);
    messages_queued(run);
    processes(run);
}

/// The medians of pairs in blocks of a thousand, `blocks` of them.
fn pairs(queue: &MessageQueue, blocks: usize) -> Vec<f64> {
    let mut buffer = [0; 64];
    let block = |_| {
        let start = Instant::now();
        for _ in 0..1_000 {
            queue.send(&MESSAGE, Priority::MIN).expect("there is room");
            assert_eq!(queue.receive(&mut buffer).expect("there is a message").payload(), MESSAGE);
        }
        start.elapsed().as_nanos() as f64 / 1_000.0
    };
    sorted((0..blocks).map(block).collect())
}

const COLUMNS: [&str; 3] = ["median", "p10", "p90"];

fn row(table: &mut Table, name: &str, times: &[f64]) {
    table.row(name, vec![at(times, 0.5), at(times, 0.1), at(times, 0.9)]);
}

/// Ten million messages through one queue.
fn messages_sent(run: &mut Run) {
    let queue = queue(2, 64).expect("it can be created");
    let mut table = Table::new("growth-sent", "After so many messages through one queue: ns a pair", &COLUMNS);
    let million = run.rounds(1_000);
    let all: Vec<_> = (0..10).map(|_| pairs(&queue, million)).collect();
    for (at, times) in all.iter().enumerate() {
        row(&mut table, &format!("{} million", (at + 1) as f64 * million as f64 / 1_000.0), times);
    }
    let ratio = at(&all[9], 0.5) / at(&all[0], 0.5);
    run.record.target("a pair in the tenth million messages / in the first", Some(ratio), AtMost(1.15));
    run.keep(table);
}

/// As many queues as the limits allow, the smallest there are; a part of them is left to others.
fn queues_open(run: &mut Run) {
    let mut table = Table::new("growth-queues", "With so many queues open: ns a pair", &COLUMNS);
    let measured = queue(2, 64).expect("it can be created");
    let mut open = Vec::new();
    let limit = rawipc::inspect::Limits::current().map_or(256, |limits| limits.max_queues as usize) * 3 / 4;
    let mut first = None;
    for wanted in [1, 16, 64, 256, 1_024, 4_096].map(|wanted| limit.min(wanted)) {
        while open.len() + 1 < wanted {
            match queue(1, 8) {
                Ok(queue) => open.push(queue),
                Err(error) => {
                    eprintln!("no more queues than {}: {error}", open.len() + 1);
                    break;
                }
            }
        }
        // A message in each: none of them is idle.
        for queue in &open {
            queue.try_receive(&mut MESSAGE.clone()).map(drop).ok();
            queue.try_send(&MESSAGE, Priority::MIN).expect("it is empty");
        }
        let times = pairs(&measured, run.rounds(200));
        let first = *first.get_or_insert(at(&times, 0.5));
        row(&mut table, &(open.len() + 1).to_string(), &times);
        if open.len() + 1 < wanted || wanted == limit {
            let ratio = at(&times, 0.5) / first;
            let what = format!("a pair with {} queues open / with one", open.len() + 1);
            run.record.target(&what, Some(ratio), AtMost(1.15));
            break;
        }
    }
    run.keep(table);
}

/// A queue that is longer and longer, of one priority and of many.
fn messages_queued(run: &mut Run) {
    let mut table = Table::new("growth-depth", "With so many messages queued: ns a pair", &COLUMNS);
    for depth in [1, 10, 100, 1_000] {
        for (priorities, title) in [(1, "one priority"), (1_000, "each of its own priority")] {
            let name = format!("{depth}, {title}");
            let queue = match queue(depth + 1, 8) {
                Ok(queue) => queue,
                Err(error) => {
                    table.lacking(&name, &error.to_string());
                    continue;
                }
            };
            for number in 0..depth {
                let priority = Priority::new((number % priorities) as u32).expect("it is below 32,768");
                queue.send(&MESSAGE, priority).expect("there is room");
            }
            row(&mut table, &name, &pairs(&queue, run.rounds(100)));
        }
    }
    run.keep(table);
}

/// Several processes that send to one.
fn processes(run: &mut Run) {
    let title = "So many processes send to one, two processors, 8 B, at most 10 queued: ns a message";
    let mut table = Table::new("growth-processes", title, &COLUMNS);
    let (processors, count) = (Processors::of_this_process(), 8_000);
    for senders in [1, 2, 4, 8] {
        let queue = queue(10, 8).expect("it can be created");
        let round = |_| {
            let send = || (0..count / senders).for_each(|_| queue.send(&MESSAGE, Priority::MIN).expect("it waits"));
            let children: Vec<_> = (0..senders)
                .map(|_| {
                    in_child(|| {
                        processors.confine(0..2);
                        send();
                    })
                })
                .collect();
            let start = Instant::now();
            for _ in 0..count {
                let mut buffer = [0; 8];
                assert_eq!(queue.receive(&mut buffer).expect("it waits").payload(), MESSAGE);
            }
            let time = start.elapsed().as_nanos() as f64 / f64::from(count);
            children.into_iter().for_each(crate::machine::Child::succeed);
            time
        };
        row(&mut table, &senders.to_string(), &sorted((0..run.rounds(11)).map(round).collect()));
    }
    run.keep(table);
}
