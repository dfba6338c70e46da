//! Memory an entity: anonymous, and mapped and resident. After a checkpoint every entity is read
//! before anything is counted, so that all of what serving needs is resident.

use crate::check;
use crate::figures::{at_most, digits, head, row};
use crate::fill::fill;
use crate::layout::{Form, Layout};
use crate::pair::Cores;
use crate::server::{NotFound, Server};
use crate::settings::Settings;
use crate::smaps::Memory;
use crate::workload::Workload;
use fieldstone::resp::{Reply, write_request};

/// Only when it is asked for.
const NO_CHECKPOINTS: &[&str] = &["--save", "", "--checkpoint-log-size", "64gb"];

const FRESH_MUST: f64 = 300.0;
const SAVED_MUST: f64 = 260.0;
const ROW_TTL_MUST: f64 = 8.0;
const EACH_TTL_MUST: f64 = 200.0;

/// Of the entities for what takes 51 commands an entity.
const PART: u64 = 5;

/// Entities that are compared.
const SAMPLES: u64 = 100;

/// Bytes an entity.
struct Taken {
    fresh: f64,
    saved: f64,
    /// After a checkpoint.
    mapped: f64,
    /// In all.
    log: u64,
}

pub fn run(cores: Cores, workload: &Workload, settings: &Settings) -> Result<(), NotFound> {
    let layout = |form| Layout { form, workload };
    let (all, part) = (settings.entities, (settings.entities / PART).max(1000));
    head(
        "Memory, bytes an entity: anonymous, and mapped and resident",
        &[
            "layout",
            "entities",
            "Redis",
            "ours, fresh",
            "ours, after SAVE",
            "of it mapped",
            "",
        ],
    );
    let plain = ours(cores, &layout(Form::Plain), all);
    let verdict = format!(
        "at most {FRESH_MUST} {}, {SAVED_MUST} {}",
        at_most(plain.fresh, FRESH_MUST),
        at_most(plain.saved, SAVED_MUST)
    );
    let theirs = redis(cores, &layout(Form::Plain), all)?;
    print("50 features", all, Some(theirs), &plain, &verdict);
    for (name, form) in [
        ("the key expires", Form::KeyTtl),
        ("all 50 fields expire at one time", Form::RowTtl),
    ] {
        let taken = ours(cores, &layout(form), all);
        // Redis 7.0 has no fields that expire.
        let theirs = match form {
            Form::KeyTtl => Some(redis(cores, &layout(form), all)?),
            _ => None,
        };
        print(
            name,
            all,
            theirs,
            &taken,
            &more(&taken, &plain, ROW_TTL_MUST),
        );
    }
    let plain = ours(cores, &layout(Form::Plain), part);
    print("50 features", part, None, &plain, "");
    let each = ours(cores, &layout(Form::EachTtl), part);
    let verdict = more(&each, &plain, EACH_TTL_MUST);
    print(
        "each field expires at a time of its own",
        part,
        None,
        &each,
        &verdict,
    );
    let feast = layout(Form::Feast);
    let taken = ours(cores, &feast, all);
    let values = feast.value_bytes();
    let must = 1.15 * values + 80.0;
    let verdict = format!(
        "values {values:.0} B, at most {must:.0} {}, {}",
        at_most(taken.fresh, must),
        at_most(taken.saved, must)
    );
    print(
        "as Feast writes them",
        all,
        Some(redis(cores, &feast, all)?),
        &taken,
        &verdict,
    );
    println!(
        "\nMapped segments of the log, besides: {} MiB",
        plain.log.max(taken.log) >> 20
    );
    Ok(())
}

fn print(name: &str, entities: u64, redis: Option<f64>, ours: &Taken, verdict: &str) {
    row(&[
        name,
        &entities.to_string(),
        &redis.map_or(String::new(), digits),
        &digits(ours.fresh),
        &digits(ours.saved),
        &digits(ours.mapped),
        verdict,
    ]);
}

/// What times to live take.
fn more(with: &Taken, without: &Taken, must: f64) -> String {
    let (fresh, saved) = (with.fresh - without.fresh, with.saved - without.saved);
    format!(
        "{fresh:+.1} {}, {saved:+.1} {}, at most {must:+}",
        at_most(fresh, must),
        at_most(saved, must)
    )
}

fn redis(cores: Cores, layout: &Layout<'_>, entities: u64) -> Result<f64, NotFound> {
    let server = Server::redis(&[cores.server], &["--appendonly", "no"])?;
    put(&server, layout, entities);
    Ok(Memory::of(&server).each(entities))
}

fn ours(cores: Cores, layout: &Layout<'_>, entities: u64) -> Taken {
    let server = Server::ours(&[cores.server], NO_CHECKPOINTS);
    put(&server, layout, entities);
    let fresh = Memory::of(&server);
    assert_eq!(server.call(&["SAVE"]), Reply::Simple(b"OK".to_vec()));
    let length = format!(":{}\r\n", layout.fields()).into_bytes();
    fill(&server, entities, &length, |entity, out| {
        write_request(out, &[b"HLEN", &layout.key(entity)]);
    });
    server.settle();
    compare(&server, layout, entities);
    let saved = Memory::of(&server);
    Taken {
        fresh: fresh.each(entities),
        saved: saved.each(entities),
        mapped: saved.rows as f64 / entities as f64,
        log: fresh.log.max(saved.log),
    }
}

fn put(server: &Server, layout: &Layout<'_>, entities: u64) {
    fill(server, entities, &layout.reply(), |entity, out| {
        layout.put(entity, out)
    });
    server.settle();
    compare(server, layout, entities);
}

/// That a sample reads as it was written, and expires if it is to.
fn compare(server: &Server, layout: &Layout<'_>, entities: u64) {
    let mut stream = server.stream();
    for n in 0..SAMPLES {
        let entity = n * (entities - 1) / (SAMPLES - 1);
        let (request, reply) = layout.read(entity);
        check::expect(server, &mut stream, &request, &reply);
    }
    let key = String::from_utf8_lossy(&layout.key(entities / 2)).into_owned();
    let name = layout.workload.features[7].name;
    let expires = match layout.form {
        Form::Plain | Form::Feast => return,
        Form::KeyTtl => server.call(&["PTTL", &key]),
        Form::RowTtl | Form::EachTtl => match server.call(&["HPTTL", &key, "FIELDS", "1", name]) {
            Reply::Array(mut one) => one.remove(0),
            other => other,
        },
    };
    assert!(matches!(expires, Reply::Integer(1..)), "{expires:?}");
}
