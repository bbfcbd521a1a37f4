//! The kernel's queue through the C library and two crates.

use std::ffi::{CStr, CString};
use std::ptr;

use ::nix::mqueue as nix_mqueue;
use ::posixmq::PosixMq;

use super::{Ends, Names, Opened, Queue, Shape};

pub fn glibc(names: &Names, shape: Shape) -> Opened {
    Ends::open(names, shape, |name: &CString, shape| Glibc(descriptor(name, shape)))
}

pub fn nix(names: &Names, shape: Shape) -> Opened {
    Ends::open(names, shape, open_nix)
}

pub fn posixmq(names: &Names, shape: Shape) -> Opened {
    Ends::open(names, shape, |name: &CString, Shape { messages, size }| {
        let mut options = ::posixmq::OpenOptions::readwrite();
        options.create().capacity(messages).max_msg_len(size);
        options.open(name.to_str().expect("it is text")).expect("it can be opened")
    })
}

/// Opens or creates a queue as C does.
pub fn descriptor(name: &CStr, Shape { messages, size }: Shape) -> libc::mqd_t {
    // SAFETY: the attributes are plain numbers.
    let mut attributes: libc::mq_attr = unsafe { std::mem::zeroed() };
    (attributes.mq_maxmsg, attributes.mq_msgsize) = (messages as _, size as _);
    // SAFETY: the name ends in a NUL; a mode and whole attributes follow.
    let queue = unsafe { libc::mq_open(name.as_ptr(), libc::O_CREAT | libc::O_RDWR, 0o600, &raw mut attributes) };
    assert!(queue >= 0, "mq_open: {}", std::io::Error::last_os_error());
    queue
}

struct Glibc(libc::mqd_t);

impl Queue for Glibc {
    #[inline]
    fn send(&self, message: &[u8]) {
        // SAFETY: the message is as long as it says.
        assert_eq!(unsafe { libc::mq_send(self.0, message.as_ptr().cast(), message.len(), 0) }, 0);
    }

    #[inline]
    fn receive(&self, buffer: &mut [u8]) -> usize {
        // SAFETY: the buffer is as long as it says.
        let length = unsafe { libc::mq_receive(self.0, buffer.as_mut_ptr().cast(), buffer.len(), ptr::null_mut()) };
        usize::try_from(length).expect("it can be received")
    }
}

impl Drop for Glibc {
    fn drop(&mut self) {
        // SAFETY: it is this value's own.
        unsafe { libc::mq_close(self.0) };
    }
}

struct Nix(nix_mqueue::MqdT);

fn open_nix(name: &CString, Shape { messages, size }: Shape) -> Nix {
    let flags = nix_mqueue::MQ_OFlag::O_CREAT | nix_mqueue::MQ_OFlag::O_RDWR;
    let mode = ::nix::sys::stat::Mode::S_IRUSR | ::nix::sys::stat::Mode::S_IWUSR;
    let attributes = nix_mqueue::MqAttr::new(0, messages as _, size as _, 0);
    Nix(nix_mqueue::mq_open(name.as_c_str(), flags, mode, Some(&attributes)).expect("it can be opened"))
}

impl Queue for Nix {
    #[inline]
    fn send(&self, message: &[u8]) {
        nix_mqueue::mq_send(&self.0, message, 0).expect("it can be sent");
    }

    #[inline]
    fn receive(&self, buffer: &mut [u8]) -> usize {
        nix_mqueue::mq_receive(&self.0, buffer, &mut 0).expect("it can be received")
    }
}

impl Queue for PosixMq {
    #[inline]
    fn send(&self, message: &[u8]) {
        self.send(0, message).expect("it can be sent");
    }

    #[inline]
    fn receive(&self, buffer: &mut [u8]) -> usize {
        self.recv(buffer).expect("it can be received").1
    }
}
