"""Files of polars: whole frames, streams, and partitions."""

import polars

from store import Store, partitions
from table import ALL, PARTITIONS, Table

# It writes a UUID as bytes.
COLUMNS = [name for name in ALL if name != "uuid"]

store = Store(COLUMNS)
seed = 0


def write(what, save):
    global seed
    seed += 1
    made = Table(COLUMNS, seed)
    save(polars.from_arrow(made.arrow()), "people.parquet")
    store.load(f"polars {what}", "people.parquet", made)


for compression in ["uncompressed", "snappy", "gzip", "zstd", "lz4", "brotli"]:
    write(
        compression,
        lambda frame, path: frame.write_parquet(path, compression=compression, row_group_size=700),
    )
write("small pages", lambda frame, path: frame.write_parquet(path, data_page_size=2048))
write("stream", lambda frame, path: frame.lazy().sink_parquet(path, row_group_size=900))
write("by pyarrow", lambda frame, path: frame.write_parquet(path, use_pyarrow=True))


def parts(data, folder):
    polars.from_arrow(data).write_parquet(folder, partition_by=PARTITIONS, mkdir=True)


partitions("polars", parts)
store.end(f"polars {polars.__version__}")
