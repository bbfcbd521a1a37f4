//! A connection to an MQTT broker that counts what the broker has not confirmed yet.

use std::error::Error;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rumqttc::{Client, Connection, ConnectionError, Event, Incoming, MqttOptions, Outgoing, QoS};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How long to wait for the broker before giving up.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often in a row, and how long after each other, the broker is tried.
const ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(500);

/// What the broker has said.
enum News {
    Connected,
    /// It has a message, for good.
    Confirmed,
}

pub struct Broker {
    client: Client,
    news: Receiver<News>,
    connection: JoinHandle<std::result::Result<(), ConnectionError>>,
    unconfirmed: usize,
    window: usize,
}

impl Broker {
    /// Connects, and waits until the broker has answered. Up to `window` messages may be unconfirmed at once.
    pub fn connect(host: &str, port: u16, window: usize) -> Result<Self> {
        let mut options = MqttOptions::new(format!("gateway-{}", std::process::id()), host, port);
        options.set_inflight(u16::try_from(window)?);
        let (client, connection) = Client::new(options, window);
        let (sender, news) = channel();
        let connection = thread::spawn(move || run(connection, &sender));
        let broker = Self { client, news, connection, unconfirmed: 0, window };
        broker.hear()?;
        Ok(broker)
    }

    /// Hands a message over, after waiting while too many are unconfirmed.
    pub fn publish(&mut self, topic: &str, message: String) -> Result<()> {
        self.wait_for(self.window - 1)?;
        self.client.publish(topic, QoS::ExactlyOnce, false, message)?;
        self.unconfirmed += 1;
        Ok(())
    }

    /// Waits until the broker has everything, and disconnects.
    pub fn close(mut self) -> Result<()> {
        self.wait_for(0)?;
        self.client.disconnect()?;
        Ok(self.connection.join().map_err(|_| "the connection's thread panicked")??)
    }

    /// Waits until at most `count` messages are unconfirmed.
    fn wait_for(&mut self, unconfirmed: usize) -> Result<()> {
        while self.unconfirmed > unconfirmed {
            if let News::Confirmed = self.hear()? {
                self.unconfirmed -= 1;
            }
        }
        Ok(())
    }

    fn hear(&self) -> Result<News> {
        Ok(self.news.recv_timeout(PATIENCE).map_err(|_| "the broker does not answer")?)
    }
}

/// Keeps the connection going, and reports; ends when the client does, or when the broker is gone for too long.
fn run(mut connection: Connection, news: &Sender<News>) -> std::result::Result<(), ConnectionError> {
    let mut failures = 0;
    for event in connection.iter() {
        let report = match event {
            Ok(Event::Incoming(Incoming::ConnAck(_))) => News::Connected,
            Ok(Event::Incoming(Incoming::PubComp(_))) => News::Confirmed,
            Ok(Event::Outgoing(Outgoing::Disconnect)) => break,
            Ok(_) => continue,
            Err(error) => {
                failures += 1;
                if failures == ATTEMPTS {
                    return Err(error);
                }
                thread::park_timeout(PAUSE);
                continue;
            }
        };
        failures = 0;
        if news.send(report).is_err() {
            break;
        }
    }
    Ok(())
}
