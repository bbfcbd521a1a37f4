//! Running the programs, alone and with each other.

use std::fs;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Target;

const USAGE: i32 = 255;
const NOT_FOUND: i32 = 2;

/// The turns of each participant.
const TURNS: u32 = 1000;

/// How long to look for what another process is about to do: far more than that takes, also on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// 2038 and 2106: seconds with one bit more than 31 and than 32 bits hold, which cut off would long be over.
const FAR: [u64; 2] = [(1 << 31) + 1, (1 << 32) + 1];

pub fn all(target: &Target) -> Result<()> {
    let name = format!("/rawipc-free-{}-{}", target.name, std::process::id());
    usage(target, &name)?;
    conversation(target, &name)?;
    turns(target, &name)?;
    objects(target, &name)?;
    jobs(target, &name)?;
    for seconds in FAR {
        far_deadline(target, &name, seconds).with_context(|| format!("a deadline {seconds} s after 1970"))?;
    }
    if target.emulator.is_none() {
        memory(target, &name)?;
    }
    Ok(())
}

impl Target {
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let program = self.program(program);
        let mut command = match self.emulator {
            None => Command::new(program),
            Some(emulator) => {
                let mut command = Command::new(emulator);
                command.arg(program);
                command
            }
        };
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs a program to its end; returns its exit code.
    fn code(&self, program: &str, arguments: &[&str]) -> Result<i32> {
        let status = self.command(program, arguments).status();
        code(status.with_context(|| self.missing(program))?)
    }

    fn succeeds(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let code = self.code(program, arguments)?;
        ensure!(code == 0, "`{program} {}` ends with {code}", arguments.join(" "));
        Ok(())
    }

    fn start(&self, program: &str, arguments: &[&str]) -> Result<Running> {
        let mut command = self.command(program, arguments);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        Ok(Running(child.with_context(|| self.missing(program))?))
    }

    fn missing(&self, program: &str) -> String {
        format!("{program} cannot be started{}", self.emulator.map(|name| format!(" by {name}")).unwrap_or_default())
    }
}

fn code(status: ExitStatus) -> Result<i32> {
    status.code().with_context(|| format!("it ends by {status}"))
}

/// A program that is killed if it is not waited for.
struct Running(Child);

impl Running {
    /// Waits for its end; returns what it wrote.
    fn succeed(mut self) -> Result<String> {
        drop(self.0.stdin.take());
        let output = self.0.stdout.take().context("its output is not read")?;
        let text = std::io::read_to_string(output)?;
        let code = code(self.0.wait()?)?;
        ensure!(code == 0, "it ends with {code}");
        Ok(text)
    }

    /// Waits until it sleeps, in another system call than before; returns which.
    fn asleep(&mut self, before: &str) -> Result<String> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.0.try_wait()? {
                anyhow::bail!("it does not wait, but ends by {status}");
            }
            let of_process = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", self.0.id()));
            let status = of_process("stat")?;
            let sleeps = status.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'));
            // The call's number comes first; a process that runs has none.
            let call = of_process("syscall")?.split(' ').next().unwrap_or_default().to_owned();
            if sleeps && call != before && call.parse::<u32>().is_ok() {
                return Ok(call);
            }
            std::thread::yield_now();
        }
        anyhow::bail!("it does not fall asleep")
    }

    /// The kibibytes of its memory that are in use: all, and those that no file backs.
    fn memory(&self) -> Result<[u64; 2]> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.0.id()))?;
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).context("smaps_rollup lacks a field")?;
            anyhow::Ok(line.trim_end_matches("kB").trim().parse()?)
        };
        Ok([field("Rss:")?, field("Private_Dirty:")?])
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Exit codes: of a right call, of a wrong one, and of an error.
fn usage(target: &Target, name: &str) -> Result<()> {
    target.succeeds("nothing", &[])?;
    for (arguments, expected) in [(&[][..], USAGE), (&[name, "lost"], NOT_FOUND)] {
        let code = target.code("send", arguments)?;
        ensure!(code == expected, "`send {}` ends with {code}, not {expected}", arguments.join(" "));
    }
    Ok(())
}

/// Sends as soon as the queue is there.
fn send(target: &Target, queue: &str, messages: &[&str]) -> Result<()> {
    once_there(target, "send", &[&[queue], messages].concat())
}

