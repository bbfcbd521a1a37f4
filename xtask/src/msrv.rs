//! The oldest Rust that the manifest promises, as far as Debian's compilers can tell. By hand: it downloads 250 MB.
//!
//! Debian has few compilers at a time. The oldest one that is new enough builds the library and the tool. The newest
//! one that is too old builds the library, which may use what became stable since then up to the promised version and
//! no more: a word or a function of a later one is an error there, though every newer compiler takes it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::apt::Apt;
use crate::steps::Steps;
use crate::{root, workspace};

/// Where Debian has compilers: a name for each place, and its suites.
const PLACES: [(&str, &[&str]); 3] =
    [("stable", &["trixie"]), ("backports", &["trixie", "trixie-backports"]), ("unstable", &["sid"])];

/// The library features that the library uses, and that became stable with the promised version or shortly before.
const STABLE_BY_THEN: &str = "integer_sign_cast,unsigned_is_multiple_of";

/// A compiler of Debian's.
struct Compiler {
    /// Like 1.87.
    release: (u32, u32),
    package: String,
    place: usize,
}

pub fn check(shell: &Shell, steps: &mut Steps) -> Result<()> {
    let promised = promised()?;
    let mut compilers = Vec::new();
    steps.run("msrv: what Debian has", || {
        for (place, (name, suites)) in PLACES.iter().enumerate() {
            for package in Apt::new(shell, &format!("msrv-{name}"), suites)?.versions("rustc")? {
                let release = release(&package).context("a version of rustc's")?;
                println!("{name}: {package}");
                compilers.push(Compiler { release, package, place });
            }
        }
        Ok(())
    })?;
    compilers.sort_by_key(|compiler| (compiler.release, compiler.place));
    let new = compilers.iter().find(|compiler| compiler.release >= promised);
    let new = new.with_context(|| format!("Debian has no Rust {promised:?} or later"))?;
    steps.run(&format!("msrv: all of it with {}", new.package), || {
        let (rustc, target) = (new.unpack(shell)?, workspace().join("msrv-target"));
        let both = ["--package=rawipc", "--package=rawipc-cli", "--lib", "--bins"];
        let build = cmd!(shell, "cargo check --quiet {both...} --all-features --target-dir {target}");
        Ok(build.env("RUSTC", rustc).run()?)
    })?;
    let old = compilers.iter().rev().find(|compiler| compiler.release < promised);
    let old = old.with_context(|| format!("Debian has no Rust before {promised:?}"))?;
    steps.run(&format!("msrv: the library's own code with {}", old.package), || {
        let (rustc, manifest) = (old.unpack(shell)?, old_manifest()?);
        let options = ["--profile=check", "--ignore-rust-version", "--features=std,zerocopy"];
        let flags = ["-Awarnings".into(), format!("-Zcrate-attr=feature({STABLE_BY_THEN})")];
        let build = cmd!(shell, "cargo rustc --quiet --manifest-path {manifest} {options...} -- {flags...}");
        // What was not stable yet is asked for by name.
        Ok(build.env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1").run()?)
    })
}

impl Compiler {
    /// Returns a program that is this compiler.
    fn unpack(&self, shell: &Shell) -> Result<PathBuf> {
        let (name, suites) = PLACES[self.place];
        let apt = Apt::new(shell, &format!("msrv-{name}"), suites)?;
        let (major, minor) = self.release;
        let driver = format!("libstd-rust-{major}.{minor}");
        let version = &self.package;
        let own = ["rustc", "libstd-rust-dev", &driver].map(|package| format!("{package}={version}"));
        let others = apt.with_dependencies(&driver)?.into_iter().filter(|package| *package != driver);
        let unpacked = apt.unpack(&others.chain(own).collect::<Vec<_>>())?;
        let program = apt.folder().join("rustc");
        // With the C library that it was built for.
        let unpacked = unpacked.display();
        let script = format!(
            "#!/bin/sh\nlibraries=$(echo {unpacked}/usr/lib/*-linux-gnu*)\n\
             exec $(echo $libraries/ld-linux-*.so.?) --library-path $libraries {unpacked}/usr/bin/rustc \"$@\"\n"
        );
        fs::write(&program, script)?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        cmd!(shell, "{program} --version").run()?;
        Ok(program)
    }
}

/// The library as a package of its own, with a heapless that has the same vectors and takes an older compiler.
fn old_manifest() -> Result<PathBuf> {
    let folder = workspace().join("msrv-old");
    fs::create_dir_all(&folder)?;
    let library = root().join("src/lib.rs");
    let dependency = |name: &str| manifest_value(name, "{").map(|value| format!("{name} = {value}\n"));
    let features = "alloc = []\nstd = [\"alloc\", \"rustix/std\"]\nzerocopy = [\"dep:zerocopy\"]";
    let text = format!(
        "[package]\nname = \"rawipc\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [lib]\npath = {library:?}\n\n[features]\n{features}\n\n\
         [dependencies]\nheapless = {{ version = \"0.8\", default-features = false }}\n{}{}{}",
        dependency("bitflags")?,
        dependency("rustix")?,
        dependency("zerocopy")?
    );
    let manifest = folder.join("Cargo.toml");
    fs::write(&manifest, text)?;
    Ok(manifest)
}

fn promised() -> Result<(u32, u32)> {
    let text = manifest_value("rust-version", "\"")?;
    release(text.trim_matches('"')).context("`rust-version` in Cargo.toml")
}

/// The first value of this key in our manifest that begins so.
fn manifest_value(key: &str, start: &str) -> Result<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
    let mut values = manifest.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
    let value = values.find(|value| value.starts_with(start));
    value.map(str::to_owned).with_context(|| format!("Cargo.toml has no `{key}`"))
}

/// The first two numbers of a version.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}
