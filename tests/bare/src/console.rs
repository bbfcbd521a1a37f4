//! Standard output, a line at a time.

use core::fmt::{self, Write};

/// Writes a formatted line to standard output.
macro_rules! say {
    ($($argument:tt)*) => { $crate::console::line(format_args!($($argument)*)) };
}
pub(crate) use say;

pub fn line(text: fmt::Arguments<'_>) {
    let mut line = Text::new();
    let _ = line.write_fmt(text);
    line.bytes[line.length] = b'\n';
    freestanding::write(1, &line.bytes[..=line.length]);
}

/// A line of bounded length: what is beyond it is cut off, and an end of line is a blank.
pub struct Text {
    /// With room for an end of line.
    bytes: [u8; Self::LENGTH + 1],
    length: usize,
}

impl Text {
    const LENGTH: usize = 1000;

    pub const fn new() -> Self {
        Self { bytes: [0; Self::LENGTH + 1], length: 0 }
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes().take(Self::LENGTH - self.length) {
            self.bytes[self.length] = if byte == b'\n' { b' ' } else { byte };
            self.length += 1;
        }
        Ok(())
    }
}
