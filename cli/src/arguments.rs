//! Values that the arguments of several commands have: names, times, sizes, modes, priorities.

use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use rawipc::semaphore::abi::Abi;
use rawipc::{Name, Priority, Semaphore};

/// A name, with or without its slash.
///
/// It lives as long as the process, which has no more names than arguments.
pub(crate) fn name() -> impl TypedValueParser<Value = &'static Name> {
    OsStringValueParser::new().try_map(|argument| {
        let mut name = argument.into_vec();
        if name.first().is_some_and(|first| *first != b'/') {
            name.insert(0, b'/');
        }
        Name::new(&*name.leak())
    })
}

/// Seconds and fractions of them.
pub(crate) fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds: f64 = text.parse().map_err(|_| "a time is a number of seconds, such as 2 or 0.25")?;
    if seconds.is_nan() {
        return Err("a time is a number of seconds, such as 2 or 0.25");
    }
    if seconds < 0.0 {
        return Err("a time is not negative");
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| "a time is below 2^64 seconds; leave it out to wait for ever")
}

/// How many, or how many bytes: at least one.
pub(crate) fn positive(text: &str) -> Result<usize, &'static str> {
    match text.parse() {
        Ok(0) | Err(_) => Err("it is a whole number of at least 1, without a unit"),
        Ok(number) => Ok(number),
    }
}

/// Permission bits in octal digits, as `chmod` takes them.
pub(crate) fn mode(text: &str) -> Result<u32, &'static str> {
    const WRONG: &str = "a mode is three octal digits, such as 600 or 640";
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(WRONG);
    }
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err(WRONG),
    }
}

/// A message's priority.
pub(crate) fn priority(text: &str) -> Result<Priority, &'static str> {
    const WRONG: &str = "a priority is a whole number from 0 to 32767";
    let number = text.parse().map_err(|_| WRONG)?;
    Priority::new(number).map_err(|_| WRONG)
}

/// A semaphore's value.
pub(crate) fn semaphore_value(text: &str) -> Result<u32, &'static str> {
    const WRONG: &str = "a semaphore's value is a whole number from 0 to 2147483647";
    text.parse().ok().filter(|value| *value <= Semaphore::MAX_VALUE).ok_or(WRONG)
}

/// How many tokens are given: at least one.
pub(crate) fn tokens(text: &str) -> Result<u32, &'static str> {
    match semaphore_value(text) {
        Ok(0) | Err(_) => Err("it is a whole number from 1 to 2147483647"),
        tokens => tokens,
    }
}

/// The C library whose programs are to use a semaphore.
pub(crate) fn abi(text: &str) -> Result<Abi, &'static str> {
    match text {
        "gnu" if cfg!(target_pointer_width = "64") => Ok(Abi::Gnu64),
        "gnu" | "gnu32" => Ok(Abi::Gnu32),
        "gnu64" => Ok(Abi::Gnu64),
        "musl" => Ok(Abi::Musl),
        _ => Err("it is one of gnu (that of this machine's width), gnu64, gnu32, musl"),
    }
}
