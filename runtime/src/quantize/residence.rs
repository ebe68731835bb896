//! Keeping the pages of a mapped model out of memory.
//!
//! llama.cpp maps a model file and asks the system to bring in all of it at once, so that a model of 1 GB takes 1 GB
//! the moment it is opened. A measurement needs each weight once per step, so the pages are given back after use;
//! the system keeps them in its cache, and reading them again costs a page fault instead of memory of ours. Giving
//! back a page of a shared read-only mapping loses nothing: it is read again from the file.
//!
//! Only Linux is asked to bring in everything; elsewhere nothing needs to be done.

#[cfg(target_os = "linux")]
pub(super) use linux::{Loading, Mapping};
#[cfg(not(target_os = "linux"))]
pub(super) use other::{Loading, Mapping};

#[cfg(target_os = "linux")]
mod linux {
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread::JoinHandle;
    use std::time::Duration;

    /// Time between two looks while a file is being brought in.
    const LOOK_EVERY: Duration = Duration::from_millis(1);

    /// Where a file is mapped in this process.
    #[derive(Debug, Clone, Copy, Default)]
    pub struct Mapping {
        start: usize,
        end: usize,
    }

    impl Mapping {
        /// Gives back the pages that lie wholly inside `bytes` bytes from `address`, if they are of this mapping.
        pub fn drop_pages(&self, address: usize, bytes: usize) {
            let page = rustix::param::page_size();
            let start = address.max(self.start).next_multiple_of(page);
            let end = address.saturating_add(bytes).min(self.end) / page * page;
            if start < end {
                // SAFETY: the range is inside a shared read-only mapping of a file, which lives as long as the model;
                // its pages are read again from the file when they are next used.
                let result =
                    unsafe { rustix::mm::madvise(start as *mut _, end - start, rustix::mm::Advice::LinuxDontNeed) };
                // Memory stays in use where the system refuses; the result is the same.
                let _ = result;
            }
        }

        /// Gives back everything; only while nothing of the file has been unmapped.
        fn drop_all(&self) {
            self.drop_pages(self.start, self.end - self.start);
        }

        /// Whether an address lies in it.
        pub fn contains(&self, address: usize) -> bool {
            (self.start..self.end).contains(&address)
        }
    }

    /// Watches a file while llama.cpp opens it, and gives back its pages as they come in.
    pub struct Loading {
        done: Arc<AtomicBool>,
        thread: Option<JoinHandle<Mapping>>,
    }

    impl Loading {
        /// Starts to watch; mappings of the file that exist already are left alone.
        pub fn watch(path: &Path) -> Self {
            let done = Arc::new(AtomicBool::new(false));
            let stop = Arc::clone(&done);
            let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
            let before = mappings(&path);
            let thread = std::thread::Builder::new().name("residence".to_owned()).spawn(move || {
                let mut mapping = Mapping::default();
                while !stop.load(Ordering::Acquire) {
                    if mapping.start == 0 {
                        let new = |found: &Mapping| before.iter().all(|old| old.start != found.start);
                        mapping = mappings(&path).into_iter().find(new).unwrap_or_default();
                    }
                    mapping.drop_all();
                    std::thread::sleep(LOOK_EVERY);
                }
                if mapping.start == 0 {
                    let new = |found: &Mapping| before.iter().all(|old| old.start != found.start);
                    mapping = mappings(&path).into_iter().find(new).unwrap_or_default();
                }
                mapping
            });
            Self { done, thread: thread.ok() }
        }

        /// Ends the watch. To be called before llama.cpp unmaps any part of the file: an address that is free again
        /// may become anyone's.
        pub fn finish(&mut self) -> Mapping {
            self.done.store(true, Ordering::Release);
            self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
        }
    }

    impl Drop for Loading {
        fn drop(&mut self) {
            self.finish();
        }
    }

    /// Shared read-only mappings of the file.
    fn mappings(path: &Path) -> Vec<Mapping> {
        let Ok(table) = std::fs::read_to_string("/proc/self/maps") else { return Vec::new() };
        let Some(wanted) = path.to_str() else { return Vec::new() };
        table.lines().filter_map(|line| parse(line, wanted)).collect()
    }

    /// One line: `start-end perms offset device inode path`.
    fn parse(line: &str, wanted: &str) -> Option<Mapping> {
        let mut words = line.splitn(6, ' ');
        let (start, end) = words.next()?.split_once('-')?;
        let shared_read_only = words.next()? == "r--s";
        let path = words.nth(3)?.trim_start();
        if !shared_read_only || path != wanted {
            return None;
        }
        Some(Mapping { start: usize::from_str_radix(start, 16).ok()?, end: usize::from_str_radix(end, 16).ok()? })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn only_shared_read_only_mappings_of_the_file_are_taken() {
            let line = "7f0000000000-7f0000002000 r--s 00000000 fe:00 12345                     /tmp/a model.gguf";
            let found = parse(line, "/tmp/a model.gguf").unwrap();
            assert_eq!((found.start, found.end), (0x7f00_0000_0000, 0x7f00_0000_2000));
            assert!(parse(line, "/tmp/a").is_none());
            assert!(parse(&line.replace("r--s", "r--p"), "/tmp/a model.gguf").is_none());
            assert!(parse("", "/tmp/a").is_none());
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::path::Path;

    #[derive(Debug, Clone, Copy, Default)]
    pub struct Mapping;

    impl Mapping {
        pub fn drop_pages(&self, _address: usize, _bytes: usize) {}
        pub fn contains(&self, _address: usize) -> bool {
            false
        }
    }

    pub struct Loading;

    impl Loading {
        pub fn watch(_path: &Path) -> Self {
            Self
        }
        pub fn finish(&mut self) -> Mapping {
            Mapping
        }
    }
}
