"""One logical table for all producers, and what a server must answer when it was loaded.

A column has a type of Arrow, which says what a producer is asked to write, and the type that the
view declares. Values are drawn anew for each seed, so that no load can pass for another. Nothing
here looks at how the loader works: what is expected comes from README's table of types.
"""

import copy
import datetime
import decimal
import json
import math
import random
import struct
import uuid

import pyarrow as pa

USERS = 2500
"""More than DuckDB's smallest row group."""
OLDER = 20
"""Rows of the same users again, older ones: they must lose."""
EMBEDDING = 8

EPOCH = datetime.date(1970, 1, 1).toordinal()
# Years 1 to 9999, and what 64 bits of nanoseconds can say.
DAYS = (1 - EPOCH, datetime.date(9999, 12, 31).toordinal() - EPOCH)
DAY = 86_400_000_000
NANOS = 2**63 - 1
COMPUTED_AT = 1_795_000_000_000_000


class Column:
    def __init__(self, kind, declared, draw, expect, name=None, nulls=True):
        self.kind = kind
        self.declared = declared
        self.draw = draw
        self.expect = expect
        # In the file, if not the feature's.
        self.column = name
        self.nulls = nulls


# What is expected: a function of the value and of the stored bytes.


def same(convert):
    return lambda value, stored: stored == convert(value)


def text_of_float(value, text, bits):
    """Reads back as the same number, and no shorter text does."""
    if math.isnan(value):
        return text == "NaN"
    if bits == 32:
        import numpy

        single = numpy.float32(value)
        again, shortest = numpy.float32(text), str(single)
        equal = again.tobytes() == single.tobytes()
    else:
        again, shortest = float(text), repr(value)
        equal = struct.pack("<d", again) == struct.pack("<d", value)
    if math.isinf(value):
        return equal and text == ("inf" if value > 0 else "-inf")
    # The same digits, whether `1e16` or `1e+16`, `5` or `5.0`; where two texts of as many digits are
    # as far from the number, either.
    exact, text, shortest = (decimal.Decimal(one) for one in (float(value), text, shortest))
    with decimal.localcontext() as context:
        context.prec = 2000
        as_far = abs(text - exact) == abs(shortest - exact)
    digits = [len(one.normalize().as_tuple().digits) for one in (text, shortest)]
    return equal and (text == shortest or (as_far and digits[0] == digits[1]))


def floating(bits=64):
    return lambda value, stored: text_of_float(value, stored.decode(), bits)


def packed(letter):
    return lambda values, stored: stored == struct.pack(f"<{len(values)}{letter}", *values)


def is_json_of_floats(bits):
    def check(values, stored):
        texts = json.loads(stored, parse_float=str, parse_int=str)
        pairs = zip(values, texts)
        return len(values) == len(texts) and all(text_of_float(v, t, bits) for v, t in pairs)

    return check


def compact_json(values):
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()


def decimal_text(scale):
    return lambda value: f"{value:.{scale}f}".encode()


def whole_text(number):
    return b"%d" % int(number)


def date_text(days):
    return datetime.date.fromordinal(days + EPOCH).isoformat().encode()


# What is drawn.


def one_of(special, otherwise, part=0.3):
    return lambda rng: rng.choice(special) if rng.random() < part else otherwise(rng)


def integers(low, high):
    special = [v for v in (low, low + 1, -1, 0, 1, 2**53 + 1, high - 1, high) if low <= v <= high]
    return one_of(special, lambda rng: rng.randint(low, high) >> rng.randint(0, 40))


def double(rng):
    kind = rng.randrange(4)
    if kind == 0:
        return round(rng.uniform(-1000, 1000), 2)
    if kind == 1:
        return rng.random() / 3
    # Any bits: subnormals, 17 digits, all exponents. Producers know only one NaN.
    value = struct.unpack("<d", rng.randbytes(8))[0]
    return math.nan if math.isnan(value) else value


def finite(draw):
    def again(rng):
        while not math.isfinite(value := draw(rng)):
            pass
        return value

    return again


DOUBLES = one_of(
    [0.0, -0.0, 1.0, -1.0, 0.1, 0.1 + 0.2, 1 / 3, 1e15, 1e16, 1e17, 123456789012345680.0, 1e-4]
    + [1e-5, 1e-7, 5e-324, 2.225073858507201e-308, 2.2250738585072014e-308, 1.7976931348623157e308]
    + [9007199254740993.0, 1e22, 1e23, 4.35, math.inf, -math.inf, math.nan],
    double,
)


