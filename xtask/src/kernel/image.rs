//! The kernel's image, from Debian's package of it. The modules are not needed: what the tests use is built in.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use xshell::Shell;

use super::folder;
use super::machine::Machine;
use crate::apt::Apt;

/// The image, downloaded if it is not there yet.
pub fn get(shell: &Shell, machine: &Machine) -> Result<PathBuf> {
    let image = folder(machine).join("linux");
    if image.exists() {
        return Ok(image);
    }
    let Machine { name, architecture, suite, package, .. } = machine;
    let apt = Apt::of_architecture(shell, &format!("apt-{name}"), &[suite], architecture)?;
    // The package of this name has no files; it depends on the newest kernel's, whose name has a version in it.
    let tree = apt.with_dependencies(package)?;
    let is_kernel = |name: &&String| name != package && name.starts_with("linux-image-");
    let kernel = tree.iter().find(is_kernel).with_context(|| format!("{package} names no kernel"))?;
    let files = shell.read_dir(apt.unpack(std::slice::from_ref(kernel))?.join("boot"))?;
    let is_image =
        |path: &&PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"vmlinu"));
    let found = files.iter().find(is_image).with_context(|| format!("{package} has no image"))?;
    shell.create_dir(folder(machine))?;
    // Under another name first, so that a part of one is never taken for a whole one.
    let partial = image.with_extension("partial");
    fs::copy(found, &partial)?;
    fs::rename(&partial, &image)?;
    shell.remove_path(apt.folder())?;
    Ok(image)
}
