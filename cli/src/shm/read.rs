use std::io::{self, IsTerminal};

use clap::Args;
use rawipc::{Name, SharedMemory};

use super::hexdump::Hexdump;
use super::{CHUNK, bytes};
use crate::arguments;
use crate::error::Failure;
use crate::output::Output;
use crate::progress::Progress;

/// Write the bytes of a shared memory object to standard output; to a terminal as a hexdump.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Read {
    /// The object's name, with or without its slash.
    #[arg(value_parser = arguments::name())]
    name: &'static Name,
    /// The first byte's place in the object.
    #[arg(long, value_name = "N", value_parser = bytes, default_value = "0", allow_negative_numbers = true)]
    offset: u64,
    /// How many bytes [default: all that follow].
    #[arg(long, value_name = "N", value_parser = bytes, allow_negative_numbers = true)]
    length: Option<u64>,
}

const HELP: &str = "\
Programs that write to the object go on meanwhile: the bytes may be of different moments.

Example:
  rawipc shm read state --offset 64 --length 128
  rawipc shm read frame > frame.raw";

impl Read {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let failure = Failure::about(self.name);
        let memory = SharedMemory::options().read(true).open(self.name).map_err(&failure)?;
        let length = self.length(memory.size().map_err(&failure)?)?;
        let mut dump = io::stdout().is_terminal().then(|| Hexdump::new(self.offset));
        let (mut output, mut progress) = (Output::open()?, Progress::of_bytes("read", &io::stdout()));
        let (mut buffer, mut done) = (vec![0; CHUNK], 0);
        while done < length {
            buffer.truncate(usize::try_from(length - done).unwrap_or(CHUNK).min(CHUNK));
            let read = memory.read_at(self.offset + done, &mut buffer).map_err(&failure);
            let written = read.and_then(|()| match &mut dump {
                Some(dump) => output.write(dump.lines(&buffer)),
                None => output.write(&buffer),
            });
            written.map_err(|failure| failure.and(progress.so_far()))?;
            progress.count(buffer.len());
            done += buffer.len() as u64;
        }
        dump.map_or(Ok(()), |dump| output.write(dump.end()))
    }

    /// How many bytes to read of an object of this size.
    fn length(&self, size: u64) -> Result<u64, Failure> {
        let offset = self.offset;
        match (size.checked_sub(offset), self.length) {
            (None, _) => {
                Err(Failure::new(self.name, format_args!("the object has {size} bytes, none from offset {offset} on")))
            }
            (Some(there), Some(asked)) if asked > there => Err(Failure::new(
                self.name,
                format_args!("there are {there} bytes from offset {offset} on, and {asked} were asked for"),
            )),
            (Some(there), asked) => Ok(asked.unwrap_or(there)),
        }
    }
}
