//! The file of a batch as a loader makes it: rows given by the test.

use fieldstone::batch::{Builder, Plan};
use fieldstone::engine::PackCell;
use fieldstone::io::Append;
use std::io;
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().expect("no panic").clone()
    }
}

impl Append for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a load is asked for.
pub struct Load<'a> {
    pub view: &'a str,
    pub key: &'a str,
    pub replace: bool,
    pub features: &'a [&'a str],
}

/// What FS.BATCH BEGIN answers.
pub struct Begun {
    pub number: i64,
    pub seed: u64,
    pub shards: usize,
}

impl Load<'_> {
    /// The bytes of the file: keys, and values in the order of the features, which all expire then.
    pub fn file(
        &self,
        begun: &Begun,
        rows: &[(String, Vec<Option<String>>)],
        expire_at: Option<u64>,
    ) -> Vec<u8> {
        let plan = Plan {
            view: self.view.to_owned(),
            key: self.key.to_owned(),
            replace: self.replace,
            features: self
                .features
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
            seed: begun.seed,
            shards: begun.shards,
            memory: 1 << 20,
            dir: std::env::temp_dir(),
            ..Plan::default()
        };
        let mut builder = Builder::new(plan).expect("features");
        for (n, (key, values)) in rows.iter().enumerate() {
            let cells: Vec<Option<PackCell<'_>>> = values
                .iter()
                .map(|value| Some((value.as_ref()?.as_bytes(), expire_at)))
                .collect();
            builder
                .add(key.as_bytes(), n as u64, &cells)
                .expect("a row");
            builder.make_room().expect("room");
        }
        let memory = Memory::default();
        builder
            .finish(Box::new(memory.clone()), begun.number as u64)
            .expect("a file");
        memory.bytes()
    }
}
