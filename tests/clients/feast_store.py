"""Feast's own Redis online store against a server: `feast_store.py PORT`."""

import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float64, Int64, String

port = sys.argv[1]
folder = Path(tempfile.mkdtemp())
now = datetime.now(timezone.utc).replace(microsecond=0)
rows = 300
frame = pd.DataFrame(
    {
        "user_id": range(rows),
        "event_timestamp": [now - timedelta(minutes=5)] * rows,
        "purchases": range(rows),
        "cart": [i * 0.25 for i in range(rows)],
        "city": [f"city {i % 7}" for i in range(rows)],
    }
)
frame.to_parquet(folder / "users.parquet")
store = FeatureStore(
    config=RepoConfig(
        project="shop",
        provider="local",
        registry=str(folder / "registry.db"),
        online_store={
            "type": "redis",
            "connection_string": f"127.0.0.1:{port}",
            "key_ttl_seconds": 86400,
        },
        offline_store={"type": "file"},
        entity_key_serialization_version=3,
    )
)
user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.INT64)
source = FileSource(path=str(folder / "users.parquet"), timestamp_field="event_timestamp")


def view(name, fields):
    return FeatureView(
        name=name, entities=[user], ttl=timedelta(days=1), schema=fields, source=source
    )


counts = view("counts", [Field(name="purchases", dtype=Int64), Field(name="cart", dtype=Float64)])
places = view("places", [Field(name="city", dtype=String)])
store.apply([user, counts, places])
store.materialize(now - timedelta(hours=1), now + timedelta(minutes=1))
features = ["counts:purchases", "counts:cart", "places:city"]
wanted = [0, 7, rows - 1, rows + 1]
got = store.get_online_features(
    features=features, entity_rows=[{"user_id": i} for i in wanted]
).to_dict()
assert got["purchases"] == [0, 7, rows - 1, None], got
assert got["cart"] == [0.0, 1.75, (rows - 1) * 0.25, None], got
assert got["city"] == ["city 0", "city 0", f"city {(rows - 1) % 7}", None], got
# An older row must not replace a newer one: Feast reads its own time stamps back to see that.
old = frame.assign(event_timestamp=now - timedelta(hours=3), purchases=-1)
store.write_to_online_store("counts", df=old)
got = store.get_online_features(features=features, entity_rows=[{"user_id": 7}]).to_dict()
assert got["purchases"] == [7], got
store.write_to_online_store("counts", df=frame.assign(event_timestamp=now, purchases=1000))
got = store.get_online_features(features=features, entity_rows=[{"user_id": 7}]).to_dict()
assert got["purchases"] == [1000] and got["city"] == ["city 0"], got
store.teardown()
print(f"ok feast: {rows} entities, 2 views")
