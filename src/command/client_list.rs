//! A client as a line of `CLIENT LIST`.

use super::auth::USER;
use super::{Context, registry};
use crate::instance::{Class, Client};
use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

/// Names and order are Redis's; what has no meaning here is 0.
pub fn write(ctx: &Context<'_>, client: &Client, text: &mut String) {
    let (status, peer, labels) = (&client.status, &client.peer, client.labels.lock().clone());
    let now = ctx.session.now;
    let own = client.id == ctx.session.client.id;
    let age = now.saturating_sub(client.created_at) / 1000;
    let idle = match own {
        true => 0,
        false => now.saturating_sub(status.active_at.load(Relaxed)) / 1000,
    };
    let flags = match client.class() {
        Class::Replica => "O",
        Class::PubSub => "P",
        Class::Normal if status.queued.load(Relaxed) != u32::MAX => "x",
        Class::Normal if status.paused.load(Relaxed) => "b",
        Class::Normal => "N",
    };
    // What is written at once is never waited for.
    let events = match !own && omem_of(client) > 0 {
        true => "rw",
        false => "r",
    };
    let db = if own {
        ctx.session.db
    } else {
        status.db.load(Relaxed)
    };
    let multi = i64::from(status.queued.load(Relaxed) as i32);
    let omem = omem_of(client);
    let command = registry::entry(status.command.load(Relaxed));
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "id={} addr={} laddr={} fd=0 name={} age={age} idle={idle} flags={flags} db={db}",
        client.id, peer.addr, peer.laddr, labels.name
    );
    let _ = write!(
        text,
        " sub={} psub={} ssub=0 multi={multi} watch={} qbuf={} qbuf-free=0 argv-mem=0 multi-mem={}",
        status.channels.load(Relaxed),
        status.patterns.load(Relaxed),
        status.watched.load(Relaxed),
        status.input_bytes.load(Relaxed),
        status.queued_bytes.load(Relaxed),
    );
    let _ = write!(
        text,
        " rbs=0 rbp=0 obl={} oll={} omem={omem} tot-mem={} events={events} cmd={} user={USER} \
         redir=-1",
        status.output_bytes.load(Relaxed),
        client.mailbox.len(),
        omem + status.input_bytes.load(Relaxed) + status.queued_bytes.load(Relaxed),
        command.map_or("NULL", |entry| &entry.name),
    );
    let _ = writeln!(
        text,
        " resp={} lib-name={} lib-ver={} io-thread={} tot-net-in={} tot-net-out={} tot-cmds={}",
        if status.resp3.load(Relaxed) { 3 } else { 2 },
        labels.lib_name,
        labels.lib_ver,
        client.worker,
        status.read_bytes.load(Relaxed),
        status.written_bytes.load(Relaxed),
        status.commands.load(Relaxed),
    );
}

/// Bytes of replies and messages that wait to be sent.
fn omem_of(client: &Client) -> u64 {
    client.status.output_bytes.load(Relaxed) + client.mailbox.bytes() as u64
}
