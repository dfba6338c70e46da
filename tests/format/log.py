"""The log, by the sections Segments, Payloads and Recovery of storage-format.md."""
import os
import re
import zlib

from parts import NEVER, Cursor, file_bytes, require
from rapidhash import rapidhash


class Log:
    """Does the changes of a log again in `dbs`, each in the shards that do not have it yet."""

    def __init__(self, folder, seed, lsns, dbs, batches):
        self.folder, self.seed, self.lsns, self.dbs = folder, seed, lsns, dbs
        self.batches = batches
        self.shift = len(lsns).bit_length() - 1

    def replay(self):
        names = sorted(n for n in os.listdir(self.folder) if re.fullmatch(r"wal-\d{12,}", n))
        require(names, "no log")
        expected = None
        for name in sorted(names, key=lambda n: int(n[4:])):
            data = file_bytes(self.folder, name)
            c = Cursor(data)
            if not any(data[:64]):
                require(not any(data), name, "no header, but more")
                continue
            magic, number, first, signature, _, again, zero, crc, end = (
                c.take(8), c.u64(), c.u64(), c.u64(), c.u64(), c.u64(), c.u64(), c.u32(), c.u32())
            require(magic == b"FSWAL001" and number == int(name[4:]), name, "header")
            require(signature == again and zero == end == 0, name, "header")
            require(crc == zlib.crc32(data[:56]), name, "checksum of the header")
            if expected is None and first > min(self.lsns) + 1:
                # A start may have passed it over, and begun where it must in a later one.
                continue
            require(expected in (None, first), name, "first LSN", first, expected)
            expected = first
            while c.at + 24 <= len(data):
                length, crc, lsn, unsynced, zero = c.u32(), c.u32(), c.u64(), c.u32(), c.u32()
                if lsn != expected or zero or c.at + length > len(data):
                    break
                payload = c.take(length)
                sealed = signature.to_bytes(8, "little") + lsn.to_bytes(8, "little")
                sealed += length.to_bytes(4, "little") + unsynced.to_bytes(4, "little") + payload
                if zlib.crc32(sealed) != crc:
                    break
                self.payload(lsn, Cursor(payload))
                expected, c.at = expected + 1, -(-c.at // 8) * 8
        require(expected is not None or max(self.lsns) == 0, "the beginning is missing")
        require((expected or 1) > self.closed(), "the log ends before its closing mark")
        require(expected is None or max(self.lsns) < expected, "the log ends too early")

    def closed(self):
        """The LSN up to which the closing mark says that the log was synced."""
        if not os.path.exists(os.path.join(self.folder, "SYNCED")):
            return 0
        data = file_bytes(self.folder, "SYNCED")
        c = Cursor(data)
        magic, lsn, crc, zero = c.take(8), c.u64(), c.u32(), c.u32()
        require(magic == b"FSCLOSE1" and zero == 0 and c.end(), "the closing mark")
        require(crc == zlib.crc32(data[:16]), "checksum of the closing mark")
        return lsn

    def payload(self, lsn, c):
        require(not c.end(), lsn, "no mutation")
        self.names = []
        while not c.end():
            op = c.u8()
            require(1 <= op <= 12, lsn, "op", op)
            if op in (8, 9):
                self.databases(lsn, op, c)
            elif op == 11:
                self.batches.publish(c.u64(), lsn, c.u64(), self.dbs, self.lsns)
            else:
                self.mutation(lsn, op, c)

    def databases(self, lsn, op, c):
        """What is done to a whole database is done to each shard that does not have it yet."""
        one, other = c.u8(), c.u8() if op == 9 else None
        everything = one == 255 and op == 8
        for db in [db for db in self.dbs if db != 254] if everything else [one]:
            mine = {k: v for k, v in self.dbs.get(db, {}).items() if lsn > self.shard_lsn(k)}
            theirs = {k: v for k, v in self.dbs.get(other, {}).items() if lsn > self.shard_lsn(k)}
            for k in mine:
                del self.dbs[db][k]
            for k in theirs if other != db else ():
                del self.dbs[other][k]
            if op == 9:
                self.dbs.setdefault(other, {}).update(mine)
                self.dbs.setdefault(db, {}).update(theirs)

    def shard_lsn(self, key):
        return self.lsns[rapidhash(key, self.seed) >> (64 - self.shift) if self.shift else 0]

    def mutation(self, lsn, op, c):
        db, key = c.u8(), c.bytes()
        table = self.dbs.setdefault(db, {}) if lsn > self.shard_lsn(key) else {}
        has = table.get(key)
        is_hash = has is not None and isinstance(has[1], dict)
        fields = has[1] if is_hash else {}
        if op in (1, 4, 12):
            how = c.u8()
            require(how <= 2, lsn, "expiry")
            time = c.u64() if how == 2 else None
        if op in (1, 12):
            if not is_hash:
                table[key] = [None, fields]
            if op == 1:
                pairs = [(c.bytes(), c.bytes()) for _ in range(c.varint())]
                self.names = [name for name, _ in pairs]
            else:
                pairs = [(name, c.bytes()) for name in self.names]
            require(pairs, lsn, "no fields")
            for name, value in pairs:
                old = fields.get(name)
                fields[name] = [value, old[1] if old and how == 0 else time]
        elif op == 2:
            for _ in range(c.varint()):
                fields.pop(c.bytes(), None)
        elif op == 3:
            time = c.u64()
            for _ in range(c.varint()):
                field = fields.get(c.bytes())
                if field:
                    field[1] = None if time == NEVER else time
        elif op == 4:
            table[key] = [has[0] if has and how == 0 else time, c.bytes()]
        elif op == 5:
            offset, piece = c.u64(), c.bytes()
            expiry, old = has or (None, b"")
            if not is_hash:
                old = old.ljust(offset, b"\0")
                table[key] = [expiry, old[:offset] + piece + old[offset + len(piece):]]
        elif op == 6:
            table.pop(key, None)
        elif op == 7:
            time = c.u64()
            if has:
                has[0] = None if time == NEVER else time
        elif op == 10:
            time = c.u64()
            gone = lambda t: t is not None and t <= time
            if has and gone(has[0]):
                del table[key]
            elif is_hash:
                has[1] = {n: f for n, f in fields.items() if not gone(f[1])}
        if key in table and table[key][1] == {}:
            del table[key]
