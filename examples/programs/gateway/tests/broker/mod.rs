//! A broker for the test alone, and a subscriber to it.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use rumqttc::{Client, Connection, Event, Incoming, MqttOptions, QoS};

use crate::PATIENCE;
use crate::programs::Program;

/// Mosquitto on a port of the loopback interface that is not in use.
pub struct Mosquitto {
    _program: Program,
    pub port: u16,
}

impl Mosquitto {
    pub fn start() -> Self {
        // Between its choice and its use a port can be taken by another process: then another one is tried.
        (0..10).find_map(|_| Self::try_start()).expect("mosquitto starts (Debian's package of that name)")
    }

    fn try_start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).ok()?.port();
        let settings = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("mosquitto-{port}.conf"));
        let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_type error\n");
        fs::write(&settings, text).expect("a file in the target directory can be written");
        // Debian has it where only root looks for programs.
        let place = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto"].into_iter().find(|path| Path::new(path).exists());
        let settings_path = settings.to_str().expect("a path of text");
        let mut program = Program::start(place.unwrap_or("mosquitto"), &["-c", settings_path]);
        let start = Instant::now();
        let listens = loop {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break true;
            }
            if program.has_ended() || start.elapsed() > PATIENCE {
                break false;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        };
        fs::remove_file(settings).expect("the file has been written");
        listens.then_some(Self { _program: program, port })
    }
}

/// What a user of the readings has somewhere else.
pub struct Subscriber {
    /// Ends the connection when it is dropped.
    _client: Client,
    connection: Connection,
}

impl Subscriber {
    /// Subscribes, and waits until the broker has confirmed it.
    pub fn new(broker: &Mosquitto, topics: &str) -> Self {
        let options = MqttOptions::new("subscriber", "127.0.0.1", broker.port);
        let (client, mut connection) = Client::new(options, 10);
        client.subscribe(topics, QoS::ExactlyOnce).expect("there is room for the request");
        loop {
            let event = connection.recv_timeout(PATIENCE).expect("the broker answers").expect("the connection holds");
            if let Event::Incoming(Incoming::SubAck(_)) = event {
                return Self { _client: client, connection };
            }
        }
    }

    /// The topic and the text of the next message, if one comes within the time.
    pub fn next(&mut self, time: Duration) -> Option<(String, String)> {
        let start = Instant::now();
        loop {
            let left = time.checked_sub(start.elapsed())?;
            let event = self.connection.recv_timeout(left).ok()?.expect("the connection holds");
            if let Event::Incoming(Incoming::Publish(message)) = event {
                let text = String::from_utf8(message.payload.to_vec()).expect("it is text");
                return Some((message.topic, text));
            }
        }
    }
}
