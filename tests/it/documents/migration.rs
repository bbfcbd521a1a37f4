//! The page about coming from other libraries leaves nothing out, and each of its blocks of code is a program that runs
//! with the features that the page names for it.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

use crate::harness::languages::python_with;
use crate::harness::{Ending, Lacking, Role, role};
use crate::shm::support::tiny_dev_shm;

crate::tests!(
    migration_programs_run_with_the_features_they_name,
    every_feature_has_its_counterpart,
    every_call_of_the_c_library_is_there,
    every_call_of_the_rust_crates_is_there,
    every_name_of_mood_mqueue_is_there,
    every_name_of_posix_ipc_is_there,
    what_is_said_of_posix_ipc_is_true,
);

/// What posix_ipc has for people rather than for programs.
const PYTHON_NAMES: &str = "
import posix_ipc
kinds = posix_ipc.MessageQueue, posix_ipc.Semaphore, posix_ipc.SharedMemory
names = set(dir(posix_ipc)).union(*map(dir, kinds))
print(*(name for name in names if not name.startswith('_')))
";

pub const ROLES: &[Role] = &[("migration_programs", run_programs)];

fn page() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/migration.md");
    fs::read_to_string(page).expect("the page is there")
}

/// What is below a heading of the page, up to the next heading of its level, with the headings below it.
fn text(heading: &str) -> String {
    let (mut text, mut is_part, mut is_code) = (String::new(), false, false);
    for line in page().lines() {
        is_code ^= line == "```";
        // In code, such a line is one that readers do not see.
        if let Some(title) = line.strip_prefix("# ").filter(|_| !is_code) {
            is_part = title == heading;
        } else if is_part {
            text += line;
            text.push('\n');
        }
    }
    assert!(text.contains("```"), "there is no code under {heading:?}");
    text
}

/// A block of code, the heading that it belongs to, and the features that are named there, with a comma between them.
struct Program {
    title: String,
    features: String,
    code: String,
}

/// All of the page. A block begins and ends with three backticks alone; what a block of several programs would need to
/// know of each other, the page does not have.
fn programs() -> Vec<Program> {
    let (mut title, mut features, mut code) = (String::new(), String::new(), None::<String>);
    let mut programs = Vec::new();
    for line in page().lines() {
        match &mut code {
            Some(text) if line == "```" => {
                programs.push(Program { title: title.clone(), features: features.clone(), code: text.clone() });
                code = None;
            }
            // What readers do not see is part of the program.
            Some(text) => *text += &format!("{}\n", line.strip_prefix("# ").unwrap_or(line)),
            None if line == "```" => code = Some(String::new()),
            None if line.starts_with('#') => {
                (title, features) = (line.trim_start_matches(['#', ' ']).into(), String::new())
            }
            None => {
                if let Some(named) = line.strip_prefix("Features: ") {
                    // Every other part of such a line is the name of a feature.
                    let named = named.split(", for ").next().unwrap_or_default();
                    features = named.split('`').skip(1).step_by(2).collect::<Vec<_>>().join(",");
                }
            }
        }
    }
    assert!(code.is_none(), "a block does not end");
    programs
}

/// The source of a user's program: as documentation tests have it, the code is the body of a function.
fn source(code: &str) -> String {
    if code.contains("\nOk::<") {
        format!(
            "fn main() {{\nfn program() -> Result<(), impl std::fmt::Debug> {{\n{code}}}\nprogram().unwrap();\n}}\n"
        )
    } else {
        format!("fn main() {{\n{code}}}\n")
    }
}

/// Writes a package of a user's with these programs and features, and builds it with these flags of the compiler; the
/// executables.
pub fn build(features: &str, flags: &str, programs: &[(String, String)]) -> Result<Vec<PathBuf>, Lacking> {
    let cargo = env::var_os("CARGO").ok_or_else(|| Lacking("cargo, which runs the tests usually".into()))?;
    let library = env!("CARGO_MANIFEST_DIR");
    let name: String = format!("user{features}{flags}").chars().filter(char::is_ascii_alphanumeric).collect();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("users").join(&name);
    let _ = fs::remove_dir_all(folder.join("src"));
    fs::create_dir_all(folder.join("src/bin")).expect("the target directory is writable");
    for (program, source) in programs {
        fs::write(folder.join(format!("src/bin/{program}.rs")), source).expect("the folder is new");
    }
    let quoted = features.split(',').filter(|name| !name.is_empty()).map(|name| format!("{name:?}"));
    let quoted: Vec<String> = quoted.collect();
    let manifest = format!(
        "[package]\nname = {name:?}\nedition = \"2024\"\n\
         [dependencies]\nrawipc = {{ path = {library:?}, features = [{}] }}\n\
         [profile.dev]\ndebug = false\n[workspace]\n",
        quoted.join(", ")
    );
    fs::write(folder.join("Cargo.toml"), manifest).expect("the folder is writable");
    // The versions that the tests have, which are there.
    fs::copy(Path::new(library).join("Cargo.lock"), folder.join("Cargo.lock")).expect("the folder is writable");
    // Programs of other features share what they depend on; those of other flags cannot.
    let target = folder.with_file_name(if flags.is_empty() { "target".into() } else { format!("target-{name}") });
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--offline", "--target-dir"]).arg(&target).current_dir(&folder);
    let status = build.env("RUSTFLAGS", flags).status().expect("cargo starts");
    assert!(status.success(), "not all programs of {} compile with the features {features:?}", folder.display());
    Ok(programs.iter().map(|(program, _)| target.join("debug").join(program)).collect())
}

