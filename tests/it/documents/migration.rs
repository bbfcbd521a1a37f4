//! The page about coming from other libraries leaves nothing out. What it says is run as documentation tests.

use std::fs;
use std::path::Path;

use crate::harness::Ending;
use crate::harness::languages::python_with;

crate::tests!(
    every_feature_has_its_counterpart,
    every_call_of_the_c_library_is_there,
    every_call_of_the_rust_crates_is_there,
    every_name_of_mood_mqueue_is_there,
    every_name_of_posix_ipc_is_there,
);

/// What posix_ipc has for people rather than for programs.
const PYTHON_NAMES: &str = "
import posix_ipc
kinds = posix_ipc.MessageQueue, posix_ipc.Semaphore, posix_ipc.SharedMemory
names = set(dir(posix_ipc)).union(*map(dir, kinds))
print(*(name for name in names if not name.startswith('_')))
";

/// The code below a heading of the page, up to the next heading of its level: what is compiled.
fn code(heading: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/migration.md");
    let page = fs::read_to_string(page).expect("the page is there");
    let (mut code, mut is_part, mut is_code) = (String::new(), false, false);
    for line in page.lines() {
        // In code, such a line is one that readers do not see.
        if let Some(title) = line.strip_prefix("# ").filter(|_| !is_code) {
            is_part = title == heading;
        } else if line == "```" {
            is_code = !is_code;
        } else if is_part && is_code {
            code += line;
            code.push('\n');
        }
    }
    assert!(!code.is_empty(), "there is no code under {heading:?}");
    code
}

#[track_caller]
fn assert_all_in<'name>(heading: &str, names: impl IntoIterator<Item = &'name str>) {
    let code = code(heading);
    let words: Vec<&str> = code.split(|character: char| !character.is_alphanumeric() && character != '_').collect();
    let missing: Vec<&str> = names.into_iter().filter(|name| !words.contains(name)).collect();
    assert_eq!(missing, [""; 0], "are not on the page, under {heading:?}");
}

fn every_feature_has_its_counterpart() {
    for (heading, letter, count) in [("mood.mqueue (Python)", 'M', 15), ("posix_ipc (Python)", 'P', 13)] {
        let code = code(heading);
        let missing: Vec<u32> = (1..=count).filter(|row| !code.contains(&format!("[{letter}{row}]"))).collect();
        assert_eq!(missing, [0; 0], "rows of {heading}");
    }
}

fn every_call_of_the_c_library_is_there() {
    let queues = "mq_open mq_close mq_unlink mq_send mq_timedsend mq_receive mq_timedreceive mq_getattr mq_setattr \
                  mq_notify mq_maxmsg mq_msgsize SIGEV_NONE SIGEV_SIGNAL SIGEV_THREAD";
    let semaphores = "sem_init sem_destroy sem_open sem_close sem_unlink sem_wait sem_trywait sem_timedwait \
                      sem_clockwait sem_post sem_getvalue sem_t";
    let memory = "shm_open shm_unlink ftruncate mmap munmap fstat";
    assert_all_in("C", [queues, semaphores, memory].into_iter().flat_map(str::split_whitespace));
}

/// Version 1.0.0 of posixmq, 0.31.3 of nix.
fn every_call_of_the_rust_crates_is_there() {
    let posixmq = "OpenOptions readonly writeonly readwrite mode max_msg_len capacity create create_new existing \
                   nonblocking open open_c remove_queue remove_queue_c PosixMq send recv iter into_iter send_timeout \
                   send_deadline recv_timeout recv_deadline attributes current_messages is_nonblocking set_nonblocking \
                   try_clone is_cloexec set_cloexec as_raw_fd as_raw_mqd into_raw_fd into_raw_mqd from_raw_fd \
                   from_raw_mqd";
    assert_all_in("posixmq (Rust)", posixmq.split_whitespace());
    let nix = "mq_open MQ_OFlag MqAttr MqdT mq_unlink mq_close mq_receive mq_timedreceive mq_send mq_getattr \
               mq_setattr mq_set_nonblock mq_remove_nonblock flags maxmsg msgsize curmsgs as_fd as_raw_fd";
    assert_all_in("nix::mqueue (Rust)", nix.split_whitespace());
}

/// Version 1.0.1, and what its repository has beyond that.
fn every_name_of_mood_mqueue_is_there() {
    let names = "MessageQueue name flags mode maxmsg msgsize close closed fileno send sendall recv receive fill _fill \
                 drain _drain notify blocking len";
    assert_all_in("mood.mqueue (Python)", names.split_whitespace());
}

/// As the installed module says itself.
fn every_name_of_posix_ipc_is_there() -> Ending {
    let output = python_with("posix_ipc")?.args(["-c", PYTHON_NAMES]).output().expect("it starts");
    let names = String::from_utf8(output.stdout).expect("names are ASCII");
    assert!(names.split_whitespace().count() > 40, "{names}");
    assert_all_in("posix_ipc (Python)", names.split_whitespace());
    Ok(())
}
