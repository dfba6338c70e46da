//! Many requests under way on one connection.
//!
//! Invariants
//! - At most `in_flight_max` requests are without an answer, so that neither side's buffers can
//!   fill up with both sides writing.
//! - Every answer belongs to the oldest unanswered request.

use std::collections::VecDeque;

use super::connection::{ClientError, Connection};
use crate::resp::Reply;

/// Each request carries a `T`, which comes back with its answer.
pub struct Pipeline<T> {
    connection: Connection,
    waiting: VecDeque<T>,
    in_flight_max: usize,
}

impl<T> Pipeline<T> {
    pub fn new(connection: Connection, in_flight_max: usize) -> Pipeline<T> {
        Pipeline {
            connection,
            waiting: VecDeque::new(),
            in_flight_max: in_flight_max.max(1),
        }
    }

    /// Queue a request; answers that had to be waited for are given to `answered`.
    pub fn send<E: From<ClientError>>(
        &mut self,
        tag: T,
        request: &[&[u8]],
        answered: &mut impl FnMut(T, &Reply) -> Result<(), E>,
    ) -> Result<(), E> {
        self.waiting.push_back(tag);
        let mut sent = self.connection.send(request);
        let full = self.waiting.len() >= self.in_flight_max;
        if full && sent.is_ok() {
            sent = self.connection.flush();
        }
        match sent {
            // Half of them stay under way, so that the server is never idle.
            Ok(()) if full => self.read_until(self.in_flight_max / 2, answered),
            Ok(()) => Ok(()),
            Err(lost) => self.last_words(lost, answered),
        }
    }

    /// Send what is queued and wait for every answer.
    pub fn finish<E: From<ClientError>>(
        &mut self,
        answered: &mut impl FnMut(T, &Reply) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.connection.flush() {
            Ok(()) => self.read_until(0, answered),
            Err(lost) => self.last_words(lost, answered),
        }
    }

    /// A server that closes the connection may have answered, and said why.
    fn last_words<E: From<ClientError>>(
        &mut self,
        lost: ClientError,
        answered: &mut impl FnMut(T, &Reply) -> Result<(), E>,
    ) -> Result<(), E> {
        while let (false, Ok(reply)) = (self.waiting.is_empty(), self.connection.receive()) {
            if let Some(tag) = self.waiting.pop_front() {
                answered(tag, &reply)?;
            }
        }
        Err(lost.into())
    }

    fn read_until<E: From<ClientError>>(
        &mut self,
        rest: usize,
        answered: &mut impl FnMut(T, &Reply) -> Result<(), E>,
    ) -> Result<(), E> {
        while self.waiting.len() > rest {
            let reply = self.connection.receive()?;
            if let Some(tag) = self.waiting.pop_front() {
                answered(tag, &reply)?;
            }
        }
        Ok(())
    }

    /// What is still unanswered, oldest first.
    pub fn waiting(&self) -> impl ExactSizeIterator<Item = &T> {
        self.waiting.iter()
    }

    pub fn into_connection(self) -> Connection {
        self.connection
    }

    pub fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }
}
