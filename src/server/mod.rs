//! Sockets and threads: one acceptor, and a tokio current-thread runtime a core, among which the
//! connections are spread.
//!
//! Invariants
//! - A connection stays on its thread.
//! - A panic anywhere ends the process: there is no half-alive server.
//! - Stopping: no new connections, what was read is answered, replies are sent, then the end.

mod accept;
mod background;
mod connection;
mod listener;
mod session;
mod worker;

pub use listener::BindError;
pub use session::{Fed, MayReply, Session};

use crate::checkpoint::Opened;
use crate::clock;
use crate::config::Config;
use crate::instance::{Close, Instance, Storage, storage};
use crate::io::log::{self, Level};
use crate::wal::CLOSING_MARK;
use accept::{Doors, accept_tcp, accept_unix};
use listener::{Addresses, Listeners};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::LocalSet;
use worker::{Arrival, Door};

/// How long clients have to take their last replies when the server stops.
const STOP_WAIT: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Storage(#[from] storage::OpenError),
    #[error("save: checkpoints rest upon the log: it needs appendonly yes")]
    SaveWithoutLog,
    #[error("what is kept of views cannot be read: {0}")]
    Views(String),
    #[error("changes up to LSN {appended} were made, but only those up to {durable} are safe")]
    NotSafe { durable: u64, appended: u64 },
    #[error("Could not open the log file: {0}")]
    Log(std::io::Error),
    #[error("Could not start a thread: {0}")]
    Thread(std::io::Error),
}

/// Serve until the server is told to stop.
pub fn run(config: Config) -> Result<(), StartError> {
    end_on_panic();
    if let Some(level) = Level::of(&config.loglevel) {
        log::set_level(level);
    }
    if !config.logfile.is_empty() {
        log::open(Path::new(&config.logfile)).map_err(StartError::Log)?;
    }
    let workers = match config.io_threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        n => n,
    };
    let addresses = Addresses::bind(&config)?;
    if config.saves_without_log() {
        return Err(StartError::SaveWithoutLog);
    }
    let opened = match config.appendonly {
        true => Some(storage::open(&config)?),
        false => {
            storage::warn_of_what_is_not_read(&config);
            None
        }
    };
    tell_foreign(&config);
    let now = clock::wall_millis();
    let instance = match opened.as_ref().and_then(|opened| opened.layout()) {
        Some(layout) => Instance::with_layout(config.clone(), workers, now, layout),
        None => Instance::new(config.clone(), workers, now),
    };
    let instance = Arc::new(instance);
    let keepers = match opened {
        Some(opened) => start_keepers(&instance, &config, opened)?,
        None => Vec::new(),
    };
    let listeners = addresses.listen()?;
    instance.port.store(listeners.port(), Relaxed);
    let (doors, mut arrivals): (Vec<Door>, Vec<_>) =
        (0..workers).map(|_| unbounded_channel::<Arrival>()).unzip();
    let own = arrivals.remove(0);
    let runtime = runtime()?;
    let mut threads = Vec::new();
    for (index, arrivals) in (1..).zip(arrivals) {
        threads.push(start_worker(index, &instance, arrivals)?);
    }
    let version = env!("CARGO_PKG_VERSION");
    log::notice(format_args!("Fieldstone {version}, {workers} threads"));
    let served = serve(&instance, listeners, Doors::new(doors), own, threads);
    LocalSet::new()
        .block_on(&runtime, served)
        .map_err(StartError::Thread)?;
    end_keepers(&instance, keepers)?;
    log::notice(format_args!("Bye"));
    Ok(())
}

/// Whether one was made, once it has ended.
fn checkpoint(storage: &Storage) -> bool {
    let (told, done) = std::sync::mpsc::channel();
    storage.checkpoints.request_and_then(Box::new(move |saved| {
        let _ = told.send(saved);
    }));
    done.recv().unwrap_or(false)
}

/// Sync what there is, and end the threads that keep it.
fn end_keepers(instance: &Instance, keepers: Vec<JoinHandle<()>>) -> Result<(), StartError> {
    let Some(storage) = instance.storage() else {
        return Ok(());
    };
    let log = &storage.log;
    if instance.control.saves() && !checkpoint(storage) {
        log::warning(format_args!("The checkpoint before the end failed"));
    }
    storage.checkpoints.stop();
    storage.uploads.stop();
    log.stop();
    for keeper in keepers {
        let _ = keeper.join();
    }
    if let Err(error) = log.close() {
        log::warning(format_args!("{CLOSING_MARK}: {error}"));
    }
    let (appended, durable) = log.positions();
    log::notice(format_args!(
        "The log is synced up to LSN {durable} of {appended}"
    ));
    log.release();
    match durable < appended {
        true => Err(StartError::NotSafe { durable, appended }),
        false => Ok(()),
    }
}

