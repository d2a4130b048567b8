//! Where a client stores messages: a folder, or memory.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Reads what is stored now.
pub trait Files {
    fn read(&self) -> Vec<Vec<u8>>;
}

/// The files of a client in this process.
#[derive(Clone, Default, Debug)]
pub struct Shelf(Rc<RefCell<Vec<Stored>>>);

/// The name and the text of a file.
type Stored = (String, Vec<u8>);

impl Shelf {
    pub fn store(&self, name: &str, text: &[u8]) {
        self.0.borrow_mut().push((name.to_owned(), text.to_vec()));
    }

    pub fn clear(&self) {
        self.0.borrow_mut().clear();
    }

    /// Returns the names that are not inside the folder.
    #[must_use]
    pub fn outside(&self) -> Vec<String> {
        let is_outside = |name: &String| name.starts_with('/') || name.split('/').any(|part| part == "..");
        self.0.borrow().iter().map(|(name, _)| name.clone()).filter(is_outside).collect()
    }
}

impl Files for Shelf {
    fn read(&self) -> Vec<Vec<u8>> {
        self.0.borrow().iter().map(|(_, text)| text.clone()).collect()
    }
}

/// A folder. Hidden files are a client's own.
#[derive(Clone, Debug)]
pub struct Folder(pub PathBuf);

/// The bytes of all files that are read.
const MOST: u64 = 256 << 20;

impl Folder {
    /// Returns the paths of all files that are not hidden, and not in hidden folders.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        walk(&self.0, &mut paths);
        paths.sort();
        paths
    }
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        match entry.file_type() {
            _ if is_hidden => {}
            Ok(kind) if kind.is_dir() => walk(&entry.path(), paths),
            Ok(kind) if kind.is_file() => paths.push(entry.path()),
            _ => {}
        }
    }
}

impl Files for Folder {
    fn read(&self) -> Vec<Vec<u8>> {
        let mut room = MOST;
        let mut files = Vec::new();
        for path in self.paths() {
            let length = path.metadata().map_or(0, |metadata| metadata.len());
            room = room.saturating_sub(length);
            if room > 0 {
                files.extend(std::fs::read(path));
            }
        }
        files
    }
}
