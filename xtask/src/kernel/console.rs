//! What the first process says on the console: which kernel it is, and how its programs ended.

use anyhow::{Context, Result, bail, ensure};

/// All that was said.
#[derive(Debug, PartialEq)]
pub struct Console {
    /// The kernel's release.
    pub release: String,
    pub runs: Vec<Run>,
}

/// A program's run.
#[derive(Debug, PartialEq)]
pub struct Run {
    pub command: String,
    pub output: String,
    /// `None` if a signal ended it.
    pub code: Option<i32>,
}

impl Console {
    /// Understands everything after the firmware's greeting. Missing ends and unknown lines are errors.
    pub fn parse(text: &str) -> Result<Self> {
        let start = text.find("init: kernel ").context("the first process says nothing")?;
        let mut lines = text[start..].lines().map(str::trim_end);
        let release = lines.next().and_then(|line| line.split('"').nth(1)).context("the kernel has no release")?;
        let (mut runs, mut open): (Vec<Run>, Option<Run>) = (Vec::new(), None);
        let mut is_done = false;
        while let Some(line) = lines.next().filter(|_| !is_done) {
            let event = line.strip_prefix("init: ").map(|event| event.split_once(' ').unwrap_or((event, "")));
            match (event, &mut open) {
                (None, Some(run)) => run.output += &format!("{line}\n"),
                (Some(("run", command)), None) => {
                    open = Some(Run { command: command.into(), output: String::new(), code: None });
                }
                (Some(("exit", code)), Some(run)) => {
                    run.code = Some(code.parse()?);
                    runs.extend(open.take());
                }
                (Some(("ended", "by a signal")), Some(_)) => runs.extend(open.take()),
                (Some(("done", "")), None) => is_done = true,
                _ => bail!("`{line}` has no place here"),
            }
        }
        ensure!(is_done, "the first process did not come to its end; it was at {open:?}");
        Ok(Self { release: release.into(), runs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = "Firmware\r\ninit: kernel \"6.1\" \"#1\"\r\ninit: run /a b\r\none\r\n\r\ninit: exit 3\r\n\
                         init: run /c\r\ninit: ended by a signal\r\ninit: done\r\n[ 1.0] reboot\r\n";

    #[test]
    fn a_whole_console_is_understood() {
        let runs = vec![
            Run { command: "/a b".into(), output: "one\n\n".into(), code: Some(3) },
            Run { command: "/c".into(), output: String::new(), code: None },
        ];
        assert_eq!(Console::parse(RIGHT).unwrap(), Console { release: "6.1".into(), runs });
    }

    #[test]
    fn anything_less_is_an_error() {
        for (right, wrong) in [
            ("init: kernel \"6.1\" \"#1\"\r\n", ""),
            ("init: done", ""),
            ("init: ended by a signal\r\n", ""),
            ("init: exit 3\r\n", ""),
            ("init: exit 3", "init: exit"),
            ("init: run /a b\r\n", ""),
            ("init: run /c", "init: /dev cannot be mounted"),
        ] {
            assert!(RIGHT.contains(right) && Console::parse(&RIGHT.replace(right, wrong)).is_err(), "{wrong:?}");
        }
    }
}
