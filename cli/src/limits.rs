//! `rawipc limits`.

use clap::Args;
use rawipc::inspect::{Limits, Platform};

use crate::error::Failure;
use crate::json::Object;
use crate::output::Output;
use crate::usage::{self, Account};

/// Show the limits of message queues, what of them is used, and what this kernel supports.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Command {
    /// As one JSON object; null is no limit, or not known.
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
To raise a limit:
  max messages, max message size, max queues, and the two defaults   (root; of this IPC namespace)
      sysctl fs.mqueue.msg_max=100        also msgsize_max, queues_max, msg_default, msgsize_default;
                                          for good: a line `fs.mqueue.msg_max = 100` in /etc/sysctl.d/
  queue bytes: what all queues of a user may cost together, RLIMIT_MSGQUEUE   (of a process and its children)
      ulimit -q unlimited                 up to the hard limit; above that it takes root
      LimitMSGQUEUE=infinity              in the unit of a systemd service
      * hard msgqueue unlimited           in /etc/security/limits.conf, for logins; also with `soft`

The sum of the user's queues is \"at least\", since queues of other namespaces and those whose name is gone
count too and cannot be seen. A queue costs more than its messages: see `rawipc mq create --help`.

Example:
  rawipc limits
  rawipc limits --json | jq .queue_bytes_left";

impl Command {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let limits = Limits::current();
        let account = Account::seen();
        let platform = Platform::probe();
        let show = if self.json { json } else { lines };
        Output::open()?.write(show(limits.as_ref().ok(), account.as_ref().ok(), platform))?;
        let limits = limits.err().map(|error| Failure::new("limits", error));
        Failure::last_of(limits.into_iter().chain(account.err().map(|error| Failure::new("queues", error))).collect())
    }
}

fn lines(limits: Option<&Limits>, account: Option<&Account>, platform: Platform) -> String {
    let mut lines = String::new();
    let mut line = |name: &str, value: String| lines += &format!("{name:<22}{value}\n");
    if let Some(limits) = limits {
        line("max messages:", limits.max_messages.to_string());
        line("default messages:", limits.default_messages.to_string());
        line("max message size:", limits.max_message_size.to_string());
        line("default message size:", limits.default_message_size.to_string());
        line("max queues:", limits.max_queues.to_string());
    }
    line("queue bytes:", usage::limit().map_or("unlimited".to_owned(), |bytes| bytes.to_string()));
    if let Some(account) = account {
        line("queue bytes used:", format!("at least {} (queues of this user: {})", account.cost, account.queues));
        let left = account.left().map_or("unlimited".to_owned(), |left| format!("at most {left}"));
        line("queue bytes left:", left);
    }
    line("page size:", platform.page_size.to_string());
    let supported = |yes| if yes { "yes" } else { "no" }.to_owned();
    for (name, is_supported) in features(platform) {
        line(&format!("{}:", name.replace('_', " ").replace("dev shm", "/dev/shm")), supported(is_supported));
    }
    lines
}

fn json(limits: Option<&Limits>, account: Option<&Account>, platform: Platform) -> String {
    let of_limits = |read: fn(&Limits) -> u64| limits.map(read);
    let object = Object::new()
        .number_or_null("max_messages", of_limits(|limits| limits.max_messages))
        .number_or_null("default_messages", of_limits(|limits| limits.default_messages))
        .number_or_null("max_message_size", of_limits(|limits| limits.max_message_size))
        .number_or_null("default_message_size", of_limits(|limits| limits.default_message_size))
        .number_or_null("max_queues", of_limits(|limits| limits.max_queues))
        .number_or_null("queue_bytes", usage::limit())
        .number_or_null("queue_bytes_used", account.map(|account| account.cost))
        .number_or_null("queue_bytes_left", account.and_then(Account::left))
        .number_or_null("queues_of_user", account.map(|account| account.queues))
        .number("page_size", platform.page_size);
    features(platform)
        .into_iter()
        .fold(object, |object, (name, is_supported)| object.boolean(name, is_supported))
        .finish()
        + "\n"
}

/// What this kernel supports, by the names that the JSON object has for it.
fn features(platform: Platform) -> [(&'static str, bool); 12] {
    [
        ("message_queues", platform.message_queues),
        ("notification", platform.notification),
        ("notification_sockets", platform.notification_sockets),
        ("queue_listing", platform.queue_listing),
        ("dev_shm", platform.dev_shm),
        ("shared_memory", platform.shared_memory),
        ("anonymous_memory", platform.anonymous_memory),
        ("shared_values", platform.shared_values),
        ("semaphores", platform.semaphores),
        ("named_semaphores", platform.named_semaphores),
        ("robust_mutexes", platform.robust_mutexes),
        ("shared_queues", platform.shared_queues),
    ]
}
