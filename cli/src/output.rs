//! Standard output, without a buffer: what has been written is out.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

use crate::error::Failure;

/// Standard output. Each `write` is one system call, unless the other side takes only a part at a time.
pub(crate) struct Output(File);

impl Output {
    pub(crate) fn open() -> Result<Self, Failure> {
        let descriptor = io::stdout().as_fd().try_clone_to_owned().map_err(Failure::of_output)?;
        Ok(Self(descriptor.into()))
    }

    /// A reader who has seen enough, as in `rawipc list | head`, is a silent end.
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), Failure> {
        self.0.write_all(bytes.as_ref()).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::not_read(),
            _ => Failure::of_output(error),
        })
    }

    /// Writes what must not get lost unseen: a closed output is a failure as any other.
    pub(crate) fn write_dear(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), Failure> {
        self.0.write_all(bytes.as_ref()).map_err(Failure::of_output)
    }
}
