//! Which C library the programs of this machine have, and so which named semaphores they use.
//!
//! A machine's C library is known by the program that starts its dynamic programs: each of them names it by a path that
//! the architecture's ABI fixes. A program that is linked statically names none, so it looks which one is there.

use core::ffi::CStr;
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

use rustix::fs::{Access, access};

use super::abi::Abi;

/// What starts the dynamic programs of one word size.
struct Loaders {
    gnu: &'static [&'static CStr],
    musl: &'static [&'static CStr],
    /// glibc's layout for these programs.
    abi: Abi,
}

#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
const WIDE: Loaders =
    Loaders { gnu: &[c"/lib64/ld-linux-x86-64.so.2"], musl: &[c"/lib/ld-musl-x86_64.so.1"], abi: Abi::Gnu64 };
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
const NARROW: Loaders = Loaders { gnu: &[c"/lib/ld-linux.so.2"], musl: &[c"/lib/ld-musl-i386.so.1"], abi: Abi::Gnu32 };

#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
const WIDE: Loaders =
    Loaders { gnu: &[c"/lib/ld-linux-aarch64.so.1"], musl: &[c"/lib/ld-musl-aarch64.so.1"], abi: Abi::Gnu64 };
#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
const NARROW: Loaders = Loaders {
    // With a floating-point unit and without: a static program runs on machines of either kind.
    gnu: &[c"/lib/ld-linux-armhf.so.3", c"/lib/ld-linux.so.3"],
    musl: &[c"/lib/ld-musl-armhf.so.1", c"/lib/ld-musl-arm.so.1"],
    abi: Abi::Gnu32,
};

/// Of this program's word size, then of the other.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
const LOADERS: &[Loaders] = &[WIDE, NARROW];
#[cfg(any(target_arch = "x86", target_arch = "arm"))]
const LOADERS: &[Loaders] = &[NARROW, WIDE];

#[cfg(target_arch = "riscv64")]
const LOADERS: &[Loaders] =
    &[Loaders { gnu: &[c"/lib/ld-linux-riscv64-lp64d.so.1"], musl: &[c"/lib/ld-musl-riscv64.so.1"], abi: Abi::Gnu64 }];

#[cfg(target_arch = "s390x")]
const LOADERS: &[Loaders] =
    &[Loaders { gnu: &[c"/lib/ld64.so.1"], musl: &[c"/lib/ld-musl-s390x.so.1"], abi: Abi::Gnu64 }];

#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "x86",
    target_arch = "aarch64",
    target_arch = "arm",
    target_arch = "riscv64",
    target_arch = "s390x"
)))]
const LOADERS: &[Loaders] = &[];

/// Where glibc keeps which library lies where. musl has no such file, and neither have the packages that let programs
/// of glibc's run on a machine of musl's.
const GNU_CACHE: &CStr = c"/etc/ld.so.cache";

/// What a build decides, or what the program's own loader shows: then nothing is looked for.
const FIXED: Option<Abi> = if cfg!(rawipc_semaphores = "gnu") {
    Some(Abi::GNU)
} else if cfg!(rawipc_semaphores = "musl") {
    Some(Abi::Musl)
} else if cfg!(all(target_env = "gnu", not(target_feature = "crt-static"))) {
    Some(Abi::NATIVE)
} else {
    None
};

/// The answer, once it has been looked for: 1 more than its place in `ANSWERS`.
///
/// A process keeps it, so that what it creates is what it opens and removes later, whatever is mounted meanwhile.
static ANSWER: AtomicU8 = AtomicU8::new(0);

const ANSWERS: [Abi; 3] = [Abi::Gnu64, Abi::Gnu32, Abi::Musl];

/// The layout of the machine's C library.
#[inline]
pub(super) fn abi() -> Abi {
    match FIXED {
        Some(abi) => abi,
        None => remembered(),
    }
}

fn remembered() -> Abi {
    // Relaxed, since the answer orders nothing else; two threads that look both find the same.
    let known = usize::from(ANSWER.load(Relaxed));
    if let Some(abi) = ANSWERS.get(known.wrapping_sub(1)) {
        return *abi;
    }
    let abi = look(|path| access(path, Access::EXISTS).is_ok());
    let place = ANSWERS.iter().position(|answer| *answer == abi).unwrap_or(0);
    ANSWER.store(place as u8 + 1, Relaxed);
    abi
}

/// Looks for the C library whose programs have this program's word size, then for that of the other size.
///
/// Where both libraries are installed, one of them is for a few programs: musl on Debian, a stand-in for glibc on
/// Alpine. The machine is glibc's if it has glibc's cache. Where neither is, all programs are static, and this one's
/// library is as good a guess as there can be.
fn look(exists: impl Fn(&CStr) -> bool) -> Abi {
    let any = |paths: &[&CStr]| paths.iter().any(|path| exists(path));
    for Loaders { gnu, musl, abi } in LOADERS {
        let is_usable = cfg!(target_has_atomic = "64") || *abi != Abi::Gnu64;
        let (is_gnu, is_musl) = (is_usable && any(gnu), any(musl));
        if is_gnu && (!is_musl || exists(GNU_CACHE)) {
            return *abi;
        }
        if is_musl {
            return Abi::Musl;
        }
    }
    Abi::NATIVE
}

#[cfg(all(test, any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use super::*;

    const OWN: &CStr = LOADERS[0].gnu[0];
    const OTHER: &CStr = LOADERS[1].gnu[0];
    const MUSL: &CStr = LOADERS[0].musl[0];
    const OTHER_MUSL: &CStr = LOADERS[1].musl[0];

    #[test]
    fn machines_are_known_by_their_loaders() {
        for (machine, there, expected) in [
            ("Debian, Fedora", &[OWN, GNU_CACHE][..], Abi::Gnu64),
            ("Buildroot with glibc", &[OWN], Abi::Gnu64),
            ("Debian with the package musl", &[OWN, GNU_CACHE, MUSL], Abi::Gnu64),
            ("Debian with programs of the other word size", &[OWN, OTHER, GNU_CACHE], Abi::Gnu64),
            ("Debian of the other word size below this kernel", &[OTHER, GNU_CACHE], Abi::Gnu32),
            ("Alpine, Void with musl", &[MUSL], Abi::Musl),
            ("Alpine with gcompat", &[MUSL, OWN], Abi::Musl),
            ("Alpine of the other word size", &[OTHER_MUSL], Abi::Musl),
            ("an image of static programs alone", &[], Abi::NATIVE),
        ] {
            assert_eq!(look(|path| there.contains(&path)), expected, "{machine}");
        }
    }

    #[test]
    fn a_machine_is_asked_two_questions_as_a_rule() {
        use core::cell::Cell;
        for (there, most) in [(&[OWN, GNU_CACHE][..], 2), (&[MUSL], 2), (&[OWN, MUSL, GNU_CACHE], 3)] {
            let asked = Cell::new(0);
            look(|path| {
                asked.set(asked.get() + 1);
                there.contains(&path)
            });
            assert_eq!(asked.get(), most, "{there:?}");
        }
    }
}
