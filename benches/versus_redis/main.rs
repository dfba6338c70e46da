//! Fieldstone and Redis side by side, on the feature workload: server CPU a command, memory,
//! latency, writes, cores. It starts both servers itself, on loopback; `redis-server` must be on
//! the path. Every test first compares replies with the bytes that they must be.
//!
//! ```text
//! cargo bench --no-default-features --bench versus_redis                    everything
//! cargo bench --no-default-features --bench versus_redis -- table latency   some of it
//! FIELDSTONE_BENCH_ENTITIES=100000 ...      entities of 50 features; default 1,000,000
//! FIELDSTONE_BENCH_SECONDS=0.2 ...          of one measurement; default 0.5
//! FIELDSTONE_BENCH_ROUNDS=3 ...             of both servers in turn; default 5
//! ```
//!
//! Both servers run on the first core that there is, one at work while the other waits; the load
//! client, one thread, on the second. Each figure is the median of the rounds; a spread is that of
//! the ratios of the rounds. `busy` is the part of the time in which the servers computed: well
//! below 100 % the client, or the kernel, was the limit. `others` is the most of a core that
//! anything else took: beyond a few percent the machine was not quiet.

mod ask;
mod check;
mod clients;
mod cores;
mod figures;
mod fill;
mod latency;
mod layout;
mod machine;
mod memory;
mod null;
mod open_loop;
mod pair;
mod replies;
mod request;
mod server;
mod settings;
mod smaps;
mod table;
#[path = "../workload/mod.rs"]
mod workload;
mod writes;

use pair::{Cores, Pair};
use server::NotFound;
use settings::Settings;
use std::process::ExitCode;
use workload::Workload;

const SECTIONS: &[&str] = &["latency", "table", "writes", "cores", "memory"];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [null, request, reply, ..] = args.as_slice()
        && null == "null"
    {
        let bytes = |text: &str| text.parse().expect("a number of bytes");
        null::serve(bytes(request), bytes(reply));
    }
    // Cargo says `--bench`.
    let asked: Vec<&str> = args
        .iter()
        .map(String::as_str)
        .filter(|arg| *arg != "--bench")
        .collect();
    if let Some(unknown) = asked.iter().find(|name| !SECTIONS.contains(name)) {
        eprintln!("{unknown}: there are {}", SECTIONS.join(", "));
        return ExitCode::from(2);
    }
    match run(&|name| asked.is_empty() || asked.contains(&name)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(NotFound) => {
            eprintln!("redis-server not found");
            ExitCode::FAILURE
        }
    }
}

fn run(wants: &dyn Fn(&str) -> bool) -> Result<(), NotFound> {
    let redis = server::redis_version()?;
    let (settings, workload) = (Settings::of_environment(), Workload::new());
    let all = machine::cores();
    let [server, client, ..] = all[..] else {
        panic!("two cores are needed, for the server and for the client");
    };
    let cores = Cores { server, client };
    println!("{}", machine::describe());
    println!(
        "Redis {redis}, Fieldstone {}; {} entities of {} features, {} rounds of {} s",
        env!("CARGO_PKG_VERSION"),
        settings.entities,
        workload::FEATURES,
        settings.rounds,
        settings.window.as_secs_f64()
    );
    machine::pin(&[cores.client]);
    if wants("latency") || wants("table") {
        let mut pair = Pair::of_defaults(cores, &workload, &settings)?;
        // First: the table writes over what is read here.
        if wants("latency") {
            latency::run(&mut pair, cores, &workload, &settings);
        }
        if wants("table") {
            table::run(&mut pair, cores, &workload, &settings);
        }
    }
    if wants("writes") {
        writes::run(cores, &workload, &settings)?;
    }
    if wants("cores") {
        cores::run(&all, &workload, &settings);
    }
    if wants("memory") {
        memory::run(cores, &workload, &settings)?;
    }
    Ok(())
}
