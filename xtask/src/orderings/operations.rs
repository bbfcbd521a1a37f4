//! The atomic operations of a file, out of its text: where each is, which orderings it has, and the reason beside it.

use anyhow::{Result, bail, ensure};

use crate::tidy::Source;

/// What a comment begins with that says why no model can tell an ordering from a weaker one.
const REASON: &str = "// Ordering: ";

/// An operation of an atomic and its orderings, the first of which is that of a success.
#[derive(Debug, PartialEq, Eq)]
pub struct Operation {
    /// Counted from 1, as the compiler does.
    pub line: usize,
    pub column: usize,
    pub name: String,
    pub orderings: Vec<Order>,
    /// Why models do not need all of the orderings, if a comment says so.
    pub reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Relaxed,
    Acquire,
    Release,
    AcqRel,
    SeqCst,
}

use Order::{AcqRel, Acquire, Relaxed, Release, SeqCst};

/// What an operation does with its word, which says what orderings mean to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Load,
    Store,
    Both,
    /// No model replaces it.
    Fence,
}

/// The names of operations, and how many arguments come before the orderings.
const OPERATIONS: [(&str, usize, Kind); 14] = [
    ("load", 0, Kind::Load),
    ("store", 1, Kind::Store),
    ("swap", 1, Kind::Both),
    ("fetch_add", 1, Kind::Both),
    ("fetch_sub", 1, Kind::Both),
    ("fetch_and", 1, Kind::Both),
    ("fetch_or", 1, Kind::Both),
    ("fetch_xor", 1, Kind::Both),
    ("fetch_max", 1, Kind::Both),
    ("fetch_min", 1, Kind::Both),
    ("compare_exchange", 2, Kind::Both),
    ("compare_exchange_weak", 2, Kind::Both),
    ("fetch_update", 0, Kind::Both),
    ("fence", 0, Kind::Fence),
];

impl Order {
    const ALL: [(&str, Self); 5] =
        [("Relaxed", Relaxed), ("Acquire", Acquire), ("Release", Release), ("AcqRel", AcqRel), ("SeqCst", SeqCst)];

    /// Out of an argument, whatever path it has.
    fn of_argument(argument: &str) -> Option<Self> {
        let name = argument.trim().rsplit("::").next()?;
        Self::ALL.iter().find(|(text, _)| *text == name).map(|(_, order)| *order)
    }

    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, order)| *order == self).map_or("", |(text, _)| text)
    }

    /// Whether it orders all that the other one does, and more.
    pub fn is_stronger(self, other: Self) -> bool {
        match other {
            Relaxed => self != Relaxed,
            Acquire | Release => matches!(self, AcqRel | SeqCst),
            AcqRel => self == SeqCst,
            SeqCst => false,
        }
    }
}

impl Operation {
    /// The orderings that are one step weaker than one of this operation's.
    pub fn weaker(&self, argument: usize, order: Order) -> &'static [Order] {
        let kind = OPERATIONS.iter().find(|(name, ..)| *name == self.name).map_or(Kind::Fence, |(.., kind)| *kind);
        // The second ordering is that of a failure, which only loads.
        let kind = if argument == 1 { Kind::Load } else { kind };
        match (order, kind) {
            (Relaxed, _) => &[],
            // There is no relaxed fence.
            (SeqCst, Kind::Fence) => &[AcqRel],
            (Acquire | Release, Kind::Fence) => &[],
            (Acquire | Release, _) => &[Relaxed],
            (AcqRel, _) => &[Acquire, Release],
            (SeqCst, Kind::Load) => &[Acquire],
            (SeqCst, Kind::Store) => &[Release],
            (SeqCst, Kind::Both) => &[AcqRel],
        }
    }

    /// Whether it could be weaker at all.
    pub fn is_ordered(&self) -> bool {
        self.orderings.iter().any(|order| *order != Relaxed)
    }
}

/// All operations of a file. An ordering that is no argument of a known operation is an error: it would be overlooked.
pub fn operations(source: &Source) -> Result<Vec<Operation>> {
    let code = source.code.join("\n");
    let mut found = Vec::new();
    for (name, before, kind) in OPERATIONS {
        for at in calls(&code, name, kind) {
            let arguments = arguments(&code[at + name.len()..]);
            let orderings: Option<Vec<Order>> =
                arguments.iter().skip(before).map(|argument| Order::of_argument(argument)).collect();
            let (line, column) = place(&code, at);
            let Some(orderings) = orderings.filter(|orderings| !orderings.is_empty()) else {
                // Another function of this name, unless it is given an ordering.
                continue;
            };
            ensure!(orderings.len() <= 2, "{}:{line}: {name} has too many orderings", source.path);
            let reason = reason(&source.lines[..line - 1]);
            found.push(Operation { line, column, name: name.to_owned(), orderings, reason });
        }
    }
    found.sort_by_key(|operation| (operation.line, operation.column));
    nothing_is_overlooked(source, &found)?;
    Ok(found)
}

/// Where functions of this name are called: methods, but for fences.
fn calls<'code>(code: &'code str, name: &'static str, kind: Kind) -> impl Iterator<Item = usize> + 'code {
    code.match_indices(name).map(|(at, _)| at).filter(move |at| {
        let before = code[..*at].chars().next_back();
        let is_method = before == Some('.');
        let is_function =
            kind == Kind::Fence && !before.is_some_and(|before| before.is_alphanumeric() || before == '_');
        code[at + name.len()..].starts_with('(') && (is_method || is_function)
    })
}

