//! A program with std that sends one message: `send QUEUE MESSAGE`.

use std::env::args;

use rawipc::{Name, Priority, Sender};

fn main() -> rawipc::Result<()> {
    let [name, message] = [1, 2].map(|at| args().nth(at).unwrap_or_default());
    Sender::open(Name::new(name.as_str())?)?.send(message.as_bytes(), Priority::MIN)
}
