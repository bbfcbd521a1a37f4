//! Boost.Interprocess's `message_queue`: a queue in shared memory, in C++. `benches/peers/boost.cpp` gives it functions
//! that can be called from here; the environment says where the library made of it is.

use std::ffi::{CStr, CString, c_char, c_void};
use std::sync::OnceLock;

use super::{Ends, Names, Opened, Queue, Shape};

/// The functions of the library.
struct Library {
    open: unsafe extern "C" fn(*const c_char, usize, usize) -> *mut c_void,
    send: unsafe extern "C" fn(*mut c_void, *const u8, usize) -> i32,
    receive: unsafe extern "C" fn(*mut c_void, *mut u8, usize) -> usize,
    close: unsafe extern "C" fn(*mut c_void),
    remove: unsafe extern "C" fn(*const c_char),
}

fn library() -> Option<&'static Library> {
    static LIBRARY: OnceLock<Option<Library>> = OnceLock::new();
    LIBRARY.get_or_init(load).as_ref()
}

fn load() -> Option<Library> {
    let path = CString::new(std::env::var("RAWIPC_BOOST").ok()?).ok()?;
    // SAFETY: the library is ours and does nothing when it is loaded.
    let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
    if handle.is_null() {
        return None;
    }
    macro_rules! library {
        ($($function:ident = $symbol:literal),*) => {
            Library { $(
                // SAFETY: `boost.cpp` has a function of this name and of the type that the field has.
                $function: unsafe { symbol(handle, $symbol) },
            )* }
        };
    }
    Some(library! {
        open = c"boost_open",
        send = c"boost_send",
        receive = c"boost_receive",
        close = c"boost_close",
        remove = c"boost_remove"
    })
}

/// A function of the library, which stays open.
///
/// # Safety
/// `F` is the type of a pointer to that function.
unsafe fn symbol<F: Copy>(handle: *mut c_void, name: &CStr) -> F {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    // SAFETY: the library is open, and the name ends in a NUL.
    let symbol = unsafe { libc::dlsym(handle, name.as_ptr()) };
    assert!(!symbol.is_null(), "{name:?} is missing");
    // SAFETY: both are pointers, and the caller vouches for the type.
    unsafe { std::mem::transmute_copy(&symbol) }
}

struct Boost {
    library: &'static Library,
    queue: *mut c_void,
}

pub fn open(names: &Names, shape: Shape) -> Opened {
    let library = library().ok_or("RAWIPC_BOOST names no library; Debian has Boost as libboost-dev")?;
    Ends::open(names, shape, |name: &CString, Shape { messages, size }| {
        // SAFETY: the name ends in a NUL.
        let queue = unsafe { (library.open)(name.as_ptr(), messages, size) };
        assert!(!queue.is_null(), "Boost's queue cannot be opened");
        Boost { library, queue }
    })
}

/// Removes a queue of this name, if there is one.
pub fn remove(name: &CStr) {
    if let Some(library) = library() {
        // SAFETY: the name ends in a NUL.
        unsafe { (library.remove)(name.as_ptr()) };
    }
}

impl Queue for Boost {
    fn send(&self, message: &[u8]) {
        // SAFETY: the queue is open, and the message as long as it says.
        assert_eq!(unsafe { (self.library.send)(self.queue, message.as_ptr(), message.len()) }, 0);
    }

    fn receive(&self, buffer: &mut [u8]) -> usize {
        // SAFETY: the queue is open, and the buffer as long as it says.
        unsafe { (self.library.receive)(self.queue, buffer.as_mut_ptr(), buffer.len()) }
    }
}

impl Drop for Boost {
    fn drop(&mut self) {
        // SAFETY: it is open, and not used any more.
        unsafe { (self.library.close)(self.queue) };
    }
}
