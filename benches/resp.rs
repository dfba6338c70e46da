//! The protocol's share of one online read: 50 features of one entity.

#[path = "workload/mod.rs"]
mod workload;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use fieldstone::resp::{Limits, Output, Parser, Status, Template, write_request};
use workload::random::Random;

/// `HMGET user:1000042 f_000 ... f_049`.
fn hmget() -> Vec<u8> {
    let fields: Vec<String> = (0..50).map(|i| format!("f_{i:03}")).collect();
    let mut args: Vec<&[u8]> = vec![b"HMGET", b"user:1000042"];
    args.extend(fields.iter().map(String::as_bytes));
    let mut request = Vec::new();
    write_request(&mut request, &args);
    request
}

/// `HSET` of 50 fields with names of 8 to 23 bytes and values of 1 to 18, each other ones.
fn hsets() -> Vec<Vec<u8>> {
    let names: Vec<String> = (0..50)
        .map(|i| format!("f_{i:03}_{}", "x".repeat(2 + i * 7 % 16)))
        .collect();
    let mut random = Random::new(1);
    let mut hset = |n: usize| {
        let mut args = vec![b"HSET".to_vec(), format!("user:{n:07}").into_bytes()];
        for name in &names {
            args.push(name.clone().into_bytes());
            args.push(vec![b'7'; 1 + random.below(18) as usize]);
        }
        let mut request = Vec::new();
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        write_request(&mut request, &args);
        request
    };
    (0..64).map(&mut hset).collect()
}

fn requests(c: &mut Criterion) {
    let request = hmget();
    let mut parser = Parser::new();
    let hsets = hsets();
    let mut next = hsets.iter().cycle();
    c.bench_function("parse HSET of 102 arguments", |b| {
        b.iter(|| {
            let request = next.next().expect("they go on");
            parser.parse(black_box(request), black_box(&Limits::DEFAULT))
        });
    });
    c.bench_function("parse HMGET of 52 arguments", |b| {
        b.iter(|| parser.parse(black_box(&request), black_box(&Limits::DEFAULT)));
    });
    let status = parser.parse(&request, &Limits::DEFAULT);
    let Ok(Status::Request { consumed }) = status else {
        panic!("{status:?}");
    };
    let template = Template::new(&parser, &request, consumed).expect("it has a key");
    c.bench_function("match HMGET of 52 arguments", |b| {
        b.iter(|| {
            template
                .matches(black_box(&request))
                .map(|(key, n)| (key.len(), n))
        });
    });
}

fn replies(c: &mut Criterion) {
    let values = vec![*b"0.123456"; 50];
    let mut out = Output::new();
    c.bench_function("write 50 bulks of 8 bytes", |b| {
        b.iter(|| {
            out.array(50);
            for value in black_box(&values) {
                out.bulk(value);
            }
            let len = out.len();
            out.consume(len);
            len
        });
    });
    c.bench_function("write 50 bulks of 8 of 32 bytes", |b| {
        let mut wide = [0; 32];
        wide[..8].copy_from_slice(b"0.123456");
        b.iter(|| {
            out.locally(|out| {
                out.array(50);
                for _ in 0..50 {
                    out.bulk_short(black_box(&wide), black_box(8));
                }
            });
            let len = out.len();
            out.consume(len);
            len
        });
    });
}

criterion_group!(benches, requests, replies);
criterion_main!(benches);
