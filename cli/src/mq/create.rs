use clap::Args;
use rawipc::error::Limit;
use rawipc::{Error, ErrorKind, Name};

use super::queue::{Form, Sort};
use crate::arguments;
use crate::error::Failure;
use crate::usage::Account;

/// Create a message queue; fails if there is one of this name.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Create {
    /// The queue's name, with or without its slash.
    #[arg(value_parser = arguments::name())]
    name: &'static Name,
    /// The most messages it can hold [default: /proc/sys/fs/mqueue/msg_default].
    #[arg(long, value_name = "N", value_parser = arguments::positive, allow_negative_numbers = true)]
    max_messages: Option<usize>,
    /// The most bytes a message can have [default: /proc/sys/fs/mqueue/msgsize_default].
    #[arg(long, value_name = "BYTES", value_parser = arguments::positive, allow_negative_numbers = true)]
    max_message_size: Option<usize>,
    /// Who may receive (r) and send (w), as for chmod, whatever the umask.
    #[arg(long, value_name = "OCTAL", value_parser = arguments::mode, default_value = "600")]
    mode: u32,
    #[command(flatten)]
    sort: Sort,
}

const HELP: &str = "\
The queue stays, with its messages, until it is unlinked or the machine restarts. As long, it counts
against its user's RLIMIT_MSGQUEUE: its messages at their full size, and some 96 bytes more for each
(on 32-bit machines 48). `rawipc limits` shows what is left.

With --shared it is a queue in shared memory, a file in /dev/shm, which no such limit counts; sending
and receiving then make no system call unless somebody has to wait. It holds 10 messages of 8192 bytes
if nothing else is said. Whoever uses it needs the right to read and to write.

Example:
  rawipc mq create jobs --max-messages 8 --max-message-size 256 --mode 660
  rawipc mq create --shared frames --max-message-size 65536";

impl Create {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let Self { max_messages, max_message_size, mode, .. } = *self;
        let form = Form { max_messages, max_message_size, mode };
        self.sort.create(self.name, &form).map_err(|error| self.failure(error))
    }

    /// Where all queues of the user cost too much, with what they cost.
    fn failure(&self, error: Error) -> Failure {
        let failure = Failure::about(self.name)(error);
        if error.kind() != ErrorKind::LimitExceeded(Limit::QueueBytes) {
            return failure;
        }
        match Account::seen() {
            Ok(account) => failure.line(account.sentence()),
            Err(_) => failure,
        }
    }
}
