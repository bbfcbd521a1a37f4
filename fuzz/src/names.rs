//! `Name::new` against the rules of mq_overview(7), and against the kernel.

use rawipc::{ErrorKind, MessageQueue, Name};

/// Takes the bytes as a name.
pub fn names(data: &[u8]) {
    match Name::new(data) {
        Ok(name) => {
            assert!(is_name(data), "{name} is taken for a name");
            assert_eq!(name.as_bytes(), data);
            assert!(name.to_string().is_ascii());
            the_kernel_takes(name);
        }
        Err(error) => {
            assert!(!is_name(data), "{} is refused: {error}", data.escape_ascii());
            assert_eq!(error.kind(), ErrorKind::InvalidName);
            assert!(!error.to_string().is_empty());
        }
    }
}

/// The rules, said in another way than the library says them.
fn is_name(data: &[u8]) -> bool {
    let parts: Vec<&[u8]> = data.split(|byte| *byte == b'/').collect();
    match parts[..] {
        [b"", b"." | b".."] => false,
        [b"", rest] => (1..=255).contains(&rest.len()) && !rest.contains(&0),
        _ => false,
    }
}

/// Nothing is created: to the kernel a valid name is one of a queue that is not there, or by chance of one that is.
fn the_kernel_takes(name: &Name) {
    let result = MessageQueue::options().read(true).open(name);
    let refused = result.err().filter(|error| error.kind() != ErrorKind::NotFound);
    assert!(refused.is_none(), "the kernel does not take {name}: {refused:?}");
}
