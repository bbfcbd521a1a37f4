//! Measuring in turns: times drift with the machine, and what is measured side by side drifts together.

use std::time::Instant;

use crate::record::Table;

/// Something measured: its name, and one round of it, which tells the nanoseconds of one operation.
pub struct Subject<'run> {
    name: String,
    round: Box<dyn FnMut() -> f64 + 'run>,
    lacking: Option<String>,
}

/// A subject that knows its own time.
pub fn timed<'run>(name: &str, round: impl FnMut() -> f64 + 'run) -> Subject<'run> {
    Subject { name: name.to_owned(), round: Box::new(round), lacking: None }
}

/// A subject that does something so often a round.
pub fn counted<'run>(name: &str, count: u32, mut round: impl FnMut(u32) + 'run) -> Subject<'run> {
    timed(name, move || {
        let start = Instant::now();
        round(count);
        start.elapsed().as_nanos() as f64 / f64::from(count)
    })
}

/// A subject that this machine lacks something for: it is named in the table, with the reason.
pub fn absent<'run>(name: &str, reason: &str) -> Subject<'run> {
    Subject { lacking: Some(reason.to_owned()), ..timed(name, || 0.0) }
}

/// What a round of each subject took, for so many rounds.
pub struct Rounds(Vec<Samples>);

struct Samples {
    name: String,
    times: Vec<f64>,
    lacking: Option<String>,
}

/// Measures the subjects in turns, each turn beginning with another one, so that none always follows the same.
pub fn in_turns(rounds: usize, mut subjects: Vec<Subject<'_>>) -> Rounds {
    let mut times = vec![Vec::new(); subjects.len()];
    for round in 0..rounds {
        for turn in 0..subjects.len() {
            let at = (round + turn) % subjects.len();
            if subjects[at].lacking.is_none() {
                times[at].push((subjects[at].round)());
            }
        }
    }
    let samples = subjects.into_iter().zip(times);
    Rounds(samples.map(|(of, times)| Samples { name: of.name, times, lacking: of.lacking }).collect())
}

impl Rounds {
    /// Medians, the range of the middle eight tenths, and the ratio to the first subject's, which is the floor.
    pub fn table(&self, id: &str, title: &str) -> Table {
        let mut table = Table::new(id, title, &["median", "p10", "p90", "× floor"]);
        let floor = &self.0[0].name;
        for Samples { name, times, lacking } in &self.0 {
            if let Some(reason) = lacking {
                table.lacking(name, reason);
                continue;
            }
            let sorted = sorted(times.clone());
            let ratio = self.ratio(name, floor).unwrap_or(f64::NAN);
            table.row(name, vec![at(&sorted, 0.5), at(&sorted, 0.1), at(&sorted, 0.9), ratio]);
        }
        table
    }

    /// The median of the ratios within a round, so that what disturbs both disturbs neither.
    pub fn ratio(&self, name: &str, other: &str) -> Option<f64> {
        let ratios: Vec<f64> = self.times(name)?.iter().zip(self.times(other)?).map(|(one, two)| one / two).collect();
        Some(at(&sorted(ratios), 0.5))
    }

    fn times(&self, name: &str) -> Option<&[f64]> {
        let samples = self.0.iter().find(|samples| samples.name == name)?;
        (!samples.times.is_empty()).then_some(&samples.times)
    }
}

pub fn sorted(mut times: Vec<f64>) -> Vec<f64> {
    times.sort_by(f64::total_cmp);
    times
}

/// The value below which such a part of sorted values lies.
pub fn at(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len() - 1;
    sorted[((last as f64) * part).round() as usize]
}
