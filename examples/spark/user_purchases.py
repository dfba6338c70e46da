"""Purchase features of every user, as Parquet in a folder of its day: `OUT/ds=2026-11-21/`.

    spark-submit user_purchases.py --orders orders.csv --out exports --ds 2026-11-21

The features are those of the midnight (UTC) with which the day begins, from orders before it: the
same day always gives the same files, and takes the place of what an earlier run wrote for it.
"""

import argparse

from pyspark.sql import SparkSession
from pyspark.sql import functions as sql

CATEGORIES = ["books", "clothes", "food", "garden", "music", "sports", "tools", "toys"]
TOP = 3
ORDERS = "order_id long, user_id string, ordered_at timestamp, category string, amount double"


def features(orders, ds):
    midnight = sql.lit(ds).cast("timestamp")
    age = sql.unix_timestamp(midnight) - sql.unix_timestamp("ordered_at")
    orders = orders.where(age > 0)
    orders = orders.withColumn("in_7d", age <= 7 * 86400).withColumn("in_30d", age <= 30 * 86400)
    users = orders.groupBy("user_id").agg(
        sql.count_if("in_7d").alias("purchase_count_7d"),
        sql.count_if("in_30d").alias("purchase_count_30d"),
        sql.sum(sql.when(sql.col("in_30d"), sql.col("amount"))).alias("amount_30d"),
        sql.mean(sql.when(sql.col("in_30d"), sql.col("amount"))).alias("amount_mean_30d"),
        sql.max("ordered_at").alias("last_order_at"),
        (sql.count("*") > 1).alias("is_returning"),
        sql.sum("amount").alias("spent"),
    )
    by_category = orders.groupBy("user_id", "category").agg(sql.sum("amount").alias("spent"))
    tops = by_category.groupBy("user_id").agg(
        sql.expr(
            "transform(slice(array_sort(collect_list(struct(-spent AS less, category))),"
            f" 1, {TOP}), top -> top.category)"
        ).alias("top_categories"),
        sql.map_from_entries(sql.collect_list(sql.struct("category", "spent"))).alias("shares"),
    )
    parts = [
        (sql.coalesce(sql.col("shares")[name], sql.lit(0.0)) / sql.col("spent")).cast("float")
        for name in CATEGORIES
    ]
    return (
        users.join(tops, "user_id")
        .withColumn("interests", sql.array(*parts))
        .withColumn("computed_at", midnight)
        .withColumn("ds", sql.lit(ds))
        .drop("spent", "shares")
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--orders", required=True, help="CSV with a header")
    parser.add_argument("--out", required=True)
    parser.add_argument("--ds", required=True, help="the day, as in 2026-11-21")
    arguments = parser.parse_args()
    spark = (
        SparkSession.builder.appName("user_purchases")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.sources.partitionOverwriteMode", "dynamic")
        .config("spark.sql.parquet.compression.codec", "zstd")
        .getOrCreate()
    )
    orders = spark.read.csv(arguments.orders, schema=ORDERS, header=True)
    frame = features(orders, arguments.ds)
    frame.write.mode("overwrite").partitionBy("ds").parquet(arguments.out)
    spark.stop()


if __name__ == "__main__":
    main()
