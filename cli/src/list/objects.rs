//! The objects that can be seen, with what is in them as far as they can be opened.

use std::mem::MaybeUninit;

use rawipc::inspect::{Entry, Listing, ObjectKind};
use rawipc::mqueue::Status;
use rawipc::semaphore::Diagnosis;
use rawipc::semaphore::abi::Abi;
use rawipc::shared_queue::SharedQueueStatus;
use rawipc::time::Time;
use rawipc::{Attributes, Error, ErrorKind, Name, NamedSemaphore, Result, SharedQueue};

use crate::error::Failure;
use crate::{json, registration, timestamp};

/// Room for many entries a call.
const BUFFER_SIZE: usize = 16 * Listing::BUFFER_SIZE;

/// What the names of the queues behind doorbells begin with.
const BELL: &[u8] = b"/rawipc-bell-";

/// An object that was seen.
pub(crate) struct Object {
    kind: ObjectKind,
    name: Vec<u8>,
    mode: u32,
    user: u32,
    modified: Time,
    content: Result<Content>,
}

/// What is in an object.
enum Content {
    /// The status is not known to those who may only send.
    Queue(Attributes, Option<Status>),
    SharedQueue(SharedQueueStatus),
    Semaphore(Diagnosis),
    Memory {
        size: u64,
    },
}

/// All objects, sorted by kind and name, and why some could not be listed.
pub(crate) fn all() -> (Vec<Object>, Vec<Failure>) {
    let (mut objects, mut failures) = (Vec::new(), Vec::new());
    let mut add = |part: &str, listed: Result<Vec<Object>>| match listed {
        Ok(listed) => objects.extend(listed),
        Err(error) => failures.push(Failure::new(part, error)),
    };
    add("queues", queues());
    let semaphores = listed(|buffer| Listing::semaphores(buffer));
    // What may be a semaphore of musl's is in both lists. The two have one directory: what hides it is said once.
    let rest = semaphores
        .is_ok()
        .then(|| (listed(|buffer| Listing::shared_queues(buffer)), listed(|buffer| Listing::shared_memory(buffer))));
    add("semaphores and shared memory", semaphores);
    if let Some((queues, memory)) = rest {
        add("shared queues", queues);
        let only_memory = |object: &Object| object.kind == ObjectKind::SharedMemory;
        add("shared memory", memory.map(|memory| memory.into_iter().filter(only_memory).collect()));
    }
    (objects, failures)
}

/// The message queues, sorted by name.
pub(crate) fn queues() -> Result<Vec<Object>> {
    listed(|buffer| Listing::queues(buffer))
}

fn listed(list: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<Listing<'_>>) -> Result<Vec<Object>> {
    let mut buffer = vec![MaybeUninit::uninit(); BUFFER_SIZE];
    let mut listing = list(&mut buffer)?;
    let mut objects = Vec::new();
    while let Some(entry) = listing.next() {
        objects.extend(Object::of(&entry?));
    }
    objects.sort_by(|one, other| (one.word(), &one.name).cmp(&(other.word(), &other.name)));
    Ok(objects)
}

