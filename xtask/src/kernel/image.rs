//! The kernel's image, from Debian's package of it. The modules are not needed: what the tests use is built in.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use xshell::Shell;

use super::folder;
use super::machine::Machine;
use crate::setup::Apt;

/// The image, downloaded if it is not there yet.
pub fn get(shell: &Shell, machine: &Machine) -> Result<PathBuf> {
    let image = folder(machine).join("linux");
    if image.exists() {
        return Ok(image);
    }
    let Machine { name, suite, package, .. } = machine;
    let apt = folder(machine).join("apt");
    let unpacked = {
        let apt = Apt::new(shell, &apt, suite, Some(name))?;
        apt.unpack(&apt.first_dependency(package)?)?
    };
    let files = shell.read_dir(unpacked.join("boot"))?;
    let is_image =
        |path: &&PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"vmlinu"));
    let found = files.iter().find(is_image).with_context(|| format!("{package} has no image"))?;
    // Under another name first, so that a part of one is never taken for a whole one.
    let partial = image.with_extension("partial");
    fs::copy(found, &partial)?;
    fs::rename(&partial, &image)?;
    shell.remove_path(apt)?;
    Ok(image)
}
