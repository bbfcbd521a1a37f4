//! Bytes for people, as `hexdump -C` shows them.

use std::fmt::Write;

const LINE: usize = 16;

/// A dump that gets its bytes in pieces. Lines like the one before are left out; a line of `*` stands for them.
pub(crate) struct Hexdump {
    /// Where the next byte comes from.
    place: u64,
    /// The bytes that do not yet make a line.
    rest: Vec<u8>,
    last: Vec<u8>,
    repeating: bool,
}

impl Hexdump {
    /// Begins at this offset in the object.
    pub(crate) fn new(place: u64) -> Self {
        Self { place, rest: Vec::new(), last: Vec::new(), repeating: false }
    }

    /// The lines that these bytes complete.
    pub(crate) fn lines(&mut self, bytes: &[u8]) -> String {
        self.rest.extend_from_slice(bytes);
        let mut text = String::new();
        let lines = std::mem::take(&mut self.rest);
        let (whole, rest) = lines.split_at(lines.len() - lines.len() % LINE);
        for line in whole.chunks(LINE) {
            self.add(line, &mut text);
        }
        self.rest = rest.to_vec();
        text
    }

    /// What is left, and the offset of the end.
    pub(crate) fn end(mut self) -> String {
        let mut text = String::new();
        let rest = std::mem::take(&mut self.rest);
        if !rest.is_empty() {
            self.add(&rest, &mut text);
        }
        if !self.last.is_empty() {
            text.push_str(&format!("{:08x}\n", self.place));
        }
        text
    }

    fn add(&mut self, line: &[u8], text: &mut String) {
        if self.last != line {
            self.repeating = false;
            show(self.place, line, text);
            self.last = line.to_vec();
        } else if !self.repeating {
            self.repeating = true;
            text.push_str("*\n");
        }
        self.place += line.len() as u64;
    }
}

fn show(place: u64, line: &[u8], text: &mut String) {
    // Writing to a string does not fail.
    let _ = write!(text, "{place:08x} ");
    for column in 0..LINE {
        let gap = if column % 8 == 0 { " " } else { "" };
        let _ = match line.get(column) {
            Some(byte) => write!(text, "{gap}{byte:02x} "),
            None => write!(text, "{gap}   "),
        };
    }
    let shown = |byte: &u8| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' };
    let _ = writeln!(text, " |{}|", line.iter().map(shown).collect::<String>());
}
