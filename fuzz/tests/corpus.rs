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

macro_rules! replay {
    ($($target:ident),* $(,)?) => {$(
        #[test]
        fn $target() {
            replay(stringify!($target), rawipc_fuzz::$target);
        }
    )*};
}

replay!(
    arguments,
    input,
    json,
    limits,
    listing,
    mapping,
    memory_operations,
    names,
    options,
    queue_memory,
    queue_operations,
    semaphore,
    semaphore_operations,
    setting,
    shared,
    shared_queue_operations,
    status,
);
