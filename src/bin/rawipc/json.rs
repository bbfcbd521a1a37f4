//! JSON, as far as the tool's flat data need it.

use std::fmt::{Display, Write};

/// A JSON object on one line.
pub(crate) struct Object(String);

impl Object {
    pub(crate) fn new() -> Self {
        Self("{".to_owned())
    }

    pub(crate) fn number(self, key: &str, value: usize) -> Self {
        self.entry(key, value)
    }

    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        self.entry(key, quoted(value))
    }

    pub(crate) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn entry(mut self, key: &str, value: impl Display) -> Self {
        let separator = if self.0.len() > 1 { "," } else { "" };
        // Writing to a string does not fail.
        let _ = write!(self.0, "{separator}\"{key}\":{value}");
        self
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\0'..='\x1f' | '\x7f' => quoted.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}
