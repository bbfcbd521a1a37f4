//! What the kernel says in text, or whoever stands between: any text is understood, or refused.

use rawipc::mqueue::{Delivery, Registration, Status};

#[path = "../../src/mqueue/status_text.rs"]
mod status_text;
#[allow(dead_code, reason = "only the parser of it is of interest here")]
#[path = "../../src/sysctl.rs"]
mod sysctl;

/// Takes the bytes as a queue's status.
pub fn status(data: &[u8]) {
    let Some(status) = status_text::parse(data) else { return };
    // What was understood is said again by the kernel's own format, and means the same then.
    let (notify, signal, process) = match status.registration {
        None => (0, 0, None),
        Some(Registration { process, delivery: Delivery::Signal(signal) }) => (0, signal, process),
        Some(Registration { process, delivery: Delivery::None }) => (1, 0, process),
        Some(Registration { process, delivery: Delivery::Socket }) => (2, 0, process),
    };
    let text = format!(
        "QSIZE:{:<10} NOTIFY:{notify:<5} SIGNO:{signal:<5} NOTIFY_PID:{:<6}\n",
        status.bytes,
        process.unwrap_or(0)
    );
    assert_eq!(status_text::parse(text.as_bytes()), Some(status), "{text}");
}

/// Takes the bytes as a setting.
pub fn setting(data: &[u8]) {
    let length = data.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = String::from_utf8_lossy(&data[..length]).parse().ok();
    assert_eq!(sysctl::parse(data), number, "{}", data.escape_ascii());
}
