//! One connection: reads, runs, writes, without waiting inside; a future of its own.
//!
//! Invariants
//! - One wake, one read, one write a request, when nothing else is going on.
//! - Nothing is held for an idle client but its session: input is read into a buffer of the
//!   thread, and only the incomplete request at its end is kept.
//! - A client that does not read: its requests wait once a megabyte of replies does. They are
//!   still read, up to `client-query-buffer-limit`, so that one who sends a long pipeline before
//!   it reads the first reply is served.

use super::session::{Fed, MayReply, Session};
use crate::clock;
use crate::instance::Close;
use crate::io::log;
use crate::resp::Output;
use std::cell::RefCell;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes read at once; the buffer is shared by the connections of a thread.
const READ_BYTES: usize = 128 * 1024;

/// Before a password was given: bytes of input, and of output, that may wait.
const UNAUTHENTICATED_BYTES_MAX: usize = 64 * 1024;

/// Replies to a pipeline of up to so many bytes are sent once the other connections that are ready
/// have been served: who waits for several replies is then awake already, for the first of them.
/// Waking a client's processor takes as long as ten small commands.
const DEFERRED_BYTES_MAX: usize = 16 * 1024;

/// A request of so many bytes is work as well.
const DEFERRING_BYTES_MIN: usize = 2048;

/// Buffers for such replies that a thread keeps, and bytes of one.
const OTHERS_MAX: usize = 64;
const OTHER_BYTES_MAX: usize = 2 * DEFERRED_BYTES_MAX;

/// Batches that a connection runs before others get their turn.
const BATCHES_MAX: usize = 4;

/// Reads, after the last reply, of what the client still sent: to close with it unread would make
/// the kernel drop the reply.
const LINGER_READS_MAX: usize = 16;

/// The buffers that the connections of a thread share, one after the other: what is used by all
/// stays in the processor's cache.
pub struct Scratch {
    /// Input is read into it.
    input: Vec<u8>,
    /// Replies are written into it; a connection that cannot send all of them keeps it.
    output: Output,
    /// For those who send theirs later.
    others: Vec<Output>,
}

pub type SharedScratch = Rc<RefCell<Scratch>>;

impl Scratch {
    pub fn shared() -> SharedScratch {
        Rc::new(RefCell::new(Scratch {
            input: vec![0; READ_BYTES],
            output: Output::new(),
            others: Vec::new(),
        }))
    }
}

pub struct Connection<S> {
    stream: S,
    session: Session,
    scratch: SharedScratch,
    /// Input that is not consumed begins here.
    start: usize,
    input: Vec<u8>,
    out: Output,
    /// The client has sent its last byte.
    eof: bool,
    /// Close once `out` is sent.
    closing: bool,
    /// There may be complete requests in `input`.
    runnable: bool,
    paused: bool,
    /// Others go first, before `out` is sent.
    defers: bool,
    /// Since when the output has been above the soft limit, milliseconds since the epoch.
    over_soft_since: Option<u64>,
}

type Step = ControlFlow<Poll<()>>;

