//! What the `stat` commands have in common: facts about one object, as lines for people or as a JSON object.

use std::fmt::Display;

use clap::Args;
use rawipc::{Name, Result};

use crate::arguments;
use crate::error::Failure;
use crate::json::{Number, Object};
use crate::output::Output;

/// The object, and how it is shown.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The object's name, with or without its slash.
    #[arg(value_parser = arguments::name())]
    name: &'static Name,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Shows what `look` finds out about the object.
    pub(crate) fn show(&self, look: impl FnOnce(&Name, Facts) -> Result<Facts>) -> std::result::Result<(), Failure> {
        let facts = Facts { lines: format!("name: {}\n", self.name), object: Object::new().name(self.name) };
        let facts = look(self.name, facts).map_err(Failure::about(self.name))?;
        Output::open()?.write(if self.json { facts.object.finish() + "\n" } else { facts.lines })
    }
}

/// Facts in the order in which they are shown. The key of one in JSON is its label, with `_` in place of blanks.
pub(crate) struct Facts {
    lines: String,
    object: Object,
}

impl Facts {
    pub(crate) fn number(self, label: &str, value: impl Into<Number>) -> Self {
        let value = value.into();
        self.fact(label, value, |object| object.number(&key(label), value))
    }

    pub(crate) fn text(self, label: &str, value: impl Display) -> Self {
        let value = value.to_string();
        self.fact(label, &value, |object| object.text(&key(label), &value))
    }

    /// Permission bits: a string in JSON too, which has no octal numbers.
    pub(crate) fn mode(self, mode: u32) -> Self {
        self.text("mode", format_args!("{mode:04o}"))
    }

    /// One that is shown differently to people and to programs.
    pub(crate) fn fact(mut self, label: &str, text: impl Display, add: impl FnOnce(Object) -> Object) -> Self {
        self.lines += &format!("{label}: {text}\n");
        self.object = add(self.object);
        self
    }
}

fn key(label: &str) -> String {
    label.replace(' ', "_")
}
