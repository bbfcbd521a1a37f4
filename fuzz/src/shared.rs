//! `Shared` on an object of any content: it is refused and left as it was, or it is what it says.

use core::sync::atomic::AtomicU64;
use core::time::Duration;

use rawipc::shm::SharedOptions;
use rawipc::{ErrorKind, Name, Shared, SharedMemory, name, shareable};

shareable! {
    struct Value {
        numbers: [AtomicU64; 2],
    }
}

/// The header, and the value.
const SIZE: usize = 64 + 16;

fn options() -> SharedOptions<Value> {
    Shared::<Value>::options().version(7).patience(Duration::ZERO)
}

/// Takes the bytes as an object's content; most are cut or filled up to the length that a value has.
pub fn shared(data: &[u8]) {
    let mut content = data.to_vec();
    if !data.len().is_multiple_of(8) {
        content.resize(SIZE, 0);
    }
    let size = content.len() as u64;
    let memory = SharedMemory::options().write(true).size(size).unlink_on_drop(true);
    let memory = memory.create_unique(name!("/rawipc-fuzz-shared-")).expect("there is room in /dev/shm");
    memory.write_at(0, &content).expect("it fits");
    let name = memory.name().expect("it was created by name");

    let is_value = content.len() == SIZE && is_header(&content);
    let existing = options().open_existing(name);
    assert_eq!(existing.is_ok(), is_value, "{:?} for {content:?}", existing.err());
    unchanged(&memory, &content);
    open(name, is_value, &memory, &content);
}

/// Whoever opens may find a dead initializer's object, and make it whole.
fn open(name: &Name, is_value: bool, memory: &SharedMemory, content: &[u8]) {
    match options().open(name, |_| ()) {
        Ok(value) => {
            drop(value);
            assert!(options().open_existing(name).is_ok());
            if is_value {
                unchanged(memory, content);
            }
        }
        Err(error) => {
            assert!(!is_value, "{error}");
            assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
            unchanged(memory, content);
        }
    }
}

fn unchanged(memory: &SharedMemory, content: &[u8]) {
    let mut now = vec![0; content.len()];
    memory.read_at(0, &mut now).expect("nobody cuts it");
    assert_eq!((now.as_slice(), memory.size()), (content, Ok(content.len() as u64)));
}

/// The format of version 1, said in another way than the library says it.
fn is_header(content: &[u8]) -> bool {
    let words: Vec<u32> = content.chunks_exact(4).map(|word| u32::from_ne_bytes(word.try_into().unwrap())).collect();
    content.starts_with(b"rawipc/S") && words[2..7] == [1, 1, 16, 8, 7]
}
