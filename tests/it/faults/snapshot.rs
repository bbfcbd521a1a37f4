//! All that a failed call could leave behind: descriptors, mappings, files, queues.

use std::collections::BTreeMap;
use std::fs;
use std::mem::MaybeUninit;
use std::os::unix::fs::MetadataExt;

use rawipc::inspect::Listing;

/// What there is, in a process whose IPC namespace and `/dev/shm` are its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    descriptors: BTreeMap<String, String>,
    mappings: Vec<String>,
    files: BTreeMap<String, (u32, Vec<u8>)>,
    queues: BTreeMap<String, u32>,
}

impl Snapshot {
    pub fn take() -> Self {
        Self { descriptors: descriptors(), mappings: mappings(), files: files(), queues: queues() }
    }

    /// This, but with the files and queues that another one has.
    pub fn with_names_of(&self, other: &Self) -> Self {
        let (files, queues) = (other.files.clone(), other.queues.clone());
        Self { files, queues, ..self.clone() }
    }
}

/// The numbers of all open descriptors, and what they stand for.
fn descriptors() -> BTreeMap<String, String> {
    let entries = fs::read_dir("/proc/self/fd").expect("/proc is mounted");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    // The directory's own descriptor is gone by the time it is looked at.
    let names: Vec<String> = names.collect();
    let target = |name: &String| {
        let link = fs::read_link(format!("/proc/self/fd/{name}")).ok()?;
        // A file keeps what it was called when it was made: a number, or a name.
        Some(if link.starts_with("/dev/shm") { "/dev/shm".into() } else { stable(link.to_str()?) })
    };
    names.iter().filter_map(|name| Some((name.clone(), target(name)?))).collect()
}

/// The mappings of shared memory, wherever they lie and whatever their files are called by now: their rights.
fn mappings() -> Vec<String> {
    let maps = fs::read_to_string("/proc/self/maps").expect("/proc is mounted");
    let ours = maps.lines().filter(|line| line.contains(" /dev/shm/") || line.contains(" /memfd:"));
    let mut rights: Vec<String> = ours.filter_map(|line| Some(line.split(' ').nth(1)?.to_owned())).collect();
    rights.sort();
    rights
}

fn files() -> BTreeMap<String, (u32, Vec<u8>)> {
    let entries = fs::read_dir("/dev/shm").expect("it is mounted");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let content = |path: &std::path::PathBuf| {
        let mode = fs::metadata(path).expect("the file is there").mode();
        let mut bytes = fs::read(path).expect("the file can be read");
        if bytes.starts_with(b"rawipc/Q") {
            // Of a shared queue, who of those who take part has which slot.
            bytes[128..640].sort_unstable();
        }
        (mode, bytes)
    };
    paths.map(|path| (stable(&path.to_string_lossy()), content(&path))).collect()
}

fn queues() -> BTreeMap<String, u32> {
    let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
    let mut listing = Listing::queues(&mut buffer).expect("the namespace is ours");
    let mut queues = BTreeMap::new();
    while let Some(entry) = listing.next() {
        let entry = entry.expect("an entry");
        queues.insert(stable(&entry.name().to_string()), entry.mode);
    }
    queues
}

/// Without what differs from one run to the next (random parts of names, numbers of sockets), and without the remark
/// that a file has lost its name.
fn stable(text: &str) -> String {
    let mut stable = String::new();
    for word in text.split(' ').filter(|word| !["", "(deleted)"].contains(word)) {
        let random = ["-unique-", ".rawipc-", "rawipc-bell-", "socket:[", "/dev/shm/#"]
            .into_iter()
            .find_map(|mark| Some(word.find(mark)? + mark.len()));
        stable.push_str(&word[..random.unwrap_or(word.len())]);
        stable.push(' ');
    }
    stable
}
