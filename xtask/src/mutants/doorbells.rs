//! The bugs that are planted in doorbells: what one does must not disarm what another one has armed.

use super::bugs::Finder::{Models, Tests};
use super::bugs::{Bug, bug};

pub const DOORBELLS: &[Bug] = &[
    bug(
        "a sender that cannot reach a bell disarms it",
        "src/shared_queue/doorbell.rs",
        "_ => Rung::Unreachable,",
        "_ => Rung::Done,",
        Tests("shared_queue::bells"),
    ),
    bug(
        "a bell that was not reached is disarmed in its record",
        "src/shared_queue/protocol/arming.rs",
        "if rung == Rung::Done {",
        "if rung <= Rung::Later {",
        Models("doorbell_stays_armed"),
    ),
    bug(
        "arming that finds a message disarms all doorbells",
        "src/shared_queue/protocol/arming.rs",
        "record.armed.fetch_and(!ARMED, Relaxed);",
        "record.armed.fetch_and(!ARMED, Relaxed);\n            self.sum.fetch_and(!ARMED, Relaxed);",
        Models("doorbell_rings_each_of_two"),
    ),
    bug(
        "a forked child takes its parent's ring",
        "src/shared_queue/doorbell.rs",
        "if !self.creator.is_this_process() {",
        "if !self.creator.is_this_process() && self.memory > MAX_BELLS {",
        Tests("shared_queue::doorbell"),
    ),
    bug(
        "a sender rings whatever bell has the number",
        "src/shared_queue/bell.rs",
        "== Some(mark.range());",
        "!= Some((0, 0));",
        Tests("shared_queue::doorbell"),
    ),
    bug(
        "a doorbell takes a bell that a living one has",
        "src/shared_queue/bell.rs",
        "if !taken? ||",
        "if taken.is_err() ||",
        Tests("shared_queue::doorbell"),
    ),
    bug(
        "the sum of doorbells is disarmed although one was armed meanwhile",
        "src/shared_queue/protocol/arming.rs",
        "Rung::Done => disarm(self.sum, sum),",
        "Rung::Done => _ = self.sum.fetch_and(!ARMED, Relaxed),",
        Models("doorbell_rings_each_of_two"),
    ),
];
