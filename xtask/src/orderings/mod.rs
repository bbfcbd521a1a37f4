//! Weakens the orderings of atomic operations, one at a time, in loom's models: does one fail? By hand: minutes.
//!
//! An ordering that can be weaker without a model failing needs a reason in a comment right before its line, which
//! begins with `Ordering:`; a reason beside an ordering that is held is out of date. Both fail the command.

mod models;
mod operations;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Result, bail, ensure};
use xshell::{Shell, cmd};

use crate::{root, tidy};
use models::{Models, Place, Verdict, in_parallel};
use operations::{Operation, Order, operations};

/// Where the result of a whole run is kept.
const RECORD: &str = "tests/orderings.txt";

/// An ordering weakened, and what came of it.
struct Weakening {
    argument: usize,
    from: Order,
    to: Order,
    verdict: Verdict,
}

/// Weakens every ordering in the library, or those in files whose path holds a text.
pub fn weaken(shell: &Shell, only: Option<&str>, record: bool) -> Result<()> {
    ensure!(!record || only.is_none(), "only a whole run is recorded");
    let files = files()?;
    let models = Models::build(shell)?;
    all_are_known(&files, &models)?;
    let chosen: Vec<(Place, &Operation)> = files
        .iter()
        .filter(|(path, _)| only.is_none_or(|text| path.contains(text)))
        .flat_map(|(path, operations)| operations.iter().map(move |operation| (place(path, operation), operation)))
        .filter(|(_, operation)| operation.is_ordered())
        .collect();
    ensure!(!chosen.is_empty(), "there is no such ordering");
    let results = in_parallel(&chosen, |(place, operation)| {
        let weakenings = weaken_operation(&models, place, operation)?;
        let text = describe(place, operation, &weakenings);
        print!("{text}");
        Ok((text, weakenings))
    })?;
    let texts: String = results.iter().map(|(text, _)| text.as_str()).collect();
    let all: Vec<&Weakening> = results.iter().flat_map(|(_, weakenings)| weakenings).collect();
    let held = all.iter().filter(|weakening| weakening.is_held()).count();
    let summary = format!("{} weakenings: {held} fail a model, {} do not", all.len(), all.len() - held);
    println!("\n{summary}");
    let faults: Vec<String> = chosen
        .iter()
        .zip(&results)
        .filter_map(|((place, operation), (_, weakenings))| fault(place, operation, weakenings))
        .collect();
    ensure!(faults.is_empty(), "{} orderings:\n{}", faults.len(), faults.join("\n"));
    if record { keep(shell, &texts, &summary) } else { Ok(()) }
}

/// The library's files that have operations, and these.
fn files() -> Result<BTreeMap<String, Vec<Operation>>> {
    let sources = tidy::sources()?;
    let library = sources.iter().filter(|source| source.is_library());
    let files = library.map(|source| Ok((source.path.clone(), operations(&source.without_tests())?)));
    files.filter(|file| file.as_ref().is_ok_and(|(_, operations)| !operations.is_empty()) || file.is_err()).collect()
}

/// Every operation of the library that the models run is among those that were found in its text.
fn all_are_known(files: &BTreeMap<String, Vec<Operation>>, models: &Models) -> Result<()> {
    let known: BTreeSet<Place> =
        files.iter().flat_map(|(path, operations)| operations.iter().map(|operation| place(path, operation))).collect();
    let of_library = |place: &&&Place| files.contains_key(&place.0);
    let reached = models.reached();
    match reached.iter().filter(of_library).find(|place| !known.contains(**place)) {
        Some(place) => bail!("the models run an operation at {place:?} that is not found in the text"),
        None => Ok(()),
    }
}

fn place(path: &str, operation: &Operation) -> Place {
    (path.to_owned(), operation.line, operation.column)
}

