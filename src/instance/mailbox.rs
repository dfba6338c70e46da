//! Messages for a client that are not replies: pub/sub and MONITOR.

use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A message; its receiver writes it in its own protocol.
#[derive(Clone, Debug)]
pub enum Message {
    Channel {
        channel: Bytes,
        payload: Bytes,
    },
    Pattern {
        pattern: Bytes,
        channel: Bytes,
        payload: Bytes,
    },
    /// A line of `MONITOR`, ready to send.
    Monitor(Bytes),
}

/// What a message takes besides its bytes; so that messages without bytes count, too.
const MESSAGE_OVERHEAD_BYTES: usize = 64;

impl Message {
    fn cost(&self) -> usize {
        let bytes = match self {
            Message::Channel { channel, payload } => channel.len() + payload.len(),
            Message::Pattern {
                pattern,
                channel,
                payload,
            } => pattern.len() + channel.len() + payload.len(),
            Message::Monitor(line) => line.len(),
        };
        bytes + MESSAGE_OVERHEAD_BYTES
    }
}

#[derive(Default)]
pub struct Mailbox {
    queue: Mutex<VecDeque<Message>>,
    /// Cost of what is queued; 0 if and only if nothing is.
    bytes: AtomicUsize,
}

impl Mailbox {
    /// Put a message in; answers the bytes that wait now.
    pub fn push(&self, message: Message) -> usize {
        let cost = message.cost();
        let mut queue = self.queue.lock();
        queue.push_back(message);
        self.bytes.fetch_add(cost, Ordering::Relaxed) + cost
    }

    pub fn pop(&self) -> Option<Message> {
        let mut queue = self.queue.lock();
        let message = queue.pop_front()?;
        self.bytes.fetch_sub(message.cost(), Ordering::Relaxed);
        if queue.is_empty() {
            queue.shrink_to(16);
        }
        Some(message)
    }

    pub fn clear(&self) {
        let mut queue = self.queue.lock();
        queue.clear();
        self.bytes.store(0, Ordering::Relaxed);
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) == 0
    }

    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    pub fn len(&self) -> usize {
        self.queue.lock().len()
    }
}