fn migration_programs_run_with_the_features_they_name() -> Ending {
    let mut of_features: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (number, Program { title, features, code }) in programs().iter().enumerate() {
        let title: String = title.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
        of_features.entry(features.clone()).or_default().push((format!("{number:02}-{title}"), source(code)));
    }
    assert!(of_features.len() > 1 && of_features.contains_key(""), "{:?}", of_features.keys());
    let mut executables = Vec::new();
    for (features, programs) in &of_features {
        executables.extend(build(features, "", programs)?);
    }
    let executables: Vec<&str> = executables.iter().map(|path| path.to_str().expect("it is text")).collect();
    let status = role("migration_programs", &executables).status().expect("the test program starts again");
    match status.code() {
        Some(LACKING) => Err(Lacking("namespaces of its own".into())),
        code => {
            assert_eq!(code, Some(0), "a program of the page fails");
            Ok(())
        }
    }
}

const LACKING: i32 = 77;

/// The role: runs programs one after the other where nothing that they leave is seen by others.
fn run_programs(programs: &[String]) {
    if tiny_dev_shm(1 << 20).is_err() {
        exit(LACKING);
    }
    for program in programs {
        let status = Command::new(program).status().expect("it was built");
        assert!(status.success(), "{program}: {status}");
    }
}

#[track_caller]
fn assert_all_in<'name>(heading: &str, names: impl IntoIterator<Item = &'name str>) {
    let text = text(heading);
    let words: Vec<&str> = text.split(|character: char| !character.is_alphanumeric() && character != '_').collect();
    let missing: Vec<&str> = names.into_iter().filter(|name| !words.contains(name)).collect();
    assert_eq!(missing, [""; 0], "are not on the page, under {heading:?}");
}

/// Each row is a program of its own.
fn every_feature_has_its_counterpart() {
    let programs = programs();
    for (letter, count) in [('M', 15), ('P', 13)] {
        for row in 1..=count {
            let of_row = programs.iter().filter(|program| program.title.starts_with(&format!("{letter}{row}: ")));
            assert_eq!(of_row.count(), 1, "{letter}{row}");
        }
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

/// What the page says of posix_ipc that is not the same here.
const PYTHON_CLAIMS: &str = "
import posix_ipc, signal
name = '/rawipc-test-' + str(__import__('os').getpid())
queue = posix_ipc.MessageQueue(name, posix_ipc.O_CREX, max_messages=1, max_message_size=8)
queue.request_notification(signal.SIGUSR1)
queue.request_notification((print, 1))
queue.request_notification(signal.SIGUSR2)
queue.request_notification(None)
queue.close()
queue.unlink()
try:
    posix_ipc.MessageQueue(name, posix_ipc.O_EXCL)
    raise SystemExit('O_EXCL alone')
except ValueError:
    pass
semaphore = posix_ipc.Semaphore(name, posix_ipc.O_CREX, mode=0o640)
semaphore.unlink()
assert semaphore.mode == 0o640
memory = posix_ipc.SharedMemory(name, posix_ipc.O_CREX)
memory.unlink()
assert memory.size == 0
";

fn what_is_said_of_posix_ipc_is_true() -> Ending {
    let output = python_with("posix_ipc")?.args(["-c", PYTHON_CLAIMS]).output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// As the installed module says itself.
fn every_name_of_posix_ipc_is_there() -> Ending {
    let output = python_with("posix_ipc")?.args(["-c", PYTHON_NAMES]).output().expect("it starts");
    let names = String::from_utf8(output.stdout).expect("names are ASCII");
    assert!(names.split_whitespace().count() > 40, "{names}");
    assert_all_in("posix_ipc (Python)", names.split_whitespace());
    Ok(())
}
