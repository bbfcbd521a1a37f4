//! An allocator that ends the process when something allocates where nothing may.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Guarded;

#[global_allocator]
static ALLOCATOR: Guarded = Guarded;

thread_local! {
    static FORBIDDEN: Cell<bool> = const { Cell::new(false) };
}

/// Does `work`, in which this thread may not allocate, reallocate or free.
pub fn without_allocation<T>(work: impl FnOnce() -> T) -> T {
    FORBIDDEN.set(true);
    let result = work();
    FORBIDDEN.set(false);
    result
}

fn check() {
    if FORBIDDEN.get() {
        // The message itself must be able to allocate.
        FORBIDDEN.set(false);
        eprintln!("an allocation where none is allowed:\n{}", std::backtrace::Backtrace::force_capture());
        std::process::abort();
    }
}

// SAFETY: everything is the system allocator's.
unsafe impl GlobalAlloc for Guarded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        check();
        // SAFETY: the caller vouches for the layout.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        check();
        // SAFETY: the caller vouches for both, and the pointer came from the system allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}
