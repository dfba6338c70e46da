//! Rows as a batch of a Fieldstone server: packed here, streamed to it, published in one step.
//!
//! Invariants
//! - Nothing of the export shows at the server before all of it does.
//! - Times to live count from the time of a row, so what is old when it is loaded is gone.

use std::io;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::report::Report;
use super::sink::{Row, RowSink, Summary, Taken};
use super::storage::Condition;
use crate::batch::{Allowed, Builder, Built, Plan};
use crate::client::{Connection, Pipeline};
use crate::client::{Failure, refused};
use crate::engine::PackCell;
use crate::io::Append;
use crate::resp::Reply;
use crate::view::{Template, View};

/// Bytes of one FS.BATCH WRITE.
const CHUNK_BYTES: usize = 1 << 20;

/// Of them, without an answer.
const CHUNKS_IN_FLIGHT: usize = 4;

/// What a batch is made for.
pub struct Target {
    pub connection: Connection,
    pub db: u8,
    pub replace: bool,
    /// The template of the keys, with what is fixed.
    pub key: Template,
    /// All features that the view ever had.
    pub features_ever: Vec<String>,
    pub author: String,
    pub allowed: Allowed,
    /// Bytes that rows may take in memory, and where others go.
    pub memory: usize,
    pub dir: PathBuf,
}

pub struct BatchSink {
    builder: Builder,
    connection: Connection,
    number: u64,
    author: String,
    allowed: Allowed,
    facts: Value,
    /// Of the features, in their order; milliseconds.
    ttls: Vec<Option<u64>>,
    /// When the load began, milliseconds since the epoch.
    earliest: Option<u64>,
    latest: Option<u64>,
}

fn integer(reply: &Reply, name: &str) -> Option<u64> {
    match field(reply, name)? {
        Reply::Integer(n) => u64::try_from(*n).ok(),
        _ => None,
    }
}

/// An entry of a map, which is an array in RESP2.
fn field<'r>(reply: &'r Reply, name: &str) -> Option<&'r Reply> {
    let Reply::Array(items) = reply else {
        return None;
    };
    let mut pairs = items.chunks_exact(2);
    let is_it = |key: &Reply| matches!(key, Reply::Bulk(key) if **key == *name.as_bytes());
    pairs.find_map(|pair| match pair {
        [key, value] if is_it(key) => Some(value),
        _ => None,
    })
}

/// All features that a view ever had.
pub fn features_ever(connection: &mut Connection, name: &str) -> Result<Vec<String>, Failure> {
    let reply = connection.call(&[b"FS.VIEW", b"GET", name.as_bytes()])?;
    let Some(Reply::Array(names)) = field(&reply, "features_ever") else {
        let lost = connection.lost("FS.VIEW GET is not answered as it should be");
        return Err(lost.into());
    };
    let text = |name: &Reply| match name {
        Reply::Bulk(name) => Some(String::from_utf8_lossy(name).into_owned()),
        _ => None,
    };
    Ok(names.iter().filter_map(text).collect())
}

impl BatchSink {
    /// Begin a batch of a view at a server.
    pub fn begin(
        mut target: Target,
        view: &View,
        ttls: &[Option<u64>],
    ) -> Result<BatchSink, Failure> {
        let begun = target
            .connection
            .call(&[b"FS.BATCH", b"BEGIN", view.name.as_bytes()])?;
        let lost = |connection: &Connection| {
            Failure::from(connection.lost("FS.BATCH BEGIN is not answered as it should be"))
        };
        let seed = match field(&begun, "seed") {
            Some(Reply::Bulk(seed)) => str::from_utf8(seed).ok(),
            _ => None,
        };
        let seed = seed.and_then(|seed| u64::from_str_radix(seed, 16).ok());
        let (number, shards) = (integer(&begun, "number"), integer(&begun, "shards"));
        let (Some(number), Some(seed), Some(shards)) = (number, seed, shards) else {
            return Err(lost(&target.connection));
        };
        let shards = usize::try_from(shards).ok();
        let shards = shards.filter(|n| n.is_power_of_two() && *n <= 4096);
        let features: Vec<String> = view.features.iter().map(|f| f.name.clone()).collect();
        let mut former = target.features_ever;
        former.retain(|name| !features.contains(name));
        let plan = Plan {
            view: view.name.clone(),
            key: target.key.to_string(),
            db: target.db,
            replace: target.replace,
            features,
            former,
            seed,
            shards: shards.ok_or_else(|| lost(&target.connection))?,
            memory: target.memory,
            dir: target.dir,
        };
        Ok(BatchSink {
            builder: Builder::new(plan).map_err(|error| Failure::lasting(error.to_string()))?,
            connection: target.connection,
            number,
            author: target.author,
            allowed: target.allowed,
            facts: json!({}),
            ttls: ttls.to_vec(),
            earliest: None,
            latest: None,
        })
    }

    /// What is kept of the load beside its rows.
    pub fn note(&mut self, source: &str, conditions: &[Condition], report: &Report) {
        let text = |c: &Condition| format!("{}={}", c.column, c.value);
        let conditions: Vec<String> = conditions.iter().map(text).collect();
        self.facts = json!({
            "source": source,
            "where": conditions.join(" "),
            "files": report.files,
            "rows": report.rows,
            "features": report.features,
            "nulls": report.nulls,
            "rejects": report.rejects,
            "event_time_min": self.earliest,
            "event_time_max": self.latest,
        });
    }
}

