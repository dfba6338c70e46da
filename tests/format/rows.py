"""Row files, by the sections Row files and Rows of storage-format.md."""
import zlib

from parts import NEVER, Cursor, bits, file_bytes, require
from rapidhash import M64, rapidhash

CHARACTERS = b"0123456789.-+eE"


class Sealed:
    """A file with a header and a trailer, and all checksums right; what both kinds of it hold."""

    def __init__(self, store, name, shard, number):
        self.store, self.shard, self.number, self.name = store, shard, number, name
        self.data = data = file_bytes(store.folder, self.name)
        trailer = data[-64:]
        require(len(data) >= 128 and len(data) % 4 == 0, self.name, "length")
        header = b"FSROW001" + number.to_bytes(8, "little") + bytes(48)
        require(data[:64] == header, self.name, "header")
        c = Cursor(trailer)
        require(c.take(8) == b"FSROWEND", self.name, "trailer")
        require((c.u64(), c.u32(), c.u32()) == (number, shard, 0), self.name, "trailer: file")
        self.lsn, directory, sums, zero, sums_crc, crc = (
            c.u64(), c.u64(), c.u64(), c.u64(), c.u32(), c.u32())
        require(zero == 0 and crc == zlib.crc32(trailer[:60]), self.name, "trailer: checksum")
        require(directory % 64 == 0 and sums % 64 == 0, self.name, "places of parts")
        pieces = -(-sums // 65536)
        table = data[sums:sums + 4 * pieces]
        require(sums_crc == zlib.crc32(table), self.name, "checksum of the checksums")
        require(not any(data[sums + 4 * pieces:-64]), self.name, "zeros before the trailer")
        for i in range(pieces):
            piece = data[65536 * i:min(65536 * (i + 1), sums)]
            sealed = table[4 * i:4 * i + 4]
            require(zlib.crc32(piece).to_bytes(4, "little") == sealed, self.name, "piece", i)
        self.sums, self.directory = sums, Cursor(data[:sums], directory)

    def entries(self, section, parse, shift):
        """{name: what parse says} of a section. Its blocks, buckets and dues must agree."""
        _, blocks, size, buckets, bucket_count, dues, due_count, count = section
        require(blocks % 64 == buckets % 64 == dues % 64 == 0, self.name, "places of a section")
        found, places, at, last = {}, {}, blocks, -1
        while at < blocks + size:
            c = Cursor(self.data, at)
            units = c.u16()
            if units == 0:
                require(c.u16() == 0, self.name, at, "header of a long block")
                units = c.u32()
                require(units >= 2**16, self.name, at, "a long block that is short")
            end = at + 8 * units
            require(at < end <= blocks + size, self.name, at, "length of a block")
            c.data = self.data[:end] if end - at < 4096 else memoryview(self.data)[:end]
            name, entry, earliest = parse(c)
            rest = c.data[c.at:]
            require(len(rest) < 8 and not any(rest), self.name, at, "end of a block")
            hashed = rapidhash(name, self.store.seed)
            require(hashed >= last and name not in found, self.name, at, "order of blocks")
            mine = shift == 0 or hashed >> (64 - shift) == self.shard
            require(mine, self.name, name, "shard of a key")
            found[name] = entry
            places[(at - blocks) // 8] = ((hashed << shift) & M64, earliest)
            at, last = end, hashed
        require(at == blocks + size and len(found) == count, self.name, "count of entries")
        self.buckets(buckets, bucket_count, dict(places), dues, due_count)
        return found

    def buckets(self, at, count, places, dues, due_count):
        passed, due = [0] * count, [NEVER] * (-(-count // 64))
        raw = [Cursor(self.data, at + 64 * i) for i in range(count)]
        raw = [(c.take(12), c.u32(), [c.u32() for _ in range(12)]) for c in raw]
        for i, (tags, _, references) in enumerate(raw):
            for tag, reference in zip(tags, references):
                if tag == 0:
                    continue
                require(reference in places, self.name, "bucket", i, "refers to no block, or twice")
                place, earliest = places.pop(reference)
                require(tag == ((place >> 16 & 255) or 1), self.name, "bucket", i, "tag")
                b = home = place * count >> 64
                due[home // 64] = min(due[home // 64], earliest)
                while b != i:
                    require(0 not in raw[b][0], self.name, "bucket", i, "reached past a free slot")
                    passed[b] += 1
                    b = (b + 1) % count
        require(not places, self.name, len(places), "blocks without a reference")
        require(passed == [p for _, p, _ in raw], self.name, "passed")
        stored = [Cursor(self.data, dues + 8 * i).u64() for i in range(due_count)]
        needed = any(d != NEVER for d in due)
        require(len(stored) in (len(due), *[0] * (not needed)), self.name, "count of dues")
        require(all(s <= d for s, d in zip(stored, due)), self.name, "a due is too late")

    def cell(self, c, code):
        if code == 0:
            return self.values[c.u16()]
        if code == 15:
            return bytes(c.bytes())
        halves = [h for byte in c.take(code) for h in (byte & 15, byte >> 4)]
        if halves[-1] == 15:
            halves.pop()
        require(15 not in halves, self.name, "characters")
        return bytes(CHARACTERS[h] for h in halves)

    def stamps(self, c, count):
        earliest, kind = c.u48(), c.u8()
        if kind == 0:
            return [earliest] * count
        mask = c.take(-(-count // 8))
        has = [bits(mask, 1, i) for i in range(count)]
        later = c.take(-(-sum(has) * (kind - 1) // 8))
        steps = iter(range(sum(has)))
        return [earliest + bits(later, kind - 1, next(steps)) if h else None for h in has]

    def row(self, c):
        """A block of a table: name, (expiry, value) or None if gone, earliest expiry."""
        flags, key = c.u8(), bytes(c.bytes())
        require(flags < 64, self.name, key, "flags")
        if flags & 32:
            return key, None, NEVER
        expiry = c.u64() if flags & 4 else None
        earliest, kind = NEVER if expiry is None else expiry, flags & 3
        if kind == 2:
            return key, (expiry, bytes(c.bytes())), earliest
        if kind == 3:
            return key, (expiry, c.u32()), earliest
        if kind == 0:
            names = self.shapes[c.u16()]
            if flags & 16:
                presence = c.take(-(-len(names) // 8))
                names = [name for i, name in enumerate(names) if bits(presence, 1, i)]
        else:
            names = [bytes(c.bytes()) for _ in range(c.varint())]
        require(names and len(set(names)) == len(names), self.name, key, "names")
        times = self.stamps(c, len(names)) if flags & 8 else [None] * len(names)
        codes = c.take(-(-len(names) // 2))
        fields = {name: [self.cell(c, bits(codes, 4, i)), times[i]] for i, name in enumerate(names)}
        return key, (expiry, fields), min([earliest] + [t for t in times if t is not None])

    def field(self, c):
        """A block of a big: name, [value, expiry] or None if gone, expiry."""
        name, code = bytes(c.bytes()), c.u8()
        if code == 0x40:
            return name, None, NEVER
        require(code & 0x70 == 0, self.name, name, "code")
        expiry = c.u48() if code & 128 else None
        return name, [self.cell(c, code & 15), expiry], NEVER if expiry is None else expiry


class RowFile(Sealed):
    """One `rows-` file: `tables` by database."""

    def __init__(self, store, shard, number):
        super().__init__(store, "rows-%012d" % number, shard, number)
        self.shapes, self.values = store.shapes, store.values
        c, self.tables = self.directory, {}
        for _ in range(c.u32()):
            db, keys, expiring = c.u32(), c.u64(), c.u64()
            require(all(db > other for other in self.tables), self.name, "order of databases")
            section, bigs = self.section(c), {}
            for _ in range(c.u32()):
                number, hashed, fields = c.u32(), c.u64(), c.u64()
                require(number not in bigs, self.name, "a big twice")
                bigs[number] = (hashed, fields, self.section(c))
            self.tables[db] = (keys, expiring, section, bigs)
        require(not any(self.data[c.at:self.sums]), self.name, "zeros behind the directory")

    def section(self, c):
        complete = c.u32()
        require(complete in (0, 1), self.name, "complete")
        return (complete,) + tuple(c.u64() for _ in range(7))
