"""Made-up orders of the ninety days before a day: `make_orders.py 2026-11-21 > orders.csv`."""

import csv
import datetime
import random
import sys

CATEGORIES = ["books", "clothes", "food", "garden", "music", "sports", "tools", "toys"]


def orders(ds, users=500, count=3000):
    rng = random.Random(ds)
    midnight = datetime.datetime.fromisoformat(ds)
    for number in range(count):
        # Some come after midnight: they are not for this day's features.
        age = datetime.timedelta(seconds=rng.randint(-3600, 90 * 86400))
        yield {
            "order_id": number,
            "user_id": f"u{rng.randrange(users):05}",
            "ordered_at": (midnight - age).isoformat() + "Z",
            "category": rng.choice(CATEGORIES),
            "amount": rng.randint(100, 50000) / 100,
        }


if __name__ == "__main__":
    rows = list(orders(sys.argv[1]))
    writer = csv.DictWriter(sys.stdout, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
