//! Who listens to which channel.
//!
//! Invariant: a message is put into mailboxes under the read lock, subscriptions change under the
//! write lock. So once `unsubscribe` has returned no message of the channel arrives any more.

use super::{Client, Message};
use crate::glob;
use bytes::Bytes;
use parking_lot::RwLock;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Subscribers by client id, so that all get messages in the same order.
type Subscribers = BTreeMap<u64, Arc<Client>>;

#[derive(Default)]
struct Topics {
    channels: HashMap<Bytes, Subscribers>,
    patterns: BTreeMap<Bytes, Subscribers>,
}

#[derive(Default)]
pub struct PubSub {
    topics: RwLock<Topics>,
}

impl PubSub {
    pub fn subscribe(&self, channel: &Bytes, client: &Arc<Client>) {
        let mut topics = self.topics.write();
        let subscribers = topics.channels.entry(channel.clone()).or_default();
        subscribers.insert(client.id, client.clone());
    }

    pub fn psubscribe(&self, pattern: &Bytes, client: &Arc<Client>) {
        let mut topics = self.topics.write();
        let subscribers = topics.patterns.entry(pattern.clone()).or_default();
        subscribers.insert(client.id, client.clone());
    }

    pub fn unsubscribe(&self, channel: &Bytes, client: &Client) {
        let mut topics = self.topics.write();
        if let Some(subscribers) = topics.channels.get_mut(channel) {
            subscribers.remove(&client.id);
            if subscribers.is_empty() {
                topics.channels.remove(channel);
            }
        }
    }

    pub fn punsubscribe(&self, pattern: &Bytes, client: &Client) {
        let mut topics = self.topics.write();
        if let Some(subscribers) = topics.patterns.get_mut(pattern) {
            subscribers.remove(&client.id);
            if subscribers.is_empty() {
                topics.patterns.remove(pattern);
            }
        }
    }

    /// Hand the message to every subscriber through `deliver`; answers how many there were.
    pub fn publish(
        &self,
        channel: &[u8],
        payload: &[u8],
        deliver: impl Fn(&Arc<Client>, Message),
    ) -> usize {
        let topics = self.topics.read();
        let mut receivers = 0;
        let (mut shared_channel, mut shared_payload) = (None, None);
        let mut share = || {
            let channel = shared_channel.get_or_insert_with(|| Bytes::copy_from_slice(channel));
            let payload = shared_payload.get_or_insert_with(|| Bytes::copy_from_slice(payload));
            (channel.clone(), payload.clone())
        };
        for client in topics
            .channels
            .get(channel)
            .into_iter()
            .flat_map(|s| s.values())
        {
            let (channel, payload) = share();
            deliver(client, Message::Channel { channel, payload });
            receivers += 1;
        }
        let matching = topics.patterns.iter();
        for (pattern, subscribers) in matching.filter(|(p, _)| glob::matches(p, channel)) {
            for client in subscribers.values() {
                let (channel, payload) = share();
                let pattern = pattern.clone();
                deliver(
                    client,
                    Message::Pattern {
                        pattern,
                        channel,
                        payload,
                    },
                );
                receivers += 1;
            }
        }
        receivers
    }

    /// Channels with a subscriber, of those that match.
    pub fn channels(&self, pattern: Option<&[u8]>) -> Vec<Bytes> {
        let topics = self.topics.read();
        let names = topics.channels.keys();
        names
            .filter(|name| pattern.is_none_or(|p| glob::matches(p, name)))
            .cloned()
            .collect()
    }

    /// Subscribers of a channel, without those of patterns.
    pub fn subscribers(&self, channel: &[u8]) -> usize {
        self.topics
            .read()
            .channels
            .get(channel)
            .map_or(0, BTreeMap::len)
    }

    /// Number of channels and of patterns.
    pub fn counts(&self) -> (usize, usize) {
        let topics = self.topics.read();
        (topics.channels.len(), topics.patterns.len())
    }
}