impl RowSink for BatchSink {
    fn row(&mut self, row: &Row) -> Result<Taken, Failure> {
        let at = u64::try_from(row.at).unwrap_or(0);
        let mut cells: smallvec::SmallVec<[Option<PackCell<'_>>; 64]> = smallvec::SmallVec::new();
        for (cell, ttl) in row.cells.iter().zip(&self.ttls) {
            let expire_at = ttl.map(|ttl| at.saturating_add(ttl));
            cells.push(cell.map(|cell| (cell, expire_at)));
        }
        // The same order, also before 1970.
        let order = row.at.cast_unsigned() ^ (1 << 63);
        if let Err(error) = self.builder.add(row.key, order, &cells) {
            return Ok(Taken::No(error.to_string()));
        }
        self.earliest = Some(self.earliest.map_or(at, |earliest| earliest.min(at)));
        self.latest = Some(self.latest.map_or(at, |latest| latest.max(at)));
        self.builder.make_room().map_err(|error| {
            Failure::passing(format!("rows that do not fit in memory: {error}"))
        })?;
        Ok(Taken::Yes)
    }

    fn finish(self: Box<Self>) -> Result<Summary, Failure> {
        let shared = Shared::new(self.connection, self.number);
        let built = self.builder.finish(Box::new(shared.clone()), self.number);
        let (mut connection, failure) = shared.into_connection()?;
        let built = match (built, failure) {
            (_, Some(failure)) => return Err(failure),
            (Err(error), None) => return Err(Failure::passing(error.to_string())),
            (Ok(built), None) => built,
        };
        connection.be_patient();
        let (number, facts) = (self.number.to_string(), self.facts.to_string());
        let mut request: Vec<&[u8]> = vec![
            b"FS.BATCH",
            b"PUBLISH",
            number.as_bytes(),
            b"AUTHOR",
            self.author.as_bytes(),
            b"FACTS",
            facts.as_bytes(),
        ];
        request.extend(self.allowed.empty.then_some(&b"ALLOW-EMPTY"[..]));
        request.extend(self.allowed.shrink.then_some(&b"ALLOW-SHRINK"[..]));
        let published = connection.call(&request)?;
        let Built {
            entities,
            outdated,
            bytes,
            spilled,
        } = built;
        let mut more = vec![("batch_bytes", bytes)];
        more.extend(integer(&published, "version").map(|version| ("version", version)));
        more.extend((spilled > 0).then_some(("spilled_bytes", spilled)));
        Ok(Summary {
            entities,
            older: outdated,
            more,
        })
    }

    fn abandon(self: Box<Self>) -> Option<String> {
        Some("nothing was published".to_owned())
    }
}

/// The file at the server, as the builder writes it. The connection comes back afterwards.
#[derive(Clone)]
struct Shared(std::sync::Arc<parking_lot::Mutex<Option<Upload>>>);

struct Upload {
    pipeline: Pipeline<()>,
    number: String,
    at: u64,
    failure: Option<Failure>,
}

impl Shared {
    fn new(connection: Connection, number: u64) -> Shared {
        let upload = Upload {
            pipeline: Pipeline::new(connection, CHUNKS_IN_FLIGHT),
            number: number.to_string(),
            at: 0,
            failure: None,
        };
        Shared(std::sync::Arc::new(parking_lot::Mutex::new(Some(upload))))
    }

    fn into_connection(self) -> Result<(Connection, Option<Failure>), Failure> {
        let upload = self.0.lock().take();
        let upload = upload.ok_or_else(|| Failure::passing("the upload ended before"))?;
        Ok((upload.pipeline.into_connection(), upload.failure))
    }
}

fn written((): (), reply: &Reply) -> Result<(), Failure> {
    match reply {
        Reply::Error(text) => Err(refused(text)),
        _ => Ok(()),
    }
}

impl Upload {
    fn send(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        let offset = self.at.to_string();
        let request: [&[u8]; 5] = [
            b"FS.BATCH",
            b"WRITE",
            self.number.as_bytes(),
            offset.as_bytes(),
            chunk,
        ];
        self.pipeline.send((), &request, &mut written)?;
        self.at += chunk.len() as u64;
        Ok(())
    }

    fn keep(&mut self, done: Result<(), Failure>) -> io::Result<()> {
        done.map_err(|error| {
            let text = error.to_string();
            self.failure = Some(error);
            io::Error::other(text)
        })
    }
}

impl Append for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut upload = self.0.lock();
        let Some(upload) = upload.as_mut() else {
            return Err(io::Error::other("the upload has ended"));
        };
        let sent = bytes.chunks(CHUNK_BYTES).try_for_each(|c| upload.send(c));
        upload.keep(sent)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut upload = self.0.lock();
        let Some(upload) = upload.as_mut() else {
            return Err(io::Error::other("the upload has ended"));
        };
        let ended = upload.pipeline.finish(&mut written);
        upload.keep(ended)
    }
}
