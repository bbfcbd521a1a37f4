//! Unsafe code: only in the files listed, and never without a reason.

use super::Fault;
use super::source::{Source, has_word};

/// The files of the library that may have unsafe code: a folder ends with a slash. DESIGN.md says why each needs it.
const ALLOWED: [&str; 14] = [
    "src/atomic_copy/",
    "src/buffer.rs",
    "src/futex/primitive.rs",
    "src/name/mod.rs",
    "src/sync/peers/liveness_token.rs",
    "src/semaphore/loom_tests/",
    "src/semaphore/mod.rs",
    "src/semaphore/named.rs",
    "src/shared_queue/protocol/view.rs",
    "src/shm/mapping.rs",
    "src/shm/resident.rs",
    "src/shm/shareable.rs",
    "src/sys/",
    "src/inline_cstr.rs",
];

/// Tests and the tool have none either, but for peers written with the C library.
pub fn unsafe_is_where_it_may_be(source: &Source) -> Vec<Fault> {
    let path = source.path.as_str();
    let is_allowed = |allowed: &&str| path == *allowed || allowed.ends_with('/') && path.starts_with(*allowed);
    if !(path.starts_with("src/") || path.starts_with("cli/src/")) || ALLOWED.iter().any(is_allowed) {
        return Vec::new();
    }
    let lines = source.numbered().filter(|(_, line)| has_word(line, "unsafe"));
    lines.map(|(line, _)| (line, "no unsafe code is allowed in this file".into())).collect()
}

/// The comment stands right before the block, or before the statement that the block is a part of.
pub fn unsafe_says_why(source: &Source) -> Vec<Fault> {
    let opens_block = |line: &str| {
        line.match_indices("unsafe").any(|(at, word)| line[at + word.len()..].trim_start().starts_with('{'))
    };
    let is_implementation = |line: &str| line.trim_start().starts_with("unsafe impl");
    let lines = source.numbered().filter(|(_, line)| opens_block(line) || is_implementation(line));
    let bare = lines.filter(|(number, _)| !has_reason(source, number - 1));
    bare.map(|(line, _)| (line, "no `// SAFETY:` comment is directly before this".into())).collect()
}

/// Whether a comment with a reason ends right above the line, or above the start of its statement.
fn has_reason(source: &Source, index: usize) -> bool {
    let above = source.lines[..index].iter().rev();
    let is_comment = |line: &&String| line.trim_start().starts_with("//");
    // A statement that was broken over lines begins after one that ends with a mark.
    let ends_statement =
        |line: &&String| is_comment(line) || line.trim_end().ends_with([';', '{', '}', ',']) || line.trim().is_empty();
    let mut comment = above.skip_while(|line| !ends_statement(line)).take_while(is_comment);
    comment.any(|line| line.trim_start().starts_with("// SAFETY: "))
}

#[cfg(test)]
mod tests {
    use super::super::lines;
    use super::*;

    #[test]
    fn unsafe_code_elsewhere_is_a_fault() {
        let text = "// unsafe\nlet a = \"unsafe\";\n#![deny(unsafe_code)]\nunsafe { f() }";
        assert_eq!(lines(unsafe_is_where_it_may_be, "src/time.rs", text), [4]);
        assert_eq!(lines(unsafe_is_where_it_may_be, "cli/src/main.rs", text), [4]);
        assert_eq!(lines(unsafe_is_where_it_may_be, "src/sys/mod.rs", text), []);
        assert_eq!(lines(unsafe_is_where_it_may_be, "src/shm/mapping.rs", text), []);
        assert_eq!(lines(unsafe_is_where_it_may_be, "src/shm/mod.rs", text), [4]);
    }

    #[test]
    fn a_block_without_a_reason_is_a_fault() {
        assert_eq!(lines(unsafe_says_why, "src/sys/mod.rs", "f();\nunsafe { g() }"), [2]);
        assert_eq!(lines(unsafe_says_why, "src/sys/mod.rs", "// Quite safe.\nunsafe { g() }"), [2]);
        assert_eq!(lines(unsafe_says_why, "src/sys/mod.rs", "// SAFETY: It is.\n\nunsafe { g() }"), [3]);
        assert_eq!(lines(unsafe_says_why, "src/sys/mod.rs", "unsafe impl Send for A {}"), [1]);
    }

    #[test]
    fn reasons_may_be_long_and_statements_broken() {
        let reason = "// SAFETY: It is,\n// since it is.\n";
        for block in ["unsafe { g() }", "let a = unsafe { g() };", "let a =\n    f(b).c(unsafe { g() });"] {
            assert_eq!(lines(unsafe_says_why, "src/sys/mod.rs", &format!("{reason}{block}")), []);
        }
        assert_eq!(lines(unsafe_says_why, "src/sys/mod.rs", "unsafe fn f() {}"), []);
    }
}