def single(rng):
    if rng.random() < 0.5:
        return struct.unpack("<f", rng.randbytes(4))[0]
    return struct.unpack("<f", struct.pack("<f", double_in_range(rng)))[0]


def double_in_range(rng):
    return rng.choice([0.1, 1e7, 1e12, 16777217.0, 3.4028234663852886e38, 1e-45, -0.0, 2.5])


def half(rng):
    return struct.unpack("<e", rng.randbytes(2))[0]


TEXTS = ["", " ", "0", "null", "NaN", 'a"b\\c', "line\nbreak\r\n", "\t", "a\0b", "\x7f", "'"]
TEXTS += ["\ufeff", "Z\u00fcrich", "e\u0301", "\u65e5\u672c\u8a9e", "\u05e2\u05d1"]
TEXTS += ["\U0001f600\U0001f469\u200d\U0001f469\u200d\U0001f467", "\U0010ffff", "\u00df" * 300]


def letters(rng):
    return "".join(rng.choice("abc \u00e9\u65e5") for _ in range(rng.randrange(40)))


def text(rng):
    # A row of a batch takes 48 KiB at most.
    return rng.choice("xyz") * 30_000 if rng.random() < 0.01 else letters(rng)


def raw(rng):
    return rng.randbytes(rng.choice([0, 1, 7, 16, 300]))


def at_scale(digits, scale):
    limit = 10**digits - 1

    def draw(rng):
        number = rng.choice([0, 1, -1, limit, -limit, rng.randint(-limit, limit), 120])
        return decimal.Decimal(number).scaleb(-scale, context=decimal.Context(prec=60))

    return draw


def micros(rng):
    special = [0, -1, 1, -999, 999, -1000, 1000, DAYS[0] * DAY, DAYS[1] * DAY + DAY - 1]
    if rng.random() < 0.3:
        return rng.choice(special)
    return rng.randint(1_000_000_000, 2_000_000_000) * 1_000_000 + rng.randrange(1_000_000)


def nanos(rng):
    special = [0, -1, 999_999, 1_000_000, -1_000_000, -1_000_001, NANOS, -NANOS]
    return rng.choice(special) if rng.random() < 0.3 else rng.randint(0, 2 * 10**18)


def days(rng):
    return rng.choice([0, -1, 19_000, *DAYS, 11_016, rng.randint(*DAYS)])


def many(draw, lengths=(0, 1, 2, 3, 17)):
    return lambda rng: [draw(rng) for _ in range(rng.choice(lengths))]


