//! What the `unlink` commands have in common.

use clap::Args;
use rawipc::{Name, Result};

use crate::arguments;
use crate::error::Failure;

/// The names that are to go.
#[derive(Args)]
pub(crate) struct Names {
    /// The objects' names, with or without their slash.
    #[arg(value_name = "NAME", required = true, value_parser = arguments::name())]
    names: Vec<&'static Name>,
}

impl Names {
    /// Tries each name, as `rm` does, and reports each that fails.
    pub(crate) fn each(&self, unlink: impl Fn(&Name) -> Result<()>) -> std::result::Result<(), Failure> {
        let fault = |name: &&'static Name| unlink(name).map_err(Failure::about(name)).err();
        Failure::last_of(self.names.iter().filter_map(fault).collect())
    }
}