impl Object {
    /// `None` if it is gone by now.
    fn of(entry: &Entry<'_>) -> Option<Self> {
        let content = match entry.kind {
            ObjectKind::Queue => queue(entry),
            ObjectKind::Semaphore => semaphore(entry.name(), &[Abi::Gnu64, Abi::Gnu32]),
            ObjectKind::MuslSemaphore => semaphore(entry.name(), &[Abi::Musl]),
            ObjectKind::SharedQueue => SharedQueue::inspect(entry.name()).map(Content::SharedQueue),
            ObjectKind::SharedMemory => Ok(Content::Memory { size: entry.size }),
        };
        if content.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return None;
        }
        let &Entry { kind, mode, user, modified, .. } = entry;
        Some(Self { kind, name: entry.name().as_bytes().to_vec(), mode, user, modified, content })
    }

    /// The user ID of its owner.
    pub(crate) fn user(&self) -> u32 {
        self.user
    }

    /// For a queue that could be opened: what it is made for, and what is in it.
    pub(crate) fn attributes(&self) -> Option<&Attributes> {
        match &self.content {
            Ok(Content::Queue(attributes, _)) => Some(attributes),
            _ => None,
        }
    }

    /// The row of a table.
    pub(crate) fn row(&self) -> [String; 6] {
        let content = match &self.content {
            Ok(content) => content.sentence(),
            Err(error) => format!("not known: {error}"),
        };
        [
            self.word().to_owned(),
            format!("{:04o}", self.mode),
            self.user.to_string(),
            timestamp::seconds(self.modified),
            self.name.escape_ascii().to_string(),
            content,
        ]
    }

    pub(crate) fn json(&self) -> json::Object {
        let object = json::Object::new()
            .text("kind", self.word())
            .text("name", &String::from_utf8_lossy(&self.name))
            .text("mode", &format!("{:04o}", self.mode))
            .number("user", self.user)
            .text("modified", &timestamp::seconds(self.modified));
        match &self.content {
            Ok(content) => content.add_to(object),
            Err(error) => object.text("error", &error.to_string()),
        }
    }

    fn word(&self) -> &'static str {
        match self.kind {
            ObjectKind::Queue if self.name.starts_with(BELL) => "bell",
            ObjectKind::Queue => "queue",
            ObjectKind::Semaphore => "semaphore",
            ObjectKind::MuslSemaphore => "semaphore?",
            ObjectKind::SharedQueue => "shared queue",
            ObjectKind::SharedMemory => "shared memory",
        }
    }
}

impl Content {
    fn sentence(&self) -> String {
        match self {
            Self::Queue(attributes, status) => {
                let Attributes { max_messages, max_message_size, messages, .. } = attributes;
                let mut text = format!("{messages} of {max_messages} messages of at most {max_message_size} bytes");
                if let Some(Status { bytes, registration }) = status {
                    text += &format!(", {bytes} bytes queued");
                    text.extend(registration.map(|registration| format!("; {}", registration::sentence(registration))));
                }
                text
            }
            Self::SharedQueue(status) => {
                let SharedQueueStatus { max_messages: most, max_message_size: size, messages, participants, .. } =
                    status;
                let handles = if *participants == 1 { "handle" } else { "handles" };
                format!("{messages} of {most} messages of at most {size} bytes, {participants} {handles}")
            }
            Self::Semaphore(diagnosis) => diagnosis.to_string(),
            Self::Memory { size } => format!("{size} bytes"),
        }
    }

    fn add_to(&self, object: json::Object) -> json::Object {
        match self {
            Self::Queue(attributes, status) => {
                let object = object
                    .number("max_messages", attributes.max_messages)
                    .number("max_message_size", attributes.max_message_size)
                    .number("messages", attributes.messages);
                let Some(Status { bytes, registration }) = status else { return object };
                registration::add_to(object.number("bytes", *bytes), *registration)
            }
            Self::SharedQueue(status) => object
                .number("max_messages", status.max_messages)
                .number("max_message_size", status.max_message_size)
                .number("messages", status.messages)
                .number("participants", status.participants),
            Self::Semaphore(Diagnosis { abi, value, waiters }) => {
                object.text("layout", &abi.to_string()).number("value", *value).number("waiters", *waiters)
            }
            Self::Memory { size } => object.number("size", *size),
        }
    }
}

fn queue(entry: &Entry<'_>) -> Result<Content> {
    let queue = entry.open_queue()?;
    Ok(Content::Queue(queue.attributes()?, queue.status().ok()))
}

/// Looks for the semaphore in each of these layouts, which have their files in one place.
fn semaphore(name: &Name, layouts: &[Abi]) -> Result<Content> {
    let open = |abi: &Abi| NamedSemaphore::options().abi(*abi).open(name);
    let mut result = open(&layouts[0]);
    for abi in &layouts[1..] {
        result = result.or_else(|_: Error| open(abi));
    }
    result.map(|semaphore| Content::Semaphore(semaphore.diagnose()))
}
