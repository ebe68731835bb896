//! Memory of tasks: a result that several write, each its own elements, and scratch that grows.

/// The elements of a slice that is borrowed for as long as tasks run.
#[derive(Clone, Copy)]
pub struct Shared {
    start: *mut f32,
    len: usize,
}

// SAFETY: tasks write disjoint elements, which each user shows for its own split.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub fn new(out: &mut [f32]) -> Self {
        Self { start: out.as_mut_ptr(), len: out.len() }
    }

    /// # Safety
    /// No other task may hold elements `at .. at + count`, and the slice given to [`new`](Self::new) must live.
    pub unsafe fn slice<'a>(self, at: usize, count: usize) -> &'a mut [f32] {
        assert!(at + count <= self.len, "a matmul result is too short");
        // SAFETY: inside of the result by the assert, and the caller's own.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(at), count) }
    }
}

/// The first `len` values of a buffer that grows.
pub fn room<T: Clone>(buffer: &mut Vec<T>, len: usize, empty: T) -> &mut [T] {
    if buffer.len() < len {
        buffer.resize(len, empty);
    }
    &mut buffer[..len]
}