/// The connection is done.
const DONE: Step = ControlFlow::Break(Poll::Ready(()));
/// It is to be polled again when something has happened.
const WAIT: Step = ControlFlow::Break(Poll::Pending);
const GO_ON: Step = ControlFlow::Continue(());

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub fn new(stream: S, session: Session, scratch: SharedScratch) -> Connection<S> {
        Connection {
            stream,
            session,
            scratch,
            start: 0,
            input: Vec::new(),
            out: Output::new(),
            eof: false,
            closing: false,
            runnable: false,
            paused: false,
            defers: false,
            over_soft_since: None,
        }
    }

    /// Serve the client until it goes.
    pub async fn serve(mut self) {
        std::future::poll_fn(|cx| self.poll(cx)).await;
        // The kernel closes it at the end of the process, when the directory is free again.
        if self.session.stays_to_the_end() {
            std::mem::forget(self.stream);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Before anything is looked at that a wake may announce.
        self.session.client().register(cx.waker());
        self.runnable |= std::mem::take(&mut self.paused);
        for _ in 0..BATCHES_MAX {
            if let ControlFlow::Break(poll) = self.step(cx) {
                return poll;
            }
            if std::mem::take(&mut self.defers) {
                break;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Send what there is, run what there is, read what there is; once each.
    fn step(&mut self, cx: &mut Context<'_>) -> Step {
        if self.flush(cx).is_err() {
            return DONE;
        }
        match self.session.client().closing() {
            Close::No => {}
            Close::Shutdown => {
                self.eof = true;
                // What a pause holds back has had no effect, and will have none.
                self.paused = false;
            }
            Close::Killed | Close::Idle | Close::OutputLimit => return DONE,
        }
        if self.closing {
            return if self.out.is_empty() {
                self.linger(cx)
            } else {
                WAIT
            };
        }
        if !self.is_within_limits() {
            return DONE;
        }
        let has_room = !self.out.is_full();
        if has_room && !self.session.client().mailbox.is_empty() {
            let before = self.out.len();
            self.session.deliver(&mut self.out);
            if self.out.len() > before {
                return GO_ON;
            }
        }
        if has_room && self.runnable {
            self.run_input();
            return GO_ON;
        }
        if self.eof {
            self.closing = !self.runnable && !self.paused;
            return if self.closing { GO_ON } else { WAIT };
        }
        match self.read(cx) {
            Poll::Ready(Ok(())) => GO_ON,
            Poll::Ready(Err(_)) => DONE,
            Poll::Pending => WAIT,
        }
    }

    /// Write until everything is sent or the socket takes no more.
    fn flush(&mut self, cx: &mut Context<'_>) -> std::io::Result<()> {
        let waited = !self.out.is_empty();
        if waited {
            match self.session.may_reply() {
                MayReply::Yes => {}
                MayReply::Later => return Ok(()),
                MayReply::Never => return Err(std::io::ErrorKind::ConnectionAborted.into()),
            }
        }
        let mut sent = false;
        while !self.out.is_empty() {
            let stream = Pin::new(&mut self.stream);
            match stream.poll_write(cx, self.out.as_slice()) {
                Poll::Ready(Ok(0)) => return Err(std::io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => {
                    self.out.consume(n);
                    self.count_written(n);
                    sent = true;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    if sent {
                        // Who takes a long reply bit by bit is not idle.
                        let active_at = &self.session.client().status.active_at;
                        active_at.store(clock::wall_millis(), Relaxed);
                    }
                    break;
                }
            }
        }
        if waited {
            if self.out.is_empty() {
                self.return_output();
            }
            let status = &self.session.client().status;
            status.output_bytes.store(self.out.len() as u64, Relaxed);
        }
        Ok(())
    }

    fn count_written(&self, n: usize) {
        let client = self.session.client();
        let worker = self.session.instance().stats.worker(client.worker);
        worker.writes.add(1);
        worker.net_output_bytes.add(n as u64);
        client.status.written_bytes.fetch_add(n as u64, Relaxed);
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let scratch = self.scratch.clone();
        let mut scratch = scratch.borrow_mut();
        let Scratch {
            input,
            output,
            others,
        } = &mut *scratch;
        // The incomplete request of before, if it is short, goes in front of what is read.
        let left = self.input.get(self.start..).unwrap_or_default();
        let at = if left.len() > READ_BYTES / 2 {
            0
        } else {
            left.len()
        };
        let (front, space) = input.split_at_mut(at);
        let mut buffer = ReadBuf::new(space);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        let read = buffer.filled().len();
        if read == 0 {
            self.eof = true;
            return Poll::Ready(Ok(()));
        }
        if at > 0 {
            front.copy_from_slice(left);
            self.input.clear();
            self.start = 0;
        }
        let client = self.session.client();
        let worker = self.session.instance().stats.worker(client.worker);
        worker.reads.add(1);
        worker.net_input_bytes.add(read as u64);
        client.status.read_bytes.fetch_add(read as u64, Relaxed);
        self.borrow_output(output, others);
        self.received(input.get(..at + read).unwrap_or_default());
        Poll::Ready(Ok(()))
    }

    /// Run what has been read; keep what is left of it.
    fn received(&mut self, bytes: &[u8]) {
        let has_room = !self.out.is_full();
        if self.input.is_empty() && has_room {
            let fed = self
                .session
                .feed(clock::wall_millis(), bytes, &mut self.out);
            self.input
                .extend_from_slice(bytes.get(fed.consumed..).unwrap_or_default());
            self.fed(fed);
        } else {
            self.input.extend_from_slice(bytes);
            self.runnable = true;
            if has_room {
                self.run_input();
            }
        }
        self.show_input();
    }

    /// Write replies into the buffer that is shared, if none wait in our own.
    fn borrow_output(&mut self, shared: &mut Output, others: &mut Vec<Output>) {
        if self.out.is_empty() && self.out.capacity() == 0 {
            let free = match shared.capacity() {
                0 => others.pop().unwrap_or_default(),
                _ => std::mem::take(shared),
            };
            let protocol = self.out.protocol;
            self.out = free;
            self.out.protocol = protocol;
        }
    }

    /// All replies are sent: the next connection may have the buffer.
    fn return_output(&mut self) {
        let Scratch { output, others, .. } = &mut *self.scratch.borrow_mut();
        self.out.shrink_if_large();
        let protocol = self.out.protocol;
        if output.capacity() == 0 {
            *output = std::mem::take(&mut self.out);
        } else if self.out.capacity() <= OTHER_BYTES_MAX && others.len() < OTHERS_MAX {
            others.push(std::mem::take(&mut self.out));
        } else {
            self.out.free();
        }
        self.out.protocol = protocol;
    }

    fn run_input(&mut self) {
        let input = self.input.get(self.start..).unwrap_or_default();
        let fed = self
            .session
            .feed(clock::wall_millis(), input, &mut self.out);
        self.start += fed.consumed;
        // Moving the rest is worth it once it is the smaller part.
        if self.start * 2 >= self.input.len() {
            self.input.drain(..self.start);
            self.start = 0;
            if self.input.is_empty() && self.input.capacity() > READ_BYTES {
                self.input = Vec::new();
            }
        }
        self.fed(fed);
        self.show_input();
    }

    fn fed(&mut self, fed: Fed) {
        self.closing = fed.close;
        self.runnable = fed.more;
        self.paused = fed.paused;
        let status = &self.session.client().status;
        status.paused.store(fed.paused, Relaxed);
        let is_work = fed.pipelined || fed.consumed >= DEFERRING_BYTES_MIN;
        self.defers = is_work && self.out.len() <= DEFERRED_BYTES_MAX;
    }

    fn show_input(&self) {
        let waiting = (self.input.len() - self.start) as u64;
        self.session
            .client()
            .status
            .input_bytes
            .store(waiting, Relaxed);
    }

    /// Neither too much input waits nor too much output.
    fn is_within_limits(&mut self) -> bool {
        let (input, output) = (self.input.len() - self.start, self.out.len());
        if input.max(output) > UNAUTHENTICATED_BYTES_MAX && !self.session.is_authenticated() {
            return false;
        }
        let instance = self.session.instance();
        let client = self.session.client();
        if input > instance.live.query_buffer_bytes_max() {
            instance.stats.query_buffer_disconnections.add(1);
            log::warning(format_args!(
                "Closing client {} at {}: {input} bytes of input are waiting",
                client.id, client.peer.addr
            ));
            return false;
        }
        if output == 0 {
            self.over_soft_since = None;
            return true;
        }
        // Messages that are not yet written out wait as well.
        let output = output + client.mailbox.bytes();
        let limit = instance.live.output_limit(client.class());
        let too_much = limit.hard_bytes > 0 && output > limit.hard_bytes;
        let over_soft = limit.soft_bytes > 0 && output > limit.soft_bytes;
        let now = clock::wall_millis();
        self.over_soft_since = over_soft.then_some(self.over_soft_since.unwrap_or(now));
        let over_millis = self
            .over_soft_since
            .map_or(0, |since| now.saturating_sub(since));
        if too_much || (over_soft && over_millis >= limit.soft_seconds.saturating_mul(1000)) {
            instance.stats.output_buffer_disconnections.add(1);
            log::warning(format_args!(
                "Closing client {} at {}: {output} bytes of output are waiting",
                client.id, client.peer.addr
            ));
            return false;
        }
        true
    }

    /// Say that no more will come, and pass over what the client had sent already.
    fn linger(&mut self, cx: &mut Context<'_>) -> Step {
        if self.session.stays_to_the_end() {
            return DONE;
        }
        if Pin::new(&mut self.stream).poll_shutdown(cx).is_pending() {
            return WAIT;
        }
        let mut scratch = self.scratch.borrow_mut();
        for _ in 0..LINGER_READS_MAX {
            let mut buffer = ReadBuf::new(&mut scratch.input);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                _ => break,
            }
        }
        DONE
    }
}