/// Runs a program anew until somebody has made what it opens.
fn once_there(target: &Target, program: &str, arguments: &[&str]) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        match target.code(program, arguments)? {
            NOT_FOUND => {}
            0 => return Ok(()),
            code => anyhow::bail!("`{program}` ends with {code}"),
        }
    }
    anyhow::bail!("nobody creates what {program} opens")
}

/// Messages go through a queue in order.
fn conversation(target: &Target, name: &str) -> Result<()> {
    let receiver = target.start("receive", &[name, "3"])?;
    send(target, name, &["one", "two", ""])?;
    let text = receiver.succeed()?;
    ensure!(text == "one\ntwo\n\n", "what is received is {text:?}");
    Ok(())
}

/// Two processes count by turns, with a semaphore in memory and with a named one.
fn turns(target: &Target, name: &str) -> Result<()> {
    let turns = TURNS.to_string();
    let play = |program: &str, arguments: &[&str]| {
        let players = [target.start(program, arguments)?, target.start(program, arguments)?];
        players.into_iter().try_for_each(|player| player.succeed().map(drop)).with_context(|| program.to_owned())
    };
    let action = || play("semaphore", &[name, &turns]).and_then(|()| play("named", &[name, name, &turns]));
    between(target, &["create", name], action, &["remove", name, &(4 * TURNS).to_string()])
}

/// A daemon with a queue in shared memory gets every job.
fn jobs(target: &Target, name: &str) -> Result<()> {
    let turns = TURNS.to_string();
    let daemon = target.start("jobs", &["serve", name, &turns])?;
    once_there(target, "jobs", &["send", name, &turns])?;
    daemon.succeed().map(drop).context("jobs")
}

fn objects(target: &Target, name: &str) -> Result<()> {
    target.succeeds("objects", &[name, "queue", "memory"])?;
    let semaphore = || target.succeeds("objects", &[name, "semaphore"]);
    between(target, &["create", name], semaphore, &["remove", name, "0"])?;
    let shared = || target.succeeds("objects", &[name, "shared"]);
    between(target, &["share", name], shared, &["unshare", name])?;
    match target.emulator {
        None => target.succeeds("objects", &[name, "notification"])?,
        Some(emulator) => println!("left to a real kernel: notification, since {emulator} has no mq_notify"),
    }
    match target.emulator {
        Some("qemu-arm") => println!("left to a real kernel: mapping beyond 4 GiB, where qemu-arm cuts off the offset"),
        _ => target.succeeds("beyond", &["sizes", name])?,
    }
    Ok(())
}

/// A wait with such a deadline lasts until there is what it waits for.
fn far_deadline(target: &Target, name: &str, seconds: u64) -> Result<()> {
    between(target, &["create", name], || wait(target, name, seconds), &["remove", name, "0"])
}

/// Does something where the arena has made what it takes, and has the arena remove that in any case.
fn between(target: &Target, make: &[&str], action: impl FnOnce() -> Result<()>, remove: &[&str]) -> Result<()> {
    target.succeeds("arena", make)?;
    let done = action();
    let removed = target.succeeds("arena", remove);
    done.and(removed)
}

fn wait(target: &Target, name: &str, seconds: u64) -> Result<()> {
    let mut waiter = target.start("beyond", &["wait", name, name, &seconds.to_string()])?;
    let receiving = waiter.asleep("")?;
    send(target, name, &["hello"])?;
    waiter.asleep(&receiving)?;
    target.succeeds("arena", &["post", name])?;
    waiter.succeed().map(drop)
}

/// A receiver that waits needs no more memory than the smallest process, but for a few pages.
fn memory(target: &Target, name: &str) -> Result<()> {
    const PAGES: u64 = 4;
    let mut smallest = target.start("nothing", &[])?;
    smallest.asleep("")?;
    let mut receiver = target.start("receive", &[name, "1"])?;
    receiver.asleep("")?;
    let ([least, least_dirty], [whole, dirty]) = (smallest.memory()?, receiver.memory()?);
    send(target, name, &["end"])?;
    receiver.succeed()?;
    smallest.succeed()?;
    println!("a waiting receiver has {whole} KiB, {dirty} of its own; the smallest process {least}, {least_dirty}");
    ensure!(whole <= least + 5 * PAGES && dirty <= least_dirty + 4 * PAGES, "that is too much");
    Ok(())
}
