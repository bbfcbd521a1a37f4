//! The tool: its arguments, what it reads from standard input, and what it prints as JSON.

use std::ffi::OsStr;
use std::io::BufReader;
use std::os::unix::ffi::OsStrExt;

use clap::Parser;
use rawipc::Name;
use rawipc_tool::Tool;
use tinyjson::JsonValue;

#[path = "../../cli/src/mq/input.rs"]
mod input;
#[allow(dead_code, reason = "an object of each sort is made here, and no more")]
#[path = "../../cli/src/json.rs"]
mod json;

use input::{COUNTED, Input, read_chunk, read_line};

/// Takes the bytes as a command line, an argument a line: it is understood, or an error says why not.
pub fn arguments(data: &[u8]) {
    let arguments = data.split(|byte| *byte == b'\n').map(OsStr::from_bytes);
    if let Err(error) = Tool::try_parse_from([OsStr::new("rawipc")].into_iter().chain(arguments)) {
        assert!(!error.render().to_string().is_empty());
        assert!([0, 2].contains(&error.exit_code()));
    }
}

/// Takes the first two bytes as a queue's message size and the size of reads, and the others as standard input.
pub fn input(data: &[u8]) {
    let [size, capacity, data @ ..] = data else { return };
    let (size, capacity) = (usize::from(*size) + 1, usize::from(*capacity) + 1);
    let new = || BufReader::with_capacity(capacity, data);

    let (mut chunks, mut chunk, mut whole) = (new(), Vec::new(), Vec::new());
    while let Input::Message = read_chunk(&mut chunks, size, &mut chunk).expect("memory can be read") {
        assert!((1..=size).contains(&chunk.len()) && whole.len().is_multiple_of(size));
        whole.extend_from_slice(&chunk);
    }
    assert_eq!(whole, data);

    let (mut lines, mut line) = (new(), Vec::new());
    // A newline ends a line, so there is none after the last one.
    let text = data.strip_suffix(b"\n").unwrap_or(data);
    for expected in text.split(|byte| *byte == b'\n').filter(|_| !data.is_empty()) {
        match read_line(&mut lines, size, &mut line).expect("memory can be read") {
            Input::Message => assert_eq!(line, expected),
            Input::TooLong(length) => {
                assert_eq!(length, expected.len() as u64);
                assert!(expected.len() > size && length <= COUNTED);
                // The tool ends here.
                return;
            }
            Input::End => panic!("the input has ended before {:?}", expected.escape_ascii()),
        }
        assert!(line.capacity() <= 2 * (size + 1) + 8, "the memory used depends on the input");
    }
    assert!(matches!(read_line(&mut lines, size, &mut line), Ok(Input::End)));
}

/// Takes the bytes as text, a name and anything else that is told in JSON.
pub fn json(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut object = json::Object::new().text("text", &text).bytes("bytes", data);
    let full = [b"/", data].concat();
    let name = Name::new(full.as_slice());
    if let Ok(name) = name {
        object = object.name(name);
    }
    let line = object.finish();
    assert!(!line.contains(['\n', '\r']), "{line}");
    let JsonValue::Object(parsed) = line.parse().expect("it is JSON") else { panic!("it is no object: {line}") };
    assert_eq!(parsed["text"], JsonValue::String(text.into_owned()));
    let bytes: Vec<u8> = match &parsed["bytes"] {
        JsonValue::String(text) => text.as_bytes().into(),
        JsonValue::Array(numbers) => numbers.iter().map(|number| *number.get::<f64>().unwrap() as u8).collect(),
        other => panic!("{other:?}"),
    };
    assert_eq!(bytes, data);
    assert_eq!(parsed.contains_key("name"), name.is_ok());
}
