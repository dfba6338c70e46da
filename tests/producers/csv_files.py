"""Tables by chance as CSV of pandas, pyarrow, DuckDB and Spark, each in its own dialect; some are
damaged: cut, a quote dropped, a byte changed. What is loaded must be what a strict reader finds in
the same bytes, or the load ends with an error that names the row: never fewer rows in silence."""

import glob
import os
import random
import re
import subprocess
import sys

import duckdb
import pandas
import pyarrow
import pyarrow.csv
import redis
from pyspark.sql import SparkSession
from pyspark.sql import types as sql

SEED = int(os.environ.get("FIELDSTONE_CSV_SEED", random.randrange(2**32)))
TABLES = int(os.environ.get("FIELDSTONE_CSV_TABLES", 2))
"""Of each writer and way to write."""
DAMAGED = 12
"""Times that a file is damaged."""
NAMES = ["id", "n", "x", "city", "note, \"odd\""]
VIEW = """
[view.v]
entity = "e"
key = "e:{id}"
feature.n = { type = "int64" }
feature.x = { type = "float64" }
feature.city = { type = "string" }
feature.note = { type = "string", column = 'note, "odd"' }
"""
PIECES = ["a", "Z", " ", ",", '"', '""', "\n", "\\", "'", ";", "\t", "\u00e9", "\u65e5", "NULL"]
PIECES += ["nan", "0", "1.5", "#", "\\n"]
draw = random.Random(SEED)
port, program = int(sys.argv[1]), sys.argv[2]
store = redis.Redis(port=port)
counts = {"files": 0, "damaged": 0, "refused": 0, "rows": 0}


def text():
    if draw.random() < 0.15:
        return None
    return "".join(draw.choice(PIECES) for _ in range(draw.randrange(5)))


def table():
    def maybe(value):
        return None if draw.random() < 0.15 else value

    rows = draw.choice([1, 3, 8, 40])
    ids = draw.sample(range(-5, 1000), rows)
    numbers = [maybe(draw.randrange(-(2**63), 2**63)) for _ in ids]
    shares = [maybe(draw.choice([0.5, -1e-9, 1e300, 3.0, draw.random()])) for _ in ids]
    return list(zip(ids, numbers, shares, [text() for _ in ids], [text() for _ in ids]))


def columns(rows):
    return dict(zip(NAMES, zip(*rows)))


# Writers: bytes of a file, and what it cannot say.


def by_pandas(rows, **options):
    # Not by way of floats.
    kinds = {"n": "Int64", "x": "Float64"}
    made = {name: pandas.array(list(v), dtype=kinds.get(name)) for name, v in columns(rows).items()}
    frame = pandas.DataFrame(made)
    frame.to_csv("file", index=False, **options)
    return open("file", "rb").read()


def by_pyarrow(rows, **options):
    made = pyarrow.table({name: list(values) for name, values in columns(rows).items()})
    kinds = [pyarrow.int64(), pyarrow.int64(), pyarrow.float64(), pyarrow.string()]
    schema = pyarrow.schema(list(zip(NAMES, kinds + [pyarrow.string()])))
    options = pyarrow.csv.WriteOptions(**options)
    pyarrow.csv.write_csv(made.cast(schema), "file", options)
    return open("file", "rb").read()


def by_duckdb(rows, options=""):
    base = duckdb.connect()
    note = '"note, ""odd""" TEXT'
    base.execute(f"CREATE TABLE t (id BIGINT, n BIGINT, x DOUBLE, city TEXT, {note})")
    base.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", rows)
    base.execute(f"COPY t TO 'file' (FORMAT csv, HEADER {options})")
    return open("file", "rb").read()


def by_spark(rows, **options):
    kinds = [sql.LongType(), sql.LongType(), sql.DoubleType(), sql.StringType(), sql.StringType()]
    schema = sql.StructType([sql.StructField(name, kind) for name, kind in zip(NAMES, kinds)])
    frame = spark.createDataFrame(rows, schema).coalesce(1)
    # It would take blanks at the ends away.
    keep = {"ignoreLeadingWhiteSpace": False, "ignoreTrailingWhiteSpace": False}
    writer = frame.write.mode("overwrite").options(header=True, **keep, **options)
    writer.csv(os.path.abspath("folder"))
    (part,) = glob.glob("folder/part-*")
    return open(part, "rb").read()


spark = (
    SparkSession.builder.master("local[1]")
    .config("spark.ui.enabled", "false")
    .config("spark.ui.showConsoleProgress", "false")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.memory", "768m")
    .config("spark.log.level", "ERROR")
    .getOrCreate()
)