/// The arguments between the parentheses that a text begins with.
fn arguments(text: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut arguments) = (0, 1, Vec::new());
    for (at, character) in text.char_indices() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if (character == ',' && depth == 1) || depth == 0 {
            arguments.push(&text[begin..at]);
            begin = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    // The last comma of several lines.
    arguments.retain(|argument| !argument.trim().is_empty());
    arguments
}

/// The line and column of a place, from 1, columns in characters.
fn place(code: &str, at: usize) -> (usize, usize) {
    let begin = code[..at].rfind('\n').map_or(0, |end| end + 1);
    (code[..at].matches('\n').count() + 1, code[begin..at].chars().count() + 1)
}

/// The reason in the comment that ends right before a line.
fn reason(before: &[String]) -> Option<String> {
    let comment = before.iter().rev().map(|line| line.trim()).take_while(|line| line.starts_with("// "));
    let mut lines: Vec<&str> = comment.collect();
    lines.reverse();
    let begin = lines.iter().position(|line| line.starts_with(REASON))?;
    let words = lines[begin..].iter().enumerate();
    let words = words.map(|(index, line)| line.trim_start_matches(if index == 0 { REASON } else { "// " }));
    Some(words.collect::<Vec<_>>().join(" "))
}

/// Fails for an ordering outside of the operations and of what is imported, and for a reason beside none of them.
fn nothing_is_overlooked(source: &Source, found: &[Operation]) -> Result<()> {
    let known: usize =
        found.iter().flat_map(|operation| &operation.orderings).filter(|order| **order != Relaxed).count();
    let code = without_imports(&source.code.join("\n"));
    let words = code.split(|character: char| !character.is_alphanumeric() && character != '_');
    let there = words.filter(|word| ["Acquire", "Release", "AcqRel", "SeqCst"].contains(word)).count();
    ensure!(known == there, "{}: {there} orderings, of which {known} are understood", source.path);
    for (index, line) in source.lines.iter().enumerate() {
        if !line.trim_start().starts_with(REASON) {
            continue;
        }
        let after = source.lines[index..].iter().take_while(|line| line.trim_start().starts_with("// ")).count();
        let line = index + after + 1;
        if !found.iter().any(|operation| operation.line == line && operation.is_ordered()) {
            bail!("{}:{}: the reason is beside no ordering", source.path, index + 1);
        }
    }
    Ok(())
}

/// The code with blanks in place of `use` declarations.
fn without_imports(code: &str) -> String {
    let mut kept = Vec::new();
    let mut inside = false;
    for line in code.lines() {
        let begin = line.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
        inside |= begin.starts_with("use ");
        if !inside {
            kept.push(line);
        }
        inside &= !line.trim_end().ends_with(';');
    }
    kept.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Operation> {
        operations(&Source::new("src/a.rs", text)).unwrap()
    }

    fn operation(line: usize, column: usize, name: &str, orderings: &[Order]) -> Operation {
        Operation { line, column, name: name.into(), orderings: orderings.into(), reason: None }
    }

    #[test]
    fn operations_are_found_where_the_compiler_places_them() {
        let text = "use a::{\n    Acquire,\n    Release,\n};\n\nfn f() {\n    self.word.load(Acquire);\n    \
                    let (a, b) = (x.swap(f(1, [2, 3]), Ordering::Release), \
                    y.compare_exchange(\n        0,\n        1,\n        AcqRel,\n        Relaxed,\n    ));\n}\n";
        let expected = [
            operation(7, 15, "load", &[Acquire]),
            operation(8, 21, "swap", &[Release]),
            operation(8, 62, "compare_exchange", &[AcqRel, Relaxed]),
        ];
        assert_eq!(all(text), expected);
    }

    #[test]
    fn other_functions_are_no_operations() {
        assert_eq!(all("a.load(b); list.swap(1, 2); store(1, Relaxed); // x.load(Acquire)\n"), []);
        assert_eq!(all("fence(SeqCst);"), [operation(1, 1, "fence", &[SeqCst])]);
    }

    #[test]
    fn an_ordering_elsewhere_is_an_error() {
        for text in ["let order = Acquire;\n", "load(&word, Acquire);\n", "// Ordering: why\nword.load(Relaxed);\n"] {
            assert!(operations(&Source::new("src/a.rs", text)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_reason_stands_right_before_its_operation() {
        let text = "// Something else.\n// Ordering: it is\n// so.\nword.load(Acquire);\n\n\
                    // No reason.\nword.load(Acquire);\n";
        let reasons: Vec<_> = all(text).into_iter().map(|operation| operation.reason).collect();
        assert_eq!(reasons, [Some("it is so.".to_owned()), None]);
    }

    #[test]
    fn each_ordering_is_weakened_by_steps() {
        let exchange = operation(1, 1, "compare_exchange", &[SeqCst, SeqCst]);
        assert_eq!(exchange.weaker(0, SeqCst), [AcqRel]);
        assert_eq!(exchange.weaker(0, AcqRel), [Acquire, Release]);
        assert_eq!(exchange.weaker(1, SeqCst), [Acquire]);
        assert_eq!(exchange.weaker(1, Acquire), [Relaxed]);
        assert_eq!(operation(1, 1, "store", &[SeqCst]).weaker(0, SeqCst), [Release]);
        assert_eq!(operation(1, 1, "load", &[Relaxed]).weaker(0, Relaxed), []);
        assert_eq!(operation(1, 1, "fence", &[SeqCst]).weaker(0, AcqRel), [Acquire, Release]);
    }
}
