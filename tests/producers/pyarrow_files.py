"""Files of pyarrow: every compression and encoding that it has."""

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as parquet

from store import Store, partitions
from table import ALL, PARTITIONS, Table

store = Store(ALL)
seed = 0


def write(what, convert=lambda data: data, **options):
    global seed
    seed += 1
    made = Table(ALL, seed)
    options = {"row_group_size": 700, **options}
    parquet.write_table(convert(made.arrow()), "people.parquet", **options)
    store.load(f"pyarrow {what}", "people.parquet", made)


for compression in ["none", "snappy", "gzip", "zstd", "lz4", "brotli"]:
    write(compression, compression=compression)
write("without dictionaries", use_dictionary=False, data_page_size=4096)
write("pages of version 2", data_page_version="2.0", write_page_checksum=True)
write("pages of version 2, brotli", data_page_version="2.0", compression="brotli")
write("INT96", use_deprecated_int96_timestamps=True)
write("short decimals", store_decimal_as_integer=True, row_group_size=1)
write("old names of lists", use_compliant_nested_type=False, write_page_index=True)
integers = ["i8", "i16", "i32", "i64", "u8", "ts_us", "ts_ns", "day"]
encodings = dict.fromkeys(integers, "DELTA_BINARY_PACKED")
encodings |= {"f32": "BYTE_STREAM_SPLIT", "f64": "BYTE_STREAM_SPLIT", "fixed": "BYTE_STREAM_SPLIT"}
encodings |= {"text": "DELTA_BYTE_ARRAY", "raw": "DELTA_LENGTH_BYTE_ARRAY", "flag": "RLE"}
write("delta encodings", use_dictionary=False, column_encoding=encodings, version="2.6")


def other_types(data):
    """The same values in Arrow's other types of texts, bytes, lists and dates."""
    for name, kind in {
        "text": pa.string_view(),
        "raw": pa.binary_view(),
        "tags": pa.large_list(pa.large_string()),
        "dec9": pa.decimal256(60, 2),
        "midnight": pa.date64(),
        "vector_wide": pa.list_(pa.float64(), 8),
    }.items():
        at = data.schema.get_field_index(name)
        data = data.set_column(at, name, data.column(name).cast(kind))
    return data


write("other types of Arrow", other_types)


def parts(data, folder):
    scheme = pa.dataset.partitioning(
        pa.schema([(name, data.schema.field(name).type) for name in PARTITIONS]),
        flavor="hive",
    )
    pa.dataset.write_dataset(data, folder, format="parquet", partitioning=scheme)


partitions("pyarrow", parts)
store.end(f"pyarrow {pa.__version__}")
