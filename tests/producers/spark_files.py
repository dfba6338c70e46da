"""Files of Spark: folders of parts with its own names, timestamps of three kinds, old layouts."""

import pyspark
from pyspark.sql import SparkSession
from pyspark.sql import functions as sql

from store import Store, partitions
from table import ALL, PARTITIONS, Table

# Spark has neither unsigned integers, nor floats of 16 bits, nor nanoseconds, nor these types.
LACKS = ["u8", "u16", "u32", "u64", "f16", "ts_ns", "category", "uuid", "nothing", "vector_fixed"]
LACKS += ["ts_ms"]
COLUMNS = [name for name in ALL if name not in LACKS]

spark = (
    SparkSession.builder.master("local[1]")
    .config("spark.ui.enabled", "false")
    .config("spark.ui.showConsoleProgress", "false")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.memory", "768m")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.log.level", "ERROR")
    .getOrCreate()
)
store = Store(COLUMNS)
seed = 0


def write(what, parts=1, settings={}, **options):
    global seed
    seed += 1
    made = Table(COLUMNS, seed)
    frame = spark.createDataFrame(made.arrow()).repartition(parts)
    before = {name: spark.conf.get(name) for name in settings}
    for name, value in settings.items():
        spark.conf.set(name, value)
    frame.write.mode("overwrite").options(**options).parquet("people")
    for name, value in before.items():
        spark.conf.set(name, value)
    store.load(f"spark {what}", "people", made)


# Its Brotli needs a library that it does not come with.
for compression in ["none", "snappy", "gzip", "zstd", "lz4", "lz4_raw"]:
    write(compression, parts=2, compression=compression)
KIND = "spark.sql.parquet.outputTimestampType"
write("INT96", settings={KIND: "INT96", "spark.sql.session.timeZone": "Europe/Paris"})
write("milliseconds", settings={KIND: "TIMESTAMP_MILLIS"})
small = {"parquet.enable.dictionary": "false", "parquet.block.size": "65536"}
write("microseconds, no dictionaries", settings={KIND: "TIMESTAMP_MICROS"}, **small)
write("old layout", settings={"spark.sql.parquet.writeLegacyFormat": "true"})
write("version 2", **{"parquet.writer.version": "v2", "parquet.bloom.filter.enabled": "true"})


def parts(data, folder):
    frame = spark.createDataFrame(data)
    frame = frame.withColumn("ds", sql.to_date("ds"))
    frame.write.partitionBy(*PARTITIONS).parquet(folder)


partitions("spark", parts)
store.end(f"spark {pyspark.__version__}")
spark.stop()
