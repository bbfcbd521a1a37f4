use std::io::{self, Read};

use clap::Args;
use rawipc::{Name, SharedMemory};

use super::{CHUNK, bytes};
use crate::arguments;
use crate::error::Failure;
use crate::progress::Progress;

/// The most bytes that are counted of an input that is too long.
const COUNTED: u64 = 1 << 20;

/// Write standard input into a shared memory object, byte for byte.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Write {
    /// The object's name, with or without its slash.
    #[arg(value_parser = arguments::name())]
    name: &'static Name,
    /// The first byte's place in the object.
    #[arg(long, value_name = "N", value_parser = bytes, default_value = "0", allow_negative_numbers = true)]
    offset: u64,
}

const HELP: &str = "\
The object never becomes longer: more bytes than it has room for are an error; those that fit are written then.

Example:
  rawipc shm write state --offset 64 < state.raw
  printf '\\001' | rawipc shm write flags --offset 7";

impl Write {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let failure = Failure::about(self.name);
        let memory = SharedMemory::options().write(true).open(self.name).map_err(&failure)?;
        let room = memory.size().map_err(&failure)?.saturating_sub(self.offset);
        let mut input = io::stdin().lock();
        let (mut chunk, mut done) = (Vec::with_capacity(CHUNK), 0);
        let mut progress = Progress::of_bytes("written", &input);
        loop {
            chunk.clear();
            // The capacity is never exceeded: the memory used does not depend on the input.
            let limit = room.saturating_sub(done).min(CHUNK as u64);
            let result = match input.by_ref().take(limit).read_to_end(&mut chunk) {
                Ok(0) if limit == 0 => self.refuse_more(&mut input, room),
                Ok(0) => return Ok(()),
                Ok(_) => memory.write_at(self.offset + done, &chunk).map_err(&failure),
                Err(error) => Err(Failure::of_input(error)),
            };
            result.map_err(|failure| failure.and(progress.so_far()))?;
            if chunk.is_empty() {
                return Ok(());
            }
            progress.count(chunk.len());
            done += chunk.len() as u64;
        }
    }

    /// There is no more room; that is right if there is no more input.
    fn refuse_more(&self, input: &mut impl Read, room: u64) -> Result<(), Failure> {
        let more = io::copy(&mut input.take(COUNTED + 1), &mut io::sink()).map_err(Failure::of_input)?;
        if more == 0 {
            return Ok(());
        }
        let (length, least) = if more > COUNTED { (room + COUNTED, "more than ") } else { (room + more, "") };
        let offset = self.offset;
        let sentence =
            format!("the input has {least}{length} bytes, the object has room for {room} from offset {offset} on");
        Err(Failure::new(self.name, sentence))
    }
}
