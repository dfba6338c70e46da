"""Files of pandas: its own types, Arrow's, and those of numpy; written by pyarrow and fastparquet.

pandas writes NaN as null: an entity then has no such feature, and a list with one is refused.
"""

import math

import pandas
import pyarrow as pa

from store import Store, partitions
from table import ALL, PARTITIONS, Table

# Types of pandas that know nulls.
NULLABLE = {
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
COLUMNS = [name for name in ALL if name not in ("uuid", "floats")]

store = Store(COLUMNS)
seed = 0


def is_null(value):
    return value is None or (isinstance(value, float) and math.isnan(value))


def write(what, frame_of, is_null=is_null, **options):
    global seed
    seed += 1
    made = Table(COLUMNS, seed)
    frame_of(made.arrow()).to_parquet("people.parquet", index=False, **options)
    store.load(f"pandas {what}", "people.parquet", made, is_null=is_null)


def own_types(data):
    return data.to_pandas(types_mapper=NULLABLE.get)


def arrow_types(data):
    return data.to_pandas(types_mapper=pandas.ArrowDtype)


for compression in [None, "snappy", "gzip", "zstd", "lz4", "brotli"]:
    write(compression, own_types, compression=compression, row_group_size=700)
write("with an index", lambda data: own_types(data).set_index("i64", drop=False))
write("types of Arrow", arrow_types, is_null=lambda value: value is None)

frame = own_types(Table(COLUMNS, seed).arrow())
frame["ratios"] = [[1.0, math.nan]] * len(frame)
frame.to_parquet("nan.parquet")
store.refuses("nan.parquet", "column ratios: an item of the list is null")


def parts(data, folder):
    own_types(data).to_parquet(folder, index=False, partition_cols=PARTITIONS)


partitions("pandas", parts)
store.end(f"pandas {pandas.__version__}")
