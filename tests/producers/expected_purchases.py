"""What examples/spark must have computed, from the orders and without Spark: `PORT DS ORDERS`."""

import collections
import csv
import datetime
import json
import math
import struct
import sys

import redis

CATEGORIES = ["books", "clothes", "food", "garden", "music", "sports", "tools", "toys"]
store = redis.Redis(port=int(sys.argv[1]), protocol=3)
midnight = datetime.datetime.fromisoformat(sys.argv[2] + "T00:00:00+00:00")
users = collections.defaultdict(list)
for row in csv.DictReader(open(sys.argv[3])):
    at = datetime.datetime.fromisoformat(row["ordered_at"].replace("Z", "+00:00"))
    if at < midnight:
        users[row["user_id"]].append((at, row["category"], float(row["amount"])))
assert len(users) > 400
assert store.dbsize() == len(users), (store.dbsize(), len(users))


def close(stored, value):
    return math.isclose(float(stored), value, rel_tol=1e-12)


for user, orders in users.items():
    key = f"A:user:{user}"
    stored = {name.decode(): value for name, value in store.hgetall(key).items()}
    month = [amount for at, _, amount in orders if (midnight - at).total_seconds() <= 30 * 86400]
    week = [1 for at, _, _ in orders if (midnight - at).total_seconds() <= 7 * 86400]
    spent = collections.Counter()
    for _, category, amount in orders:
        spent[category] += amount
    total = sum(spent.values())
    assert stored.pop("purchase_count_7d") == b"%d" % len(week), user
    assert stored.pop("purchase_count_30d") == b"%d" % len(month), user
    assert close(stored.pop("amount_30d"), sum(month)), user
    if month:
        assert close(stored.pop("amount_mean_30d"), sum(month) / len(month)), user
    last = max(at for at, _, _ in orders)
    assert stored.pop("last_order_at") == b"%d" % (last.timestamp() * 1000), user
    assert stored.pop("is_returning") == b"%d" % (len(orders) > 1), user
    tops = sorted(spent, key=lambda name: (-spent[name], name))[:3]
    assert json.loads(stored.pop("top_categories")) == tops, user
    interests = struct.unpack("<8f", stored.pop("interests"))
    for name, part in zip(CATEGORIES, interests):
        assert math.isclose(part, spent[name] / total, rel_tol=1e-6), user
    assert not stored, (user, stored)
    [left] = store.hpttl(key, "purchase_count_7d")
    age = datetime.datetime.now(datetime.timezone.utc) - midnight
    want = datetime.timedelta(hours=26) - age
    assert abs(left / 1000 - want.total_seconds()) < 60, (left, want)
print(f"ok {len(users)} users")
