#!/usr/bin/env python3
"""Reads a data directory and prints what it holds: a second reading of storage-format.md.

    read.py DIRECTORY

Prints a JSON array for each key, ordered by database and key:

    [db, key, "string", expiry or null, value]
    [db, key, "hash", expiry or null, {field: [value, expiry or null], ...}]

Bytes are printed as Latin-1. Nothing is left out for having expired; only the log removes.

It is written from the document alone, so that the document is held against the program by
tests/format.rs. It reads healthy directories only, and is stricter than the server: every checksum,
count, bucket and due is compared with what the entries themselves say, and all that is wrong ends
it with a message. Directories are never written to.
"""
import json
import re
import sys
import zlib

sys.dont_write_bytecode = True

from batches import Batches
from log import Log
from parts import NEVER, Cursor, file_bytes, require
from rapidhash import hash_secrets, rapidhash
from rows import RowFile


def manifest(folder):
    text = file_bytes(folder, "MANIFEST").decode("ascii")
    require(text.endswith("\n"), "MANIFEST: no end of line")
    lines = text[:-1].split("\n")
    body = "".join(line + "\n" for line in lines[:-1]).encode()
    require(lines[-1] == "crc %08x" % zlib.crc32(body), "MANIFEST: checksum")
    require(lines[0] == "fieldstone data directory, format 1", "MANIFEST: format")
    patterns = ["seed ([0-9a-f]{16})"]
    patterns += [word + r" (\d+)" for word in ("saved", "next", "catalog", "shards")]
    found = [re.fullmatch(p, line) for p, line in zip(patterns, lines[1:6])]
    require(all(found), "MANIFEST: a line")
    seed = int(found[0][1], 16)
    _, following, catalog, count = (int(m[1]) for m in found[1:])
    shards = [[int(n) for n in line.split(" ")] for line in lines[6:6 + count]]
    require(len(shards) == count <= 4096 and count & (count - 1) == 0, "MANIFEST: shards")
    layers = [re.fullmatch(r"layer (\d+) (\d+) (\d+) (\d+)", line) for line in lines[6 + count:-1]]
    require(all(layers), "MANIFEST: a layer")
    layers = [tuple(int(n) for n in m.groups()) for m in layers]
    require(all(a[1] < b[1] for a, b in zip(layers, layers[1:])), "MANIFEST: order of layers")
    numbers = [n for shard in shards for n in shard[1:]]
    require(len(numbers) == len(set(numbers)), "MANIFEST: a file named twice")
    require(all(n < following for n in numbers + [catalog]), "MANIFEST: next")
    return seed, catalog, [(shard[0], shard[1:]) for shard in shards], layers


def catalog(folder, number):
    if number == 0:
        return [], []
    data = file_bytes(folder, "catalog-%012d" % number)
    require(zlib.crc32(data[:-4]) == int.from_bytes(data[-4:], "little"), "catalog: checksum")
    c = Cursor(data[:-4])
    require(c.take(8) == b"FSCAT001" and c.u64() == number, "catalog: header")
    shapes = [[c.bytes() for _ in range(c.varint())] for _ in range(c.varint())]
    values = [c.bytes() for _ in range(c.varint())]
    require(c.end(), "catalog: more than it says")
    return shapes, values


class Store:
    """All keys: `dbs[db][key]` is [expiry, value], a hash a dict of [value, expiry]."""

    def __init__(self, folder):
        self.folder, self.dbs = folder, {}
        seed, number, shards, self.layers = manifest(folder)
        self.seed = hash_secrets(seed)
        self.shapes, self.values = catalog(folder, number)
        self.shift = len(shards).bit_length() - 1
        self.batches = Batches(self)
        for shard, (lsn, numbers) in enumerate(shards):
            files = [RowFile(self, shard, n) for n in numbers]
            require(not files or files[0].lsn <= lsn, "LSN of shard", shard)
            lsns = self.merge(files) if files else {}
            self.publish(shard, lsn, files, lsns)
        self.lsns = [lsn for lsn, _ in shards]
        Log(folder, self.seed, self.lsns, self.dbs, self.batches).replay()

    def merge(self, files):
        """The files of a shard, the newest first: what the newest says of a name counts. Answers
        the LSN of each name by database, and under None that of names that no file has."""
        newest, lsns = files[0], {}
        of = lambda f: {db: f.entries(t[2], f.row, self.shift) for db, t in f.tables.items()}
        read = [of(f) for f in files]
        for db, (keys, expiring, _, bigs) in newest.tables.items():
            rows, lsns[db] = {}, {None: 0}
            for f, tables in zip(files, read):
                if db in tables:
                    rows = {**tables[db], **rows}
                    lsns[db] = {**dict.fromkeys(tables[db], f.lsn), **lsns[db]}
                    if f.tables[db][2][0]:
                        lsns[db][None] = f.lsn
                        break
            rows = {key: row for key, row in rows.items() if row is not None}
            require(len(rows) == keys, newest.name, db, "keys", len(rows), keys)
            with_expiry = sum(row[0] is not None for row in rows.values())
            require(with_expiry == expiring, newest.name, db, "expiring", with_expiry, expiring)
            ids = {row[1]: key for key, row in rows.items() if isinstance(row[1], int)}
            require(set(ids) == set(bigs), newest.name, db, "bigs")
            for key, (expiry, value) in rows.items():
                if isinstance(value, int):
                    value = self.big(files, db, key, value)
                    # It was changed when a batch was published, if at all.
                    lsns[db][key] = NEVER
                self.dbs.setdefault(db, {})[key] = [expiry, value]
        return lsns

    def publish(self, shard, shard_lsn, files, lsns):
        """The layers that were there when this shard was as its files are."""
        owns = lambda key: self.shift == 0 or rapidhash(key, self.seed) >> (64 - self.shift) == shard
        for number, lsn, time, gone in self.layers:
            if lsn > shard_lsn or 0 < gone <= shard_lsn:
                continue
            batch = self.batches[number]
            newest = files[0].lsn if files else 0
            own = lsns.get(batch.db, {None: newest})
            has_it = lambda key: own.get(key, own[None]) >= lsn
            table = self.dbs.setdefault(batch.db, {})
            batch.publish(table, time, (shard, owns), has_it)

    def big(self, files, db, key, number):
        hashed, count, _ = files[0].tables[db][3][number]
        require(hashed == rapidhash(key, self.seed), files[0].name, key, "hash of a big")
        fields = {}
        for f in files:
            if db in f.tables and number in f.tables[db][3]:
                section = f.tables[db][3][number][2]
                fields = {**f.entries(section, f.field, 0), **fields}
                if section[0]:
                    break
        fields = {name: field for name, field in fields.items() if field is not None}
        require(len(fields) == count, files[0].name, key, "fields of a big", len(fields), count)
        return fields

    def lines(self):
        text = lambda b: b.decode("latin-1")
        for db in sorted(self.dbs):
            for key, (expiry, value) in sorted(self.dbs[db].items()):
                kind, shown = "string", value
                if isinstance(value, dict):
                    kind = "hash"
                    shown = {text(n): [text(v), t] for n, (v, t) in sorted(value.items())}
                else:
                    shown = text(value)
                yield json.dumps([db, text(key), kind, expiry, shown], separators=(",", ":"))


if __name__ == "__main__":
    require(len(sys.argv) == 2, "what to read? give a directory")
    for line in Store(sys.argv[1]).lines():
        print(line)
