//! Named semaphores on a file of any content: it is refused and left as it was, or it can be used.

use std::fs;
use std::time::Duration;

use rawipc::semaphore::abi::Abi;
use rawipc::{ErrorKind, Name, NamedSemaphore};

/// The highest value of a semaphore.
const MOST: u32 = i32::MAX as u32;

/// Removes the file, whatever happens.
struct File(String);

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Takes the first byte as the layout to ask for, and the others as the file's content.
pub fn semaphore(data: &[u8]) {
    let (choice, content) = data.split_first().unwrap_or((&0, &[]));
    let name = format!("/rawipc-fuzz-{}", std::process::id());
    let abi = [None, Some(Abi::Gnu64), Some(Abi::Gnu32), Some(Abi::Musl)][usize::from(choice % 4)];
    let prefix = if abi == Some(Abi::Musl) { "" } else { "sem." };
    let file = File(format!("/dev/shm/{prefix}{}", &name[1..]));
    fs::write(&file.0, content).expect("there is room in /dev/shm");

    let name = Name::new(name.as_str()).expect("it is valid");
    let options = abi.map_or(NamedSemaphore::options(), |abi| NamedSemaphore::options().abi(abi));
    match options.open(name) {
        Ok(semaphore) => {
            assert!([16, 32].contains(&content.len()));
            assert!(abi.is_none_or(|abi| abi == semaphore.abi()));
            use_it(&semaphore);
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
            assert_eq!(fs::read(&file.0).expect("it is there"), content);
        }
    }
}

/// Nothing of it may take longer than it should, whatever the words were.
fn use_it(semaphore: &NamedSemaphore) {
    let _ = semaphore.diagnose().to_string();
    let before = semaphore.value();
    if semaphore.try_wait().is_ok() {
        assert!(before > 0);
        let _ = semaphore.post();
    }
    let _ = semaphore.wait_timeout(Duration::ZERO);
    let _ = semaphore.wait_timeout(Duration::from_micros(50));
    semaphore.reset_waiters();
    let value = semaphore.value();
    if value < MOST {
        semaphore.post().expect("it is below the maximum");
        semaphore.wait_timeout(Duration::from_secs(1)).expect("there is a token");
        assert_eq!(semaphore.value(), value);
    }
}
