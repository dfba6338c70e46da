"""Is the batch of a day what a server serves of a view? Ends with 1 and the reason if not.

    check_batch.py user_purchases --ds 2026-11-21 --at-least 100000

The day is that of the rows' event times, which `FS.BATCH STATUS` tells with the batch.
"""

import argparse
import datetime
import json
import sys

import redis


def wrong(status, ds, at_least):
    """Why not, or None."""
    facts = json.loads(status["facts"])
    newest = facts["event_time_max"]
    day = datetime.datetime.fromtimestamp(newest / 1000, datetime.timezone.utc).date().isoformat()
    if day != ds:
        return f"the rows are of {day}, not of {ds}"
    if status["entities"] < at_least:
        return f"only {status['entities']} entities"
    if facts["rejects"]:
        return f"{facts['rejects']} rows were rejected"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("view")
    parser.add_argument("--ds", required=True)
    parser.add_argument("--at-least", type=int, default=1, metavar="ENTITIES")
    parser.add_argument("--server", default="127.0.0.1:6379")
    arguments = parser.parse_args()
    store = redis.Redis.from_url(
        f"redis://{arguments.server}?protocol=3", decode_responses=True
    )
    batches = store.execute_command("FS.BATCH", "STATUS", arguments.view)
    if not batches:
        sys.exit(f"{arguments.view}: no batch is published")
    reason = wrong(batches[0], arguments.ds, arguments.at_least)
    if reason:
        sys.exit(f"{arguments.view}: {reason}")
    version, entities = batches[0]["version"], batches[0]["entities"]
    print(f"{arguments.view}: version {version} of {arguments.ds}, {entities} entities")


if __name__ == "__main__":
    main()
