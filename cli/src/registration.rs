//! Who is registered for a queue's notification, in words and as JSON.

use rawipc::mqueue::{Delivery, Registration};

use crate::json::Object;

/// As a sentence without its end.
pub(crate) fn sentence(registration: Registration) -> String {
    let who = match registration.process {
        Some(process) => format!("process {process}"),
        None => "a process of another PID namespace".to_owned(),
    };
    match registration.delivery {
        Delivery::Signal(number) => format!("{who} gets signal {number}"),
        Delivery::Socket => format!("{who} is told by a socket"),
        Delivery::None => format!("{who} has the slot and is told nothing"),
    }
}

/// Adds it to an object; `null` if no process is registered.
pub(crate) fn add_to(object: Object, registration: Option<Registration>) -> Object {
    const KEY: &str = "notification";
    let Some(Registration { process, delivery }) = registration else { return object.null(KEY) };
    let entry = Object::new().number_or_null("process", process);
    object.object(
        KEY,
        match delivery {
            Delivery::Signal(number) => entry.text("delivery", "signal").number("signal", number.unsigned_abs()),
            Delivery::Socket => entry.text("delivery", "socket"),
            Delivery::None => entry.text("delivery", "none"),
        },
    )
}
