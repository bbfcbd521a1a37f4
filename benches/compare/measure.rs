//! Measuring in turns, and the table of results.

use std::fmt;
use std::time::Instant;

/// A subject: its name, and what does it so often.
pub struct Subject<'run> {
    pub name: &'static str,
    pub run: Box<dyn FnMut(u32) + 'run>,
}

pub fn subject<'run>(name: &'static str, run: impl FnMut(u32) + 'run) -> Subject<'run> {
    Subject { name, run: Box::new(run) }
}

/// What a ratio has to be.
#[derive(Clone, Copy)]
pub enum Target {
    AtMost(f64),
    AtLeast(f64),
}

/// The figures, and the ratios with their targets.
#[derive(Default)]
pub struct Table {
    lines: Vec<String>,
    misses: usize,
}

impl Table {
    /// Measures the subjects in turns; returns each one's best time for one operation, in nanoseconds.
    pub fn measure(&mut self, title: &str, rounds: u32, count: u32, subjects: Vec<Subject<'_>>) -> Vec<f64> {
        self.measure_by(|times| times[0], title, rounds, count, subjects)
    }

    /// The same with the median: for what the scheduler has a part in.
    pub fn measure_medians(&mut self, title: &str, rounds: u32, count: u32, subjects: Vec<Subject<'_>>) -> Vec<f64> {
        self.measure_by(|times| times[times.len() / 2], title, rounds, count, subjects)
    }

    fn measure_by(
        &mut self,
        choose: impl Fn(&[f64]) -> f64,
        title: &str,
        rounds: u32,
        count: u32,
        mut subjects: Vec<Subject<'_>>,
    ) -> Vec<f64> {
        let mut times = vec![Vec::new(); subjects.len()];
        for _ in 0..rounds {
            for (subject, times) in subjects.iter_mut().zip(&mut times) {
                let start = Instant::now();
                (subject.run)(count);
                times.push(start.elapsed().as_nanos() as f64 / f64::from(count));
            }
        }
        times.iter_mut().for_each(|times| times.sort_by(f64::total_cmp));
        let best: Vec<f64> = times.iter().map(|times| choose(times)).collect();
        self.lines.push(format!("\n{title}"));
        let names = subjects.iter().map(|subject| subject.name);
        self.lines.extend(names.zip(&best).map(|(name, time)| format!("  {name:44} {time:10.1} ns")));
        best
    }

    /// Adds a ratio of two figures, and whether it is as it has to be.
    pub fn ratio(&mut self, name: &str, figure: f64, other: f64, target: Target) {
        let ratio = figure / other;
        let (met, wanted) = match target {
            Target::AtMost(most) => (ratio <= most, format!("at most {most:.2}")),
            Target::AtLeast(least) => (ratio >= least, format!("at least {least:.2}")),
        };
        self.misses += usize::from(!met);
        let verdict = if met { "" } else { "  MISSED" };
        self.lines.push(format!("  = {name:42} {ratio:10.2}    {wanted}{verdict}"));
    }

    pub fn misses(&self) -> bool {
        self.misses > 0
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(formatter, "{line}"))
    }
}
