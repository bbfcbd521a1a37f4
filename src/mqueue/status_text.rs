//! The kernel's text about a queue: `QSIZE:129 NOTIFY:0 SIGNO:10 NOTIFY_PID:8260`.

use super::{Delivery, Registration, Status};

/// What the text says; nothing if it is not as known.
pub(super) fn parse(text: &[u8]) -> Option<Status> {
    let field = |name: &str| -> Option<u64> {
        let fields = text.split(u8::is_ascii_whitespace);
        let value = fields.into_iter().find_map(|field| field.strip_prefix(name.as_bytes()))?;
        core::str::from_utf8(value).ok()?.parse().ok()
    };
    let (notify, signal, process) = (field("NOTIFY:")?, field("SIGNO:")?, field("NOTIFY_PID:")?);
    let delivery = match notify {
        0 => Delivery::Signal(i32::try_from(signal).ok()?),
        1 => Delivery::None,
        2 => Delivery::Socket,
        _ => return None,
    };
    // All zero means that no process is registered: signals begin at 1.
    let registration = if (notify, signal, process) == (0, 0, 0) {
        None
    } else {
        let process = u32::try_from(process).ok()?;
        Some(Registration { process: (process != 0).then_some(process), delivery })
    };
    Some(Status { bytes: field("QSIZE:")?, registration })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_text_is_understood() {
        let registered = |process, delivery| Some(Registration { process, delivery });
        for (text, bytes, registration) in [
            ("QSIZE:0          NOTIFY:0     SIGNO:0     NOTIFY_PID:0     \n", 0, None),
            (
                "QSIZE:129        NOTIFY:0     SIGNO:10    NOTIFY_PID:8260  \n",
                129,
                registered(Some(8260), Delivery::Signal(10)),
            ),
            ("QSIZE:5 NOTIFY:1 SIGNO:0 NOTIFY_PID:7\n", 5, registered(Some(7), Delivery::None)),
            ("QSIZE:5 NOTIFY:2 SIGNO:0 NOTIFY_PID:0\n", 5, registered(None, Delivery::Socket)),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(Status { bytes, registration }), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "QSIZE:",
            "QSIZE:1 NOTIFY:0 SIGNO:0",
            "QSIZE:x NOTIFY:0 SIGNO:0 NOTIFY_PID:0",
            "QSIZE:1 NOTIFY:9 SIGNO:0 NOTIFY_PID:1",
            "QSIZE:99999999999999999999 NOTIFY:0 SIGNO:0 NOTIFY_PID:0",
            "NOTIFY:0 SIGNO:-1 NOTIFY_PID:0 QSIZE:1",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
