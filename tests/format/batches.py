"""Batch files and what publishing one means, by the section Batches of storage-format.md."""
from parts import Cursor, require
from rapidhash import rapidhash
from rows import Sealed

ONE = object()


class BatchFile(Sealed):
    """One `batch-` file: `rows` is a list, by shard, of {key: {field: [value, expiry]}}."""

    def __init__(self, store, number):
        super().__init__(store, "batch-%012d" % number, 2**32 - 1, number)
        require(self.lsn == 0, self.name, "LSN")
        c = self.directory
        text = lambda: c.take(c.u32())
        self.view, self.scope = text(), Scope(text())
        self.db, mode = c.u32(), c.u32()
        require(mode in (0, 1), self.name, "mode")
        self.replaces = mode == 1
        self.features = [text() for _ in range(c.u32())]
        require(len(set(self.features)) == len(self.features), self.name, "a feature twice")
        catalog = Cursor(text())
        self.shapes = [[catalog.bytes() for _ in range(catalog.varint())]
                       for _ in range(catalog.varint())]
        self.values = [catalog.bytes() for _ in range(catalog.varint())]
        require(catalog.end(), self.name, "more than a catalog")
        shards = c.u32()
        require(shards == 1 << store.shift, self.name, "shards")
        sections = [(1,) + tuple(c.u64() for _ in range(7)) for _ in range(shards)]
        require(not any(self.data[c.at:self.sums]), self.name, "zeros behind the directory")
        self.rows = []
        for self.shard, section in enumerate(sections):
            self.rows.append(self.entries(section, self.row, store.shift))
            for key, row in self.rows[-1].items():
                require(row is not None and row[0] is None, self.name, key, "gone, or expires")
                require(isinstance(row[1], dict), self.name, key, "is no hash")
                require(set(row[1]) <= set(self.features), self.name, key, "another's feature")
                require(self.scope.has(key), self.name, key, "is not in the scope")
        self.rows = [{key: row[1] for key, row in rows.items()} for rows in self.rows]

    def publish(self, table, time, of_shard, has_it):
        """In `table`, to keys of this shard for which `has_it` says that they have it not yet."""
        shard, owns = of_shard
        rows = self.rows[shard]
        names = set(rows)
        if self.replaces:
            names |= {key for key in table if owns(key) and self.scope.has(key)}
        for key in names:
            if not has_it(key):
                self.publish_one(table, key, rows.get(key), time)

    def publish_one(self, table, key, row, time):
        gone = lambda t: t is not None and t <= time
        dead = lambda fields: all(gone(t) for _, t in fields.values())
        expiry, value = table.get(key, [None, {}])
        if expiry is not None and (gone(expiry) or isinstance(value, dict) and dead(value)):
            expiry, value = None, {}
            table.pop(key)
        if not isinstance(value, dict):
            return
        fields = {n: f for n, f in value.items() if not self.replaces or n not in self.features}
        fields.update({name: list(field) for name, field in (row or {}).items()})
        if not fields or (row is None and expiry is not None and dead(fields)):
            table.pop(key, None)
        else:
            table[key] = [expiry, fields]


class Scope:
    """The keys that a template can have made."""

    def __init__(self, text):
        self.parts, at = [b""], 0
        while at < len(text):
            if text[at:at + 2] in (b"{{", b"}}"):
                self.parts[-1] += text[at:at + 1]
                at += 2
            elif text[at:at + 1] == b"{":
                self.parts += [ONE, b""]
                at = text.index(b"}", at) + 1
            else:
                self.parts[-1] += text[at:at + 1]
                at += 1
        self.parts = [part for part in self.parts if part != b""]

    def has(self, key):
        at = 0
        for part, behind in zip(self.parts, self.parts[1:] + [None]):
            if part is not ONE:
                if not key.startswith(part, at):
                    return False
                at += len(part)
                continue
            if behind is None:
                end = len(key)
            elif behind is ONE:
                end = at + 1
            else:
                end = key.find(behind[:1], at)
            if end <= at or end > len(key):
                return False
            at = end
        return at == len(key)


class Batches:
    """The batch files that are needed, each read once."""

    def __init__(self, store):
        self.store, self.files = store, {}

    def __getitem__(self, number):
        if number not in self.files:
            self.files[number] = BatchFile(self.store, number)
        return self.files[number]

    def publish(self, number, lsn, time, dbs, shard_lsns):
        """In the shards that do not have the change of this LSN yet."""
        shift = self.store.shift
        shard_of = lambda key: rapidhash(key, self.store.seed) >> (64 - shift) if shift else 0
        for shard, own in enumerate(shard_lsns):
            if lsn > own:
                batch = self[number]
                table = dbs.setdefault(batch.db, {})
                owns = lambda key: shard_of(key) == shard
                batch.publish(table, time, (shard, owns), lambda key: False)
