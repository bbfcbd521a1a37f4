//! What `--json` writes is what `docs/tool.md` says: each key, its type, and whether it may be absent.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rawipc::mqueue::Notify;
use rawipc::{Priority, name};
use tinyjson::JsonValue as Value;

use super::limits::cover;
use super::sandbox::without_privilege;
use super::{run, tool};
use crate::harness::kernel::private_ipc_and_mounts;
use crate::harness::{Ending, small};

crate::tests!(
    ;
    alone: json_is_as_documented,
);

const DOCUMENT: &str = include_str!("../../../docs/tool.md");

/// A documented key.
struct Key {
    types: Vec<&'static str>,
    may_be_absent: bool,
}

/// What is documented, by the headings, and which keys have been seen.
struct Schemas {
    keys: BTreeMap<(&'static str, &'static str), Key>,
    seen: BTreeSet<(&'static str, &'static str)>,
}

impl Schemas {
    fn read() -> Self {
        let mut keys = BTreeMap::new();
        let sections = DOCUMENT.split("\n### ").skip(1);
        for (heading, table) in sections.filter_map(|section| section.split_once('\n')) {
            for row in table.lines().filter(|line| line.starts_with("| `")) {
                let cells: Vec<&str> = row.split('|').map(str::trim).collect();
                let types = cells[2].strip_suffix(", or absent").unwrap_or(cells[2]);
                let key = Key { types: types.split(" or ").collect(), may_be_absent: types != cells[2] };
                keys.insert((heading.trim_matches('`'), cells[1].trim_matches('`')), key);
            }
        }
        Self { keys, seen: BTreeSet::new() }
    }

    /// The output is objects of this section, or one array of them.
    #[track_caller]
    fn check(&mut self, section: &'static str, output: &[u8]) {
        let text = str::from_utf8(output).expect("JSON is UTF-8");
        let values: Vec<Value> = match text.parse() {
            Ok(Value::Array(values)) => values,
            _ => text.lines().map(|line| line.parse().expect(line)).collect(),
        };
        assert!(!values.is_empty(), "{section}");
        values.iter().for_each(|value| self.check_object(section, value));
    }

    #[track_caller]
    fn check_object(&mut self, section: &'static str, object: &Value) {
        let Value::Object(object) = object else { panic!("{section}: {object:?}") };
        let of_section = self.keys.iter().filter(|((heading, _), _)| *heading == section);
        let documented: BTreeMap<_, _> = of_section.map(|((_, key), how)| (*key, how)).collect();
        for (key, how) in &documented {
            assert!(how.may_be_absent || object.contains_key(*key), "{section}: {key} is absent from {object:?}");
        }
        for (key, value) in object {
            let (key, how) = documented.get_key_value(key.as_str()).unwrap_or_else(|| panic!("{section}: {key}"));
            assert!(how.types.contains(&type_of(value)), "{section}: {key} is {value:?}");
            self.seen.insert((section, key));
        }
        if let Some(notification @ Value::Object(_)) = object.get("notification") {
            self.check_object("notification", notification);
        }
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Boolean(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn json_is_as_documented() -> Ending {
    private_ipc_and_mounts()?;
    cover("/dev/shm")?;
    let mut schemas = Schemas::read();
    let output = |words: &[&str]| run(tool(words).arg("--json")).output;
    let queue = small().create_new(true).open(name!("/jobs")).unwrap();
    let closed = small().create_new(true).exact_mode(0o200).open(name!("/closed")).unwrap();
    for arguments in ["sem create slots", "sem create musls --abi musl", "shm create state --size 5"] {
        run(&mut tool(&arguments.split(' ').collect::<Vec<_>>())).done("");
    }
    fs::write("/dev/shm/sem.broken", "").unwrap();
    run(&mut tool(&["mq", "create", "frames", "--shared"])).done("");

    schemas.check("rawipc mq stat --json", &output(&["mq", "stat", "jobs"]));
    schemas.check("rawipc mq stat --json", &output(&["mq", "stat", "frames", "--shared"]));
    schemas
        .check("rawipc mq stat --json", &run(without_privilege(&mut tool(&["mq", "stat", "closed", "--json"]))).output);
    schemas.check("rawipc list --json", &output(&["list"]));
    queue.notify(Notify::Signal { number: 40, value: 0 }).unwrap();
    schemas.check("rawipc mq stat --json", &output(&["mq", "stat", "jobs"]));
    queue.cancel_notification().unwrap();
    for payload in [&b"text \"\x07"[..], b"\xff\0", b""] {
        queue.send(payload, Priority::from(3)).unwrap();
    }
    schemas.check("rawipc mq watch --json", &output(&["mq", "watch", "jobs", "--count", "1"]));
    let received = output(&["mq", "receive", "jobs", "--count", "3"]);
    let lines = [r#"{"priority":3,"payload":"text \"\u0007"}"#, r#"{"priority":3,"payload":[255, 0]}"#];
    let lines = [lines[0], lines[1], r#"{"priority":3,"payload":""}"#, ""];
    assert_eq!(String::from_utf8(received.clone()).unwrap(), lines.join("\n"));
    schemas.check("rawipc mq receive --json", &received);
    schemas.check("rawipc sem stat --json", &output(&["sem", "stat", "slots"]));
    schemas.check("rawipc sem value --json", &output(&["sem", "value", "slots"]));
    schemas.check("rawipc shm stat --json", &output(&["shm", "stat", "state"]));
    schemas.check("rawipc list --json", &output(&["list"]));
    schemas.check("rawipc limits --json", &output(&["limits"]));

    let unseen: Vec<_> = schemas.keys.keys().filter(|key| !schemas.seen.contains(key)).collect();
    assert!(unseen.is_empty(), "documented, but never written: {unseen:?}");
    drop((queue, closed));
    Ok(())
}