TAB, ESCAPED, LOSES = {"delimiter": "\t"}, {"escape": "\\"}, {"empty_is_null": True}
ALL_QUOTED = ESCAPED | {"quoted_null": True}
# What it is, what writes it, how it is read, what it is packed by.
WRITERS = [
    ("pandas", lambda rows: by_pandas(rows), LOSES, None),
    ("pandas, all quoted", lambda rows: by_pandas(rows, quoting=1), {"quoted_null": True}, None),
    ("pandas, ;", lambda rows: by_pandas(rows, sep=";"), {"delimiter": ";"} | LOSES, None),
    ("pandas, gzip", lambda rows: by_pandas(rows, compression="gzip"), LOSES, "gzip"),
    ("pyarrow", lambda rows: by_pyarrow(rows), {}, None),
    ("pyarrow, tabs", lambda rows: by_pyarrow(rows, delimiter="\t"), TAB, None),
    ("DuckDB", lambda rows: by_duckdb(rows), {}, None),
    ("DuckDB, tabs", lambda rows: by_duckdb(rows, ", DELIM '\t'"), TAB, None),
    ("DuckDB, quoted", lambda rows: by_duckdb(rows, ", FORCE_QUOTE *"), {}, None),
    ("DuckDB, gzip", lambda rows: by_duckdb(rows, ", COMPRESSION gzip"), {}, "gzip"),
    ("DuckDB, zstd", lambda rows: by_duckdb(rows, ", COMPRESSION zstd"), {}, "zstd"),
    ("Spark", lambda rows: by_spark(rows), ESCAPED, None),
    ("Spark, all quoted", lambda rows: by_spark(rows, quoteAll=True), ALL_QUOTED, None),
    ("Spark, RFC", lambda rows: by_spark(rows, escape='"'), {}, None),
    ("Spark, gzip", lambda rows: by_spark(rows, compression="gzip"), ESCAPED, "gzip"),
]


class Refused(Exception):
    pass


def strict(data, delimiter=",", escape=None):
    """Records of (text, quoted); nothing that no writer would write."""
    try:
        data = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("not UTF-8")
    inside = r'[^"\\]|\\.' if escape else r'[^"]|""'
    quoted = re.compile(f'"((?:{inside})*)"', re.DOTALL)
    plain = re.compile(f"[^{delimiter}\"\r\n]*")
    line = re.compile("\r\n|\n|\r")
    records, at = [], 0
    while at < len(data):
        empty = line.match(data, at)
        if empty:
            at = empty.end()
            continue
        record = []
        while True:
            is_quoted = data.startswith('"', at)
            found = (quoted if is_quoted else plain).match(data, at)
            if not found:
                raise Refused("an open quote")
            if is_quoted and escape:
                field = re.sub(r'\\(["\\])', r"\1", found.group(1))
            elif is_quoted:
                field = found.group(1).replace('""', '"')
            else:
                field = found.group()
            record.append((field, is_quoted))
            at = found.end()
            if not data.startswith(delimiter, at):
                break
            at += 1
        end = line.match(data, at)
        if not end and at < len(data):
            raise Refused("text behind a field")
        at = end.end() if end else at
        records.append(record)
    return records


def unpacked(data):
    if not data.startswith(b"\x28\xb5\x2f\xfd"):
        return data
    try:
        return pyarrow.CompressedInputStream(pyarrow.BufferReader(data), "zstd").read()
    except OSError:
        raise Refused("no zstd")


def expected(data, delimiter=",", escape=None, quoted_null=False, empty_is_null=False):
    """What a server has of it: rows, and hashes by key."""
    records = strict(data, delimiter, escape)
    if not records:
        raise Refused("no header")
    header = [name for name, _ in records[0]]
    if any(header.count(name) != 1 for name in NAMES):
        raise Refused("another header")
    hashes = {}
    for record in records[1:]:
        if len(record) != len(header):
            raise Refused("another number of fields")
        if any("\0" in field for field, _ in record):
            raise Refused("NUL")
        row = dict(zip(header, record))

        def value(name):
            field, is_quoted = row[name]
            return None if field == "" and (quoted_null or not is_quoted) else field

        found = {}
        if value("n") is not None:
            if not re.fullmatch("[+-]?[0-9]+", value("n")) or abs(int(value("n"))) > 2**63:
                raise Refused("no integer")
            found[b"n"] = b"%d" % int(value("n"))
        if value("x") is not None:
            number = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(inf|infinity|nan)"
            if not re.fullmatch(number, value("x"), re.IGNORECASE | re.ASCII):
                raise Refused("no number")
            found[b"x"] = float(value("x"))
        for feature, name in [(b"city", NAMES[3]), (b"note", NAMES[4])]:
            if value(name) is not None:
                found[feature] = value(name).encode()
        if value("id") is None or re.fullmatch("-?[0-9]+[.]0+", value("id")):
            raise Refused("no key")
        hashes["e:" + value("id")] = found
    return len(records) - 1, {key: found for key, found in hashes.items() if found}


def load(data, view, options, command=("--to", f"127.0.0.1:{port}")):
    open("data", "wb").write(data)
    arguments = [program, "load", "v", "data", "--views", view, *command]
    arguments += ["--delimiter", options["delimiter"]] if "delimiter" in options else []
    arguments += ["--escape", options["escape"]] if "escape" in options else []
    arguments += ["--quoted-null"] if "quoted_null" in options else []
    store.flushall()
    return subprocess.run(arguments, capture_output=True, timeout=60)


