"""Files of fastparquet, the other engine of pandas: flat columns only, UTF-8 marked the old way."""

import math
import warnings

import fastparquet
import pandas
import pyarrow as pa

from store import Store
from table import Table

COLUMNS = ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "whole", "f32", "f64"]
COLUMNS += ["f32_wide", "text"]
COLUMNS += ["category", "raw", "flag", "ts_ms", "ts_us", "ts_ns", "ts_utc", "vector_bytes"]
INTEGERS = {
    pa.int8(): pandas.Int8Dtype(),
    pa.int16(): pandas.Int16Dtype(),
    pa.int32(): pandas.Int32Dtype(),
    pa.int64(): pandas.Int64Dtype(),
    pa.uint8(): pandas.UInt8Dtype(),
    pa.uint16(): pandas.UInt16Dtype(),
    pa.uint32(): pandas.UInt32Dtype(),
    pa.uint64(): pandas.UInt64Dtype(),
    pa.bool_(): pandas.BooleanDtype(),
}
ENCODINGS = {"raw": "bytes", "vector_bytes": "bytes", "text": "utf8", "user_id": "utf8"}

warnings.simplefilter("ignore")
store = Store(COLUMNS)
seed = 0


def is_null(value):
    return value is None or (isinstance(value, float) and math.isnan(value))


def frame_of(data):
    frame = data.to_pandas(types_mapper=INTEGERS.get)
    texts = frame.columns[frame.dtypes == "str"]
    return frame.astype({name: object for name in texts})


def write(what, **options):
    global seed
    seed += 1
    made = Table(COLUMNS, seed)
    fastparquet.write("people.parquet", frame_of(made.arrow()), write_index=False, **options)
    store.load(f"fastparquet {what}", "people.parquet", made, is_null=is_null)


for compression in ["UNCOMPRESSED", "SNAPPY", "ZSTD"]:
    write(compression, compression=compression, row_group_offsets=700, object_encoding=ENCODINGS)

store.end(f"fastparquet {fastparquet.__version__}")
