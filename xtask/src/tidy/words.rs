//! Words that do not belong into finished code.

use super::Fault;
use super::source::{Source, has_word};

/// This file, which has to name them.
const THIS: &str = "xtask/src/tidy/words.rs";

const UNDONE: [&str; 5] = ["TODO", "FIXME", "XXX", "unimplemented!", "todo!"];
const HIDING: [&str; 2] = ["#[ignore", "thread::sleep"];
const PANICKING: [&str; 5] = [".unwrap()", ".expect(", "panic!(", "unreachable!(", "assert!(false"];

/// The functions of the library that may panic: they do so in constants, where that is an error of the compilation.
const MAY_PANIC: [(&str, &str); 1] = [("src/name/mod.rs", "fn of_constant")];

/// What is to be done is in the issues; comments count here.
pub fn nothing_is_left_undone(source: &Source) -> Vec<Fault> {
    if source.path == THIS {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (index, line) in source.lines.iter().enumerate() {
        let word = UNDONE.iter().find(|word| has_word(line, word.trim_end_matches('!')) && line.contains(**word));
        faults.extend(word.map(|word| (index + 1, format!("`{word}` is left"))));
    }
    faults
}

/// The one place that pauses between looks at a condition, with a bound.
const PAUSES: &str = "tests/it/harness/waiting.rs";

/// A test that cannot run says so when it runs, and none waits for something "to happen".
pub fn tests_neither_sleep_nor_hide(source: &Source) -> Vec<Fault> {
    if source.path == PAUSES || source.path.starts_with("cli/") {
        return Vec::new();
    }
    find(source, &HIDING, usize::MAX)
}

/// Errors are returned. Assertions of constants are compiled, and so no panics.
pub fn the_library_never_panics(source: &Source) -> Vec<Fault> {
    if !source.is_library() {
        return Vec::new();
    }
    let mut faults = find(source, &PANICKING, source.tests_begin());
    faults.retain(|(line, _)| !may_panic(source, *line));
    faults
}

fn find(source: &Source, words: &[&str], end: usize) -> Vec<Fault> {
    let lines = source.numbered().take_while(|(number, _)| *number < end);
    let word = |line: &str| words.iter().find(|word| line.contains(**word));
    lines.filter_map(|(number, line)| Some((number, format!("`{}` has no place here", word(line)?)))).collect()
}

/// Whether the function that the line is in is one of those that may.
fn may_panic(source: &Source, line: usize) -> bool {
    let function = source.code[..line].iter().rev().find(|line| has_word(line, "fn"));
    MAY_PANIC.iter().any(|(path, name)| source.path == *path && function.is_some_and(|line| line.contains(name)))
}

#[cfg(test)]
mod tests {
    use super::super::lines;
    use super::*;

    #[test]
    fn undone_work_is_a_fault() {
        let text = "// TODO: More.\ntodo!();\nlet todo = 1;\n/* FIXME */\nunimplemented!(\"x\")\n// XXX";
        assert_eq!(lines(nothing_is_left_undone, "src/time.rs", text), [1, 2, 4, 5, 6]);
    }

    #[test]
    fn sleeping_and_hidden_tests_are_faults() {
        let text = "#[ignore = \"slow\"]\nfn f() { std::thread::sleep(x) }\n// thread::sleep";
        assert_eq!(lines(tests_neither_sleep_nor_hide, "tests/it/a.rs", text), [1, 2]);
    }

    #[test]
    fn panics_are_faults_in_the_library_alone() {
        let text = "f().unwrap();\nf().expect(\"x\");\npanic!(\"x\");\nunreachable!();\nf().unwrap_or(0); // .unwrap()";
        assert_eq!(lines(the_library_never_panics, "src/time.rs", text), [1, 2, 3, 4]);
        assert_eq!(lines(the_library_never_panics, "cli/src/main.rs", text), []);
        assert_eq!(lines(the_library_never_panics, "src/sys/tests.rs", text), []);
        assert_eq!(
            lines(the_library_never_panics, "src/a.rs", "\n#[cfg(test)]\nmod tests {\n    f().unwrap();\n}"),
            []
        );
    }

    #[test]
    fn a_listed_function_may_panic() {
        let text = "const fn of_constant() {\n    panic!(\"x\")\n}\nfn other() {\n    panic!(\"x\")\n}";
        assert_eq!(lines(the_library_never_panics, "src/name/mod.rs", text), [5]);
        assert_eq!(lines(the_library_never_panics, "src/time.rs", text), [2, 5]);
    }
}
