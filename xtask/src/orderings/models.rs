//! The models as a test program that is run one test at a time, and what each of them reaches.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::tests::test_programs;
use crate::workspace;

/// Where an operation is: its file, line and column.
pub type Place = (String, usize, usize);

/// How many of the models' preemptions are left out, unless the variable says otherwise: what is found at all is found
/// by two threads, which are tried in every interleaving, or by few preemptions.
const FEWER: (&str, &str) = ("RAWIPC_FEWER_PREEMPTIONS", "2");

/// The exit code of `timeout`.
const TIMED_OUT: i32 = 124;

/// The program and its models.
pub struct Models {
    program: String,
    /// The shortest first.
    models: Vec<Model>,
}

struct Model {
    name: String,
    time: Duration,
    reached: BTreeSet<Place>,
}

/// What weakening an ordering does to the models that reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This model fails.
    HeldBy(String),
    Survives,
    /// No model runs the operation.
    Unreached,
}

impl Models {
    /// Builds the models and runs each of them once, with nothing weakened.
    pub fn build(shell: &Shell) -> Result<Self> {
        let target = workspace().join("orderings");
        let build = cmd!(shell, "cargo test --release --lib --no-run --message-format=json --target-dir {target}");
        // Without what takes long to build and makes nothing of this faster.
        let build = build.env("RUSTFLAGS", "--cfg loom").env("CARGO_PROFILE_RELEASE_LTO", "off");
        let messages = build.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16").read()?;
        let program = test_programs(&messages).pop().context("cargo names no test program")?;
        let list = cmd!(shell, "{program} --list --format terse").quiet().read()?;
        let names = list.lines().filter_map(|line| line.strip_suffix(": test"));
        // Those with planted bugs start themselves again, and say nothing about an ordering.
        let names = names.filter(|name| name.contains("loom_tests::") && !name.contains("::mutants::"));
        let names: Vec<String> = names.map(str::to_owned).collect();
        ensure!(!names.is_empty(), "there are no models");
        let mut models = in_parallel(&names, |name| Model::measure(&program, name))?;
        models.sort_by_key(|model| model.time);
        Ok(Self { program, models })
    }

    /// All operations that some model reaches.
    pub fn reached(&self) -> BTreeSet<&Place> {
        self.models.iter().flat_map(|model| &model.reached).collect()
    }

    /// Runs the models that reach an operation, with one of its orderings weakened, until one fails.
    pub fn weaken(&self, place: &Place, argument: usize, order: &str) -> Result<Verdict> {
        let (file, line, column) = place;
        let weakening = format!("{file}:{line}:{column}:{argument}:{order}");
        let reaching: Vec<&Model> = self.models.iter().filter(|model| model.reached.contains(place)).collect();
        for model in &reaching {
            let seconds = 60 + 10 * model.time.as_secs();
            let output = run(&self.program, &model.name, seconds, ("RAWIPC_WEAKEN", &weakening))?;
            // One that takes too long has found nothing.
            if !output.status.success() && output.status.code() != Some(TIMED_OUT) {
                return Ok(Verdict::HeldBy(model.name.clone()));
            }
        }
        Ok(if reaching.is_empty() { Verdict::Unreached } else { Verdict::Survives })
    }
}

impl Model {
    fn measure(program: &str, name: &str) -> Result<Self> {
        let start = Instant::now();
        let output = run(program, name, 600, ("RAWIPC_REACHED", "1"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "{name} fails with nothing weakened:\n{text}");
        let reached = text.lines().filter_map(|line| place(line.strip_prefix("reached ")?)).collect();
        Ok(Self { name: name.to_owned(), time: start.elapsed(), reached })
    }
}

fn run(program: &str, test: &str, seconds: u64, (name, value): (&str, &str)) -> Result<Output> {
    let mut command = Command::new("timeout");
    command.args([&seconds.to_string(), program, "--exact", test, "--nocapture", "--test-threads=1"]);
    let fewer = std::env::var(FEWER.0).unwrap_or_else(|_| FEWER.1.to_owned());
    Ok(command.env(FEWER.0, fewer).env(name, value).output()?)
}

fn place(text: &str) -> Option<Place> {
    let mut parts = text.split(':');
    Some((parts.next()?.to_owned(), parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Does something with each of several things, on all processors, and keeps their order.
pub fn in_parallel<T: Sync, R: Send>(things: &[T], work: impl Fn(&T) -> Result<R> + Sync) -> Result<Vec<R>> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let results = std::sync::Mutex::new(BTreeMap::new());
    let turns = || {
        loop {
            let index = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let Some(thing) = things.get(index) else { break };
            let result = work(thing);
            results.lock().expect("no thread panics with it").insert(index, result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(turns);
        }
    });
    results.into_inner().expect("no thread panics with it").into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_back() {
        assert_eq!(place("src/a.rs:12:3"), Some(("src/a.rs".to_owned(), 12, 3)));
        assert_eq!(place("src/a.rs:twelve"), None);
    }

    #[test]
    fn work_in_parallel_keeps_its_order() {
        let things: Vec<u32> = (0..50).collect();
        assert_eq!(in_parallel(&things, |thing| Ok(thing + 1)).unwrap(), (1..51).collect::<Vec<_>>());
        let odd = |thing: &u32| {
            ensure!(*thing != 7);
            Ok(())
        };
        assert!(in_parallel(&things, odd).is_err());
    }
}