/// Settings of Redis that were given and have no effect.
fn tell_foreign(config: &Config) {
    if !config.foreign.is_empty() {
        let names: Vec<&str> = config.foreign.keys().copied().collect();
        log::notice(format_args!(
            "These settings of Redis have no effect here: {}",
            names.join(", ")
        ));
    }
}

/// Bring the data of the directory back, and keep changes from then on.
fn start_keepers(
    instance: &Arc<Instance>,
    config: &Config,
    opened: Opened,
) -> Result<Vec<JoinHandle<()>>, StartError> {
    let (storage, files) = storage::recover(instance, config, opened)?;
    let loaded = instance.views.load(&instance.keyspace);
    loaded.map_err(StartError::Views)?;
    let (log, room, checkpoints) = (
        storage.log.clone(),
        storage.log.clone(),
        storage.checkpoints.clone(),
    );
    let uploads = storage.uploads.clone();
    instance.keep(storage);
    let (data, batches) = (instance.clone(), instance.clone());
    Ok(vec![
        start_thread("log", move || log.run())?,
        start_thread("log-room", move || room.keep_room())?,
        start_thread("checkpoint", move || checkpoints.run(&data.keyspace, files))?,
        start_thread("batches", move || uploads.run(&batches.keyspace))?,
    ])
}

fn start_thread(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StartError> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(work).map_err(StartError::Thread)
}

/// What the first thread does: it accepts, serves its share, and sees to the background.
async fn serve(
    instance: &Arc<Instance>,
    listeners: Listeners,
    doors: Doors,
    own: UnboundedReceiver<Arrival>,
    threads: Vec<JoinHandle<()>>,
) -> std::io::Result<()> {
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn_local(watch_signals(instance.clone())?);
    tasks.spawn_local(background::run(instance.clone()));
    listeners.announce();
    for listener in listeners.tcp {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tasks.spawn_local(accept_tcp(listener, instance.clone(), doors.clone()));
    }
    if let Some((listener, path)) = listeners.unix {
        let listener = tokio::net::UnixListener::from_std(listener)?;
        tasks.spawn_local(accept_unix(listener, path, doors.clone()));
    }
    let served = tokio::task::spawn_local(worker::work(0, instance.clone(), own));
    instance.control.stopped().await;
    log::notice(format_args!("Stopping: clients get their last replies"));
    // The acceptors hold the doors: with the last of them nothing can arrive any more.
    drop(doors);
    tasks.shutdown().await;
    tokio::task::spawn_local(watch_signals(instance.clone())?);
    for client in instance.clients.all() {
        client.close(Close::Shutdown);
    }
    tokio::task::spawn_local(end_after(STOP_WAIT));
    // Each ends with its last client. None can have panicked: that ends the process. Until then
    // signals and the time that clients have must be looked after here.
    let _ = served.await;
    for thread in threads {
        let _ = tokio::task::spawn_blocking(|| thread.join()).await;
    }
    Ok(())
}

/// The first signal stops the server in good order, the next one at once.
fn watch_signals(instance: Arc<Instance>) -> std::io::Result<impl Future<Output = ()> + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // A terminal that goes away is no reason to stop.
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hangup.recv() => continue,
            }
            if instance.control.is_stopping() {
                log::warning(format_args!("Told twice to stop: ending at once"));
                std::process::exit(1);
            }
            instance.control.stop();
        }
    })
}

/// Clients that do not take their replies do not keep the server alive.
async fn end_after(wait: Duration) {
    tokio::time::sleep(wait).await;
    log::warning(format_args!("Some clients did not take their last replies"));
    std::process::exit(0);
}

fn start_worker(
    index: usize,
    instance: &Arc<Instance>,
    arrivals: UnboundedReceiver<Arrival>,
) -> Result<JoinHandle<()>, StartError> {
    let instance = instance.clone();
    let runtime = runtime()?;
    let work = move || {
        let working = worker::work(index, instance, arrivals);
        LocalSet::new().block_on(&runtime, working);
    };
    start_thread(&format!("worker-{index}"), work)
}

fn runtime() -> Result<Runtime, StartError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(StartError::Thread)
}

/// Whatever goes wrong in a thread must not leave a server that serves half of its clients.
fn end_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        report(info);
        std::process::abort();
    }));
}
