//! `mq create`, `mq stat`, `mq unlink`.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;

use rawipc::mqueue::Notify;
use rawipc::{ErrorKind, MessageQueue, Name, NotificationSocket, Priority, name};

use super::sandbox::{with_umask, without_privilege};
use super::{FreeName, contents, name_of, run, run_with, tool};
use crate::harness::{small, small_queue};

crate::tests!(
    create_makes_the_queue_that_was_asked_for,
    create_takes_the_kernels_default_for_a_size_that_is_not_given,
    create_refuses_a_name_that_is_taken,
    create_says_which_limit_is_exceeded,
    stat_shows_the_queue,
    stat_writes_any_name_as_valid_json,
    stat_needs_either_right,
    unlink_tries_every_name,
);

fn create_makes_the_queue_that_was_asked_for() {
    let name = FreeName::new();
    let without_slash = name.0.trim_start_matches('/');
    let sizes = ["--max-messages", "3", "--max-message-size", "48"];
    let mut command = tool(&[&["mq", "create", without_slash, "--mode", "0642"], &sizes[..]].concat());
    run(with_umask(&mut command, 0o077)).done("");

    let queue = name.open().unwrap();
    let attributes = queue.attributes().unwrap();
    assert_eq!((attributes.max_messages, attributes.max_message_size, attributes.messages), (3, 48, 0));
    assert_eq!(queue.mode().unwrap(), 0o642, "whatever the umask");
}

fn create_takes_the_kernels_default_for_a_size_that_is_not_given() {
    let name = FreeName::new();
    run(&mut tool(&["mq", "create", &name.0, "--max-messages", "1"])).done("");
    let queue = name.open().unwrap();
    let default = fs::read_to_string("/proc/sys/fs/mqueue/msgsize_default").unwrap();
    assert_eq!(queue.attributes().unwrap().max_message_size.to_string(), default.trim());
    assert_eq!(queue.mode().unwrap(), 0o600);
}

fn create_refuses_a_name_that_is_taken() {
    let queue = small_queue();
    queue.send(b"still here", Priority::MIN).unwrap();
    let name = name_of(&queue);
    let error = format!("{name}: creating the queue: an object of this name already exists (EEXIST)");
    run(&mut tool(&["mq", "create", &name, "--max-messages", "1", "--mode", "666"])).failed(1, &error);
    assert_eq!((queue.attributes().unwrap().max_messages, queue.mode().unwrap()), (8, 0o600));
    assert_eq!(contents(&queue), [(b"still here".to_vec(), 0)]);
}

fn create_says_which_limit_is_exceeded() {
    let name = FreeName::new();
    for (option, value, limit) in
        [("--max-messages", "65537", "msg_max"), ("--max-message-size", "18446744073709551615", "msgsize_max")]
    {
        let ran = run(&mut tool(&["mq", "create", &name.0, option, value]));
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.errors.starts_with(&format!("rawipc: {}: creating the queue: ", name.0)), "{ran:?}");
        assert!(ran.errors.contains(&format!("raise it in /proc/sys/fs/mqueue/{limit}")), "{ran:?}");
        assert_eq!(name.open().unwrap_err().kind(), ErrorKind::NotFound);
    }
}

