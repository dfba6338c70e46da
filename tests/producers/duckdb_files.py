"""Files of DuckDB: COPY ... TO in both versions of the format."""

import glob
import shutil

import duckdb

from store import Store, partitions
from table import ALL, PARTITIONS, Table

# It has no floats of 16 bits, and writes the null of an array as an array with a null: below.
COLUMNS = [name for name in ALL if name not in ("f16", "vector_fixed")] + ["vector_full"]
# Sums of integers are HUGEINT, which Parquet does not have; arrays are of a fixed length.
CASTS = "whole::HUGEINT AS whole, vector_full::FLOAT[8] AS vector_full, uuid::UUID AS uuid"
# Its differences of 32-bit integers in version 2 have 33 bits, which nearly no reader takes.
WIDER = ", i32::BIGINT AS i32, u32::BIGINT AS u32, small_ints::BIGINT[] AS small_ints"

store = Store(COLUMNS)
database = duckdb.connect()
database.execute("SET threads = 1")
seed = 0


def copy(data, path, options, casts=CASTS):
    database.register("people", data)
    casts = f"REPLACE ({casts})" if "uuid" in data.column_names else ""
    database.execute(f"COPY (SELECT * {casts} FROM people) TO '{path}' (FORMAT parquet, {options})")
    database.unregister("people")


def write(what, options, casts=CASTS):
    global seed
    seed += 1
    made = Table(COLUMNS, seed)
    copy(made.arrow(), "people.parquet", options, casts)
    store.load(f"duckdb {what}", "people.parquet", made)


for compression in ["uncompressed", "snappy", "gzip", "zstd", "lz4_raw", "brotli"]:
    write(compression, f"COMPRESSION {compression}, ROW_GROUP_SIZE 2048")
write("version 2", "PARQUET_VERSION v2, ROW_GROUP_SIZE 2048", CASTS + WIDER)
options = "PARQUET_VERSION v2, DICTIONARY_SIZE_LIMIT 1, COMPRESSION zstd"
write("version 2, no dictionaries", options, CASTS + WIDER)
copy(Table(COLUMNS, seed).arrow(), "wide.parquet", options)
store.refuses("wide.parquet", "wide.parquet: row group 0 column i32: Parquet error")
write("no dictionaries", "DICTIONARY_SIZE_LIMIT 1")

made = Table(COLUMNS, seed + 1)
copy(made.arrow(), "folder", "PER_THREAD_OUTPUT true")
assert glob.glob("folder/*.parquet")
store.load("duckdb folder", "folder", made)

database.execute(
    "COPY (SELECT * REPLACE (NULL::FLOAT[8] AS vector_full) FROM 'people.parquet')"
    " TO 'nulls.parquet' (FORMAT parquet)"
)
store.refuses("nulls.parquet", "column vector_full: an item of the list is null")


def parts(data, folder):
    copy(data, folder, f"PARTITION_BY ({', '.join(PARTITIONS)})")


partitions("duckdb", parts)
store.end(f"duckdb {duckdb.__version__}")
