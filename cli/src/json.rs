//! JSON, as far as the tool's data need it.

use std::fmt::{self, Display, Write};

/// A JSON object on one line.
pub(crate) struct Object(String);

impl Object {
    pub(crate) fn new() -> Self {
        Self("{".to_owned())
    }

    pub(crate) fn number(self, key: &str, value: impl Into<Number>) -> Self {
        self.entry(key, value.into().0)
    }

    /// A number, or `null`.
    pub(crate) fn number_or_null(self, key: &str, value: Option<impl Into<Number>>) -> Self {
        match value {
            Some(value) => self.number(key, value),
            None => self.null(key),
        }
    }

    pub(crate) fn boolean(self, key: &str, value: bool) -> Self {
        self.entry(key, value)
    }

    pub(crate) fn null(self, key: &str) -> Self {
        self.entry(key, "null")
    }

    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        self.entry(key, quoted(value))
    }

    /// An object's name: JSON has no other bytes than UTF-8, so what is none becomes U+FFFD.
    pub(crate) fn name(self, name: &rawipc::Name) -> Self {
        self.text("name", &String::from_utf8_lossy(name.as_bytes()))
    }

    /// Any bytes: a string if they are UTF-8, else an array of numbers.
    pub(crate) fn bytes(self, key: &str, value: &[u8]) -> Self {
        match str::from_utf8(value) {
            Ok(text) => self.text(key, text),
            Err(_) => self.entry(key, format_args!("{value:?}")),
        }
    }

    pub(crate) fn object(self, key: &str, value: Self) -> Self {
        self.entry(key, value.finish())
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

/// A whole number. Those from 2^53 on lose their last digits in readers that know floating-point numbers only.
#[derive(Clone, Copy)]
pub(crate) struct Number(u64);

impl Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl From<u32> for Number {
    fn from(number: u32) -> Self {
        Self(number.into())
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<usize> for Number {
    fn from(number: usize) -> Self {
        Self(number as u64)
    }
}

/// A JSON array, an object a line.
pub(crate) fn array(objects: impl IntoIterator<Item = Object>) -> String {
    let lines: Vec<String> = objects.into_iter().map(Object::finish).collect();
    if lines.is_empty() { "[]\n".to_owned() } else { format!("[\n{}\n]\n", lines.join(",\n")) }
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
