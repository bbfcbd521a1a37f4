//! `demo`: the main job shown by itself, and what is left of it.

use std::fs::File;
use std::io::pipe;

use rawipc::{ErrorKind, MessageQueue, Name};

use super::sandbox::{Opening, without_opening};
use super::{run, tool};

crate::tests!(
    it_shows_both_directions_and_leaves_nothing,
    a_kernel_without_queues_is_explained,
    a_partner_that_fails_ends_it,
    an_unwritable_output_ends_it,
);

/// The names that the demo says it has made; both must be gone.
fn names_gone(output: &str) {
    let names: Vec<&str> = output.lines().filter_map(|line| line.strip_prefix("  ")).take(2).collect();
    assert!(
        names[0].starts_with("/rawipc-demo-requests-") && names[1].starts_with("/rawipc-demo-replies-"),
        "{output}"
    );
    for name in names {
        let error = MessageQueue::options().read(true).open(Name::new(name).unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{name}");
    }
}

fn it_shows_both_directions_and_leaves_nothing() {
    let ran = run(&mut tool(&["demo"]));
    let output = String::from_utf8(ran.output).unwrap();
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{output}");
    let rows = "
This process sent                   The second process received
   1  water the plants                30  put out the fire
  30  put out the fire                30  call the fire brigade
   5  feed the cat                     5  feed the cat
  30  call the fire brigade            1  water the plants
   0  go home                          0  go home

The second process sent             This process received
   2  the plants are dry              31  the kitchen is on fire
   2  the cat is hungry               20  the door is open
  20  the door is open                 2  the plants are dry
  31  the kitchen is on fire           2  the cat is hungry
";
    assert!(output.contains(rows), "{output}");
    let (_, median) = output.split_once("1000 round trips, two messages each: median ").expect("the time is shown");
    let (median, rest) = median.split_once(" µs, fastest ").unwrap();
    let (fastest, rest) = rest.split_once(" µs\n").unwrap();
    let [median, fastest]: [f64; 2] = [median, fastest].map(|time| time.parse().unwrap());
    assert!(0.0 < fastest && fastest <= median, "{output}");
    assert_eq!(rest, "\nQueues unlinked; the second process ended with exit status: 0.\n");
    names_gone(&output);
}

fn a_kernel_without_queues_is_explained() {
    let ran = run(without_opening(&mut tool(&["demo"]), Opening::Any, libc::ENOSYS));
    let error = "demo: creating the queue: message queues need CONFIG_POSIX_MQUEUE and a sandbox that allows them \
                 (ENOSYS); this kernel, or the sandbox around it, has no POSIX message queues";
    assert_eq!(ran.failed(1, error), b"");
}

fn a_partner_that_fails_ends_it() {
    let ran = run(without_opening(&mut tool(&["demo"]), Opening::Existing, libc::EACCES));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let lines: Vec<&str> = ran.errors.lines().collect();
    let partner = "rawipc: demo: opening the queue: not permitted for this user (EACCES)";
    let demo = "rawipc: demo: sending: timed out (ETIMEDOUT); the second process ended with exit status: 1";
    assert_eq!(lines, [partner, demo]);
    names_gone(&String::from_utf8(ran.output).unwrap());
}

fn an_unwritable_output_ends_it() {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let ran = run(tool(&["demo"]).stdout(writer));
    assert_eq!((ran.code, ran.errors.as_str()), (Some(141), ""));
    let full = File::options().write(true).open("/dev/full").unwrap();
    run(tool(&["demo"]).stdout(full)).failed(1, "standard output: No space left on device (os error 28)");
}
