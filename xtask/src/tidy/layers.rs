//! The layers: imports go down, never up. The table is that of ARCHITECTURE.md.

use super::Fault;
use super::source::Source;

/// A module of the library: the layer it is in, and the modules of the same layer that it may import.
struct Module {
    name: &'static str,
    layer: u32,
    beside: &'static [&'static str],
}

const fn module(layer: u32, name: &'static str, beside: &'static [&'static str]) -> Module {
    Module { name, layer, beside }
}

/// Names are paths under `src`; the longest that fits a file is its module.
const MODULES: [Module; 25] = [
    // Words.
    module(0, "error", &[]),
    module(0, "sys", &[]),
    // Vocabulary.
    module(1, "atomic_copy", &[]),
    module(1, "buffer", &["atomic_copy", "priority"]),
    module(1, "creation", &["name"]),
    module(1, "dev_shm", &["name", "creation", "inline_cstr"]),
    module(1, "futex", &["time"]),
    module(1, "inline_cstr", &[]),
    module(1, "name", &["inline_cstr"]),
    module(1, "open_flags", &[]),
    module(1, "priority", &[]),
    module(1, "stream", &["buffer"]),
    module(1, "sysctl", &["inline_cstr"]),
    module(1, "time", &[]),
    // Objects.
    module(2, "mqueue", &[]),
    module(2, "semaphore", &["shm"]),
    module(2, "shared_queue", &["mqueue", "shm", "sync"]),
    module(2, "shm", &[]),
    module(2, "sync", &["shm"]),
    // Conveniences.
    module(3, "endpoint", &[]),
    module(3, "inspect", &[]),
    module(3, "mqueue/notify/thread", &[]),
    module(3, "std_interop", &[]),
    // The crate's root, which names everything.
    module(4, "guide", &[]),
    module(4, "lib", &[]),
];

/// Each file is in a module of the table, and imports only from layers below, its own module, or what the table allows.
pub fn imports_go_down(source: &Source) -> Vec<Fault> {
    let Some(path) = source.path.strip_prefix("src/") else { return Vec::new() };
    let Some(module) = module_of(path) else {
        return vec![(0, "the table of layers does not have this module".into())];
    };
    let mut faults = Vec::new();
    for (line, name) in imports(source) {
        match MODULES.iter().find(|other| other.name == name) {
            Some(other) if may_import(module, other) => {}
            Some(other) => {
                let (from, to) = (module.layer, other.layer);
                faults
                    .push((line, format!("{} (layer {from}) may not import {} (layer {to})", module.name, other.name)));
            }
            None => faults.push((line, format!("the table of layers does not have `{name}`"))),
        }
    }
    faults
}

fn module_of(path: &str) -> Option<&'static Module> {
    let path = path.strip_suffix(".rs")?;
    let holds =
        |module: &&Module| path.strip_prefix(module.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    MODULES.iter().filter(holds).max_by_key(|module| module.name.len())
}

fn may_import(module: &Module, other: &Module) -> bool {
    other.layer < module.layer || other.name == module.name || module.beside.contains(&other.name)
}

/// The first names behind each `crate::` of a file, with their lines; in `crate::{…}`, each name of the group.
fn imports(source: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in source.numbered() {
        // `$crate` is what macros write for their users; `pub(in crate::…)` is no import.
        for (at, _) in line.match_indices("crate::") {
            if line[..at].ends_with('$') || line[..at].ends_with("(in ") {
                continue;
            }
            let rest = &line[at + "crate::".len()..];
            if rest.starts_with('{') {
                let group: String = source.code[number - 1..].join(" ");
                let group = &group[group.find("crate::{").map_or(0, |at| at + "crate::{".len())..];
                found.extend(group_names(group).into_iter().map(|name| (number, name)));
            } else {
                found.push((number, first_name(rest)));
            }
        }
    }
    found
}

fn first_name(text: &str) -> String {
    text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}

/// The first names of the parts of a group, up to its closing brace.
fn group_names(group: &str) -> Vec<String> {
    let (mut names, mut depth, mut part) = (Vec::new(), 0, String::new());
    for character in group.chars() {
        match character {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(first_name(std::mem::take(&mut part).trim())),
            _ => {}
        }
        if depth == 0 && character != ',' {
            part.push(character);
        }
    }
    names.push(first_name(part.trim()));
    names.retain(|name| !name.is_empty());
    names
}

#[cfg(test)]
mod tests {
    use super::super::lines;
    use super::imports_go_down as rule;

    #[test]
    fn up_and_across_are_faults() {
        assert_eq!(lines(rule, "src/error/mod.rs", "\nuse crate::name::Name;"), [2]);
        assert_eq!(lines(rule, "src/name.rs", "fn f() { crate::mqueue::g() }"), [1]);
        assert_eq!(lines(rule, "src/mqueue/transfer.rs", "use crate::shm::Mapping;"), [1]);
        assert_eq!(lines(rule, "src/time.rs", "use crate::priority::Priority;"), [1]);
        assert_eq!(lines(rule, "src/mqueue/transfer.rs", "use crate::Priority;"), [1], "through the root");
        assert_eq!(lines(rule, "src/sys/mod.rs", "use crate::{\n    error::Error,\n    sys::x,\n};"), [1]);
        assert_eq!(lines(rule, "src/mqueue/transfer.rs", "use crate::mqueue::x;\nuse crate::inspect::Limits;"), [2]);
    }

    #[test]
    fn down_and_within_are_right() {
        assert_eq!(
            lines(rule, "src/mqueue/transfer.rs", "use crate::priority::Priority;\nuse crate::{error::Error, sys};"),
            []
        );
        assert_eq!(lines(rule, "src/semaphore/mod.rs", "use crate::shm::Mapping;"), []);
        assert_eq!(lines(rule, "src/mqueue/notify/thread.rs", "use crate::mqueue::MessageQueue;"), []);
        assert_eq!(lines(rule, "src/sys/arch/arm.rs", "pub(in crate::sys) fn f() {} // crate::mqueue"), []);
        assert_eq!(lines(rule, "src/name.rs", "macro_rules! name { () => { $crate::MessageQueue } }"), []);
        assert_eq!(lines(rule, "tests/it/main.rs", "use crate::harness;"), []);
    }

    #[test]
    fn what_is_not_in_the_table_is_a_fault() {
        assert_eq!(lines(rule, "src/new.rs", ""), [0]);
        assert_eq!(lines(rule, "src/mqueue/mod.rs", "use crate::new::X;"), [1]);
    }
}
