//! The files of semaphores, byte for byte as the C libraries write them, and each side on the other's.

use std::fs;

use rawipc::semaphore::abi::Abi;
use rawipc::{NamedSemaphore, Semaphore};

use crate::harness::languages::python_with;
use crate::harness::{Ending, Lacking};
use crate::semaphore::peers::Library;
use crate::semaphore::support::{FreeName, words_of};

crate::tests!(
    the_layouts_are_as_written_down,
    files_equal_those_of_glibc,
    files_equal_those_of_musl,
    files_equal_those_of_glibc_for_i386,
    files_equal_those_of_multiprocessing,
    files_equal_those_of_posix_ipc,
    a_semaphore_of_multiprocessing_itself_can_be_joined,
);

/// The written format; a change here is a change of what others see.
fn the_layouts_are_as_written_down() {
    let (low, high) = if cfg!(target_endian = "big") { (0, 5) } else { (5, 0) };
    let mark = u32::from_ne_bytes(*b"rIPC");
    let musl = if size_of::<usize>() == 8 { vec![5, 0, 0, mark, 0, 0, 0, 0] } else { vec![5, 0, 0, mark] };
    for (abi, words) in
        [(Abi::Gnu64, vec![low, high, 128, 0, 0, 0, 0, 0]), (Abi::Gnu32, vec![10, 128, 0, 0]), (Abi::Musl, musl)]
    {
        let name = FreeName::new();
        drop(NamedSemaphore::options().abi(abi).create_new(true).initial_value(5).open(&name).unwrap());
        assert_eq!(words_of(&name.file(abi)), words);
    }
}

/// Compares the files that both sides make, and lets each use the other's.
fn compare(library: Library) -> Ending {
    let abi = library.abi();
    let options = NamedSemaphore::options().abi(abi);
    for value in [0, 5, Semaphore::MAX_VALUE] {
        let (ours, theirs) = (FreeName::new(), FreeName::new());
        let semaphore = options.create_new(true).initial_value(value).open(&ours).unwrap();
        library.run(&["create", theirs.as_str(), &value.to_string()])?;
        let [our_image, their_image] = [&ours, &theirs].map(|name| fs::read(name.file(abi)).unwrap());
        assert_eq!(our_image.len(), their_image.len());
        // What follows its three words, musl leaves as it was on its stack.
        let written = if abi == Abi::Musl { 12 } else { our_image.len() };
        assert_eq!(our_image[..written], their_image[..written], "{library:?}, {value}");
        // Of glibc's two, found without being told the layout.
        let options = if abi == Abi::Musl { options } else { NamedSemaphore::options() };
        let joined = options.open(&theirs).unwrap();
        assert_eq!((joined.abi(), joined.value(), joined.waiters()), (abi, value, 0));
        assert_eq!(library.run(&["value", ours.as_str()])?.trim(), value.to_string());
        drop(semaphore);
    }
    let name = FreeName::new();
    let semaphore = options.create_new(true).initial_value(2).open(&name).unwrap();
    library.run(&["wait", name.as_str()])?;
    assert_eq!(semaphore.value(), 1);
    library.run(&["post", name.as_str()])?;
    semaphore.post().unwrap();
    assert_eq!(library.run(&["value", name.as_str()])?.trim(), "3");
    Ok(())
}

fn files_equal_those_of_glibc() -> Ending {
    compare(Library::Glibc)
}

fn files_equal_those_of_musl() -> Ending {
    compare(Library::Musl)
}

fn files_equal_those_of_glibc_for_i386() -> Ending {
    compare(Library::Glibc32)
}

fn files_equal_those_of_multiprocessing() -> Ending {
    compare(Library::Multiprocessing)
}

fn files_equal_those_of_posix_ipc() -> Ending {
    compare(Library::PosixIpc)
}

/// `multiprocessing` keeps a semaphore's name for programs that it starts anew; its own object, not only its parts.
fn a_semaphore_of_multiprocessing_itself_can_be_joined() -> Ending {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    const PROGRAM: &str = "
import multiprocessing, sys
semaphore = multiprocessing.get_context('spawn').Semaphore(3)
print(semaphore._semlock.name, flush=True)
for _ in range(2):
    semaphore.acquire()
    print('taken', flush=True)
sys.stdin.read()
assert semaphore.get_value() == 0
";
    let mut python = python_with("multiprocessing")?;
    let python = python.args(["-c", PROGRAM]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = crate::harness::Peer::start(python);
    let mut lines = BufReader::new(python.stdout.take().expect("its output is piped")).lines();
    let mut line = || lines.next().ok_or_else(|| Lacking("a semaphore in multiprocessing".into()));
    let name = line()?.expect("it is ASCII");
    let semaphore = NamedSemaphore::options().open(rawipc::Name::new(name.as_str()).unwrap()).unwrap();
    assert_eq!(semaphore.abi(), Abi::NATIVE);
    semaphore.wait().unwrap();
    for _ in 0..2 {
        assert_eq!(line()?.expect("it is ASCII"), "taken");
    }
    // It took two of the three, this side one.
    assert_eq!((semaphore.value(), semaphore.waiters()), (0, 0));
    // The end of its input ends it, and its tracker removes the name.
    drop(python.stdin.take());
    python.succeed();
    Ok(())
}
