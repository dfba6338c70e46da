//! The files of batches: those that are there are opened before anything can refer to them.

use super::open::{Loading, OpenError};
use crate::engine::{Batch, BatchFacts, Keyspace, Place};
use crate::io::Disk;
use crate::rowfile::{self, BatchFile, RowFile, batch};
use crate::view::Template;
use bytes::Bytes;
use std::io;
use std::sync::Arc;

/// Why a file cannot be that of a batch.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    #[error("{0}")]
    File(#[from] rowfile::Damage),
    #[error("{0}")]
    Map(#[from] io::Error),
    #[error("the template of its keys: {0}")]
    Key(String),
    #[error("what it says of its rows cannot be, or it is of another server")]
    Facts,
}

/// Map and open a file; the keyspace knows its batch then.
pub fn open(
    disk: &dyn Disk,
    keyspace: &Keyspace,
    number: u64,
    loading: Loading,
) -> Result<(BatchFile, Arc<Batch>), Damage> {
    let bytes = disk.map(&batch::name(number), loading.residency)?;
    let file = BatchFile::open(bytes, number)?;
    if loading.verify {
        file.file.verify_all()?;
    }
    let batch = know(keyspace, &file)?;
    Ok((file, batch))
}

/// The keyspace knows the batch of an open file then.
pub fn know(keyspace: &Keyspace, file: &BatchFile) -> Result<Arc<Batch>, Damage> {
    let facts = &file.facts;
    let template = Template::parse(&facts.key).map_err(Damage::Key)?;
    let names: Vec<&[u8]> = facts.names.iter().map(|name| &name[..]).collect();
    let bytes: &Bytes = &file.file.bytes;
    let places: &[Place] = &facts.places;
    let opened = keyspace.open_batch(
        bytes,
        BatchFacts {
            number: file.file.number,
            view: &facts.view,
            db: facts.db,
            replace: facts.replace,
            scope: Box::new(move |key| template.matches(key)),
            scope_text: &facts.key,
            names: &names,
            catalog: &facts.catalog,
            places,
        },
    );
    opened.ok_or(Damage::Facts)
}

/// Open all that are there. One that was never whole is not: nobody was told that it is published.
/// One that the disk does not give must not be taken for such.
pub fn open_all(disk: &dyn Disk, keyspace: &Keyspace, loading: Loading) -> Result<(), OpenError> {
    for number in disk.list()?.iter().filter_map(|name| batch::number(name)) {
        match open(disk, keyspace, number, loading) {
            Ok(_) => keyspace.release_batch(number),
            Err(Damage::Map(error)) => {
                let file = batch::name(number);
                return Err(OpenError::File { file, error });
            }
            Err(_) => {}
        }
    }
    Ok(())
}

/// The file of a batch as one with checksums.
pub fn sealed(batch: &Batch) -> Result<RowFile, rowfile::Damage> {
    let opened = BatchFile::open(batch.file.clone(), batch.number)?;
    Ok(opened.file)
}
