//! What there is on the disk: files and folders by name.

use std::fs;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// A file or a folder.
pub struct Place {
    pub name: String,
    /// `None` for a folder.
    pub bytes: Option<u64>,
    /// Nanoseconds since the epoch; 0 if unknown.
    pub modified: u128,
}

/// What is at `path`, links followed.
pub fn entry(path: &Path) -> io::Result<Place> {
    let metadata = fs::metadata(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let modified = metadata.modified().ok();
    let modified = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Ok(Place {
        name: name.into_owned(),
        bytes: (!metadata.is_dir()).then_some(metadata.len()),
        modified: modified.map_or(0, |since| since.as_nanos()),
    })
}

/// What is in a folder, by name. Names that are no UTF-8 are left out.
pub fn list(folder: &Path) -> io::Result<Vec<Place>> {
    let mut places = Vec::new();
    for found in fs::read_dir(folder)? {
        let name = found?.file_name();
        if name.to_str().is_some() {
            places.push(entry(&folder.join(name))?);
        }
    }
    places.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(places)
}
