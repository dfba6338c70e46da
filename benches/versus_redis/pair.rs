//! The two servers side by side, with the same data, and their clients.

use crate::ask::string;
use crate::check;
use crate::clients::Clients;
use crate::fill::fill;
use crate::server::{NotFound, Server};
use crate::settings::{CLIENTS, STRINGS, Settings};
use crate::workload::{Workload, put_bulk};

/// Where servers run, and where the load comes from.
#[derive(Clone, Copy)]
pub struct Cores {
    pub server: usize,
    pub client: usize,
}

/// A server with its clients.
pub struct Peer {
    pub server: Server,
    pub clients: Clients,
}

/// Redis first, then ours: the order in which they take turns.
pub struct Pair {
    pub peers: [Peer; 2],
}

impl Peer {
    pub fn new(server: Server) -> Peer {
        let clients = Clients::connect(&server, CLIENTS);
        Peer { server, clients }
    }
}

impl Pair {
    /// Start both and load both; `entities` of the feature workload, and strings.
    pub fn start(
        cores: Cores,
        workload: &Workload,
        entities: u64,
        options: [&[&str]; 2],
    ) -> Result<Pair, NotFound> {
        let redis = Server::redis(&[cores.server], options[0])?;
        let ours = Server::ours(&[cores.server], options[1]);
        let peers = [redis, ours].map(|server| {
            put_entities(&server, workload, entities);
            put_strings(&server);
            server.settle();
            check::loaded(&server, workload, entities, STRINGS);
            Peer::new(server)
        });
        Ok(Pair { peers })
    }

    /// With the defaults of each: ours with its log, Redis without.
    pub fn of_defaults(
        cores: Cores,
        workload: &Workload,
        settings: &Settings,
    ) -> Result<Pair, NotFound> {
        Pair::start(
            cores,
            workload,
            settings.entities,
            [&["--appendonly", "no"], &[]],
        )
    }
}

pub fn put_entities(server: &Server, workload: &Workload, entities: u64) {
    fill(server, entities, b":50\r\n", |entity, out| {
        workload.put_hset(entity, out)
    });
}

fn put_strings(server: &Server) {
    fill(server, STRINGS, b"+OK\r\n", |number, out| {
        out.extend_from_slice(b"*3\r\n$3\r\nSET\r\n");
        put_bulk(out, format!("s:{number:012}").as_bytes());
        put_bulk(out, &string(number));
    });
}
