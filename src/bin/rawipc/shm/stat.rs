use clap::Args;
use rawipc::{Name, Result, SharedMemory};

use crate::arguments;
use crate::failure::Failure;
use crate::json::Object;
use crate::output::Output;

/// Show a shared memory object's size and mode.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Stat {
    /// The object's name, with or without its slash.
    #[arg(value_parser = arguments::name())]
    name: &'static Name,
    /// As one JSON object; the mode is a string of octal digits.
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
It takes the right to read the object.

Example:
  rawipc shm stat state
  rawipc shm stat state --json | jq .size";

impl Stat {
    pub(crate) fn run(&self) -> std::result::Result<(), Failure> {
        let text = self.describe().map_err(Failure::about(self.name))?;
        Output::open()?.write(text)
    }

    fn describe(&self) -> Result<String> {
        let memory = SharedMemory::options().read(true).open(self.name)?;
        let (size, mode) = (memory.size()?, format!("{:04o}", memory.mode()?));
        if !self.json {
            return Ok(format!("name: {}\nsize: {size}\nmode: {mode}\n", self.name));
        }
        // On a machine of 32 bits an object may be longer than what can be mapped of it.
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let object = Object::new()
            .text("name", &String::from_utf8_lossy(self.name.as_bytes()))
            .number("size", size)
            .text("mode", &mode);
        Ok(object.finish() + "\n")
    }
}
