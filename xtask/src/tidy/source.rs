//! A file of Rust code, as the rules look at it.

/// A file, as text and as code alone.
pub struct Source {
    /// From the repository's root, with `/` between its parts.
    pub path: String,
    /// The lines as they are.
    pub lines: Vec<String>,
    /// The same lines with blanks in place of comments and of what strings and characters hold.
    pub code: Vec<String>,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let split = |text: &str| text.lines().map(str::to_owned).collect();
        Self { path: path.into(), lines: split(text), code: split(&code_of(text)) }
    }

    /// Lines of code with their numbers, from 1.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.iter().enumerate().map(|(index, line)| (index + 1, line.as_str()))
    }

    /// Code of the library itself: under `src`, but not the tool.
    pub fn is_library(&self) -> bool {
        let elsewhere = [
            "cli/",
            "src/futex/exploration.rs",
            "src/futex/model.rs",
            "src/futex/weakening.rs",
            "src/sync/loom_tests/",
            "src/semaphore/loom_tests/",
            "src/shared_queue/protocol/loom_tests/",
            "src/shm/loom_tests.rs",
        ];
        self.path.starts_with("src/") && !elsewhere.iter().any(|place| self.path.starts_with(place))
    }

    /// The file up to its unit tests.
    pub fn without_tests(&self) -> Self {
        let end = self.tests_begin().saturating_sub(1).min(self.lines.len());
        Self { path: self.path.clone(), lines: self.lines[..end].to_vec(), code: self.code[..end].to_vec() }
    }

    /// The number of the line from which on there are only unit tests.
    pub fn tests_begin(&self) -> usize {
        if self.path.ends_with("/tests.rs") {
            return 1;
        }
        let begins = |lines: &[String]| lines[0].trim() == "#[cfg(test)]" && lines[1].starts_with("mod tests {");
        self.code.windows(2).position(begins).map_or(usize::MAX, |index| index + 1)
    }
}

/// Whether `word` stands in `code` as a word of its own.
pub fn has_word(code: &str, word: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// The text with blanks in place of comments, strings and characters; line ends stay.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = opaque_length(rest, code.chars().next_back());
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.extend(rest[..length].chars().map(|character| if character == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    code
}

/// The length of the comment, string or character literal that `text` begins with; 0 if it begins with code.
fn opaque_length(text: &str, before: Option<char>) -> usize {
    let until = |end: &str, from: usize| text[from..].find(end).map_or(text.len(), |at| from + at + end.len());
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return until("*/", 2);
    }
    if text.starts_with('"') {
        return quoted_length(text, '"');
    }
    let raw = text
        .strip_prefix('r')
        .filter(|_| !before.is_some_and(|before| before.is_alphanumeric() && before != 'b' && before != 'c'));
    if let Some(raw) = raw {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            return until(&format!("\"{}", "#".repeat(hashes)), hashes + 2);
        }
    }
    // A quote is a character's, or a lifetime's.
    let mut characters = text.chars();
    match (characters.next(), characters.next(), characters.next()) {
        (Some('\''), Some('\\'), _) | (Some('\''), Some(_), Some('\'')) => quoted_length(text, '\''),
        _ => 0,
    }
}

/// The length of a literal up to its closing quote.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_is_left() {
        let cases = [
            ("let a = 1; // unsafe", "let a = 1; "),
            ("a(\"un\\\"safe\", b)", "a( , b)"),
            ("a(r#\"un\"safe\"#, b)", "a( , b)"),
            ("a(b\"unsafe\", br\"\\\", c)", "a(b , b , c)"),
            ("a('\"', '\\'', 'x)", "a( , , 'x)"),
            ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
            ("/* un\nsafe */ a", " \n a"),
        ];
        for (text, code) in cases {
            let squeezed = |text: &str| text.split(' ').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
            assert_eq!(squeezed(&code_of(text)), squeezed(code), "{text}");
            assert_eq!(code_of(text).lines().count(), text.lines().count());
        }
    }

    #[test]
    fn words_are_whole() {
        assert!(has_word("unsafe {", "unsafe") && has_word("(unsafe)", "unsafe"));
        assert!(!has_word("unsafe_code", "unsafe") && !has_word("an_unsafe", "unsafe"));
    }
}
