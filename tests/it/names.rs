//! Names: what is one, and what is wrong with what is not.

use rawipc::{Errno, ErrorKind, Name, name};

crate::tests!(valid_names_are_taken_as_they_are, each_fault_is_told_apart);

fn valid_names_are_taken_as_they_are() {
    let longest = format!("/{}", "x".repeat(255));
    for valid in ["/a", "/jobs", "/...", "/.hidden", "/with space", "/ü", longest.as_str()] {
        assert_eq!(Name::new(valid).expect(valid).as_bytes(), valid.as_bytes());
        assert_eq!(Name::new(valid.as_bytes()), Name::new(valid));
    }
    assert_eq!(Name::new(c"/jobs"), Ok(name!("/jobs")));
    assert_eq!(Name::new(b"/jobs"), Ok(name!("/jobs")));
    assert_eq!(Name::new(b"/a\x1b[2J\xff").unwrap().to_string(), r"/a\x1b[2J\xff");
}

fn each_fault_is_told_apart() {
    let too_long = format!("/{}", "x".repeat(256));
    for (wrong, errno, part) in [
        ("", Errno::INVAL, "it is empty"),
        ("jobs", Errno::INVAL, "does not begin with a slash"),
        ("/", Errno::NOENT, "nothing follows the slash"),
        ("/a/b", Errno::ACCESS, "a second slash at byte 2"),
        ("//", Errno::ACCESS, "a second slash at byte 1"),
        ("/.", Errno::ACCESS, "no names"),
        ("/..", Errno::ACCESS, "no names"),
        ("/a\0b", Errno::INVAL, "a NUL at byte 2"),
        (too_long.as_str(), Errno::NAMETOOLONG, "256 bytes follow the slash, at most 255 may"),
    ] {
        let error = Name::new(wrong).expect_err(wrong);
        assert_eq!((error.kind(), error.errno()), (ErrorKind::InvalidName, errno), "{wrong:?}");
        assert!(error.to_string().contains(part), "{wrong:?}: {error}");
    }
}