fn stat_shows_the_queue() {
    let queue = small().exact_mode(0o640).create_unique(name!("/rawipc-test-")).unwrap();
    let name = name_of(&queue);
    queue.send(b"one", Priority::MIN).unwrap();
    queue.send(b"two", Priority::MAX).unwrap();
    let text = format!("name: {name}\nmax messages: 8\nmax message size: 64\nmessages: 2\nbytes: 6\n");
    let text = text + "notification: nobody is registered\nmode: 0640\n";
    run(&mut tool(&["mq", "stat", &name])).done(&text);
    run(&mut tool(&["mq", "stat", name.trim_start_matches('/')])).done(&text);
    let json = |notification: &str| {
        let sizes = "\"max_messages\":8,\"max_message_size\":64,\"messages\":2,\"bytes\":6";
        format!("{{\"name\":\"{name}\",{sizes},\"notification\":{notification},\"mode\":\"0640\"}}\n")
    };
    run(&mut tool(&["mq", "stat", &name, "--json"])).done(json("null"));

    // Who is registered, and how.
    let process = std::process::id();
    let mut sockets = NotificationSocket::new(&queue).unwrap();
    let told = |text: &str, sentence: &str, delivery: &str| {
        run(&mut tool(&["mq", "stat", &name])).done(text.replace("nobody is registered", sentence));
        run(&mut tool(&["mq", "stat", &name, "--json"])).done(json(delivery));
    };
    queue.notify(Notify::Signal { number: 35, value: 0 }).unwrap();
    let delivery = format!(r#"{{"process":{process},"delivery":"signal","signal":35}}"#);
    told(&text, &format!("process {process} gets signal 35"), &delivery);
    queue.replace_notification(Notify::None).unwrap();
    let delivery = format!(r#"{{"process":{process},"delivery":"none"}}"#);
    told(&text, &format!("process {process} has the slot and is told nothing"), &delivery);
    sockets.replace().unwrap();
    let delivery = format!(r#"{{"process":{process},"delivery":"socket"}}"#);
    told(&text, &format!("process {process} is told by a socket"), &delivery);
    assert_eq!(contents(&queue).len(), 2, "looking takes nothing");
}

fn stat_writes_any_name_as_valid_json() {
    let queue = small().create_unique(Name::new(b"/rawipc-test \"\\\n\x1b\xff\xc3\xbc").unwrap()).unwrap();
    let name = OsString::from_vec(queue.name().unwrap().as_bytes().to_vec());
    let json = run(tool(&["mq", "stat", "--json"]).arg(&name));
    let json = String::from_utf8(json.output).expect("JSON is UTF-8");
    assert!(json.starts_with(r#"{"name":"/rawipc-test \"\\\u000a\u001b�ü"#), "{json}");

    let text = run(tool(&["mq", "stat"]).arg(&name));
    let text = String::from_utf8(text.output).expect("names are escaped");
    assert!(text.starts_with(r#"name: /rawipc-test \"\\\n\x1b\xff\xc3\xbc"#), "{text}");
}

fn stat_needs_either_right() {
    for (mode, right) in [(0o400, true), (0o200, true), (0o000, false)] {
        let queue = small().exact_mode(mode).create_unique(name!("/rawipc-test-")).unwrap();
        let name = name_of(&queue);
        let ran = run(without_privilege(&mut tool(&["mq", "stat", &name])));
        if right {
            assert_eq!(ran.code, Some(0), "{ran:?}");
            let text = String::from_utf8(ran.output).unwrap();
            assert!(text.contains(&format!("mode: {mode:04o}\n")), "{text}");
            // Who may not receive is not shown what is in it.
            assert_eq!(text.contains("bytes: 0\nnotification: nobody"), mode == 0o400, "{text}");
            let json = run(without_privilege(&mut tool(&["mq", "stat", &name, "--json"]))).output;
            let json = String::from_utf8(json).unwrap();
            assert_eq!(json.contains(r#""bytes":0,"notification":null"#), mode == 0o400, "{json}");
        } else {
            ran.failed(1, &format!("{name}: opening the queue: not permitted for this user (EACCES)"));
        }
    }
}

fn unlink_tries_every_name() {
    let [first, missing, last] = [FreeName::new(), FreeName::new(), FreeName::new()];
    for name in [&first, &last] {
        run(&mut tool(&["mq", "create", &name.0, "--max-messages", "1", "--max-message-size", "8"])).done("");
    }
    let open = first.open().unwrap();
    let ran = run(&mut tool(&["mq", "unlink", first.0.trim_start_matches('/'), &missing.0, &last.0]));
    ran.failed(1, &format!("{}: unlinking the queue: no object has this name (ENOENT)", missing.0));
    for name in [&first, &last] {
        assert_eq!(name.open().unwrap_err().kind(), ErrorKind::NotFound);
    }
    open.send(b"goes on", Priority::MIN).expect("those who have it open go on using it");

    let both = run(&mut tool(&["mq", "unlink", &first.0, &last.0]));
    let lines: Vec<&str> = both.errors.lines().collect();
    assert_eq!((both.code, lines.len()), (Some(1), 2), "{lines:?}");
    assert!(lines[0].contains(&first.0) && lines[1].contains(&last.0), "{lines:?}");

    let queue = small_queue();
    run_with(&["mq", "unlink", &name_of(&queue)], b"").done("");
    assert_eq!(MessageQueue::unlink(queue.name().unwrap()).unwrap_err().kind(), ErrorKind::NotFound);
}
