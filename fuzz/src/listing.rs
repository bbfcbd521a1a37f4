//! Files of any name and content in `/dev/shm`: a listing shows each as what it is, or not at all.

use std::ffi::OsStr;
use std::fs;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rawipc::Name;
use rawipc::inspect::{Listing, ObjectKind};

/// Removes the file, whatever happens.
struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Takes the first byte as a choice, the next ones as a name's rest, and the others as the file's content.
pub fn listing(data: &[u8]) {
    let [choice, data @ ..] = data else { return };
    let (rest, content) = data.split_at(data.len().min(usize::from(choice >> 1)));
    let is_gnu = choice & 1 == 1;
    let name = [format!("rawipc-fuzz-{}-", std::process::id()).as_bytes(), rest].concat();
    let file_name = [if is_gnu { &b"sem."[..] } else { b"" }, &name].concat();
    if file_name.len() > 255 || file_name.contains(&b'/') || file_name.contains(&0) {
        return;
    }
    let file = File(Path::new("/dev/shm").join(OsStr::from_bytes(&file_name)));
    fs::write(&file.0, content).expect("there is room in /dev/shm");

    let full = [b"/", &name[..]].concat();
    let name = Name::new(full.as_slice()).expect("it is valid");
    // The fourth word may be anything: musl does not write it.
    let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    let is_semaphore = [16, 32].contains(&content.len()) && is_zero(&content[8..12]) && is_zero(&content[16..]);
    let musl = is_semaphore.then_some(ObjectKind::MuslSemaphore);
    let (among_semaphores, among_memory) = if is_gnu {
        (Some(ObjectKind::Semaphore), None)
    } else {
        (musl, Some(musl.unwrap_or(ObjectKind::SharedMemory)))
    };
    let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
    let mut semaphores = Listing::semaphores(&mut buffer).expect("there is a /dev/shm");
    assert_eq!(find(&mut semaphores, name, content.len()), among_semaphores);
    let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
    let mut memory = Listing::shared_memory(&mut buffer).expect("there is a /dev/shm");
    assert_eq!(find(&mut memory, name, content.len()), among_memory);
}

/// As what an object of this name is listed; its size must be right.
fn find(listing: &mut Listing<'_>, name: &Name, size: usize) -> Option<ObjectKind> {
    while let Some(entry) = listing.next() {
        let entry = entry.expect("it can be read");
        assert!(entry.name().to_string().is_ascii());
        if entry.name() == name {
            assert_eq!(entry.size, size as u64);
            return Some(entry.kind);
        }
    }
    None
}
