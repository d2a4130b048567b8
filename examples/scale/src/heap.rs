//! The allocator of every program that links this package: the system's, which counts for each thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    static LIVE: Cell<i64> = const { Cell::new(0) };
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Returns the bytes that this thread allocated, minus those that it freed.
pub fn live() -> i64 {
    LIVE.get()
}

/// Returns how often this thread allocated.
pub fn allocations() -> u64 {
    ALLOCATIONS.get()
}

fn grow(octets: i64) {
    LIVE.set(LIVE.get() + octets);
}

// An allocator needs unsafe code, which the library itself forbids. The methods that are not written here use these two.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        grow(layout.size() as i64);
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        grow(-(layout.size() as i64));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}
