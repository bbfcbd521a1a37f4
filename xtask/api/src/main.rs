//! Lists a crate's public API, from the file of rustdoc's JSON that is its argument.

use std::env;

use anyhow::{Context, Result};
use public_api::Builder;

/// Traits that types have by themselves and that nobody is promised.
const NO_PROMISE: [&str; 5] = ["Freeze", "StructuralPartialEq", "Unpin", "UnsafeUnpin", "UnwindSafe"];

fn main() -> Result<()> {
    let json = env::args_os().nth(1).context("the argument is rustdoc's JSON file")?;
    let api = Builder::from_rustdoc_json(json).omit_blanket_impls(true).build();
    let api = api.context("another compiler than CI's may write another JSON than `public-api` knows")?;
    let mut is_of_standard = false;
    for line in api.items().map(ToString::to_string) {
        let is_function = line.starts_with("pub fn ");
        is_of_standard = is_standard(&line) || is_of_standard && is_function;
        // That a type has a trait of the standard library says which functions it has by that.
        let is_implied = is_of_standard && is_function;
        if !is_implied && !is_no_promise(&line) {
            println!("{line}");
        }
    }
    Ok(())
}

/// Whether it says that a type has a trait of the standard library.
fn is_standard(line: &str) -> bool {
    let name = line.split_once(" for ").and_then(|(head, _)| head.strip_prefix("impl")?.rsplit(' ').next());
    name.is_some_and(|name| ["core::", "alloc::", "std::"].iter().any(|start| name.starts_with(start)))
}

fn is_no_promise(line: &str) -> bool {
    line.starts_with("impl") && NO_PROMISE.iter().any(|word| line.contains(&format!("{word} for ")))
}
