//! The thread that reads: files one after the other, as blocks in the order of the plan's inputs.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::args::TextArgs;
use super::contain::{self, Position};
use super::delimited::{TextOptions, TextSource};
use super::parquet::ParquetSource;
use super::plan::{Binding, Origin, Plan};
use super::source::{Block, Cells, Place, Rows, Source};
use super::storage::{Condition, Export, File, Kind};
use crate::client::Failure;

/// Blocks that wait to be taken: reading and what is done with rows go on at the same time.
const BLOCKS_AHEAD: usize = 2;

pub struct Reader {
    pub export: Export,
    pub position: Arc<Position>,
    /// What the pages of Parquet files may take.
    pub memory_bytes: u64,
    /// How text files are written.
    pub text: TextOptions,
}

/// A block, or the reason why there are no more.
pub type Read = Result<Block, Failure>;

impl Reader {
    /// Of the files of `source`, in so much memory.
    pub fn find(
        source: &str,
        conditions: &[Condition],
        memory_bytes: u64,
        text: &TextArgs,
    ) -> Result<Arc<Reader>, Failure> {
        let position = Arc::new(Position::default());
        contain::install(position.clone());
        Ok(Arc::new(Reader {
            export: Export::find(source, conditions)?,
            position,
            memory_bytes: memory_bytes / 2,
            text: text.options().map_err(Failure::lasting)?,
        }))
    }

    pub fn open(&self, file: &File) -> Result<Box<dyn Source>, Failure> {
        self.position.open(&file.name);
        let blob = self.export.open(file)?;
        let position = self.position.clone();
        Ok(match self.export.kind(&*blob, file)? {
            Kind::Parquet => {
                let opened = ParquetSource::open(blob, position, self.memory_bytes);
                Box::new(opened?)
            }
            Kind::Text => Box::new(TextSource::open(blob, &file.name, &self.text, position)?),
            Kind::Other(what, todo) => {
                let reason = format!("this is {what}: {todo}");
                return Err(Failure::lasting(position.error(&reason)));
            }
        })
    }

    /// Read everything from the start; reading ends early when the receiver is dropped.
    pub fn start(self: &Arc<Reader>, plan: &Arc<Plan>) -> Receiver<Read> {
        let (sender, receiver) = sync_channel(BLOCKS_AHEAD);
        let (reader, plan) = (self.clone(), plan.clone());
        std::thread::spawn(move || {
            if let Err(failure) = reader.read(&plan, &sender) {
                // Nobody may be left who wants to know.
                let _ = sender.send(Err(failure));
            }
        });
        receiver
    }

    fn read(&self, plan: &Plan, to: &SyncSender<Read>) -> Result<(), Failure> {
        let mut bytes_before = 0;
        for (number, file) in self.export.files.iter().enumerate() {
            let mut source = self.open(file)?;
            let mut binding = plan.bind(&*source, file)?;
            source.select(std::mem::take(&mut binding.wanted))?;
            while let Some(rows) = source.next_rows()? {
                let block = block(rows, &binding, number, bytes_before);
                if to.send(Ok(block)).is_err() {
                    return Ok(());
                }
            }
            bytes_before += file.bytes;
        }
        Ok(())
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.export.files.iter().map(|file| file.bytes).sum()
    }
}

fn block(rows: Rows, binding: &Binding, file: usize, bytes_before: u64) -> Block {
    let mut read: Vec<Option<Cells>> = rows.columns.into_iter().map(Some).collect();
    let mut columns = Vec::with_capacity(binding.origins.len());
    for origin in &binding.origins {
        columns.push(match origin {
            Origin::Same(cell) => Cells::Same(cell.clone()),
            // Each is wanted for one input.
            Origin::Column(at) => match read.get_mut(*at).and_then(Option::take) {
                Some(cells) => cells,
                None => Cells::Same(None),
            },
        });
    }
    Block {
        place: Place {
            file,
            row_group: rows.row_group,
            row: rows.first_row,
        },
        rows: rows.rows,
        columns,
        misfits: rows.misfits,
        extra_columns: binding.extra,
        bytes_read: bytes_before + rows.bytes_read,
        note: rows.note,
    }
}