/// Weakens each ordering of an operation by a step; where that makes no difference, to nothing; and where that does, by
/// the steps between.
fn weaken_operation(models: &Models, place: &Place, operation: &Operation) -> Result<Vec<Weakening>> {
    let mut weakenings = Vec::new();
    for (argument, from) in operation.orderings.iter().copied().enumerate() {
        let mut tried: Vec<(Order, bool)> = Vec::new();
        let mut next: Vec<Order> = operation.weaker(argument, from).to_vec();
        while !next.is_empty() {
            let to = next.remove(0);
            // What is weaker than one that is too weak is so too; what is stronger than one that is not is not.
            let is_known = |(order, held): &(Order, bool)| {
                *order == to || *held && order.is_stronger(to) || !*held && to.is_stronger(*order)
            };
            if tried.iter().any(is_known) {
                continue;
            }
            let verdict = models.weaken(place, argument, to.name())?;
            let weakening = Weakening { argument, from, to, verdict };
            tried.push((to, weakening.is_held()));
            if weakening.verdict == Verdict::Survives && to != Order::Relaxed {
                next.push(Order::Relaxed);
                next.extend(operation.weaker(argument, to));
            }
            weakenings.push(weakening);
        }
    }
    Ok(weakenings)
}

impl Weakening {
    fn is_held(&self) -> bool {
        matches!(self.verdict, Verdict::HeldBy(_))
    }
}

/// A line for the operation's reason, if it has one, and one for each weakening.
fn describe((file, line, _): &Place, operation: &Operation, weakenings: &[Weakening]) -> String {
    let mut text = String::new();
    for Weakening { argument, from, to, verdict } in weakenings {
        let which = if *argument == 0 { "" } else { ", of a failure" };
        let verdict = match verdict {
            Verdict::HeldBy(model) => format!("held by {}", model.replace("loom_tests::", "")),
            Verdict::Survives => "no model fails".into(),
            Verdict::Unreached => "no model runs it".into(),
        };
        text += &format!("{file}:{line}: {}{which}, {} to {}: {verdict}\n", operation.name, from.name(), to.name());
    }
    if let Some(reason) = &operation.reason {
        text += &format!("    {reason}\n");
    }
    text
}

/// What is wrong with an operation's reason.
fn fault((file, line, _): &Place, operation: &Operation, weakenings: &[Weakening]) -> Option<String> {
    let survives = weakenings.iter().any(|weakening| !weakening.is_held());
    match (survives, operation.reason.is_some()) {
        (true, false) => Some(format!("{file}:{line}: no model holds an ordering, and there is no reason")),
        (false, true) => Some(format!("{file}:{line}: the reason is out of date: models hold all orderings")),
        _ => None,
    }
}

fn keep(shell: &Shell, texts: &str, summary: &str) -> Result<()> {
    let commit = cmd!(shell, "git rev-parse --short HEAD").quiet().read()?;
    let date = cmd!(shell, "date --utc --iso-8601=minutes").quiet().read()?;
    let text = format!("command: cargo xtask orderings\ndate: {date}\ncommit: {commit}\n\n{texts}\n{summary}\n");
    Ok(fs::write(root().join(RECORD), text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(reason: Option<&str>) -> Operation {
        let orderings = vec![Order::AcqRel, Order::Relaxed];
        Operation { line: 7, column: 1, name: "compare_exchange".into(), orderings, reason: reason.map(str::to_owned) }
    }

    fn weakening(verdict: Verdict) -> Weakening {
        Weakening { argument: 0, from: Order::AcqRel, to: Order::Release, verdict }
    }

    #[test]
    fn only_what_survives_needs_a_reason() {
        let place = ("src/a.rs".to_owned(), 7, 1);
        let held = || weakening(Verdict::HeldBy("a::b".into()));
        for (weakenings, without, with) in [
            (vec![held(), held()], false, true),
            (vec![held(), weakening(Verdict::Survives)], true, false),
            (vec![weakening(Verdict::Unreached)], true, false),
        ] {
            assert_eq!(fault(&place, &operation(None), &weakenings).is_some(), without);
            assert_eq!(fault(&place, &operation(Some("why")), &weakenings).is_some(), with);
        }
    }

    #[test]
    fn every_ordering_of_the_library_is_understood() {
        let files = files().unwrap();
        assert!(files.values().flatten().filter(|operation| operation.is_ordered()).count() > 30);
    }
}
