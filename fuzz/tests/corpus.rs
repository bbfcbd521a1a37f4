//! Every kept input again, without the fuzzer.

use std::fs;
use std::path::Path;

fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(&folder).expect("a corpus").map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    for file in files {
        println!("{}", file.display());
        target(&fs::read(&file).unwrap());
    }
}

#[test]
fn names() {
    replay("names", rawipc_fuzz::names);
}

#[test]
fn options() {
    replay("options", rawipc_fuzz::options);
}

#[test]
fn semaphore() {
    replay("semaphore", rawipc_fuzz::semaphore);
}

#[test]
fn shared() {
    replay("shared", rawipc_fuzz::shared);
}
