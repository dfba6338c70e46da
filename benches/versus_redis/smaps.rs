//! What a process has in memory, by what it is: `/proc/PID/smaps`.

use crate::server::Server;

/// Bytes.
#[derive(Clone, Copy, Default)]
pub struct Memory {
    /// Its own: heap, stacks, pages of files that it has changed for itself.
    pub anonymous: u64,
    /// Of mapped files of rows, as far as they are resident.
    pub rows: u64,
    /// Of mapped segments of the log: there are never more than a few.
    pub log: u64,
}

impl Memory {
    pub fn of(server: &Server) -> Memory {
        let file = format!("/proc/{}/smaps", server.pid());
        let text = std::fs::read_to_string(file).expect("the maps of a process");
        let (mut memory, mut name, mut resident) = (Memory::default(), "", 0);
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let first = words.next().unwrap_or_default();
            let bytes = |word: Option<&str>| {
                let kib: u64 = word.and_then(|n| n.parse().ok()).expect("a number of kB");
                kib << 10
            };
            match first {
                "Rss:" => resident = bytes(words.next()),
                "Anonymous:" => {
                    let anonymous = bytes(words.next());
                    memory.anonymous += anonymous;
                    let mapped = resident - anonymous;
                    match name {
                        "rows" | "batch" => memory.rows += mapped,
                        "wal" => memory.log += mapped,
                        _ => {}
                    }
                }
                _ if !first.ends_with(':') => {
                    // from-to flags offset device inode path
                    let path = words.nth(4).unwrap_or_default();
                    let file = path.rsplit('/').next().unwrap_or_default();
                    name = file.split('-').next().unwrap_or_default();
                }
                _ => {}
            }
        }
        memory
    }

    /// What grows with the data, an entity.
    pub fn each(&self, entities: u64) -> f64 {
        (self.anonymous + self.rows) as f64 / entities as f64
    }
}