def stored():
    found = {}
    for key in store.scan_iter(count=1000):
        fields = store.hgetall(key)
        if b"x" in fields:
            fields[b"x"] = float(fields[b"x"])
        found[key.decode()] = fields
    return found


def same(one, other):
    # A number that is none is not itself.
    return repr(sorted(one.items(), key=str)) == repr(sorted(other.items(), key=str))


def ordered(hashes):
    return {key: dict(sorted(fields.items())) for key, fields in hashes.items()}


# Of the header, and of what is no text, there is no row.
SAYS_WHERE = "row [0-9]+|the header|no header|no column|two columns|of 0 rows|this is|gzip|zstd"


def compare(what, data, options, want=None):
    """Load it; `want`: what it must be, where it may be nothing else."""
    try:
        rows, hashes = want or expected(unpacked(data), **options)
        refused = None
    except Refused as reason:
        refused = reason
    got = load(data, "view.toml", options)
    said = got.stderr.decode()
    if got.returncode != 0:
        assert got.returncode == 2 and re.search(SAYS_WHERE, said), (what, got.returncode, said)
        assert stored() == {}, (what, said)
        counts["refused"] += 1
        return False
    assert refused is None, f"{what}: it was loaded, and a strict reader finds {refused}: {data!r}"
    assert f'"rows":{rows},' in got.stdout.decode(), (what, rows, got.stdout, data)
    found = ordered(stored())
    assert same(found, ordered(hashes)), f"{what}\n{found}\n{ordered(hashes)}\n{data!r}"
    counts["rows"] += rows
    return True


def damage(data):
    kind = draw.choice(["cut", "quote", "byte", "letter"])
    at = draw.randrange(len(data))
    if kind == "cut":
        return data[:at]
    quotes = [i for i, byte in enumerate(data) if byte == ord('"')]
    if kind == "quote" and quotes:
        at = draw.choice(quotes)
        return data[:at] + data[at + 1 :]
    letters = [i for i, byte in enumerate(data) if chr(byte).isascii() and chr(byte).isalnum()]
    if kind == "letter" and letters:
        # Often it is another value that fits as well.
        at = draw.choice(letters)
        return data[:at] + bytes([draw.choice(b"0123456789aeZ")]) + data[at + 1 :]
    byte = draw.choice([draw.randrange(256), *b'",\n\r\\;\t 0'])
    return data[:at] + bytes([byte]) + data[at + 1 :]


def infer(what, data, options):
    """The view that is inferred from a file takes all of its rows."""
    arguments = [program, "view", "infer", "data", "--key", "e:{id}", "--name", "v"]
    arguments += ["--delimiter", options["delimiter"]] if "delimiter" in options else []
    arguments += ["--escape", options["escape"]] if "escape" in options else []
    arguments += ["--quoted-null"] if "quoted_null" in options else []
    text = subprocess.run(arguments, capture_output=True, timeout=60, check=True).stdout
    open("inferred.toml", "wb").write(text)
    got = load(data, "inferred.toml", options, ["--dry-run", "--allow-empty"])
    assert got.returncode == 0 and b'"rejects":0,' in got.stdout, (what, got, text, data)


os.makedirs("csv", exist_ok=True)
os.chdir("csv")
open("view.toml", "w").write(VIEW)
print(f"FIELDSTONE_CSV_SEED={SEED}")
for what, write, options, packed in WRITERS:
    for _ in range(TABLES):
        rows = table()
        data = write(rows)
        # What was written is in the file, as the strict reader finds it and as it is loaded.
        hashes = {}
        for id, n, x, city, note in rows:
            texts = [(b"city", city), (b"note", note)]
            loses = "empty_is_null" in options or "quoted_null" in options
            found = {} if n is None else {b"n": b"%d" % n}
            found |= {} if x is None else {b"x": x}
            found |= {k: t.encode() for k, t in texts if t is not None and not (loses and t == "")}
            hashes[f"e:{id}"] = found
        whole = len(rows), {key: found for key, found in hashes.items() if found}
        if not packed:
            found = expected(data, **options)
            assert found[0] == whole[0] and same(ordered(found[1]), ordered(whole[1])), (what, data)
        if whole[1]:
            assert compare(what, data, options, whole), (what, rows, data)
            infer(what, data, options)
        counts["files"] += 1
        for _ in range(DAMAGED):
            torn = damage(data)
            # gzip has a checksum, so that it is whole or refused; DuckDB's zstd has none.
            compare(f"{what}, damaged", torn, options, whole if packed == "gzip" else None)
            counts["damaged"] += 1
spark.stop()
assert counts["damaged"] / 2 < counts["refused"] < counts["damaged"] * 0.95, counts
print(f"ok {counts}")