def timestamp(unit, zone=None):
    per = {"ms": 1, "us": 1000, "ns": 1_000_000}[unit]
    draw = {"ms": lambda rng: micros(rng) // 1000, "us": micros, "ns": nanos}[unit]
    millis = same(lambda value: b"%d" % (value // per))
    return Column(pa.timestamp(unit, zone), '"timestamp"', draw, millis)


def integer(kind, low, high, declared='"int64"', name=None):
    return Column(kind, declared, integers(low, high), same(lambda v: b"%d" % v), name)


def embedding(kind, declared, draw, expect):
    return Column(kind, f'"embedding", dim = {EMBEDDING}{declared}', draw, expect)


vectors = many(finite(single), (EMBEDDING,))
ODD_NAME = "an.odd name (\u00e9)"
digits = same(lambda v: b"%d" % v)

COLUMNS = {
    "i8": integer(pa.int8(), -(2**7), 2**7 - 1),
    "i16": integer(pa.int16(), -(2**15), 2**15 - 1),
    "i32": integer(pa.int32(), -(2**31), 2**31 - 1, '"int64", default = 7'),
    "i64": integer(pa.int64(), -(2**63), 2**63 - 1),
    "u8": integer(pa.uint8(), 0, 2**8 - 1),
    "u16": integer(pa.uint16(), 0, 2**16 - 1),
    "u32": integer(pa.uint32(), 0, 2**32 - 1),
    "u64": integer(pa.uint64(), 0, 2**64 - 1, '"string"'),
    "odd_name": integer(pa.int64(), -9, 9, f'"int64", column = "{ODD_NAME}"', ODD_NAME),
    # What integers with nulls become in a data frame of old.
    "whole": Column(
        pa.float64(), '"int64"', lambda rng: float(rng.randint(-(2**53), 2**53)), same(whole_text)
    ),
    "f16": Column(pa.float16(), '"float64"', half, floating()),
    "f32": Column(pa.float32(), '"float32"', single, floating(32)),
    "f32_wide": Column(pa.float32(), '"float64"', single, floating()),
    "f64": Column(pa.float64(), '"float64"', DOUBLES, floating()),
    "text": Column(pa.string(), '"string"', one_of(TEXTS, text), same(str.encode)),
    "category": Column(
        pa.dictionary(pa.int32(), pa.string()),
        '"string"',
        lambda rng: rng.choice(["gold", "silver", "", "\u00dcnique"]),
        same(str.encode),
    ),
    "raw": Column(pa.binary(), '"bytes"', raw, same(bytes)),
    "fixed": Column(pa.binary(16), '"bytes"', lambda rng: rng.randbytes(16), same(bytes)),
    "flag": Column(
        pa.bool_(), '"bool"', lambda rng: rng.random() < 0.5, same(lambda v: b"01"[v : v + 1])
    ),
    "ts_ms": timestamp("ms"),
    "ts_us": timestamp("us"),
    "ts_ns": timestamp("ns"),
    "ts_utc": timestamp("us", "UTC"),
    "ts_paris": timestamp("us", "Europe/Paris"),
    "day": Column(pa.date32(), '"string"', days, same(date_text)),
    "midnight": Column(
        pa.date32(), '"timestamp"', days, same(lambda v: b"%d" % (v * 86_400_000))
    ),
    "dec9": Column(pa.decimal128(9, 2), '"string"', at_scale(9, 2), same(decimal_text(2))),
    "dec18": Column(
        pa.decimal128(18, 4), '"float64"', at_scale(18, 4),
        lambda value, stored: text_of_float(float(value), stored.decode(), 64),
    ),
    "dec38": Column(pa.decimal128(38, 10), '"string"', at_scale(38, 10), same(decimal_text(10))),
    "dec_whole": Column(pa.decimal128(20, 0), '"int64"', at_scale(18, 0), digits),
    "uuid": Column(
        pa.uuid(), '"string"', lambda rng: rng.randbytes(16),
        same(lambda v: str(uuid.UUID(bytes=v)).encode()),
    ),
    "tags": Column(
        pa.list_(pa.string()), '"list<string>"', many(one_of(TEXTS, letters)), same(compact_json)
    ),
    "ints": Column(
        pa.list_(pa.int64()), '"list<int64>", encoding = "packed"',
        many(integers(-(2**63), 2**63 - 1)), packed("q"),
    ),
    "small_ints": Column(
        pa.list_(pa.int32()), '"list<int64>"', many(integers(-(2**31), 2**31 - 1)),
        same(compact_json),
    ),
    "floats": Column(
        pa.list_(pa.float64()), '"list<float64>", encoding = "packed"', many(DOUBLES), packed("d")
    ),
    "ratios": Column(
        pa.list_(pa.float64()), '"list<float64>"', many(finite(DOUBLES)), is_json_of_floats(64)
    ),
    "switches": Column(
        pa.list_(pa.bool_()), '"list<bool>", encoding = "packed"',
        many(lambda rng: rng.random() < 0.5), same(bytes),
    ),
    "times": Column(
        pa.list_(pa.timestamp("us")), '"list<timestamp>", encoding = "packed"', many(micros),
        lambda values, stored: packed("q")([v // 1000 for v in values], stored),
    ),
    "vector": embedding(pa.list_(pa.float32()), "", vectors, packed("f")),
    "vector_fixed": embedding(pa.list_(pa.float32(), EMBEDDING), "", vectors, packed("f")),
    "vector_wide": embedding(pa.list_(pa.float64()), "", vectors, packed("f")),
    "vector_json": embedding(
        pa.list_(pa.float32()), ', encoding = "json"', vectors, is_json_of_floats(32)
    ),
    "vector_bytes": embedding(
        pa.binary(), "", lambda rng: rng.randbytes(4 * EMBEDDING), same(bytes)
    ),
    "nothing": Column(pa.null(), '"string"', lambda rng: None, None),
}

DEFAULTS = {"i32": b"7"}
ALL = list(COLUMNS)

# For who cannot write the former with nulls.
COLUMNS["vector_full"] = copy.copy(COLUMNS["vector_fixed"])
COLUMNS["vector_full"].nulls = False

# Columns that are in the names of folders only. All kinds of escapes are needed.
REGIONS = ["eu", "S\u00e3o Paulo", "a/b", "50%", "x=y", "a:b", "\u65e5\u672c", "q?*'\"", "t.", " s"]
COLUMNS |= {
    "ds": Column(
        pa.string(), '"string"', lambda rng: f"2026-11-2{rng.randrange(2)}", same(str.encode)
    ),
    "region": Column(pa.string(), '"string"', lambda rng: rng.choice(REGIONS), same(str.encode)),
    "hour": Column(pa.int32(), '"int64"', lambda rng: rng.randrange(2), digits),
}
PARTITIONS = ["ds", "region", "hour"]


def view(name, columns):
    """The text of views.toml for these columns."""
    lines = [f"[view.{name}]", 'entity = "user"', f'key = "{{tenant}}:{name}:{{user_id}}"']
    lines += ['event_time = "computed_at"', f"[view.{name}.feature]"]
    lines += [f"{name} = {{ type = {COLUMNS[name].declared} }}" for name in columns]
    return "\n".join(lines) + "\n"


def is_none(value):
    return value is None


class Table:
    """The rows of a seed: `columns` by name, each a list of values, with None for a null."""

    def __init__(self, columns, seed):
        rng = random.Random(seed)
        first = seed * 100
        users = [name_of(n) for n in range(first, first + USERS)]
        older = rng.sample(users[1:], OLDER)
        rows = [(user, COMPUTED_AT + n) for n, user in enumerate(users)]
        rows += [(user, COMPUTED_AT - 1 - n) for n, user in enumerate(older)]
        rng.shuffle(rows)
        self.names = list(columns)
        self.users = [user for user, _ in rows]
        self.times = [time for _, time in rows]
        self.values = {}

        def is_unknown(user):
            # Of one user nothing at all is known.
            return user == users[0] or rng.random() < 0.1

        for name in columns:
            column = COLUMNS[name]
            self.values[name] = [
                None if column.nulls and is_unknown(user) else column.draw(rng) for user, _ in rows
            ]

    def rows(self):
        return len(self.users)

    def arrow(self):
        """The table as Arrow has it; the key and the time are never null."""
        fields = [pa.field("user_id", pa.string(), False)]
        fields += [pa.field("computed_at", pa.timestamp("us", "UTC"), False)]
        arrays = [pa.array(self.users), pa.array(self.times, pa.timestamp("us", "UTC"))]
        for name in self.names:
            kind, values = COLUMNS[name].kind, self.values[name]
            fields.append(pa.field(COLUMNS[name].column or name, kind))
            arrays.append(array(values, kind))
        return pa.Table.from_arrays(arrays, schema=pa.schema(fields))

    def where(self, **values):
        """Only the rows with these values."""
        rows = [
            row
            for row in range(self.rows())
            if all(self.values[name][row] == value for name, value in values.items())
        ]
        part = copy.copy(self)
        part.users, part.times = ([of[row] for row in rows] for of in (self.users, self.times))
        part.values = {name: [of[row] for row in rows] for name, of in self.values.items()}
        return part

    def counts(self, is_null):
        """Of all rows that have a feature, also of the older ones: what a report counts."""
        features = defaults = nulls = 0
        for row in range(self.rows()):
            absent = [name for name in self.names if is_null(self.values[name][row])]
            stand_in = sum(name in DEFAULTS for name in absent)
            if stand_in or len(absent) < len(self.names):
                features += len(self.names) - len(absent)
                defaults += stand_in
                nulls += len(absent) - stand_in
        return {"features": features, "defaults": defaults, "nulls": nulls}

    def expected(self, is_null):
        """Of each user: the features that must be there, as values and their checks."""
        newest = {}
        for row, (user, time) in enumerate(zip(self.users, self.times)):
            if user not in newest or self.times[newest[user]] < time:
                newest[user] = row
        people = {}
        for user, row in newest.items():
            people[user] = features = {}
            for name in self.names:
                value = self.values[name][row]
                if not is_null(value):
                    features[name] = (value, COLUMNS[name].expect)
                elif name in DEFAULTS:
                    features[name] = (DEFAULTS[name], same(bytes))
        return people


def name_of(number):
    return f"{number:06}" if number % 10 else f"\u00fc {number:06}"


def array(values, kind):
    if pa.types.is_dictionary(kind):
        return pa.array(values, pa.string()).dictionary_encode()
    if isinstance(kind, pa.UuidType):
        return pa.ExtensionArray.from_storage(kind, pa.array(values, pa.binary(16)))
    return pa.array(values, kind)
