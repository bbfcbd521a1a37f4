//! Messages from the input: a line each, or as many bytes as fit.

use std::io::{self, BufRead, Read};

/// The most bytes of a line that are counted, if it is too long to be sent.
pub(crate) const COUNTED: u64 = 1 << 20;

/// What came from the input.
pub(crate) enum Input {
    Message,
    /// A line of this many bytes, which is more than a message may have.
    TooLong(u64),
    End,
}

/// Reads one line, without its newline. Never keeps more of it than a message and a newline have.
pub(crate) fn read_line(input: &mut impl BufRead, size: usize, line: &mut Vec<u8>) -> io::Result<Input> {
    line.clear();
    let length = input.take(size as u64 + 1).read_until(b'\n', line)?;
    if line.pop_if(|last| *last == b'\n').is_some() || (1..=size).contains(&length) {
        return Ok(Input::Message);
    }
    if length == 0 {
        return Ok(Input::End);
    }
    Ok(Input::TooLong(length as u64 + skip_line(input, COUNTED)?))
}

/// Reads to the end of the line, but not much more than `limit` bytes; returns how many, without the newline.
fn skip_line(input: &mut impl BufRead, limit: u64) -> io::Result<u64> {
    let mut skipped = 0;
    while skipped <= limit {
        let buffer = input.fill_buf()?;
        let newline = buffer.iter().position(|byte| *byte == b'\n');
        let length = newline.unwrap_or(buffer.len());
        let ended = newline.is_some() || buffer.is_empty();
        skipped += length as u64;
        input.consume(length);
        if ended {
            break;
        }
    }
    Ok(skipped)
}

/// Reads as much as a message can hold, unless the input ends before.
pub(crate) fn read_chunk(input: &mut impl Read, size: usize, chunk: &mut Vec<u8>) -> io::Result<Input> {
    chunk.clear();
    let length = input.take(size as u64).read_to_end(chunk)?;
    Ok(if length == 0 { Input::End } else { Input::Message })
}
