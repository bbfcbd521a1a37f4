//! A program with std that sends one message: `send QUEUE`.

use rawipc::{Name, Priority, Sender};

fn main() -> rawipc::Result<()> {
    let name = std::env::args().nth(1).unwrap_or_default();
    Sender::open(Name::new(name.as_str())?)?.send(b"hello", Priority::MIN)
}
