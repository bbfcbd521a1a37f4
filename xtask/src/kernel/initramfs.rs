//! The archive that the kernel takes its first files from.

use anyhow::Result;
use cpio::newc::{Builder, ModeFileType, trailer};

/// An archive of these files, which all can be run, and of a console.
pub fn of_files(files: &[(String, Vec<u8>)]) -> Result<Vec<u8>> {
    let mut archive = Vec::new();
    let folder = Builder::new("dev").mode(0o755).set_mode_file_type(ModeFileType::Directory);
    folder.write(&mut archive, 0).finish()?;
    // What the kernel opens for the first process.
    let console = Builder::new("dev/console").mode(0o600).set_mode_file_type(ModeFileType::Char);
    console.rdev_major(5).rdev_minor(1).write(&mut archive, 0).finish()?;
    for (name, content) in files {
        let file = Builder::new(name).mode(0o755).set_mode_file_type(ModeFileType::Regular);
        let mut writer = file.write(&mut archive, u32::try_from(content.len())?);
        std::io::Write::write_all(&mut writer, content)?;
        writer.finish()?;
    }
    trailer(&mut archive)?;
    Ok(archive)
}
